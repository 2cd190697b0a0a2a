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
def _on_canvas(x, y, chain, scale, shift_x, shift_y):
    """Canvas position of a full-scale pixel: each affine in its turn, the window last."""
    for k in range(chain.shape[0]):
        m = chain[k]
        x, y = x * m[0, 0] + y * m[0, 1] + m[0, 2], x * m[1, 0] + y * m[1, 1] + m[1, 2]
    return x * scale + shift_x, y * scale + shift_y


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
    target = np.empty((len(rows) * len(columns), 2))
    k = 0
    for y in rows:
        for x in columns:
            target[k, 0], target[k, 1] = _on_canvas(x, y, chain, scale, shift_x, shift_y)
            k += 1
    return fitted_scale(columns, rows, target)


@njit(**OPTIONS)
def fitted_scale(columns, rows, target):
    """Average scale by the places (N, 2) of samples on the canvas, row by row."""
    count = len(target)
    if count < 3:
        return 1.0
    pcx, pcy, qcx, qcy = 0.0, 0.0, 0.0, 0.0
    k = 0
    for y in rows:
        for x in columns:
            pcx += x
            pcy += y
            qcx += target[k, 0]
            qcy += target[k, 1]
            k += 1
    pcx /= count
    pcy /= count
    qcx /= count
    qcy /= count
    a00, a01, a11, b00, b01, b10, b11 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    k = 0
    for y in rows:
        for x in columns:
            px, py = x - pcx, y - pcy
            qx, qy = target[k, 0] - qcx, target[k, 1] - qcy
            a00 += px * px
            a01 += px * py
            a11 += py * py
            b00 += px * qx
            b01 += px * qy
            b10 += py * qx
            b11 += py * qy
            k += 1
    return _longest_step(a00, a01, a11, b00, b01, b10, b11)
