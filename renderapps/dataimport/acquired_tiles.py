"""Tile specs of placed images: one tile for each position of the stage, with its channels.

A tile of one channel has plain `mipmapLevels`; a tile of several has a list of channels, in the
order in which they were asked for, and the first one is what is shown and matched by default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from renderapi.channel import Channel
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.layout import Layout
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.dataimport.acquired_image import AcquiredImage, listed, natural_key
from renderapps.dataimport.image_headers import ImageHeader, Plane
from renderapps.dataimport.placement import PlacedImage
from renderapps.module.errors import RenderModuleException

LARGEST_CHANNEL_SHIFT = 0.5
DATA_PERCENTILES = (0.1, 99.9)
SAMPLED_IMAGES = 8
CHANNEL_FIELD = "{channel}"

Range = tuple[float, float]
Source = TypeVar("Source")
Key = tuple[Any, ...]


@dataclass(frozen=True)
class TilePosition:
    """The images of one stop of the stage, in the order of the channels."""

    images: tuple[PlacedImage, ...]

    @property
    def first(self) -> PlacedImage:
        """The image that gives the tile its place."""
        return self.images[0]


@dataclass(frozen=True)
class TileSettings:
    """What all tiles have in common.

    Attributes
    ----------
    pixel_size_um : float or None
        Size of a pixel, for the layout; None: unknown.
    stage_unit_um : float
        Micrometres of one unit of the table, for the layout's stage position.
    ranges : mapping
        Display range (minimum, maximum) of each channel; the key is None without channels.
    scope, camera : str or None
        Names for the layout.
    """

    ranges: Mapping[str | None, Range]
    pixel_size_um: float | None = None
    stage_unit_um: float = 1.0
    scope: str | None = None
    camera: str | None = None


def channel_order(
    images: Sequence[AcquiredImage], chosen: Sequence[str] | None = None
) -> list[str | None]:
    """Channels to import: those chosen, else all in the order in which they are listed.

    Raises
    ------
    RenderModuleException
        A channel that was chosen is not there, or some images have a channel and others not.
    """
    found = list(dict.fromkeys(image.channel for image in images))
    if None in found and len(found) > 1:
        first = next(image for image in images if image.channel is None)
        raise RenderModuleException(f"{first.source}: no channel, which other images have")
    if chosen is None:
        return found
    absent = [name for name in chosen if name not in found]
    if absent:
        there = listed(name for name in found if name is not None) or "none"
        raise RenderModuleException(f"no images of channel {listed(absent)}; there are {there}")
    return list(dict.fromkeys(chosen))


def check_channel_names(channels: Sequence[str | None], stack: str) -> None:
    """Refuse an output stack and channels that do not go together."""
    if CHANNEL_FIELD in stack:
        if None in channels:
            raise RenderModuleException(
                f"output_stack {stack} asks for the channel, but the images have none; name the "
                "column of the channel, or leave {channel} out"
            )
        return
    for name in channels:
        if name is not None and "__" in name and len(channels) > 1:
            raise RenderModuleException(
                f"channel {name} cannot be addressed inside a tile, since two underscores separate "
                "channels in requests; put {channel} into output_stack"
            )


def group_positions(
    placed: Sequence[PlacedImage], channels: Sequence[str | None]
) -> list[TilePosition]:
    """One entry for each stop of the stage, in the order in which they are listed.

    Images belong together when section, row and column are equal, or, where rows and columns are
    not known, when section and position are. A stop may lack a channel: see `lacking_channels`.

    Raises
    ------
    RenderModuleException
        A channel is there twice, or the channels of one row and column lie apart.
    """
    by_grid = all(p.image.row is not None and p.image.column is not None for p in placed)
    groups: dict[Key, dict[str | None, PlacedImage]] = {}
    for item in placed:
        if item.image.channel in channels:
            group = groups.setdefault(_position_key(item, by_grid), {})
            known = group.setdefault(item.image.channel, item)
            if known is not item:
                _refuse_twice(item, known, by_grid)
    positions = []
    for group in groups.values():
        images = tuple(group[name] for name in channels if name in group)
        _refuse_apart(images)
        positions.append(TilePosition(images))
    return positions


def _position_key(placed: PlacedImage, by_grid: bool) -> Key:
    image = placed.image
    return (
        (placed.section, image.row, image.column)
        if by_grid
        else (
            placed.section,
            image.x,
            image.y,
        )
    )


def _refuse_twice(item: PlacedImage, known: PlacedImage, by_grid: bool) -> None:
    what = f" of channel {item.image.channel}" if item.image.channel is not None else ""
    where = (
        f"row {item.image.row}, column {item.image.column}"
        if by_grid
        else f"x {item.image.x:g}, y {item.image.y:g}"
    )
    raise RenderModuleException(
        f"{item.image.source}: section {item.section} has two images{what} at {where}; the other "
        f"is in {known.image.source}"
    )


def _refuse_apart(images: Sequence[PlacedImage]) -> None:
    first = images[0]
    for other in images[1:]:
        shift = max(abs(other.x - first.x), abs(other.y - first.y))
        if shift > LARGEST_CHANNEL_SHIFT:
            raise RenderModuleException(
                f"{other.image.source}: channel {other.image.channel} lies {shift:.1f} pixels from "
                f"channel {first.image.channel} of the same tile; put {{channel}} into "
                "output_stack to keep the channels in stacks of their own"
            )


def lacking_channels(
    positions: Sequence[TilePosition], channels: Sequence[str | None]
) -> list[dict[str, Any]]:
    """Positions that lack a channel: first file, and the channels that are missing."""
    lacking = []
    for position in positions:
        present = {placed.image.channel for placed in position.images}
        missing = [name for name in channels if name not in present]
        if missing:
            lacking.append({"file": position.first.image.file, "missing_channels": missing})
    return lacking


def dtype_range(dtype: np.dtype[Any]) -> Range | None:
    """Display range that shows everything a pixel type can hold; None for floats."""
    if dtype.kind != "u":
        return None
    return 0.0, float(np.iinfo(dtype).max)


def data_range(
    images: Sequence[Source], dtype: np.dtype[Any], read: Callable[[Source], np.ndarray]
) -> Range:
    """Display range from the pixels of a few images, spread over the list.

    The 0.1 and 99.9 percentiles of the finite pixels, rounded outwards to integers for integer
    types. The maximum of a 16-bit range is at least 256, since a smaller one says that the images
    are 8-bit.

    Raises
    ------
    RenderModuleException
        No pixel is finite.
    """
    step = max(1, -(-len(images) // SAMPLED_IMAGES))
    values = np.concatenate([read(image).ravel()[::7] for image in images[::step]])
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise RenderModuleException(
            f"no pixel of {listed(images[::step], 3)} is a finite number; give minIntensity and "
            "maxIntensity"
        )
    low, high = (float(v) for v in np.percentile(finite, DATA_PERCENTILES))
    if dtype.kind == "u":
        low, high = float(np.floor(low)), float(np.ceil(high))
        high = max(high, 256.0) if dtype.itemsize > 1 else high
    return (low, high) if high > low else (low, low + 1.0)


def tile_specs(
    positions: Sequence[TilePosition],
    headers: Mapping[Plane, ImageHeader],
    settings: TileSettings,
) -> list[TileSpec]:
    """Tile specs of the positions, sorted by section (natural order) and tile id.

    Raises
    ------
    RenderModuleException
        The channels of a tile or an image and its mask differ in size, or two tiles would have one
        id.
    """
    ids = tile_ids(positions)
    tiles = [
        _tile_spec(position, tile_id, headers, settings)
        for position, tile_id in zip(positions, ids, strict=True)
    ]
    return sorted(tiles, key=lambda tile: (tile.z, natural_key(tile.tileId or "")))


def tile_ids(positions: Sequence[TilePosition]) -> list[str]:
    """Ids of the tiles: as the table says, else the file name, else section, row and column.

    The name of the file without its suffix serves where it is unique and the tile has one channel;
    a tile of several channels takes the first file's name without the name of its channel.
    """
    ids = [_own_id(position) for position in positions]
    if len(set(ids)) < len(ids):
        ids = [_long_id(position) for position in positions]
    seen: dict[str, TilePosition] = {}
    for tile_id, position in zip(ids, positions, strict=True):
        known = seen.setdefault(tile_id, position)
        if known is not position:
            raise RenderModuleException(
                f"{position.first.image.source}: tile id {tile_id!r} is already that of "
                f"{known.first.image.source}; name a column for tile_id"
            )
    return ids


def _own_id(position: TilePosition) -> str:
    image = position.first.image
    if image.tile_id is not None:
        return image.tile_id
    stem = plain_text(image.file.stem)
    if image.slice is not None:
        return f"{stem}_{image.slice:05d}"
    if len(position.images) > 1 and image.channel is not None:
        shorter = stem.replace(plain_text(image.channel), "").strip("_-. ")
        return re.sub(r"_{2,}", "_", shorter) or stem
    return stem


def _long_id(position: TilePosition) -> str:
    image = position.first.image
    if image.tile_id is not None:
        return image.tile_id
    if image.row is not None and image.column is not None:
        return plain_text(f"{position.first.section}_r{image.row:03d}_c{image.column:03d}")
    return f"{plain_text(position.first.section)}_{_own_id(position)}"


def plain_text(text: str) -> str:
    """Text without what has a meaning in the address of a tile."""
    return re.sub(r"[^\w.+-]+", "_", text)


def _tile_spec(
    position: TilePosition,
    tile_id: str,
    headers: Mapping[Plane, ImageHeader],
    settings: TileSettings,
) -> TileSpec:
    placed = position.first
    header = headers[plane_of(placed.image)]
    for image in (each.image for each in position.images):
        for file, page in (plane_of(image), (image.mask, None)):
            if file is not None and headers[file, page][:2] != header[:2]:
                raise RenderModuleException(
                    f"{file} is not as large as {placed.image.file}, of the same tile"
                )
    low, high = settings.ranges[placed.image.channel]
    return TileSpec(
        tileId=tile_id,
        z=placed.z,
        width=header.width,
        height=header.height,
        minint=low,
        maxint=high,
        layout=_layout(placed, settings),
        tforms=[AffineModel(B0=placed.x, B1=placed.y)],
        **_images(position, settings),
    )


def plane_of(image: AcquiredImage) -> Plane:
    """File and page of an image: the key of its header."""
    return image.file, image.slice


def _images(position: TilePosition, settings: TileSettings) -> dict[str, Any]:
    pyramids = {
        placed.image.channel: ImagePyramid({"0": _mipmap(placed.image)})
        for placed in position.images
    }
    if len(settings.ranges) == 1:
        (pyramid,) = pyramids.values()
        return {"imagePyramid": pyramid}
    channels = []
    for name, pyramid in pyramids.items():
        low, high = settings.ranges[name]
        channels.append(Channel(name, maxIntensity=high, minIntensity=low, ip=pyramid))
    return {"channels": channels}


def _mipmap(image: AcquiredImage) -> MipMap:
    mask = None if image.mask is None else path_to_url(image.mask)
    return MipMap(path_to_url(image.file), mask, **plane_entry(image.slice))


def plane_entry(plane: int | None) -> dict[str, Any]:
    """What a mipmap says beside its URL to name a page of a TIFF, or a section of an MRC file."""
    if plane is None:
        return {}
    return {"imageLoaderType": "IMAGEJ_TIFF_STACK", "imageSliceNumber": plane}


def _layout(placed: PlacedImage, settings: TileSettings) -> Layout:
    unit = settings.stage_unit_um
    stage = placed.image.stage or (placed.image.x * unit, placed.image.y * unit)
    return Layout(
        sectionId=placed.section,
        scopeId=settings.scope,
        cameraId=settings.camera,
        imageRow=placed.image.row,
        imageCol=placed.image.column,
        stageX=stage[0],
        stageY=stage[1],
        rotation=placed.image.rotation,
        pixelsize=settings.pixel_size_um,
        force_pixelsize=False,
    )


def only_channel(positions: Sequence[TilePosition], channel: str | None) -> list[TilePosition]:
    """The positions that have a channel, with that one alone."""
    return [
        replace(position, images=(placed,))
        for position in positions
        for placed in position.images
        if placed.image.channel == channel
    ]
