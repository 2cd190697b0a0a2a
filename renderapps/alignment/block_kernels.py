"""Compiled products of matrices of blocks of three by three with two vectors at once.

The matrix passes through memory once for both vectors, which is what takes the time; scipy reads it
once for each. Importing this module imports numba (half a second): import it inside functions.
"""

# numba infers the types of compiled functions; annotations would say nothing to it
# ruff: noqa: ANN001, ANN201
# mypy: ignore-errors

from __future__ import annotations

from renderapi.rendering.compiler import njit

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**OPTIONS)
def two_products(pointers, columns, blocks, rows, out):
    """Set `out` to the products of a matrix and each of two rows.

    Parameters
    ----------
    pointers, columns : (M + 1,), (N,) integer arrays
        Of scipy's bsr matrices.
    blocks : (N, 3, 3) array
    rows : (2, 3 n) array
    out : (2, 3 M) array of the type of the blocks
        Written to.
    """
    zero = out.dtype.type(0)
    for i in range(len(pointers) - 1):
        a0, a1, a2, b0, b1, b2 = zero, zero, zero, zero, zero, zero
        for k in range(pointers[i], pointers[i + 1]):
            block, j = blocks[k], 3 * columns[k]
            x0, x1, x2 = rows[0, j], rows[0, j + 1], rows[0, j + 2]
            y0, y1, y2 = rows[1, j], rows[1, j + 1], rows[1, j + 2]
            a0 += block[0, 0] * x0 + block[0, 1] * x1 + block[0, 2] * x2
            a1 += block[1, 0] * x0 + block[1, 1] * x1 + block[1, 2] * x2
            a2 += block[2, 0] * x0 + block[2, 1] * x1 + block[2, 2] * x2
            b0 += block[0, 0] * y0 + block[0, 1] * y1 + block[0, 2] * y2
            b1 += block[1, 0] * y0 + block[1, 1] * y1 + block[1, 2] * y2
            b2 += block[2, 0] * y0 + block[2, 1] * y1 + block[2, 2] * y2
        out[0, 3 * i], out[0, 3 * i + 1], out[0, 3 * i + 2] = a0, a1, a2
        out[1, 3 * i], out[1, 3 * i + 1], out[1, 3 * i + 2] = b0, b1, b2
