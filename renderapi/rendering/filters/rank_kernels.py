"""The compiled loop of medians over a disc."""

# numba infers the types of compiled functions; annotations would say nothing to it
# ruff: noqa: ANN001, ANN201

from __future__ import annotations

from typing import Any

from renderapi.rendering.compiler import njit

OPTIONS: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**OPTIONS)
def medians(padded, half, top, bottom, fine, coarse, bits, result):
    """Medians of rows `top` to `bottom` of a plane of ranks, by a histogram that slides along.

    T. S. Huang, G. J. Yang and G. Y. Tang, "A fast two-dimensional median filtering algorithm"
    (1979), with a coarse histogram of 2^bits values each, so that there may be many ranks.

    Parameters
    ----------
    padded : (h + 2 r, w + 2 r) int64
        Ranks, continued by r pixels on each side.
    half : (2 r + 1,) int64
        Half widths of the rows of the disc.
    fine, coarse : int64
        Histograms, empty before and after.
    result : (h, w) int64
        Gets the ranks in the middle.
    """
    reach = len(half) // 2
    width = result.shape[1]
    count = 0
    for i in range(len(half)):
        count += 2 * half[i] + 1
    for y in range(top, bottom):
        for i in range(len(half)):
            for x in range(reach - half[i], reach + half[i] + 1):
                value = padded[y + i, x]
                fine[value] += 1
                coarse[value >> bits] += 1
        for x in range(width):
            if x > 0:
                for i in range(len(half)):
                    gone = padded[y + i, x - 1 + reach - half[i]]
                    come = padded[y + i, x + reach + half[i]]
                    fine[gone] -= 1
                    coarse[gone >> bits] -= 1
                    fine[come] += 1
                    coarse[come >> bits] += 1
            before = 0
            part = 0
            while before + coarse[part] <= count // 2:
                before += coarse[part]
                part += 1
            value = part << bits
            while before + fine[value] <= count // 2:
                before += fine[value]
                value += 1
            result[y, x] = value
        for i in range(len(half)):
            for x in range(width - 1 + reach - half[i], width + reach + half[i]):
                value = padded[y + i, x]
                fine[value] -= 1
                coarse[value >> bits] -= 1
