"""Metadata of OME-NGFF images: axes, levels and their places, channels. The same in 0.4 and 0.5."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderapi.volume.layout import SPACE_AXES, VolumeLayout

Json = dict[str, Any]

METHOD = {
    "description": "means of full scale over 2^level voxels along each axis that shrinks, rounded",
    "method": "renderapps.materialize.export_volume",
    "version": "1",
}
"""How levels are made, as `metadata` of a multiscale."""


def axes_of(layout: VolumeLayout) -> list[Json]:
    """Axes (c,) z, y, x; those of unknown length have no unit."""
    axes: list[Json] = [
        {"name": axis, "type": "space"} | ({} if axis in layout.no_unit else {"unit": "nanometer"})
        for axis in SPACE_AXES
    ]
    return [{"name": "c", "type": "channel"}, *axes] if layout.channels else axes


def multiscale(layout: VolumeLayout) -> Json:
    """Entry of `multiscales`: where every voxel lies."""
    return {
        "name": layout.name,
        "axes": axes_of(layout),
        "datasets": [_dataset(layout, level) for level in range(layout.level_count)],
        "type": "mean",
        "metadata": METHOD,
    }


def _dataset(layout: VolumeLayout, level: int) -> Json:
    scale = list(layout.level_voxel_nm(level))
    shift = list(layout.level_origin_nm(level))
    if layout.channels:
        scale, shift = [1.0, *scale], [0.0, *shift]
    transforms = [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": shift},
    ]
    return {"path": str(level), "coordinateTransformations": transforms}


def omero(layout: VolumeLayout) -> Json:
    """How the channels are shown: names, colours, display ranges."""
    greatest = float(np.iinfo(layout.dtype).max)
    channels = [
        {
            "label": label,
            "color": color,
            "active": True,
            "window": {"min": 0.0, "max": greatest, "start": low, "end": high},
        }
        for label, color, (low, high) in layout.display()
    ]
    return {"channels": channels, "rdefs": {"model": "color" if layout.channels else "greyscale"}}
