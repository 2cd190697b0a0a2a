"""What a tile draws: the channels it has, the level that is stored, the pixels at the level wanted.

A tile names images by pyramid level. A picture wants one level; the greatest stored level that is
not above it is read (or a file that the stack's mipmap path builder derives from the first one)
and halved until it fits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError, SpecError
from renderapi.rendering.cache import SourceCache, SourceView
from renderapi.rendering.intensity import kind_of
from renderapi.rendering.masks import to_mask
from renderapi.rendering.parameters import number
from renderapi.rendering.pyramid import downsample
from renderapi.rendering.readers import (
    dynamic_mask,
    image_size_and_dtype,
    read_bytes,
    read_image,
)
from renderapi.urls import url_scheme, url_to_path

__all__ = [
    "Channel",
    "Source",
    "SourceCache",
    "channels_of",
    "check_channels",
    "dynamic_mask",
    "image_size_and_dtype",
    "load_mask",
    "load_pixels",
    "load_tile_specs",
    "read_image",
    "source_at_level",
    "validate_sources",
]

log = logging.getLogger(__name__)


class Source(NamedTuple):
    """An image and its mask as stored, and how often to halve them.

    `level` is the level of the file; `halvings` more lead to the level that is wanted.
    """

    url: str
    loader: str | None
    number: int | None
    mask_url: str | None
    mask_loader: str | None
    mask_number: int | None
    level: int = 0
    halvings: int = 0


class Channel(NamedTuple):
    """One channel of a tile; `name` is None for a tile without channels."""

    name: str | None
    minimum: float
    maximum: float
    levels: dict[int, Source]

    @property
    def is_16_bit(self) -> bool:
        """Whether 8 bit images of this channel are taken as the high bytes of 16."""
        return self.maximum > 255

    @property
    def first(self) -> Source:
        """The entry of the lowest level."""
        return self.levels[min(self.levels)]


def channels_of(tile: Mapping[str, Any]) -> list[Channel]:
    """Channels of a tile spec; the tile itself is one unnamed channel when it lists none.

    Raises
    ------
    SpecError
        A channel without images, or an image without a URL.
    """
    specs = tile.get("channels") or [{**tile, "name": None}]
    return [_channel(spec, tile) for spec in specs]


def _channel(spec: Mapping[str, Any], tile: Mapping[str, Any]) -> Channel:
    name = spec.get("name")
    who = f"tile {tile.get('tileId')}" + (f", channel {name}" if name else "")
    levels = {}
    for key, entry in (spec.get("mipmapLevels") or {}).items():
        try:
            level = int(key)
        except ValueError:
            raise SpecError(f"{who}: {key!r} is not a mipmap level") from None
        if not entry or not entry.get("imageUrl"):
            raise SpecError(f"{who}: mipmap level {level} has no imageUrl")
        levels[level] = Source(
            entry["imageUrl"],
            entry.get("imageLoaderType"),
            entry.get("imageSliceNumber"),
            entry.get("maskUrl") or None,
            entry.get("maskLoaderType"),
            entry.get("maskSliceNumber"),
            level,
        )
    if not levels:
        raise SpecError(f"{who} has no images (mipmapLevels is empty)")
    return Channel(
        name, number(spec, "minIntensity", 0.0), number(spec, "maxIntensity", 255.0), levels
    )


def load_tile_specs(url: str, sources: SourceCache | SourceView) -> list[dict[str, Any]]:
    """Tile specs of a `tileSpecUrl`: a JSON list, or one tile."""
    try:
        specs = json.loads(read_bytes(url, sources.allow, sources.limits))
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{url} is not JSON: {error}") from None
    specs = [specs] if isinstance(specs, dict) else specs
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise SpecError(f"{url} is not a list of tile specs")
    return specs


def validate_sources(tile: Mapping[str, Any], sources: SourceCache | SourceView) -> None:
    """Refuse a tile any of whose local images or masks, at any level, is missing or empty."""
    if isinstance(sources, SourceCache):
        sources = sources.view()
    check_channels(tile, channels_of(tile), sources)


def check_channels(tile: Mapping[str, Any], channels: list[Channel], sources: SourceView) -> None:
    """As `validate_sources`, of a tile whose channels are known."""
    for channel in channels:
        for source in channel.levels.values():
            pairs = [(source.url, source.loader), (source.mask_url, source.mask_loader)]
            for url, loader in pairs:
                if url is not None:
                    try:
                        sources.check(url, loader)
                    except ImageError as error:
                        raise type(error)(f"tile {tile.get('tileId')}: {error}") from None


def source_at_level(
    channel: Channel, level: int, builder: Mapping[str, Any] | None, tile_id: object = None
) -> Source:
    """Entry to read for a level, with the halvings that lead to it.

    Raises
    ------
    ImageError
        The lowest stored level is above the one wanted: images are never enlarged.
    """
    below = [stored for stored in channel.levels if stored <= level]
    if not below:
        raise ImageError(
            f"tile {tile_id} has no mipmap level at or below {level} (the first is "
            f"{min(channel.levels)}); draw it at a smaller scale or add the level"
        )
    stored = max(below)
    if stored < level and builder:
        derived = _derived(channel.first, level, builder)
        if derived is not None and derived.level > stored:
            return derived._replace(halvings=level - derived.level)
    return channel.levels[stored]._replace(halvings=level - stored)


def _derived(first: Source, level: int, builder: Mapping[str, Any]) -> Source | None:
    """The builder's files for a level; None unless they are there and not empty."""
    level = min(level, int(number(builder, "numberOfLevels", 0)))
    if level < 1:
        return None
    url = _derived_url(first.url, level, builder)
    mask_url = first.mask_url and _derived_url(first.mask_url, level, builder)
    for derived in filter(None, (url, mask_url)):
        path = url_to_path(derived)
        if path is not None and not (path.is_file() and path.stat().st_size):
            return None
    if url is None or (first.mask_url and mask_url is None):
        return None
    return Source(url, None, None, mask_url, None, None, level)


def _derived_url(url: str, level: int, builder: Mapping[str, Any]) -> str | None:
    if url_scheme(url) == "mask":
        return f"{url}&level={level}"
    pattern = builder.get("imageMipmapPatternString")
    if pattern:
        match = _compiled(pattern).fullmatch(url)
        return f"{match.group(1)}{level}{match.group(2)}" if match else None
    root, path = str(builder.get("rootPath") or ""), url_to_path(url)
    if path is not None:  # as on disk, where the URL is percent-encoded
        root_path = url_to_path(root)
        root, after = root if root_path is None else str(root_path), str(path)
    else:
        after = url.split(":", 1)[1].split("?")[0]
    extension = builder.get("extension") or "tif"
    return f"{root.rstrip('/')}/{level}/{after.lstrip('/')}.{extension}"


def _compiled(pattern: str) -> Any:
    import re2

    try:
        compiled = re2.compile(pattern)
    except re2.error as error:
        raise SpecError(f"imageMipmapPatternString {pattern!r}: {error}") from None
    if compiled.groups != 2:
        raise SpecError(f"imageMipmapPatternString {pattern!r} must have two groups")
    return compiled


def load_pixels(source: Source, sources: SourceView) -> NDArray:
    """Pixels of a source at the level wanted: read and halved. Shared; not to be written to."""
    url, loader, number = source.url, source.loader, source.number
    if not source.halvings:
        return sources.image(url, loader, number)
    key = (*sources.key(url, loader, number), "halved", source.halvings)
    return sources.get(key, lambda: downsample(sources.image(url, loader, number), source.halvings))


def load_mask(source: Source, size: tuple[int, int], sources: SourceView) -> NDArray | None:
    """Mask of a source at the level wanted; None when it has none of the image's size.

    Parameters
    ----------
    source : Source
    size : (h, w) of the image at that level

    Returns
    -------
    (h, w) uint8 or None
    """
    if source.mask_url is None:
        return None
    url, loader, number = source.mask_url, source.mask_loader, source.mask_number
    key = (*sources.key(url, loader, number), "mask", source.halvings)
    mask = sources.get(
        key, lambda: downsample(to_mask(sources.image(url, loader, number)), source.halvings)
    )
    if mask.shape != size:
        log.warning(
            "mask %s is %d x %d where its image %s is %d x %d: ignored",
            url, mask.shape[1], mask.shape[0], source.url, size[1], size[0],
        )  # fmt: skip
        return None
    return mask


def as_16_bit(pixels: NDArray) -> NDArray[np.uint16]:
    """8 bit values as the high bytes of 16."""
    return pixels.astype(np.uint16) << np.uint16(8)


def level_info(source: Source, sources: SourceView) -> tuple[int, int, str]:
    """Width, height and kind of pixels of a source at the level wanted, without decoding it."""
    info = sources.info(source.url, source.loader, source.number)
    width, height = info.width >> source.halvings, info.height >> source.halvings
    shape = (1, 1, 3) if info.components == 3 else (1, 1)
    return width, height, kind_of(np.empty(shape, info.dtype))
