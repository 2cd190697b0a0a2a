"""Masks that cannot be applied: those of another size than the image they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renderapi.rendering.cache import SourceView
from renderapi.rendering.sources import channels_of
from renderapi.urls import url_scheme, url_to_path


def ignored_masks(tile: Mapping[str, Any], sources: SourceView, remote: bool = True) -> list[str]:
    """One line for each mask, of any channel and stored level, whose size is not its image's.

    A picture is drawn as if they were not there. Of local files headers are read, no pixels; other
    images are fetched, unless `remote` is false: then their masks are not looked at.

    Raises
    ------
    RenderError
        The tile has no images, or one cannot be read.
    """
    lines = []
    for channel in channels_of(tile):
        for level, source in channel.levels.items():
            if source.mask_url is None or not (
                remote or (_is_near(source.url) and _is_near(source.mask_url))
            ):
                continue
            image = sources.info(source.url, source.loader, source.number)
            mask = sources.info(source.mask_url, source.mask_loader, source.mask_number)
            if (mask.width, mask.height) != (image.width, image.height):
                lines.append(
                    f"tile {tile.get('tileId')}: the mask of level {level} is {mask.width} x"
                    f" {mask.height}, its image {image.width} x {image.height}; the mask will be"
                    " ignored"
                )
    return lines


def _is_near(url: str) -> bool:
    """Whether a size is known without fetching anything."""
    return url_to_path(url) is not None or url_scheme(url) == "mask"
