"""A folder of PNG pictures, one for each plane: `z00012.png`; levels and channels have folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.materialize.picture_folders import write_picture, z_name
from renderapps.materialize.volume_format import VolumeFormat
from renderapps.module.errors import RenderModuleException
from renderapps.module.result import to_json

Json = dict[str, Any]

LARGEST_PLANE = 1 << 30


class PngFolder(VolumeFormat):
    """Pictures of whole planes, 8 or 16 bit grey, and `volume.json` that says where they lie.

    `z00012.png`, in a folder for each channel where there are several, and in folders `1`, `2`,
    ... for coarser levels.
    """

    name = "png"
    title = "folder of PNG pictures"
    suffixes = (".png", "_png")
    marker = "volume.json"
    encodings = ("png",)
    default_levels = 1

    def prepared(self, layout: VolumeLayout) -> VolumeLayout:
        """A cell is a whole plane."""
        _, height, width = layout.shape
        if height * width > LARGEST_PLANE:
            raise RenderModuleException(
                f"planes of {width} x {height} pixels are too large for one picture each: give "
                "smaller bounds or a smaller scale, or write omezarr, catmaid or tiff"
            )
        return super().prepared(replace(layout, chunk=(1, height, width), shard=(1, height, width)))

    def write(
        self,
        folder: Path,
        layout: VolumeLayout,
        level: int,
        channel: int,
        start: Size3,
        block: NDArray,
    ) -> None:
        """Write whole planes."""
        for plane, pixels in enumerate(block, start[0]):
            write_picture(folder / _file(layout, level, channel, plane), pixels)

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """Where the planes lie, and their files."""
        yield "volume.json", to_json(_description(layout))


def _file(layout: VolumeLayout, level: int, channel: int, plane: int) -> str:
    z = plane * layout.scale_of(level)[0]
    name = f"z{z_name(layout.zs[z] if layout.zs else z)}.png"
    folders = [str(level)] if level else []
    if layout.channels:
        folders.append(layout.channels[channel].replace("/", "_"))
    return "/".join([*folders, name])


def _description(layout: VolumeLayout) -> Json:
    levels = [
        {
            "shape_zyx": layout.level_shape(level),
            "voxel_nm_zyx": layout.known(layout.level_voxel_nm(level)),
            "origin_nm_zyx": layout.known(layout.level_origin_nm(level)),
            "files": [
                [
                    _file(layout, level, channel, plane)
                    for plane in range(layout.level_shape(level)[0])
                ]
                for channel in range(layout.channel_count)
            ],
        }
        for level in range(layout.level_count)
    ]
    display = [
        {"name": name, "color": color, "window": window} for name, color, window in layout.display()
    ]
    return {"name": layout.name, "dtype": layout.dtype, "channels": display, "levels": levels}


FORMAT = PngFolder()
