"""The picture of a section of a stack, as a RenderParameters document to be drawn here.

What is drawn is what the web service would answer for the same window, scale and channel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import renderapi
from renderapi.rendering.windows import box_parameters
from renderapps.module.errors import RenderModuleException
from renderapps.module.stacks import stack_metadata

Json = dict[str, Any]


@dataclass(frozen=True)
class Window:
    """Part of the world, in world pixels, and the size at which it is drawn.

    Pixel (i, j) of the picture is the world at (x + i / scale, y + j / scale).
    """

    x: float
    y: float
    width: int
    height: int
    scale: float

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise RenderModuleException(
                f"a window of {self.width} x {self.height} pixels at scale {self.scale:g} has no "
                "pixels: choose a larger scale or larger bounds"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the picture."""
        return int(self.width * self.scale), int(self.height * self.scale)


def section_tiles(render: renderapi.Render, stack: str, z: float) -> list[Json]:
    """Tile specs at z as JSON objects, references resolved, with their boxes."""
    tiles = renderapi.tilespec.get_tile_specs_from_z(stack, z, render=render)
    if not tiles:
        raise RenderModuleException(f"stack {stack} has no tiles at z={z:g}")
    return [tile.document(bounds=True) for tile in tiles]


def channel_names(tiles: Sequence[Json]) -> list[str]:
    """Names of the channels of tiles, in the order in which they are first met."""
    return list(
        dict.fromkeys(channel["name"] for tile in tiles for channel in tile.get("channels") or ())
    )


def require_channel(tiles: Sequence[Json], channel: str | None, stack: str, z: float) -> None:
    """Refuse a channel that no tile of the section has: its picture would be empty."""
    names = channel_names(tiles)
    if channel is not None and channel not in names:
        there = f"it has {', '.join(names)}" if names else "its tiles have no named channels"
        raise RenderModuleException(f"stack {stack} has no channel {channel} at z={z:g}; {there}")


def section_document(
    render: renderapi.Render,
    stack: str,
    tiles: Sequence[Json],
    window: Window,
    query: Mapping[str, Any],
) -> Json:
    """RenderParameters of a window of a section.

    Parameters
    ----------
    tiles : sequence of dict
        Tiles of the section; those outside the window are left out.
    query : mapping
        Shared render query parameters of the service: channels, minIntensity, filter, ...
    """
    version = stack_metadata(render, stack).get("currentVersion") or {}
    return box_parameters(
        [tile for tile in tiles if touches(tile, window)],
        window.x,
        window.y,
        window.width,
        window.height,
        window.scale,
        {name: value for name, value in query.items() if value is not None},
        mipmap_path_builder=version.get("mipmapPathBuilder"),
        default_channel=version.get("defaultChannel"),
    )


def touches(tile: Json, window: Window) -> bool:
    """Whether the box of a tile touches a window."""
    return (
        tile["minX"] <= window.x + window.width
        and tile["maxX"] >= window.x
        and tile["minY"] <= window.y + window.height
        and tile["maxY"] >= window.y
    )
