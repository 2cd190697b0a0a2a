"""The compiled loops of the level choice: sums in the order of the samples, nothing rearranged."""

# numba infers the types of compiled functions; annotations would say nothing to it
# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors

from __future__ import annotations

import math

import numpy as np

from renderapi.rendering.compiler import njit

OPTIONS = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**OPTIONS)
def _map(u, v, a, b, c, d, e, f):
    """Positions (N,), (N,) through one affine, in place."""
    for k in range(len(u)):
        x, y = u[k], v[k]
        u[k] = x * a + y * b + c
        v[k] = x * d + y * e + f


@njit(**OPTIONS)
def _longest_step(a00, a01, a11, b00, b01, b10, b11):
    """Longer image of a unit step under the solution of the normal equations; 1 without one."""
    determinant = a00 * a11 - a01 * a01
    if determinant == 0.0:
        return 1.0
    m00 = (a11 * b00 - a01 * b10) / determinant
    m01 = (a00 * b10 - a01 * b00) / determinant
    m10 = (a11 * b01 - a01 * b11) / determinant
    m11 = (a00 * b11 - a01 * b01) / determinant
    across = m00 * m00 + m10 * m10
    down = m01 * m01 + m11 * m11
    return math.sqrt(max(across, down))


@njit(**OPTIONS)
def affine_scale(columns, rows, chain, scale, shift_x, shift_y):
    """Average scale of a tile under a chain of affines (K, 3, 3) and a window."""
    count, width = len(rows) * len(columns), len(columns)
    u, v = np.empty(count), np.empty(count)
    for j in range(len(rows)):
        u[j * width : (j + 1) * width] = columns
        v[j * width : (j + 1) * width] = rows[j]
    for k in range(len(chain)):
        a, b, c = chain[k, 0, 0], chain[k, 0, 1], chain[k, 0, 2]
        _map(u, v, a, b, c, chain[k, 1, 0], chain[k, 1, 1], chain[k, 1, 2])
    _map(u, v, scale, 0.0, shift_x, 0.0, scale, shift_y)
    return fitted_scale(columns, rows, u, v)


@njit(**OPTIONS)
def fitted_scale(columns, rows, u, v):
    """Average scale by the places (N,), (N,) of samples on the canvas, row by row."""
    count = len(u)
    if count < 3:
        return 1.0
    pcx, pcy, qcx, qcy = 0.0, 0.0, 0.0, 0.0
    k = 0
    for j in range(len(rows)):
        for i in range(len(columns)):
            pcx += columns[i]
            pcy += rows[j]
            qcx += u[k]
            qcy += v[k]
            k += 1
    pcx /= count
    pcy /= count
    qcx /= count
    qcy /= count
    a00, a01, a11, b00, b01, b10, b11 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    k = 0
    for j in range(len(rows)):
        py = rows[j] - pcy
        for i in range(len(columns)):
            px = columns[i] - pcx
            qx, qy = u[k] - qcx, v[k] - qcy
            a00 += px * px
            a01 += px * py
            a11 += py * py
            b00 += px * qx
            b01 += px * qy
            b10 += py * qx
            b11 += py * qy
            k += 1
    return _longest_step(a00, a01, a11, b00, b01, b10, b11)
