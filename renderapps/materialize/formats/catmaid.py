"""CATMAID tiles: JPEG or PNG tiles of every plane and zoom level, `z/row_column_zoom.jpg`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.materialize.format_kinds import PlaneTiles
from renderapps.materialize.picture_folders import write_picture
from renderapps.module.errors import RenderModuleException
from renderapps.module.result import to_json

Json = dict[str, Any]

_SUFFIXES = {"jpeg": "jpg", "png": "png"}


class Catmaid(PlaneTiles):
    """Tiles as CATMAID's file-based image stacks (tile source type 1) read them.

    Tiles at the right and lower border are filled up with 0, since all must have one size.
    `project.yaml` is what CATMAID's importer (`catmaid_import_projects`) reads.
    """

    name = "catmaid"
    title = "CATMAID tiles"
    suffixes = (".catmaid",)
    marker = "project.yaml"
    encodings = tuple(_SUFFIXES)
    holds_channels = True
    holds_uint16 = False
    chunk = (1, 1024, 1024)
    shard = (1, 4096, 4096)

    def prepared(self, layout: VolumeLayout) -> VolumeLayout:
        """Tiles of one plane each."""
        if layout.chunk[0] != 1:
            raise RenderModuleException(
                f"a CATMAID tile is of one plane: give chunk 1 y x, not {list(layout.chunk)}"
            )
        return super().prepared(layout)

    def write(
        self,
        folder: Path,
        layout: VolumeLayout,
        level: int,
        channel: int,
        start: Size3,
        block: NDArray,
    ) -> None:
        """Write whole tiles."""
        _, height, width = layout.chunk
        if layout.channels:
            folder = folder / layout.channels[channel].replace("/", "_")
        for plane, pixels in enumerate(block, start[0]):
            for y in range(0, pixels.shape[0], height):
                for x in range(0, pixels.shape[1], width):
                    tile = pixels[y : y + height, x : x + width]
                    if tile.shape != (height, width):
                        missing = (height - tile.shape[0], width - tile.shape[1])
                        tile = np.pad(tile, ((0, missing[0]), (0, missing[1])))
                    row, column = (start[1] + y) // height, (start[2] + x) // width
                    name = f"{row}_{column}_{level}.{_SUFFIXES[layout.encoding]}"
                    write_picture(folder / str(plane) / name, tile)

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """A description for CATMAID's importer. JSON is YAML too."""
        yield "project.yaml", to_json(_project(layout))


def _project(layout: VolumeLayout) -> Json:
    z, y, x = layout.voxel_nm
    depth, height, width = layout.shape
    offset = layout.origin_nm
    stacks = [
        {
            "name": name if layout.channels else layout.name,
            "dimension": f"({width},{height},{depth})",
            "resolution": f"({x:.10g},{y:.10g},{z:.10g})",
            "translation": f"({offset[2]:.10g},{offset[1]:.10g},{offset[0]:.10g})",
            "zoomlevels": layout.level_count - 1,
            "metadata": _remark(layout),
            "mirrors": [
                {
                    "folder": name.replace("/", "_") if layout.channels else ".",
                    "fileextension": _SUFFIXES[layout.encoding],
                    "tile_width": layout.chunk[2],
                    "tile_height": layout.chunk[1],
                    "tile_source_type": 1,
                }
            ],
        }
        for name, _, _ in layout.display()
    ]
    return {"project": {"name": layout.name, "stacks": stacks}}


def _remark(layout: VolumeLayout) -> str:
    if not layout.no_unit:
        return ""
    return f"size of a voxel along {', '.join(layout.no_unit)} is unknown: 1 nm stands for a pixel"


FORMAT = Catmaid()
