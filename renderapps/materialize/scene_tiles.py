"""Tiles of a section as images of a scene: their pixels as they are stored, with levels."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

import renderapi
from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.materialize import scene_metadata
from renderapps.materialize.formats.omezarr import FORMAT
from renderapps.materialize.part_records import (
    RECORDS,
    bytes_of,
    moved_files,
    staged,
    valid_record,
)
from renderapps.materialize.picture_folders import z_name
from renderapps.materialize.place import Place
from renderapps.materialize.section_pictures import section_tiles
from renderapps.materialize.volume_drawing import stamps
from renderapps.materialize.volume_pyramid import (
    add_reduced,
    means_of,
    type_of_sums,
    zeros_between,
)
from renderapps.module.errors import RenderModuleException
from renderapps.module.result import to_json

Json = dict[str, Any]
GRID = 9  # points along each side of a tile at which an affine is fitted to what is none


@dataclass(frozen=True)
class SceneJob:
    """What workers need to write the tiles of a section.

    Attributes
    ----------
    target, work : Place
        Files of the scene; records of what is finished.
    model : VolumeLayout
        Layout of a tile's image but for its size and channels.
    fits : bool
        Whether tiles that lie by no affine get the one that comes nearest.
    """

    render: renderapi.Render
    stack: str
    target: Place
    work: Place
    model: VolumeLayout
    fits: bool


def make_section(job: SceneJob, z: float) -> Json:
    """Write the tiles of a section unless they are there.

    Returns
    -------
    dict
        `kept`, `bytes`, `places` (transformations of the scene), `fitted` (tiles whose affine is a
        fit, with the greatest deviation in pixels), `masks` (tiles whose mask is left out).
    """
    tiles = sorted(section_tiles(job.render, job.stack, z), key=lambda tile: tile["tileId"])
    made_from = _digest(job, tiles)
    key = f"{RECORDS}/{z_name(z)}.json"
    found = valid_record(job.target, job.work, key, made_from)
    kept = found is not None
    if found is None:
        with staged(job.work) as stage:
            told = _written(job, z, tiles, stage)
            files = moved_files(stage, job.target)
        found = {"made_from": made_from, "files": files, "sums": {}, "told": told}
        job.work.write(key, json.dumps(found))
    return {"kept": kept, "bytes": bytes_of(found), **found["told"]}


def _digest(job: SceneJob, tiles: Sequence[Json]) -> str:
    content = [[tile, stamps(tile)] for tile in tiles]
    settings = [repr(job.model), job.fits]
    data = orjson.dumps([settings, content], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _written(job: SceneJob, z: float, tiles: Sequence[Json], folder: Path) -> Json:
    from renderapi.rendering import SourceCache

    sources = SourceCache().view()
    told: Json = {"places": [], "fitted": [], "masks": []}
    names = _names(tiles)
    section = folder / "tiles" / z_name(z)
    for tile, name in zip(tiles, names, strict=True):
        layout, pixels = _image(job, tile, sources)
        image = section / name
        _write_levels(image, layout, pixels)
        document = scene_metadata.group(
            scene_metadata.image(layout), render={"tileId": tile["tileId"], "z": z}
        )
        (image / "zarr.json").write_bytes(to_json(document))
        matrix, deviation = _matrix(tile, job.fits)
        path = f"tiles/{z_name(z)}/{name}"
        told["places"].append(scene_metadata.place(path, matrix, z, layout))
        if deviation is not None:
            told["fitted"].append({"tileId": tile["tileId"], "greatest_deviation": deviation})
        if any(entry.get("maskUrl") for entry in _first_entries(tile)):
            told["masks"].append(tile["tileId"])
    (section / "zarr.json").write_bytes(to_json(scene_metadata.group()))
    return told


def _names(tiles: Sequence[Json]) -> list[str]:
    """Names of folders for tile ids, in order: what no store minds, and each once."""
    names: list[str] = []
    for tile in tiles:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", tile["tileId"]).lstrip("._") or "tile"
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names


def _first_entries(tile: Json) -> list[Json]:
    """Images of full scale: that of each channel."""
    found = []
    for source in tile.get("channels") or [tile]:
        levels = source["mipmapLevels"]
        if "0" not in levels:
            raise RenderModuleException(
                f"tile {tile['tileId']} has no image of level 0, only of {', '.join(levels)}"
            )
        found.append(levels["0"])
    return found


def _image(job: SceneJob, tile: Json, sources: Any) -> tuple[VolumeLayout, NDArray]:
    """Layout and (c, y, x) pixels of a tile."""
    planes = [
        sources.image(e["imageUrl"], e.get("imageLoaderType"), e.get("imageSliceNumber"))
        for e in _first_entries(tile)
    ]
    kinds = {(plane.shape, plane.dtype.name) for plane in planes}
    shape, dtype = kinds.pop()
    if kinds or len(shape) != 2 or dtype not in ("uint8", "uint16"):
        raise RenderModuleException(
            f"tile {tile['tileId']} has {' '.join(map(str, shape))} pixels of {dtype}: a scene "
            "holds grey images of 8 or 16 bits, the channels of a tile all alike"
        )
    channels = tile.get("channels") or []
    windows = [
        (float(source.get("minIntensity") or 0), float(source.get("maxIntensity") or 255))
        for source in channels or [tile]
    ]
    layout = replace(
        job.model,
        shape=(1, *shape),
        dtype=dtype,
        channels=tuple(channel["name"] for channel in channels),
        windows=tuple(windows),
        name=tile["tileId"],
    )
    return FORMAT.prepared(layout), np.stack(planes)


def _write_levels(folder: Path, layout: VolumeLayout, pixels: NDArray) -> None:
    """Write the levels of a tile's image, and the documents of its arrays."""
    zero: Size3 = (0, 0, 0)
    for channel, plane in enumerate(pixels):
        values = np.ascontiguousarray(plane[None])
        FORMAT.write(folder, layout, 0, channel, zero, values)
        for level in range(1, layout.level_count):
            size = layout.level_shape(level)
            sums = zeros_between(zero, size, type_of_sums(layout, level, 1.0))
            add_reduced(values, zero, sums, zero, layout.factors)
            FORMAT.write(folder, layout, level, channel, zero, means_of(sums, zero, layout, level))
            values = sums
    for key, data in FORMAT.documents(layout):
        if "/" in key:  # those of arrays; that of the group is another in 0.6
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(data)


def _matrix(tile: Json, fits: bool) -> tuple[NDArray, float | None]:
    """(3, 3) affine, pixels of the tile -> world, with its greatest deviation where it is a fit."""
    from renderapi.rendering.tiles import placement_of

    placement = placement_of(tile)
    if placement.matrix is not None:
        return placement.matrix, None
    if not fits:
        raise RenderModuleException(
            f"tile {tile['tileId']} lies by a transform that is not affine, which a scene of this "
            "module cannot hold: give nonaffine fit for the affine that comes nearest, or write "
            "export_volume"
        )
    x, y = np.meshgrid(
        np.linspace(0, tile["width"] - 1, GRID), np.linspace(0, tile["height"] - 1, GRID)
    )
    points = np.column_stack([x.ravel(), y.ravel()])
    world = placement.to_world(points)
    design = np.column_stack([points, np.ones(len(points))])
    solution, *_ = np.linalg.lstsq(design, world, rcond=None)
    deviation = float(np.linalg.norm(design @ solution - world, axis=1).max())
    return np.vstack([solution.T, [0, 0, 1]]), deviation
