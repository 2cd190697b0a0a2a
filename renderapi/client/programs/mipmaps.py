"""MipmapClient: make the reduced levels of the images of a stack, and tell the stack of them.

Pixel types and values are kept, so that a level is shown with the display range of its tile.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from renderapi.client.programs.options import STACK, Option, Options, flag, z_values
from renderapi.client.programs.service import Json, StackService, stack_of
from renderapi.errors import ClientScriptError
from renderapi.rendering.mipmaps import FORMATS, mipmap_path, write_mipmaps
from renderapi.rendering.sources import Source, channels_of
from renderapi.urls import url_scheme
from renderapi.utils import send_json
from renderapi.web import join

OPTIONS = (
    *STACK,
    Option("rootDirectory", required=True),
    Option("minLevel", "whole", 1),
    Option("maxLevel", "whole", 6),
    Option("format", default="tif"),
    *flag("forceGeneration", "removeAll"),
    Option("renderGroup", "whole", 1),
    Option("numberOfRenderGroups", "whole", 1),
)
POSITIONAL = "some"

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Make (or remove) the files of every tile of the layers, then set the path builder."""
    stack = stack_of(options)
    root = Path(options.rootDirectory).resolve()
    if not root.is_dir() or not os.access(root, os.W_OK):
        raise ClientScriptError(f"{root} is not a folder that can be written to")
    extension = {"tiff": "tif", "jpeg": "jpg"}.get(options.format.lower(), options.format.lower())
    if extension not in FORMATS:
        raise ClientScriptError(f"mipmaps are written as {', '.join(FORMATS)}")
    if not 1 <= options.minLevel <= options.maxLevel:
        raise ClientScriptError("minLevel must be at least 1 and not above maxLevel")
    levels = range(options.minLevel, options.maxLevel + 1)
    for z in z_values(options.words):
        tiles = stack.resolved_tiles(z)["tileIdToSpecMap"]
        names = share_of(sorted(tiles), options.renderGroup, options.numberOfRenderGroups)
        for name in names:
            for url, source, mask in _sources(tiles[name]):
                if options.removeAll:
                    _remove(url, levels, root, extension, source, mask)
                else:
                    write_mipmaps(
                        url,
                        levels,
                        root,
                        extension,
                        loader=source.mask_loader if mask else source.loader,
                        slice=source.mask_number if mask else source.number,
                        mask=mask,
                        source_level=source.level,
                        overwrite=options.forceGeneration,
                    )
        log.info("z %s: %d of %d tiles", z, len(names), len(tiles))
    if not options.removeAll:
        _set_builder(stack, {"rootPath": f"{root}/", "numberOfLevels": options.maxLevel,
                             "extension": extension})  # fmt: skip


def share_of(items: list[Any], group: int, groups: int) -> list[Any]:
    """Consecutive part number `group` (from 1) of items in `groups` parts."""
    if not 1 <= group <= groups:
        raise ClientScriptError(f"renderGroup must be 1 to {groups}, not {group}")
    size = -(-len(items) // groups)
    return items[(group - 1) * size : group * size]


def _sources(tile: Json) -> Iterator[tuple[str, Source, bool]]:
    """URL of each image and mask that levels are made of, and whether it is a mask."""
    for channel in channels_of(tile):
        source = channel.first
        yield source.url, source, False
        if source.mask_url and url_scheme(source.mask_url) != "mask":
            yield source.mask_url, source, True


def _remove(
    url: str, levels: range, root: Path, extension: str, source: Source, mask: bool
) -> None:
    suffix = "png" if mask and extension == "jpg" else extension
    number = source.mask_number if mask else source.number
    for level in levels:
        mipmap_path(url, level, root, suffix, number).unlink(missing_ok=True)


def _set_builder(stack: StackService, builder: Json) -> None:
    """Set the path builder where there is none, or raise its number of levels."""
    present = (stack.metadata().get("currentVersion") or {}).get("mipmapPathBuilder")
    if present:
        same = all(present.get(key) == builder[key] for key in ("rootPath", "extension"))
        if not same:
            log.error("%s keeps its mipmap path builder %s", stack, present)
            return
        if int(present.get("numberOfLevels") or 0) >= builder["numberOfLevels"]:
            return
        builder = {**present, **builder}
    send_json(stack.session, "PUT", join(stack.url, "mipmapPathBuilder"), builder)
