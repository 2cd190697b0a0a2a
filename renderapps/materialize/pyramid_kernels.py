"""Compiled loops of the levels of a volume: sums of 2 x 2 (x 2) voxels, and means of sums.

Importing this module imports numba (half a second): import it inside functions.
"""

# numba infers the types of compiled functions; annotations would say nothing to it
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors

from __future__ import annotations

from renderapi.rendering.compiler import njit

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**OPTIONS)
def add_reduced(values, sums, z_start, y_start, x_start, z_factor):
    """Add values to the sums of the blocks that they lie in.

    Parameters
    ----------
    values : (z, y, x) array
        Pixels, or sums of a finer level.
    sums : (Z, Y, X) array of a type that holds the sums
        Added to.
    z_start, y_start, x_start : int
        Where value (0, 0, 0) lies, counted from the first corner of sum (0, 0, 0): at y and x
        block (y_start + y) // 2, (x_start + x) // 2.
    z_factor : int
        1 or 2 planes to a block.
    """
    depth, height = values.shape[:2]
    for z in range(depth):
        plane = sums[(z_start + z) // z_factor]
        y = 0
        while y < height:
            row = plane[(y_start + y) // 2]
            paired = (y_start + y) % 2 == 0 and y + 1 < height
            if paired and x_start % 2 == 0:
                _add_pairs(values[z, y], values[z, y + 1], row, x_start // 2)
            else:
                _add_row(values[z, y], row, x_start)
                if paired:
                    _add_row(values[z, y + 1], row, x_start)
            y += 2 if paired else 1


@njit(**OPTIONS)
def _add_pairs(upper, lower, row, first):
    """Add two rows that begin with a block."""
    pairs = upper.shape[0] // 2
    # slices of known length, which the compiler turns into vector code: five times as fast
    above, below, target = upper[: 2 * pairs], lower[: 2 * pairs], row[first : first + pairs]
    for k in range(pairs):
        target[k] += above[2 * k] + above[2 * k + 1] + below[2 * k] + below[2 * k + 1]
    if upper.shape[0] % 2:
        row[first + pairs] += upper[2 * pairs] + lower[2 * pairs]


@njit(**OPTIONS)
def _add_row(values, row, x_start):
    """Add one row that begins anywhere."""
    for x in range(values.shape[0]):
        row[(x_start + x) // 2] += values[x]


@njit(**OPTIONS)
def divide(sums, means, shift, z_stop, y_stop, x_stop):
    """Means of sums of 2^shift values, halves rounded up; up to the stops along each axis."""
    half = (1 << shift) >> 1
    for z in range(z_stop):
        for y in range(y_stop):
            row, target = sums[z, y][:x_stop], means[z, y][:x_stop]
            for x in range(x_stop):
                target[x] = (row[x] + half) >> shift


@njit(**OPTIONS)
def divide_counted(sums, means, z_counts, y_counts, x_counts):
    """Means of sums of z_counts[z] * y_counts[y] * x_counts[x] values, halves rounded up."""
    depth, height, width = sums.shape
    for z in range(depth):
        for y in range(height):
            lines = z_counts[z] * y_counts[y]
            for x in range(width):
                means[z, y, x] = int(float(sums[z, y, x]) / (lines * x_counts[x]) + 0.5)
