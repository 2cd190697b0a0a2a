"""Tiles onto a canvas, in bands of rows that threads paint side by side."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from itertools import pairwise
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.cache import SourceView
from renderapi.rendering.layers import Mask, TileLayer
from renderapi.rendering.mesh import PixelMap
from renderapi.rendering.parameters import Window

_NO_MASK = np.zeros((2, 2), dtype=np.uint8)
BANDS_PER_THREAD = 2
LOWEST_BAND = 32
TILES_AHEAD = 4
Rows = tuple[int, int]


class Outline(NamedTuple):
    """Where a tile lies on the canvas: its polygons, the rows they reach and, for a tile drawn
    whole by one affine, the spans that no later tile of that kind hides.
    """

    pixel_map: PixelMap
    rows: Rows
    spans: NDArray[np.int32] | None = None


class ReadyTile(NamedTuple):
    """A tile that touches the canvas, with everything the painter takes."""

    layer: TileLayer
    pixels: NDArray
    mask: Mask | None
    outline: Outline


class SharedTile:
    """A tile of several bands: read by the first thread that wants it, dropped after the last.

    Parameters
    ----------
    layer : TileLayer
    read : callable
        Gives the ReadyTile, or None where the tile has no pixels on the canvas.
    """

    def __init__(self, layer: TileLayer, read: Callable[[], ReadyTile | None]) -> None:
        self.layer = layer
        self.is_read = False
        self.users = 0
        self._read = read
        self._ready: ReadyTile | None = None
        self._lock = Lock()

    def try_to_read(self) -> None:
        """Read the tile unless another thread does."""
        if self._lock.acquire(blocking=False):
            try:
                self._read_once()
            finally:
                self._lock.release()

    def ready(self) -> ReadyTile | None:
        """The tile; waits where another thread reads it."""
        with self._lock:
            self._read_once()
            return self._ready

    def release(self) -> None:
        """Count one user less."""
        with self._lock:
            self.users -= 1
            if not self.users:
                self._ready = None

    def _read_once(self) -> None:
        if not self.is_read:
            self._ready = self._read()
            self.is_read = True


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

    With a pool, bands of rows are painted side by side, each with its tiles in order, so that no
    thread waits for another between two tiles and the result is the same.
    """
    rows = (first_row, first_row + pixels.shape[0])
    width = pixels.shape[1]
    near = [layer for layer in layers if _may_touch(layer, rows, width)]
    tiles = [
        SharedTile(layer, partial(_ready, layer, outline, sources, rows, width))
        for layer, outline in _whole_outlines(near, sources, rows, width)
    ]
    jobs = []
    for band in _bands(rows, threads * BANDS_PER_THREAD if pool else 1):
        touching = [tile for tile in tiles if _may_touch(tile.layer, band, width)]
        for tile in touching:
            tile.users += 1
        jobs.append((touching, pixels, alpha, first_row, band, sources.check_stop))
    _run_jobs(jobs, pool, threads)


def _run_jobs(jobs: list[tuple], pool: ThreadPoolExecutor | None, threads: int) -> None:
    """Paint the bands; this thread works too."""
    waiting = deque(jobs)

    def work() -> None:
        try:
            while (job := _next(waiting)) is not None:
                _paint_band(*job)
        except BaseException:
            waiting.clear()
            raise

    helpers = [pool.submit(work) for _ in range(min(threads, len(jobs)) - 1)] if pool else []
    try:
        work()
    finally:
        wait(helpers)
    for helper in helpers:
        helper.result()


def _next(waiting: deque[tuple]) -> tuple | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None


def _whole_outlines(
    layers: list[TileLayer], sources: SourceView, rows: Rows, width: int
) -> list[tuple[TileLayer, Outline | None]]:
    """Outlines of the tiles that overwrite whatever lies below them; None for the others.

    Where the spans of later ones hide a tile, it is not painted; a hidden tile is left out.
    """
    from renderapi.rendering import kernels

    covered = np.tile(np.array([0, -1], dtype=np.int32), (rows[1] - rows[0], 1))
    found: list[tuple[TileLayer, Outline | None]] = []
    for layer in reversed(layers):
        sources.check_stop()
        if layer.placement.matrix is None or layer.may_be_masked:
            found.append((layer, None))
            continue
        outline = _visible(layer.pixel_map(sources, True), layer.parameters.window, rows, width)
        if outline is not None:
            spans = _spans(outline, layer.parameters.window, outline.rows, width)
            count = kernels.hide_spans(spans, len(spans), covered, rows[0])
            if count:
                found.append((layer, outline._replace(spans=spans[:count])))
    return found[::-1]


def _may_touch(layer: TileLayer, rows: Rows, width: int) -> bool:
    window = layer.parameters.window
    top, bottom = (window.y + row / window.scale for row in rows)
    return layer.placement.may_touch((window.x, top, window.x + width / window.scale, bottom))


def _paint_band(
    tiles: list[SharedTile],
    pixels: NDArray,
    alpha: NDArray[np.uint8] | None,
    first_row: int,
    band: Rows,
    check_stop: Callable[[], None],
) -> None:
    for number, tile in enumerate(tiles):
        check_stop()
        # rather than wait for a tile that another thread reads, read those that come next
        for coming in tiles[number : number + TILES_AHEAD]:
            if tile.is_read:
                break
            coming.try_to_read()
        ready = tile.ready()
        if ready is not None:
            reached = ready.outline.rows
            rows = max(band[0], reached[0]), min(band[1], reached[1])
            if rows[0] < rows[1]:
                _paint_rows(ready, pixels, alpha, first_row, rows)
        del ready
        tile.release()


def _ready(
    layer: TileLayer, outline: Outline | None, sources: SourceView, rows: Rows, width: int
) -> ReadyTile | None:
    """Read a tile if it has pixels on the rows; None if not."""
    if outline is not None:
        return ReadyTile(layer, layer.pixels(sources), None, outline)
    window = layer.parameters.window
    outline = _visible(layer.pixel_map(sources, True), window, rows, width)
    if outline is None:
        return None
    mask = layer.mask(sources)
    is_whole = layer.placement.matrix is not None
    if is_whole and mask is not None and not layer.parameters.binary_mask:
        # a soft mask shows where a pixel on the edge between two triangles is painted twice
        outline = _visible(layer.pixel_map(sources, False), window, rows, width)
        if outline is None:
            return None
    return ReadyTile(layer, layer.pixels(sources), mask, outline)


def _visible(pixel_map: PixelMap, window: Window, rows: Rows, width: int) -> Outline | None:
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
        return Outline(pixel_map, (top, bottom))
    shown = PixelMap(pixel_map.polygons[inside], pixel_map.inverses[inside])
    return Outline(shown, (top, bottom))


def _bands(rows: Rows, count: int) -> list[Rows]:
    """Rows cut into `count` runs of about equal height."""
    count = max(1, min(count, (rows[1] - rows[0]) // LOWEST_BAND))
    cuts = [rows[0] + (rows[1] - rows[0]) * k // count for k in range(count + 1)]
    return list(pairwise(cuts))


def _paint_rows(
    ready: ReadyTile,
    pixels: NDArray,
    alpha: NDArray[np.uint8] | None,
    first_row: int,
    rows: Rows,
) -> None:
    from renderapi.rendering import kernels

    parameters = ready.layer.parameters
    spans = _spans(ready.outline, parameters.window, rows, pixels.shape[1])
    inverses = ready.outline.pixel_map.inverses
    where = (first_row, spans, len(spans), inverses, *_origin(parameters.window))
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


def _origin(window: Window) -> tuple[float, float]:
    """Global canvas coordinates of canvas pixel (0, 0)."""
    return window.scale * window.x, window.scale * window.y


def _spans(outline: Outline, window: Window, rows: Rows, width: int) -> NDArray[np.int32]:
    """Spans of the polygons of a tile on some rows of the canvas: (N, 4) int32."""
    from renderapi.rendering import kernels

    if outline.spans is not None:  # in the order of their rows
        return outline.spans[slice(*np.searchsorted(outline.spans[:, 0], rows))]
    origin = _origin(window)
    polygons = outline.pixel_map.polygons
    spans = np.empty((_span_bound(outline.pixel_map, origin[1], rows), 4), dtype=np.int32)
    return spans[: kernels.polygon_spans(polygons, *origin, width, *rows, spans)]


def _span_bound(pixel_map: PixelMap, origin_y: float, rows: Rows) -> int:
    """Upper bound of the number of spans: one per polygon and row."""
    if len(pixel_map.polygons) == 1:
        return rows[1] - rows[0]
    y = pixel_map.polygons[:, :, 1] - origin_y
    first = np.clip(np.floor(y.min(axis=1)), rows[0], rows[1])
    last = np.clip(np.ceil(y.max(axis=1)), rows[0] - 1, rows[1])
    return int(np.maximum(last - first + 1, 0).sum())
