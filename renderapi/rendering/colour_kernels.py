"""The compiled loops for RGB tiles: as `kernels`, per component, always with an alpha plane."""

# numba infers the types of compiled functions; annotations would say nothing to it
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors

from __future__ import annotations

import numpy as np

from renderapi.rendering.compiler import njit
from renderapi.rendering.kernels import BLOCK, OPTIONS, _locate, _locate_nearest


@njit(**OPTIONS)
def _sample_colour(source, x, y, fx, fy, component):
    """One bilinear component, rounded half up."""
    p00 = np.float64(source[y, x, component])
    p10 = np.float64(source[y + 1, x, component])
    top = p00 + (source[y, x + 1, component] - p00) * fx
    bottom = p10 + (source[y + 1, x + 1, component] - p10) * fx
    return np.int32(top + (bottom - top) * fy + 0.5)


@njit(**OPTIONS)
def paint_colour(
    source, mask, masked, canvas, alpha, canvas_row, spans, count, inverses, origin_x, origin_y,
    nearest, binary,
):  # fmt: skip
    """Draw the spans of an RGB source.

    Parameters
    ----------
    source : (h, w, 3) uint8
    mask : (h, w) uint8, looked at where `masked`
    canvas : (rows, columns, 3) uint8, written to
    alpha : (rows, columns) uint8, written to
    spans, count, inverses, origin_x, origin_y, nearest, binary : as `kernels.paint_masked`
    """
    height, width = source.shape[:2]
    xs, ys = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    fx, fy = np.zeros(BLOCK), np.zeros(BLOCK)
    values = np.empty(3, np.int32)
    for s in range(count):
        row, first, last, polygon = spans[s, 0], spans[s, 1], spans[s, 2], spans[s, 3]
        gy = row + origin_y
        a, d = inverses[polygon, 0], inverses[polygon, 3]
        ku = inverses[polygon, 2] + inverses[polygon, 1] * gy
        kv = inverses[polygon, 5] + inverses[polygon, 4] * gy
        line, line_alpha = canvas[row - canvas_row], alpha[row - canvas_row]
        for column in range(first, last + 1, BLOCK):
            n = min(BLOCK, last + 1 - column)
            if nearest:
                _locate_nearest(n, column, origin_x, a, ku, d, kv, width, height, xs, ys)
            else:
                _locate(n, column, origin_x, a, ku, d, kv, width, height, xs, ys, fx, fy)
            for i in range(n):
                x, y = np.int64(xs[i]), np.int64(ys[i])
                weight = 255
                if nearest:
                    for k in range(3):
                        values[k] = source[y, x, k]
                    if masked:
                        weight = np.int64(mask[y, x])
                else:
                    for k in range(3):
                        values[k] = _sample_colour(source, x, y, fx[i], fy[i], k)
                    if masked:
                        weight = np.int64(_sample_grey(mask, x, y, fx[i], fy[i]))
                _composite_colour(values, weight, line, line_alpha, column + i, binary)


@njit(**OPTIONS)
def _sample_grey(mask, x, y, fx, fy):
    """One bilinear mask value, rounded half up."""
    p00, p10 = np.float64(mask[y, x]), np.float64(mask[y + 1, x])
    top = p00 + (mask[y, x + 1] - p00) * fx
    bottom = p10 + (mask[y + 1, x + 1] - p10) * fx
    return np.int32(top + (bottom - top) * fy + 0.5)


@njit(**OPTIONS)
def _composite_colour(values, weight, line, line_alpha, column, binary):
    """Draw one RGB pixel over the canvas; a canvas pixel of (0, 0, 0) counts as empty."""
    if weight == 255 or (binary and weight > 0):
        for k in range(3):
            line[column, k] = values[k]
        line_alpha[column] = 255
        return
    empty = line[column, 0] == 0 and line[column, 1] == 0 and line[column, 2] == 0
    if binary or (weight == 0 and not empty):
        return
    source_alpha = weight / 255.0
    below, rest = line_alpha[column] / 255.0, 1.0 - source_alpha
    total = source_alpha if empty else source_alpha + below * rest
    for k in range(3):
        if empty:
            value = values[k] * source_alpha
        elif total > 0.0:
            value = (values[k] * source_alpha + line[column, k] * below * rest) / total
        else:
            value = 0.0
        line[column, k] = np.int32(value + 0.5)
    line_alpha[column] = np.uint8(np.int32(total * 255.0))
