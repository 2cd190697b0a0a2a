"""The compiled loops: polygons -> spans of pixels, and spans -> painted canvas.

A *span* is a run of canvas pixels of one row that lies inside one polygon: (row, first column,
last column, polygon). A polygon maps to the source image by one affine

    u = a * gx + (c + b * gy)        v = d * gx + (f + e * gy)

where (gx, gy) = (column + origin_x, row + origin_y) is the pixel in *global canvas* coordinates
(world times scale), so the same world gives the same numbers whatever the window. (u, v) are
pixels of the source, integers at pixel centres, clamped to the image.

Sampling and compositing follow the text of the service's rendering rules to the last bit, in
float64 without contraction. Everything releases the interpreter lock and is cached on disk.
Importing this module imports numba (half a second): import it inside functions.
"""

# numba infers the types of compiled functions; annotations would say nothing to it
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from llvmlite import ir

from renderapi.rendering.compiler import intrinsic, njit, overload, types

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}
BLOCK = 256
CELL = 32


def _loader(bits: int):
    """Intrinsic that loads `bits` bits at an element of an array, zero-extended, unaligned."""

    @intrinsic
    def load(typing_context, array, element):
        def generate(context, builder, signature, arguments):
            view = context.make_array(signature.args[0])(context, builder, arguments[0])
            address = builder.gep(view.data, [arguments[1]])
            word = builder.load(builder.bitcast(address, ir.IntType(bits).as_pointer()))
            word.align = 1
            return builder.zext(word, ir.IntType(32)) if bits < 32 else word

        return types.uint32(array, types.int64), generate

    return load


_load16 = _loader(16)
_load32 = _loader(32)


@njit(**OPTIONS)
def polygon_spans(polygons, origin_x, origin_y, x_stop, y_start, y_stop, spans):
    """Write the spans of convex polygons, edges included, whatever their orientation.

    Parameters
    ----------
    polygons : (N, K, 2) float64
        Corners in global canvas coordinates, in painting order; non-finite or flat ones are
        skipped.
    origin_x, origin_y : float
        Global coordinates of canvas pixel (0, 0).
    x_stop, y_start, y_stop : int
        Columns 0 to `x_stop` - 1 and rows `y_start` to `y_stop` - 1 are kept.
    spans : (M, 4) int32
        Filled with (row, first column, last column, polygon).

    Returns
    -------
    int
        Number of spans written.
    """
    count = 0
    corners = polygons.shape[1]
    for n in range(polygons.shape[0]):
        polygon = polygons[n]
        area = 0.0
        top = np.inf
        bottom = -np.inf
        for k in range(corners):
            x0, y0 = polygon[k, 0], polygon[k, 1]
            following = k + 1 if k + 1 < corners else 0
            # about the first corner, so that far-away polygons keep their sign
            area += (x0 - polygon[0, 0]) * (polygon[following, 1] - polygon[0, 1])
            area -= (polygon[following, 0] - polygon[0, 0]) * (y0 - polygon[0, 1])
            top = min(top, y0)
            bottom = max(bottom, y0)
        if not (area > 0.0 or area < 0.0) or not np.isfinite(area):
            continue
        sign = 1.0 if area > 0.0 else -1.0
        first_row = y_start if top - origin_y < y_start else np.int64(np.ceil(top - origin_y)) - 1
        last_row = y_stop - 1 if bottom - origin_y > y_stop - 1 else np.int64(bottom - origin_y) + 1
        for row in range(max(first_row, y_start), min(last_row, y_stop - 1) + 1):
            left, right = _span(polygon, sign, row + origin_y, origin_x, x_stop)
            if left <= right and count < spans.shape[0]:
                spans[count, 0] = row
                spans[count, 1] = left
                spans[count, 2] = right
                spans[count, 3] = n
                count += 1
    return count


@njit(**OPTIONS)
def _side(edge_x, edge_y, corner_x, corner_y, gx, gy):
    """Cross product of an edge with the vector to a pixel; monotone in gx, also when rounded."""
    return edge_x * (gy - corner_y) - edge_y * (gx - corner_x)


@njit(**OPTIONS)
def _span(polygon, sign, gy, origin_x, x_stop):
    """First and last column of one row inside a polygon (first > last when there is none)."""
    left = 0
    right = x_stop - 1
    corners = polygon.shape[0]
    for k in range(corners):
        following = k + 1 if k + 1 < corners else 0
        x, y = polygon[k, 0], polygon[k, 1]
        edge_x = sign * (polygon[following, 0] - x)
        edge_y = sign * (polygon[following, 1] - y)
        if edge_y == 0.0:
            if edge_x * (gy - y) < 0.0:
                return 1, 0
            continue
        crossing = x + edge_x * (gy - y) / edge_y - origin_x
        # a first guess by division, then the exact test decides
        guess = np.int64(min(max(crossing, -1.0), float(x_stop)))
        if edge_y < 0.0:
            bound = max(guess, left)
            while bound <= right and _side(edge_x, edge_y, x, y, bound + origin_x, gy) < 0.0:
                bound += 1
            while bound > left and _side(edge_x, edge_y, x, y, bound - 1 + origin_x, gy) >= 0.0:
                bound -= 1
            left = bound
        else:
            bound = min(guess, right)
            while bound >= left and _side(edge_x, edge_y, x, y, bound + origin_x, gy) < 0.0:
                bound -= 1
            while bound < right and _side(edge_x, edge_y, x, y, bound + 1 + origin_x, gy) >= 0.0:
                bound += 1
            right = bound
        if left > right:
            return 1, 0
    return left, right


@njit(**OPTIONS)
def hide_spans(spans, count, covered, first_row):
    """Shorten the spans of a tile by what later tiles overwrite, then count them as covering.

    Parameters
    ----------
    spans, count : from `polygon_spans` of one polygon; shortened in place
    covered : (rows, 2) int32
        First and last column of one run of every row that later tiles overwrite (first > last:
        none); extended by the spans.
    first_row : int
        Row of the spans that row 0 of `covered` is.

    Returns
    -------
    int
        Number of spans that can be seen. One that is covered in its middle only is kept whole.
    """
    kept = 0
    for s in range(count):
        row, first, last = spans[s, 0], spans[s, 1], spans[s, 2]
        left, right = covered[row - first_row, 0], covered[row - first_row, 1]
        if left > right or (first <= right + 1 and last >= left - 1):
            covered[row - first_row, 0] = min(left, first) if left <= right else first
            covered[row - first_row, 1] = max(right, last) if left <= right else last
        elif last - first > right - left:  # apart from the run: the longer of the two is kept
            covered[row - first_row, 0] = first
            covered[row - first_row, 1] = last
        if left <= first <= right:
            first = right + 1
        if left <= last <= right:
            last = left - 1
        if first <= last:
            spans[kept, 0], spans[kept, 1] = row, first
            spans[kept, 2], spans[kept, 3] = last, spans[s, 3]
            kept += 1
    return kept


@njit(**OPTIONS)
def _is_inside(n, column, origin_x, slope, constant, last):
    """Whether `n` positions along a row, monotone also when rounded, lie in [0, last)."""
    first = slope * (float(column) + origin_x) + constant
    final = slope * (float(column + n - 1) + origin_x) + constant
    return first >= 0.0 and final >= 0.0 and first < last and final < last


@njit(**OPTIONS)
def _locate(n, column, origin_x, a, ku, d, kv, width, height, xs, ys, fx, fy):
    """Base pixels and fractions of `n` pixels from `column`; 1 at the far border."""
    last_x, last_y = float(width - 1), float(height - 1)
    start = np.int32(column)
    if _is_inside(n, column, origin_x, a, ku, last_x) and _is_inside(
        n, column, origin_x, d, kv, last_y
    ):
        for i in range(n):  # without bounds, and counted in 32 bits, which vectorises
            gx = float(np.int32(start + i)) + origin_x
            u = a * gx + ku
            v = d * gx + kv
            x = np.int32(u)
            y = np.int32(v)
            xs[i] = x
            ys[i] = y
            fx[i] = u - x
            fy[i] = v - y
        return
    base_x, base_y = np.int32(width - 2), np.int32(height - 2)
    for i in range(n):
        gx = float(np.int32(start + i)) + origin_x
        u = min(max(a * gx + ku, 0.0), last_x)
        v = min(max(d * gx + kv, 0.0), last_y)
        x = min(np.int32(u), base_x)
        y = min(np.int32(v), base_y)
        xs[i] = x
        ys[i] = y
        fx[i] = u - x
        fy[i] = v - y


@njit(**OPTIONS)
def _locate_nearest(n, column, origin_x, a, ku, d, kv, width, height, xs, ys):
    """Nearest source pixels of `n` canvas pixels from `column`."""
    for i in range(n):
        gx = float(column + i) + origin_x
        u = a * gx + ku + 0.5
        v = d * gx + kv + 0.5
        u = u if u > 0.0 else 0.0
        v = v if v > 0.0 else 0.0
        xs[i] = np.int32(min(u, float(width - 1)))
        ys[i] = np.int32(min(v, float(height - 1)))


def _sample(source, n, xs, ys, fx, fy, upper, lower, out):
    """Bilinear values of `n` located pixels; 8 and 16 bit are rounded half up."""
    raise NotImplementedError("compiled per pixel type")


@overload(_sample, jit_options={"nogil": True, "error_model": "numpy"})
def _sample_overload(source, n, xs, ys, fx, fy, upper, lower, out):
    if source.dtype == types.uint8:
        return _sample_8
    if source.dtype == types.uint16:
        return _sample_16
    return _sample_float


def _sample_8(source, n, xs, ys, fx, fy, upper, lower, out):
    width = np.int64(source.shape[1])
    for i in range(n):  # the four neighbours in one word, so that the loop below vectorises
        k = np.int64(ys[i]) * width + np.int64(xs[i])
        upper[i] = _load16(source, k) | (_load16(source, k + width) << np.uint32(16))
    for i in range(n):
        word = upper[i]
        p00 = float(np.int32(word & np.uint32(255)))
        p01 = float(np.int32((word >> np.uint32(8)) & np.uint32(255)))
        p10 = float(np.int32((word >> np.uint32(16)) & np.uint32(255)))
        p11 = float(np.int32(word >> np.uint32(24)))
        top = p00 + (p01 - p00) * fx[i]
        bottom = p10 + (p11 - p10) * fx[i]
        out[i] = np.uint8(np.int32(top + (bottom - top) * fy[i] + 0.5))


def _sample_16(source, n, xs, ys, fx, fy, upper, lower, out):
    width = np.int64(source.shape[1])
    for i in range(n):
        k = np.int64(ys[i]) * width + np.int64(xs[i])
        upper[i] = _load32(source, k)
        lower[i] = _load32(source, k + width)
    for i in range(n):
        p00 = float(np.int32(upper[i] & np.uint32(65535)))
        p01 = float(np.int32(upper[i] >> np.uint32(16)))
        p10 = float(np.int32(lower[i] & np.uint32(65535)))
        p11 = float(np.int32(lower[i] >> np.uint32(16)))
        top = p00 + (p01 - p00) * fx[i]
        bottom = p10 + (p11 - p10) * fx[i]
        out[i] = np.uint16(np.int32(top + (bottom - top) * fy[i] + 0.5))


def _sample_float(source, n, xs, ys, fx, fy, upper, lower, out):
    for i in range(n):
        x, y = np.int64(xs[i]), np.int64(ys[i])
        top = _mix(source[y, x], source[y, x + 1], fx[i])
        bottom = _mix(source[y + 1, x], source[y + 1, x + 1], fx[i])
        out[i] = np.float32(_mix(top, bottom, fy[i]))


@njit(**OPTIONS)
def _mix(first, second, fraction):
    """Linear interpolation that never looks at a neighbour of weight 0 (it may be NaN)."""
    if fraction == 0.0:
        return np.float64(first)
    if fraction == 1.0:
        return np.float64(second)
    return first + (np.float64(second) - first) * fraction


@njit(**OPTIONS)
def _copy(source, row, shift, out):
    """Copy pixels `shift`, shift + 1, ... of a row of the source, those at its ends repeated."""
    last_row, last = source.shape[0] - 1, source.shape[1] - 1
    line = source[min(max(np.int64(row), 0), last_row)]
    first = np.int64(shift)
    start = min(max(-first, 0), out.shape[0])
    stop = max(min(last + 1 - first, out.shape[0]), start)
    for i in range(start):
        out[i] = line[0]
    inside, target = line[first + start : first + stop], out[start:stop]
    for i in range(stop - start):  # an assignment of slices would copy twice
        target[i] = inside[i]
    for i in range(stop, out.shape[0]):
        out[i] = line[last]


@njit(**OPTIONS)
def paint(source, canvas, canvas_row, spans, count, inverses, origin_x, origin_y, nearest):
    """Overwrite the spans of a grey canvas with the source.

    Parameters
    ----------
    source : (h, w) uint8, uint16 or float32, C order, h and w >= 2
    canvas : (rows, columns), the same type, written to
    canvas_row : int
        Row of the spans that row 0 of `canvas` is.
    spans, count : from `polygon_spans`
    inverses : (N, 6) float64
        a, b, c, d, e, f of each polygon.
    origin_x, origin_y : float
        Global coordinates of pixel (0, 0) of the spans.
    nearest : bool
        Take the nearest pixel instead of interpolating.
    """
    height, width = source.shape
    xs, ys = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    fx, fy = np.empty(BLOCK), np.empty(BLOCK)
    upper, lower = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    for s in range(count):
        row, first, last, polygon = spans[s, 0], spans[s, 1], spans[s, 2], spans[s, 3]
        gy = row + origin_y
        a, d = inverses[polygon, 0], inverses[polygon, 3]
        ku = inverses[polygon, 2] + inverses[polygon, 1] * gy
        kv = inverses[polygon, 5] + inverses[polygon, 4] * gy
        shift = origin_x + ku
        if (
            a == 1.0
            and d == 0.0
            and np.floor(kv) == kv
            and (np.floor(origin_x) == origin_x and np.floor(ku) == ku)
        ):  # moved by whole pixels: what interpolation gives, to the last bit
            _copy(source, kv, first + shift, canvas[row - canvas_row, first : last + 1])
            continue
        for column in range(first, last + 1, BLOCK):
            n = min(BLOCK, last + 1 - column)
            out = canvas[row - canvas_row, column : column + n]
            if nearest:
                _locate_nearest(n, column, origin_x, a, ku, d, kv, width, height, xs, ys)
                for i in range(n):
                    out[i] = source[np.int64(ys[i]), np.int64(xs[i])]
            else:
                _locate(n, column, origin_x, a, ku, d, kv, width, height, xs, ys, fx, fy)
                _sample(source, n, xs, ys, fx, fy, upper, lower, out)


@njit(**OPTIONS)
def fill_spans(plane, canvas_row, spans, count, value):
    """Set the spans of a plane (the alpha plane under an unmasked tile) to one value."""
    for s in range(count):
        plane[spans[s, 0] - canvas_row, spans[s, 1] : spans[s, 2] + 1] = value


@njit(**OPTIONS)
def opaque_cells(mask):
    """Which cells of CELL x CELL pixels of a mask are 255 throughout: (rows, columns) bool."""
    height, width = mask.shape
    cells = np.ones(((height + CELL - 1) // CELL, (width + CELL - 1) // CELL), np.bool_)
    for y in range(height):
        for x in range(width):
            if mask[y, x] != 255:
                cells[y // CELL, x // CELL] = False
    return cells


@njit(**OPTIONS)
def _is_opaque(opaque, xs, ys, n):
    """Whether the pixels between the first and the last of `n` located ones are all opaque."""
    left, right = min(xs[0], xs[n - 1]), max(xs[0], xs[n - 1]) + 1
    top, bottom = min(ys[0], ys[n - 1]), max(ys[0], ys[n - 1]) + 1
    last_row, last_column = opaque.shape[0] - 1, opaque.shape[1] - 1
    for row in range(top // CELL, min(bottom // CELL, last_row) + 1):
        for column in range(left // CELL, min(right // CELL, last_column) + 1):
            if not opaque[row, column]:
                return False
    return True


@njit(**OPTIONS)
def paint_masked(
    source, mask, opaque, canvas, alpha, canvas_row, spans, count, inverses, origin_x, origin_y,
    nearest, binary,
):  # fmt: skip
    """Composite the spans of a grey source with its mask onto a canvas with an alpha plane.

    As `paint`, with the mask (the source's size, uint8) sampled at the same positions. `opaque` is
    the mask's `opaque_cells`: where they hold, the source overwrites. `binary`: where the mask is
    above 0 the canvas is overwritten and opaque, elsewhere it is left.
    """
    height, width = source.shape
    xs, ys = np.empty(BLOCK, np.int32), np.empty(BLOCK, np.int32)
    fx, fy = np.empty(BLOCK), np.empty(BLOCK)
    upper, lower = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint32)
    values, weights = np.empty(BLOCK, source.dtype), np.empty(BLOCK, np.uint8)
    for s in range(count):
        row, first, last, polygon = spans[s, 0], spans[s, 1], spans[s, 2], spans[s, 3]
        gy = row + origin_y
        a, d = inverses[polygon, 0], inverses[polygon, 3]
        ku = inverses[polygon, 2] + inverses[polygon, 1] * gy
        kv = inverses[polygon, 5] + inverses[polygon, 4] * gy
        for column in range(first, last + 1, BLOCK):
            n = min(BLOCK, last + 1 - column)
            out = canvas[row - canvas_row, column : column + n]
            out_alpha = alpha[row - canvas_row, column : column + n]
            if nearest:
                _locate_nearest(n, column, origin_x, a, ku, d, kv, width, height, xs, ys)
                for i in range(n):
                    values[i] = source[np.int64(ys[i]), np.int64(xs[i])]
                    weights[i] = mask[np.int64(ys[i]), np.int64(xs[i])]
                _composite(values, weights, out, out_alpha, n, binary)
                continue
            _locate(n, column, origin_x, a, ku, d, kv, width, height, xs, ys, fx, fy)
            if _is_opaque(opaque, xs, ys, n):
                _sample(source, n, xs, ys, fx, fy, upper, lower, out)
                out_alpha[:] = 255
            else:
                _sample(source, n, xs, ys, fx, fy, upper, lower, values)
                _sample(mask, n, xs, ys, fx, fy, upper, lower, weights)
                _composite(values, weights, out, out_alpha, n, binary)


@njit(**OPTIONS)
def _composite(values, weights, canvas, alpha, n, binary):
    """Draw `n` values over the canvas; a canvas value of 0 counts as empty."""
    for i in range(n):
        weight = weights[i]
        if weight == 255 or (binary and weight > 0):
            canvas[i] = values[i]
            alpha[i] = 255
        elif not binary and (weight > 0 or canvas[i] == 0):
            source_alpha = weight / 255.0
            value = values[i] * source_alpha
            total = source_alpha
            if canvas[i] != 0:
                below, rest = alpha[i] / 255.0, 1.0 - source_alpha
                total += below * rest
                # products from left to right: another order rounds differently once in 10^6
                value = (value + canvas[i] * below * rest) / total if total > 0.0 else 0.0
            canvas[i] = _stored(canvas, value)
            alpha[i] = np.uint8(np.int32(total * 255.0 + 0.5))


def _stored(canvas, value):
    """A composited value as the canvas keeps it: rounded half up unless it is floating."""
    raise NotImplementedError("compiled per pixel type")


@overload(_stored, jit_options={"nogil": True, "error_model": "numpy"})
def _stored_overload(canvas, value):
    if isinstance(canvas.dtype, types.Float):
        return lambda canvas, value: np.float32(value)
    return lambda canvas, value: np.int32(value + 0.5)
