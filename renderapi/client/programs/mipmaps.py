"""MipmapClient: make the reduced levels of the images of a stack, and tell the stack of them.

Levels are of 8 bit where the maximum intensity of the channel is below 256, else of 16. A level is
shown with the display range of its tile, so its values are those of the image, not stretched.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.client.programs.options import STACK, Option, Options, flag, z_values
from renderapi.client.programs.service import Json, StackService, stack_of
from renderapi.errors import ClientScriptError
from renderapi.rendering.mipmaps import FORMATS, mipmap_path, write_mipmaps
from renderapi.rendering.sources import Channel, channels_of
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
            for made_of in _sources(tiles[name]):
                if options.removeAll:
                    _remove(made_of, levels, root, extension)
                else:
                    _write(made_of, levels, root, extension, options.forceGeneration)
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


@dataclass(frozen=True)
class _MadeOf:
    """What levels are made of: the image of a channel, or its mask."""

    url: str
    channel: Channel
    mask: bool

    @property
    def slice(self) -> int | None:
        source = self.channel.first
        return source.mask_number if self.mask else source.number


def _sources(tile: Json) -> Iterator[_MadeOf]:
    """The image of each channel, and the mask where there is one."""
    for channel in channels_of(tile):
        source = channel.first
        yield _MadeOf(source.url, channel, False)
        if source.mask_url and url_scheme(source.mask_url) != "mask":
            yield _MadeOf(source.mask_url, channel, True)


def _write(made_of: _MadeOf, levels: range, root: Path, extension: str, overwrite: bool) -> None:
    source = made_of.channel.first
    write_mipmaps(
        made_of.url,
        levels,
        root,
        extension,
        loader=source.mask_loader if made_of.mask else source.loader,
        slice=made_of.slice,
        mask=made_of.mask,
        source_level=source.level,
        overwrite=overwrite,
        convert=None if made_of.mask else _converter(made_of.channel, extension),
    )


def _converter(channel: Channel, extension: str) -> Callable[[NDArray], NDArray]:
    """Conversion of the pixels of a level to the depth of the channel.

    Both ways the level is shown as the image is: 8 bits are the high ones where the renderer takes
    8 bit images so, and what lies above 255 is white where the maximum intensity is at most that.
    """

    def convert(pixels: NDArray) -> NDArray:
        if channel.is_16_bit and pixels.dtype == np.uint8 and pixels.ndim == 2:
            return pixels if extension == "jpg" else pixels.astype(np.uint16) << 8
        if not channel.is_16_bit and pixels.dtype == np.uint16:
            return np.minimum(pixels, 255).astype(np.uint8)
        return pixels

    return convert


def _remove(made_of: _MadeOf, levels: range, root: Path, extension: str) -> None:
    suffix = "png" if made_of.mask and extension == "jpg" else extension
    for level in levels:
        mipmap_path(made_of.url, level, root, suffix, made_of.slice).unlink(missing_ok=True)


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
