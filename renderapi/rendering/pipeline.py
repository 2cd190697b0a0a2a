"""Tiles -> canvas: what is needed of each tile is prepared, then painted in list order.

    plan = make_plan(parse_parameters(document), sources)
    canvas = paint_rows(plan, sources, 0, plan.height, threads)

A plan knows everything but the pixels, so that a section may be painted band by band with the same
result as in one piece.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from renderapi.errors import ImageError, SpecError
from renderapi.rendering.cache import SourceCache, SourceView
from renderapi.rendering.canvas import Canvas, blank_pixels
from renderapi.rendering.channels import check_sizes, mix_channels, requested_channels
from renderapi.rendering.intensity import WHOLE, DisplayRange, display_range
from renderapi.rendering.layers import TileLayer
from renderapi.rendering.limits import Stop
from renderapi.rendering.painting import paint_layers
from renderapi.rendering.parameters import Parameters, parse_parameters
from renderapi.rendering.sources import (
    Channel,
    Source,
    channels_of,
    check_channels,
    level_info,
    load_tile_specs,
    source_at_level,
)
from renderapi.rendering.tiles import Placement, placement_of


@dataclass
class ChannelPlan:
    """One channel of a picture: its tiles in painting order and how its values are shown."""

    weight: float
    kind: str
    shown: DisplayRange
    layers: list[TileLayer]


@dataclass
class Plan:
    """A picture before its pixels are read."""

    parameters: Parameters
    channels: list[ChannelPlan]
    has_alpha: bool
    noise_seed: int | None

    @property
    def width(self) -> int:
        """Columns of the canvas."""
        return self.parameters.window.canvas_size[0]

    @property
    def height(self) -> int:
        """Rows of the canvas."""
        return self.parameters.window.canvas_size[1]


def render_canvas(
    parameters: Mapping[str, Any],
    *,
    sources: SourceCache | None = None,
    threads: int = 1,
    seed: int = 0,
    stop: Stop | None = None,
) -> Canvas:
    """Draw a RenderParameters document.

    Parameters
    ----------
    parameters : mapping
        RenderParameters; tile transforms may be nested but must be resolved.
    sources : SourceCache, optional
        Where images come from; a fresh one for this picture when absent.
    threads : int
        Threads that read and paint. The result does not depend on it.
    seed : int
        Of noise (background, ValueToNoise); the same seed gives the same picture.
    stop : Stop, optional
        Asked between tiles, filters and bands whether the work is to go on.

    Returns
    -------
    Canvas

    Raises
    ------
    SpecError, ImageError
        One line naming the tile and the file.
    DrawingStopped
        It took longer than `stop` allows, or was told to stop.
    """
    view = (SourceCache() if sources is None else sources).view(stop)
    plan = make_plan(complete(parameters, view), view, seed)
    return paint_rows(plan, view, 0, plan.height, threads)


def complete(document: Mapping[str, Any], sources: SourceView) -> Parameters:
    """Checked parameters, with the tiles of `tileSpecUrl` where there are no `tileSpecs`."""
    parameters = parse_parameters(document)
    url = document.get("tileSpecUrl")
    if not parameters.tiles and url:
        return replace(parameters, tiles=load_tile_specs(url, sources))
    return parameters


def make_plan(parameters: Parameters, sources: SourceView, seed: int = 0) -> Plan:
    """Validate every tile and decide levels, pixel types, masks and display ranges."""
    sources.limits.check_filters(len(parameters.filters))
    channels_by_tile = []
    for tile in parameters.tiles:
        sources.check_stop()
        channels = channels_of(tile)
        check_channels(tile, channels, sources)
        channels_by_tile.append(channels)
    placements = [placement_of(tile, sources) for tile in parameters.tiles]
    masked = not parameters.exclude_mask and any(
        channel.first.mask_url for channels in channels_by_tile for channel in channels
    )
    plans: list[ChannelPlan] = []
    for name, weight in requested_channels(parameters, channels_by_tile):
        pairs = [
            (placement, channel)
            for placement, channels in zip(placements, channels_by_tile, strict=True)
            for channel in channels
            if channel.name == name
        ]
        plans.append(
            _channel_plan(pairs, weight, parameters, sources, seed, plans[0] if plans else None)
        )
    if len(plans) > 1:
        drawn = {name for name, _ in requested_channels(parameters, channels_by_tile)}
        for tile, channels in zip(parameters.tiles, channels_by_tile, strict=True):
            mixed = [channel for channel in channels if channel.name in drawn]
            check_sizes(tile.get("tileId"), mixed, sources)
    has_alpha = masked or len(plans) > 1 or any(plan.kind == "rgb" for plan in plans)
    for plan in plans:
        for layer in plan.layers:
            layer.use_mask = masked
    noise_seed = _noise_seed(parameters, seed) if parameters.fill_with_noise else None
    return Plan(parameters, plans, has_alpha, noise_seed)


def _noise_seed(parameters: Parameters, seed: int) -> int:
    """Seed of a background: two pictures of different tiles must not share their noise.

    Equal noise in two pictures would be matched as if it were tissue.
    """
    ids = "\n".join(str(tile.get("tileId")) for tile in parameters.tiles)
    return zlib.crc32(f"{seed}\n{ids}".encode())


def _channel_plan(
    pairs: list[tuple[Placement, Channel]],
    weight: float,
    parameters: Parameters,
    sources: SourceView,
    seed: int,
    first: ChannelPlan | None,
) -> ChannelPlan:
    layers = [_layer(*pair, parameters, sources, seed) for pair in pairs]
    if not layers:
        kind = first.kind if first else "8"
        return ChannelPlan(weight, kind, WHOLE, [])
    # the first tile decides the type of the canvas, the last one how it is shown
    kind = first.kind if first else layers[0].kind(sources)
    shown = _shown(kind, layers, sources)
    for layer in layers:
        layer.canvas_kind = kind
    return ChannelPlan(weight, kind, shown, layers)


def _shown(kind: str, layers: list[TileLayer], sources: SourceView) -> DisplayRange:
    """Range of a canvas: that of the last tile whose range is one for it.

    An 8 bit image leaves out a range whose minimum is above its maximum; so does an 8 bit canvas.
    """
    for layer in reversed(layers):
        if layer.shown.minimum <= layer.shown.maximum:
            return display_range(kind, *layer.shown)
        if layer.kind(sources) in ("8", "rgb"):
            return WHOLE
        if kind not in ("8", "rgb"):
            return display_range(kind, *layer.shown)
    return WHOLE


def _layer(
    placement: Placement,
    channel: Channel,
    parameters: Parameters,
    sources: SourceView,
    seed: int,
) -> TileLayer:
    if placement.width is None or placement.height is None:
        placement = _sized_by_image(placement, channel.first, sources)
    level = placement.level(parameters.mesh_cell_size, parameters.window)
    source = source_at_level(channel, level, parameters.mipmap_path_builder, placement.tile_id)
    low = channel.minimum if parameters.minimum is None else parameters.minimum
    high = channel.maximum if parameters.maximum is None else parameters.maximum
    # the noise of a filter belongs to the image, so that every picture of it shows the same
    noise = zlib.crc32(f"{seed}\n{source.url}\n{source.number}".encode())
    return TileLayer(
        placement, source, level, DisplayRange(low, high), channel.is_16_bit, parameters, noise
    )


def _sized_by_image(placement: Placement, first: Source, sources: SourceView) -> Placement:
    try:
        width, height, _ = level_info(first, sources)
    except ImageError as error:
        raise type(error)(f"tile {placement.tile_id}: {error}") from None
    factor = 1 << first.level
    return replace(placement, width=float(width * factor), height=float(height * factor))


def paint_rows(plan: Plan, sources: SourceView, start: int, stop: int, threads: int = 1) -> Canvas:
    """Paint rows `start` to `stop` - 1 of the canvas."""
    if threads < 1:
        raise SpecError(f"threads must be at least 1, not {threads}")
    if threads == 1:
        return _assemble(plan, start, stop, sources, None)
    with ThreadPoolExecutor(threads - 1) as pool:
        return _assemble(plan, start, stop, sources, pool, threads)


def _assemble(
    plan: Plan,
    start: int,
    stop: int,
    sources: SourceView,
    pool: ThreadPoolExecutor | None,
    threads: int = 1,
) -> Canvas:
    painted = []
    for channel in plan.channels:
        pixels = blank_pixels(channel.kind, plan.width, stop - start)
        needs_alpha = plan.has_alpha and (
            channel.kind == "rgb" or any(layer.use_mask for layer in channel.layers)
        )
        alpha = np.zeros(pixels.shape[:2], dtype=np.uint8) if needs_alpha else None
        paint_layers(channel.layers, pixels, alpha, start, sources, pool, threads)
        painted.append((pixels, alpha, channel.weight))
    if not painted:
        pixels, alpha = blank_pixels("8", plan.width, stop - start), None
        shown = WHOLE
    else:
        shown = plan.channels[0].shown
        pixels, alpha = painted[0][:2] if len(painted) == 1 else mix_channels(painted)
    width, height = plan.parameters.window.image_size
    return Canvas(
        pixels,
        alpha,
        shown,
        width,
        max(0, min(stop, height) - start),
        bool(plan.parameters.tiles),
        plan.parameters.background,
        plan.noise_seed,
        plan.parameters.binary_mask,
        plan.parameters.convert_to_gray,
        plan.parameters.quality,
        start,
    )
