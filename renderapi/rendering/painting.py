"""One tile onto a canvas: where its pixels go, which pixels they are, and the compiled painter."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError, RenderError
from renderapi.rendering.cache import SourceView
from renderapi.rendering.intensity import (
    DisplayRange,
    convert,
    display_range,
    kind_of,
    stretch_components,
)
from renderapi.rendering.mesh import PixelMap
from renderapi.rendering.parameters import Parameters, Window
from renderapi.rendering.sources import Source, as_16_bit, level_info, load_mask, load_pixels
from renderapi.rendering.tiles import Placement

_NO_MASK = np.zeros((2, 2), dtype=np.uint8)
Rows = tuple[int, int]
Value = TypeVar("Value")


class Mask(NamedTuple):
    """A mask and which of its cells are opaque throughout."""

    pixels: NDArray[np.uint8]
    opaque: NDArray[np.bool_]


@dataclass
class TileLayer:
    """One channel of one tile in one picture.

    Attributes
    ----------
    level : int
        Pyramid level that is sampled.
    shown : DisplayRange
        Of the channel, or the picture's override; not yet rounded to a pixel type.
    is_16_bit : bool
        8 bit images are taken as the high bytes of 16.
    canvas_kind : str
        Kind of pixels of the canvas, to which the tile is converted.
    use_mask : bool
        Whether the canvas has alpha on account of masks.
    """

    placement: Placement
    source: Source
    level: int
    shown: DisplayRange
    is_16_bit: bool
    parameters: Parameters
    seed: int
    canvas_kind: str = "8"
    use_mask: bool = False

    def kind(self, sources: SourceView) -> str:
        """Kind of the tile's own pixels, from the header of its image."""
        kind = self._named(lambda: level_info(self.source, sources))[2]
        return "16" if kind == "8" and self.is_16_bit else kind

    def size(self, sources: SourceView) -> tuple[int, int]:
        """Width and height of the level image."""
        return self._named(lambda: level_info(self.source, sources))[:2]

    def pixels(self, sources: SourceView) -> NDArray:
        """Level image, filtered and converted to the canvas; shared, not to be written to."""
        return self._named(lambda: self._pixels(sources))

    def mask(self, sources: SourceView) -> Mask | None:
        """Mask of the level image; None where the tile is drawn whole."""
        from renderapi.rendering import kernels

        if not self.use_mask or self.source.mask_url is None:
            return None
        width, height = self.size(sources)
        mask = self._named(lambda: load_mask(self.source, (height, width), sources))
        if mask is None:
            return None
        source = self.source
        key = sources.key(source.mask_url or "", source.mask_loader, source.mask_number)
        cells = sources.get((*key, "opaque", source.halvings), lambda: kernels.opaque_cells(mask))
        return None if cells.all() else Mask(mask, cells)

    def _pixels(self, sources: SourceView) -> NDArray:
        filters = json.dumps(self.parameters.filters, sort_keys=True)
        own = level_info(self.source, sources)[2]
        shown = display_range(own, *self.shown)
        is_stretched = own == "rgb" and shown != (0.0, 255.0)
        if own == self.canvas_kind and not (self.parameters.filters or is_stretched):
            return load_pixels(self.source, sources)
        key = (
            *sources.key(self.source.url, self.source.loader, self.source.number),
            (self.source.halvings, self.level, filters, self.seed if filters != "[]" else 0),
            (self.is_16_bit, self.canvas_kind, self.shown),
        )
        return sources.get(key, lambda: self._converted(load_pixels(self.source, sources)))

    def _converted(self, pixels: NDArray) -> NDArray:
        """Filtered, 8 bit raised to 16 where the channel says so, and as the canvas is."""
        if self.parameters.filters:
            from renderapi.rendering.filters import apply_filters

            shown = display_range(kind_of(pixels), *self.shown)
            scale = 1 / (1 << self.level)
            pixels = apply_filters(pixels, self.parameters.filters, shown, scale, self.seed)
        if self.is_16_bit and kind_of(pixels) == "8":
            pixels = as_16_bit(pixels)
        shown = display_range(kind_of(pixels), *self.shown)
        if kind_of(pixels) == "rgb":
            pixels = stretch_components(pixels, shown)
        return convert(pixels, self.canvas_kind, shown)

    def _named(self, read: Callable[[], Value]) -> Value:
        """Run a reader; its errors name the tile."""
        try:
            return read()
        except ImageError as error:
            text = str(error)
            prefix = f"tile {self.placement.tile_id}: "
            raise type(error)(text if text.startswith(prefix) else prefix + text) from error

    def pixel_map(self, sources: SourceView, whole: bool) -> PixelMap:
        """Polygons of the tile in global canvas coordinates and the way back to its pixels."""
        try:
            return self.placement.pixel_map(
                self.parameters.mesh_cell_size,
                self.parameters.window.scale,
                self.level,
                self.size(sources),
                whole,
            )
        except RenderError as error:
            text = str(error)
            prefix = f"tile {self.placement.tile_id}: "
            raise type(error)(text if text.startswith(prefix) else prefix + text) from error


class ReadyTile(NamedTuple):
    """A tile that touches the canvas, with everything the painter takes."""

    pixels: NDArray
    mask: Mask | None
    pixel_map: PixelMap
    rows: Rows


def paint_layers(
    layers: list[TileLayer],
    pixels: NDArray,
    alpha: NDArray[np.uint8] | None,
    first_row: int,
    sources: SourceView,
    pool: ThreadPoolExecutor | None,
    threads: int = 1,
) -> None:
    """Paint layers in order onto the rows of a canvas that `pixels` holds.

    With a pool, tiles are read ahead and each tile is painted in bands of rows side by side; the
    order of tiles is kept, so the result is the same.
    """
    rows = (first_row, first_row + pixels.shape[0])
    width = pixels.shape[1]
    near = [layer for layer in layers if _may_touch(layer, rows, width)]
    for layer, ready in _read_ahead(near, sources, rows, width, pool, 2 * threads):
        if ready is None:
            continue
        bands = _bands(ready.rows, threads if pool else 1)
        jobs = [(layer.parameters, ready, pixels, alpha, first_row, band) for band in bands]
        if pool is None or len(jobs) == 1:
            for job in jobs:
                _paint_band(*job)
        else:
            for done in [pool.submit(_paint_band, *job) for job in jobs]:
                done.result()


def _may_touch(layer: TileLayer, rows: Rows, width: int) -> bool:
    window = layer.parameters.window
    top, bottom = (window.y + row / window.scale for row in rows)
    return layer.placement.may_touch((window.x, top, window.x + width / window.scale, bottom))


def _read_ahead(
    layers: list[TileLayer],
    sources: SourceView,
    rows: Rows,
    width: int,
    pool: ThreadPoolExecutor | None,
    ahead: int,
) -> Iterator[tuple[TileLayer, ReadyTile | None]]:
    if pool is None:
        for layer in layers:
            yield layer, _ready(layer, sources, rows, width)
        return
    upcoming = iter(layers)
    waiting: deque[tuple[TileLayer, Future[ReadyTile | None]]] = deque()
    while True:
        for layer in islice(upcoming, ahead - len(waiting)):
            waiting.append((layer, pool.submit(_ready, layer, sources, rows, width)))
        if not waiting:
            return
        layer, future = waiting.popleft()
        yield layer, future.result()


def _ready(layer: TileLayer, sources: SourceView, rows: Rows, width: int) -> ReadyTile | None:
    """Read a tile if it has pixels on the rows; None if not."""
    touched = _visible(layer.pixel_map(sources, True), layer.parameters.window, rows, width)
    if touched is None:
        return None
    mask = layer.mask(sources)
    if mask is not None and not layer.parameters.binary_mask:
        # a soft mask shows where a pixel on the edge between two triangles is painted twice
        touched = _visible(layer.pixel_map(sources, False), layer.parameters.window, rows, width)
        if touched is None:
            return None
    return ReadyTile(layer.pixels(sources), mask, *touched)


def _visible(
    pixel_map: PixelMap, window: Window, rows: Rows, width: int
) -> tuple[PixelMap, Rows] | None:
    """Polygons that reach the rows of the canvas, and the rows they reach."""
    origin_x, origin_y = window.scale * window.x, window.scale * window.y
    low, high = pixel_map.polygons.min(axis=1), pixel_map.polygons.max(axis=1)
    inside = (
        (high[:, 0] >= origin_x - 1)
        & (low[:, 0] <= origin_x + width)
        & (high[:, 1] >= origin_y + rows[0] - 1)
        & (low[:, 1] <= origin_y + rows[1])
    )
    if not inside.any():
        return None
    top = max(rows[0], math.floor(low[inside, 1].min() - origin_y))
    bottom = min(rows[1], math.ceil(high[inside, 1].max() - origin_y) + 1)
    if top >= bottom:
        return None
    if inside.all():
        return pixel_map, (top, bottom)
    return PixelMap(pixel_map.polygons[inside], pixel_map.inverses[inside]), (top, bottom)


def _bands(rows: Rows, count: int) -> list[Rows]:
    """Rows cut into `count` runs of about equal height."""
    count = max(1, min(count, (rows[1] - rows[0]) // 16))
    cuts = [rows[0] + (rows[1] - rows[0]) * k // count for k in range(count + 1)]
    return list(pairwise(cuts))


def _paint_band(
    parameters: Parameters,
    ready: ReadyTile,
    pixels: NDArray,
    alpha: NDArray[np.uint8] | None,
    first_row: int,
    rows: Rows,
) -> None:
    from renderapi.rendering import kernels

    window = parameters.window
    origin = (window.scale * window.x, window.scale * window.y)
    spans = np.empty((_span_bound(ready.pixel_map, origin[1], rows), 4), dtype=np.int32)
    count = kernels.polygon_spans(ready.pixel_map.polygons, *origin, pixels.shape[1], *rows, spans)
    where = (first_row, spans, count, ready.pixel_map.inverses, *origin)
    nearest, binary = parameters.skip_interpolation, parameters.binary_mask
    source, mask = ready.pixels, ready.mask
    if pixels.ndim == 3:
        from renderapi.rendering.colour_kernels import paint_colour

        paint_colour(
            source, _NO_MASK if mask is None else mask.pixels, mask is not None, pixels, alpha,
            *where, nearest, binary,
        )  # fmt: skip
    elif mask is not None and alpha is not None:
        kernels.paint_masked(source, *mask, pixels, alpha, *where, nearest, binary)
    else:
        kernels.paint(source, pixels, *where, nearest)
        if alpha is not None:
            kernels.fill_spans(alpha, *where[:3], 255)


def _span_bound(pixel_map: PixelMap, origin_y: float, rows: Rows) -> int:
    """Upper bound of the number of spans: one per polygon and row."""
    y = pixel_map.polygons[:, :, 1] - origin_y
    first = np.clip(np.floor(y.min(axis=1)), rows[0], rows[1])
    last = np.clip(np.ceil(y.max(axis=1)), rows[0] - 1, rows[1])
    return int(np.maximum(last - first + 1, 0).sum())
