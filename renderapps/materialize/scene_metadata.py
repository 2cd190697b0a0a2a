"""Metadata of OME-Zarr 0.6: images with a coordinate system of their own, and scenes of images.

A tile's system "tile" has its origin at the centre of the tile's first pixel, axes (c,) z, y, x in
nanometres (pixels where the stack has no resolution). The scene's "world" is that of the stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.volume.layout import Length3, VolumeLayout
from renderapi.volume.ome_metadata import METHOD, axes_of, omero

Json = dict[str, Any]
VERSION = "0.6"
TILE, WORLD = "tile", "world"


def group(ome: Json | None = None, **attributes: Any) -> Json:
    """`zarr.json` of a group."""
    own = attributes if ome is None else {"ome": {"version": VERSION, **ome}, **attributes}
    return {"zarr_format": 3, "node_type": "group", "attributes": own}


def image(layout: VolumeLayout) -> Json:
    """`multiscales` and `omero` of the image of a tile."""
    datasets = [_dataset(layout, level) for level in range(layout.level_count)]
    systems = [{"name": TILE, "axes": axes_of(layout)}]
    multiscale = {"name": layout.name, "coordinateSystems": systems, "datasets": datasets}
    return {
        "multiscales": [multiscale | {"type": "mean", "metadata": METHOD}],
        "omero": omero(layout),
    }


def _dataset(layout: VolumeLayout, level: int) -> Json:
    scale, shift = list(layout.level_voxel_nm(level)), list(layout.level_origin_nm(level))
    if layout.channels:
        scale, shift = [1.0, *scale], [0.0, *shift]
    ends = {"input": {"path": str(level)}, "output": {"name": TILE}}
    if not any(shift):
        transform: Json = {"type": "scale", "scale": scale}
    else:
        parts = [
            {"type": "scale", "scale": scale},
            {"type": "translation", "translation": shift},
        ]
        transform = {"type": "sequence", "transformations": parts}
    return {"path": str(level), "coordinateTransformations": [transform | ends]}


def place(path: str, matrix: NDArray, z: float, layout: VolumeLayout) -> Json:
    """Transformation of the system of a tile to that of the world.

    Parameters
    ----------
    matrix : (3, 3) float64
        Pixels (x, y) of the tile -> pixels of the world.
    z : float
        Of the section.
    """
    ends = {"input": {"path": path, "name": TILE}, "output": {"name": WORLD}}
    rows = in_lengths(matrix, z, layout.voxel_nm)
    if layout.channels:
        rows = np.block([[np.eye(1), np.zeros((1, 4))], [np.zeros((3, 1)), rows]])
    if np.array_equal(rows[:, :-1], np.eye(len(rows))):
        return {"type": "translation", "translation": rows[:, -1].tolist()} | ends
    return {"type": "affine", "affine": rows.tolist()} | ends


def in_lengths(matrix: NDArray, z: float, voxel: Length3) -> NDArray:
    """An affine of pixels (x, y) as one of lengths (z, y, x): (3, 4)."""
    depth, height, width = voxel
    (a, b, tx), (c, d, ty) = matrix[0], matrix[1]
    return np.array(
        [
            [1.0, 0.0, 0.0, z * depth],
            [0.0, d, c * height / width, ty * height],
            [0.0, b * width / height, a, tx * width],
        ]
    )


def scene(layout: VolumeLayout, places: list[Json]) -> Json:
    """`scene`: the world, and where every tile lies in it."""
    systems = [{"name": WORLD, "axes": axes_of(layout)}]
    return {"scene": {"coordinateSystems": systems, "coordinateTransformations": places}}
