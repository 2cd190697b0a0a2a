"""Area means of pictures that come in bands."""

import numpy as np
import pytest

from renderapps.materialize.reduction import area_means, step_of

PARTS = {0.9: 9, 0.75: 3, 2 / 3: 2, 0.3: 3}  # so that a pixel of the result is whole parts wide


def by_area(picture, scale, size):
    """Means written as an integral: each pixel cut into parts x parts."""
    parts = PARTS.get(scale, 1)
    fine = np.kron(picture.astype(np.float64), np.ones((parts, parts)))
    side = round(parts / scale)
    columns, rows = size
    blocks = fine[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return blocks.mean(axis=(1, 3))


@pytest.mark.parametrize("scale", [1 / 2, 1 / 3, 0.2, 1 / 7, 0.3, 2 / 3, 0.75, 0.9])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("heights", [[43], [1] * 43, [5, 20, 2, 16]])
def test_bands_together_are_the_means_of_the_whole(scale, dtype, heights):
    rng = np.random.default_rng(3)
    picture = rng.integers(0, np.iinfo(dtype).max, (43, 31), dtype, endpoint=True)
    size = (int(31 * scale), int(43 * scale))
    bands = np.split(picture, np.cumsum(heights)[:-1])
    found = list(area_means(bands, scale, size, 4))
    assert [len(band) for band in found[:-1]] == [4] * (len(found) - 1)
    assert all(band.dtype == dtype for band in found)
    expected = by_area(picture, scale, size)
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=0, atol=0.5 + 1e-6)
    if step_of(scale).is_integer():
        np.testing.assert_array_equal(np.concatenate(found), np.floor(expected + 0.5))


def test_halves_are_rounded_up_and_whole_steps_are_whole():
    picture = np.array([[0, 1, 5, 5], [0, 1, 5, 6]], np.uint8)
    assert np.concatenate(list(area_means([picture], 0.5, (2, 1), 9))).tolist() == [[1, 5]]
    assert (step_of(1 / 3), step_of(0.1), step_of(0.3)) == (3.0, 10.0, 1 / 0.3)
