"""Tiles found again by the names of their image files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from renderapi.errors import SpecError
from renderapps.TrakEM2.patches import tile_image

_FLIPPED = "_flip"


def image_key(url: str) -> str:
    """What two files of one image have in common: the name without its folder, up to `_flip`.

    >>> image_key("file:///a/b%20c_flip.jpg"), image_key("/d/b c.tif")
    ('b c', 'b c')
    """
    name = PurePosixPath(unquote(url).replace("\\", "/")).name
    if _FLIPPED in name:
        return name.split(_FLIPPED)[0]
    return PurePosixPath(name).stem


def by_image(tiles: Iterable[Mapping[str, Any]]) -> dict[tuple[str, Any], list[Mapping[str, Any]]]:
    """Tiles by `tile_key`."""
    found: dict[tuple[str, Any], list[Mapping[str, Any]]] = {}
    for tile in tiles:
        found.setdefault(tile_key(tile), []).append(tile)
    return found


def tile_key(tile: Mapping[str, Any]) -> tuple[str, Any]:
    """Name of the image of a tile, and its page where the file has several."""
    image = tile_image(tile)
    return image_key(image["imageUrl"]), image.get("imageSliceNumber")


def get_matching_tilespec_by_path(
    ts: Mapping[str, Any], pot_tilespecs: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The first tile with the same image as `ts`.

    Raises
    ------
    SpecError
        Naming the tile, where there is none.
    """
    wanted = tile_key(ts)
    for tile in pot_tilespecs:
        if tile_key(tile) == wanted:
            return tile
    raise SpecError(f"no tile has the image {wanted[0]} of tile {ts['tileId']}")
