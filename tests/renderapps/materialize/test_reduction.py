"""Sums of full-scale pixels, against sums written as loops over areas."""

import math

import numpy as np
import pytest

from renderapps.materialize.reduction import add_piece, step_of


def expected(picture, step, size):
    """Area sums in exact order of the definition."""
    sums = np.zeros(size)
    for i, j in np.ndindex(*size):
        for y in range(math.floor(i * step), math.ceil((i + 1) * step)):
            for x in range(math.floor(j * step), math.ceil((j + 1) * step)):
                down = min(y + 1, (i + 1) * step) - max(y, i * step)
                across = min(x + 1, (j + 1) * step) - max(x, j * step)
                sums[i, j] += down * across * picture[y, x]
    return sums


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.3, 0.7])
def test_pieces_add_up_to_the_sums_of_areas(scale):
    step = step_of(scale)
    size = (int(40 * scale), int(52 * scale))
    picture = np.random.default_rng(0).integers(0, 65535, (40, 52), np.uint16)
    sums = np.zeros(size, np.uint64 if step.is_integer() else np.float64)
    for y in (0, 16):  # pieces begin with a block where the step is whole
        for x in (0, 24):
            piece = picture[y : (16 if y == 0 else 40), x : (24 if x == 0 else 52)]
            add_piece(sums, (0, 0), piece, (y, x), step)
    np.testing.assert_allclose(sums, expected(picture, step, size), rtol=1e-12)
    part = np.zeros((2, 3), sums.dtype)  # sums that begin elsewhere
    top, left = math.floor(4 * step), math.floor(5 * step)
    piece = picture[top : math.ceil(6 * step), left : math.ceil(8 * step)]
    add_piece(part, (4, 5), piece, (top, left), step)
    np.testing.assert_allclose(part, sums[4:6, 5:8], rtol=1e-12)


def test_a_step_that_is_meant_to_be_whole_is():
    assert (step_of(1 / 3), step_of(0.1), step_of(0.3)) == (3.0, 10.0, 1 / 0.3)
