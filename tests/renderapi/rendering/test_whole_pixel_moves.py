"""Tiles moved by whole pixels are copied: the same as interpolating, at the borders too."""

import numpy as np
import pytest

from renderapi.rendering import kernels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (-3, 2), (5, -4), (40, 0), (-40, -40)])
@pytest.mark.parametrize("origin", [(0.0, 0.0), (-7.0, 1024.0)])
def test_a_copy_is_what_clamped_indexing_gives(dtype, nearest, dx, dy, origin):
    source = (np.random.default_rng(1).random((9, 13)) * 250).astype(dtype)
    canvas = np.zeros((6, 17), dtype)
    spans = np.array([(row + 2, 1, 15, 0) for row in range(5)], np.int32)
    # columns and rows of the canvas are at (column + x, row + y) in global coordinates
    inverse = np.array([[1.0, 0.0, dx - origin[0], 0.0, 1.0, dy - origin[1]]])
    kernels.paint(source, canvas, 2, spans, len(spans), inverse, *origin, nearest)
    rows = np.clip(np.arange(2, 7) + dy, 0, 8)
    columns = np.clip(np.arange(1, 16) + dx, 0, 12)
    np.testing.assert_array_equal(canvas[:5, 1:16], source[np.ix_(rows, columns)])
    assert not canvas[5].any() and not canvas[:, 0].any() and not canvas[:, 16].any()


def test_a_move_by_parts_of_pixels_is_interpolated():
    source = np.array([[0, 100, 200], [0, 100, 200]], np.uint8)
    canvas = np.zeros((1, 2), np.uint8)
    spans = np.array([(0, 0, 1, 0)], np.int32)
    inverse = np.array([[1.0, 0.0, 0.25, 0.0, 1.0, 0.0]])
    kernels.paint(source, canvas, 0, spans, 1, inverse, 0.0, 0.0, False)
    assert canvas.tolist() == [[25, 125]]
