"""The compiled loops of CLAHE."""

# numba infers the types of compiled functions; annotations would say nothing to it
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from renderapi.rendering.compiler import njit

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**OPTIONS)
def clip_histogram(histogram, limit):
    """Cut cells at `limit` and spread the excess over all cells, until it no longer changes."""
    cells = len(histogram)
    before = -1
    while True:
        excess = 0
        for k in range(cells):
            if histogram[k] > limit:
                excess += histogram[k] - limit
                histogram[k] = limit
        share, rest = excess // cells, excess % cells
        for k in range(cells):
            histogram[k] += share
        if rest > 0:
            step = max((cells - 1) // rest, 1)
            for k in range(step // 2, cells, step):
                histogram[k] += 1
        if excess == before:
            return
        before = excess


@njit(**OPTIONS)
def _transfer(histogram, out):
    """Normalised cumulative sum of a histogram, 0 at its first non-empty cell."""
    first = 0
    while first < len(histogram) - 1 and histogram[first] == 0:
        first += 1
    base = histogram[first]
    total = histogram.sum() - base
    running = 0
    for k in range(len(histogram)):
        running += histogram[k]
        out[k] = max(running - base, 0) / total if total > 0 else 0.0


@njit(**OPTIONS)
def block_transfers(grey, cells, count, radius, limit, rows, columns):
    """Transfer functions of the blocks about each centre: (rows, columns, count) float64."""
    height, width = grey.shape
    result = np.empty((len(rows), len(columns), count))
    for i in range(len(rows)):
        top, bottom = max(rows[i] - radius, 0), min(rows[i] + radius + 1, height)
        for j in range(len(columns)):
            left, right = max(columns[j] - radius, 0), min(columns[j] + radius + 1, width)
            histogram = np.zeros(count, np.int64)
            for y in range(top, bottom):
                for x in range(left, right):
                    histogram[cells[grey[y, x]]] += 1
            clip_histogram(histogram, limit)
            _transfer(histogram, result[i, j])
    return result


@njit(**OPTIONS)
def _between(position, centres):
    """Centres before and after a position, and the weight of the second."""
    last = len(centres) - 1
    if position <= centres[0]:
        return 0, 0, 0.0
    if position >= centres[last]:
        return last, last, 0.0
    k = np.searchsorted(centres, position, side="right") - 1
    return k, k + 1, (position - centres[k]) / (centres[k + 1] - centres[k])


@njit(**OPTIONS)
def mix(grey, cells, transfers, rows, columns):
    """Each pixel through the four transfer functions around it, mixed bilinearly."""
    height, width = grey.shape
    out = np.empty_like(grey)
    for y in range(height):
        above, below, down = _between(y, rows)
        for x in range(width):
            left, right, across = _between(x, columns)
            cell = cells[grey[y, x]]
            top = transfers[above, left, cell] * (1 - across)
            top += transfers[above, right, cell] * across
            bottom = transfers[below, left, cell] * (1 - across)
            bottom += transfers[below, right, cell] * across
            out[y, x] = np.uint8((top * (1 - down) + bottom * down) * 255 + 0.5)
    return out


@njit(**OPTIONS)
def exact(grey, cells, bins, radius, slope, out, first, last):
    """Each pixel of rows `first` to `last` - 1 through the transfer function of its window."""
    height, width = grey.shape
    count = bins + 1
    histogram, clipped = np.zeros(count, np.int64), np.zeros(count, np.int64)
    transfer = np.zeros(count)
    for y in range(first, last):
        top, bottom = max(y - radius, 0), min(y + radius + 1, height)
        histogram[:] = 0
        for x in range(min(radius, width)):
            for row in range(top, bottom):
                histogram[cells[grey[row, x]]] += 1
        for x in range(width):
            if x + radius < width:
                for row in range(top, bottom):
                    histogram[cells[grey[row, x + radius]]] += 1
            if x - radius - 1 >= 0:
                for row in range(top, bottom):
                    histogram[cells[grey[row, x - radius - 1]]] -= 1
            columns = min(x + radius + 1, width) - max(x - radius, 0)
            limit = np.int64(slope * ((bottom - top) * columns) / bins + 0.5)
            clipped[:] = histogram
            clip_histogram(clipped, limit)
            _transfer(clipped, transfer)
            out[y, x] = np.uint8(transfer[cells[grey[y, x]]] * 255 + 0.5)
