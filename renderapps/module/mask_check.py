"""Masks that drawing ignores, because they are not as large as their images.

The renderer draws such tiles whole, as the original does; who makes pictures of them wants to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from renderapi.errors import ImageError
from renderapi.rendering.readers import read_info
from renderapi.rendering.sources import Source, channels_of

Size = tuple[int, int]


def ignored_masks(tiles: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Masks of tiles that differ in size from their images.

    Only headers are read: of masks, each once, and of images where a mask does not have the size of
    its tile. Files that cannot be read are left to the drawing, which refuses them.

    Returns
    -------
    list of dict
        `tileId`, `mask` (URL), `mask_size` and `image_size` (width, height).
    """
    size_of = lru_cache(maxsize=4096)(_size)
    found: dict[tuple[Any, str | None], dict[str, Any]] = {}
    for tile in tiles:
        for channel in channels_of(tile):
            for source in channel.levels.values():
                entry = _ignored(tile, source, size_of) if source.mask_url else None
                if entry is not None:
                    found.setdefault((tile.get("tileId"), source.mask_url), entry)
    return list(found.values())


def _ignored(tile: Mapping[str, Any], source: Source, size_of: Any) -> dict[str, Any] | None:
    mask = size_of(source.mask_url, source.mask_loader, source.mask_number)
    nominal = tuple(int(tile.get(side) or 0) >> source.level for side in ("width", "height"))
    if mask is None or mask == nominal:
        return None
    image = size_of(source.url, source.loader, source.number)
    if image is None or mask == image:
        return None
    return {
        "tileId": tile.get("tileId"),
        "mask": source.mask_url,
        "mask_size": mask,
        "image_size": image,
    }


def _size(url: str, loader: str | None, number: int | None) -> Size | None:
    try:
        info = read_info(url, loader, number)
    except ImageError:
        return None
    return info.width, info.height


def masks_text(ignored: list[dict[str, Any]]) -> str:
    """One line for the log and the warnings of a report."""
    first = ignored[0]
    size = " x ".join(map(str, first["mask_size"]))
    other = " x ".join(map(str, first["image_size"]))
    return (
        f"{len(ignored)} masks are not as large as their images and were not used, first that of "
        f"tile {first['tileId']}: {first['mask']} is {size}, its image {other}"
    )
