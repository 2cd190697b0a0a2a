"""Stamps of tiles: what a picture of a tile and its place depend on, as a short text.

Transforms, display range, and of image and mask files on this machine their size and the time of
their last change. Files elsewhere (in an object store, behind a web server) are taken to be what
they were as long as their addresses are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import renderapi
from renderapi.errors import RenderError

Json = dict[str, Any]


def digest(*parts: Any) -> str:
    """Short text that differs where any of the parts differs."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def tile_stamps(
    render: renderapi.Render,
    stack: str,
    wanted: set[str],
    zs: set[float],
    outlines: Mapping[float, bytes],
) -> dict[str, str]:
    """Stamps of tiles by their ids; tiles that the sections no longer have are left out.

    Parameters
    ----------
    outlines : mapping of z to bytes
        What of a section counts.
    """
    found = {}
    for z in sorted(zs):
        section = renderapi.resolvedtiles.get_resolved_tiles_from_z(stack, z, render=render)
        lookup = {transform.transformId: transform.to_dict() for transform in section.transforms}
        for tile in section.tilespecs:
            if tile.tileId in wanted:
                outline = outlines.get(z, b"").hex()
                found[tile.tileId] = digest(tile_stamp(tile.to_dict(), lookup), outline)
    return found


def tile_stamp(tile: Json, lookup: Mapping[str, Any]) -> str:
    """Stamp of a tile spec; `lookup` has the shared transforms by id."""
    from renderapi.transform import specs

    transforms: Any = tile.get("transforms") or {}
    with suppress(RenderError):  # what cannot be resolved is told where the tile is drawn
        transforms = specs.flatten(transforms, lookup)
    return digest({**tile, "transforms": transforms}, _files(tile))


def _files(tile: Json) -> list[Any]:
    """Stamps of the image and mask files of a tile."""
    from renderapi.rendering.sources import channels_of

    return [
        [_file(source.url, source.loader), _file(source.mask_url, source.mask_loader)]
        for channel in channels_of(tile)
        for source in channel.levels.values()
    ]


def _file(url: str | None, loader: str | None) -> Any:
    from renderapi.rendering.readers import local_stamp

    with suppress(RenderError):
        return local_stamp(url, loader) if url else None
    return None
