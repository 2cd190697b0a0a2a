"""Tiles that a solution has moved: the change comes after all that they had."""

import numpy as np
import pytest

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, estimate_dstpts
from renderapps.stitching.montage import affine_from_matrix, moved_tile, moves

POINTS = np.array([[0.0, 0.0], [40.0, 0.0], [7.0, 30.0]])
CHANGE = np.array([[0.0, -1.5, 20.0], [1.2, 0.3, -7.0], [0, 0, 1]])
TURN = AffineModel(M00=0, M01=-1, M10=1, M11=0, B0=4)
STRETCH = AffineModel(M00=2, B1=5)
BEND = Polynomial2DTransform(params=[[0, 1, 0, 1e-3, 0, 0], [0, 0, 1, 0, 0, 2e-3]])


@pytest.mark.parametrize(
    ("tforms", "local", "count"),
    [
        ([TURN, STRETCH], 0, 1),
        ([BEND, TURN, STRETCH], 1, 2),
        ([TURN, BEND], 0, 3),
        ([BEND, TURN], 0, 3),
        ([], 0, 1),
        ([BEND], 1, 2),
    ],
)
def test_the_change_is_applied_after_the_transforms(tforms, local, count):
    tile = TileSpec(tileId="a", z=1, width=40, height=30, tforms=tforms)
    before = estimate_dstpts(tforms, POINTS) if tforms else POINTS
    moved = moved_tile(tile, CHANGE, local)
    assert len(moved.tforms) == count and moved.tforms[:local] == tforms[:local]
    expected = before @ CHANGE[:2, :2].T + CHANGE[:2, 2]
    np.testing.assert_allclose(estimate_dstpts(moved.tforms, POINTS), expected, atol=1e-6)
    assert tile.tforms == tforms  # the tile itself is as it was


def test_matrices_and_how_far_centres_go():
    np.testing.assert_array_equal(affine_from_matrix(CHANGE).M, CHANGE)
    corners = np.array(
        [[[0, 0], [4, 0], [4, 2], [0, 2]], [[8, 0], [12, 0], [12, 2], [8, 2]]], float
    )
    changes = np.stack([np.eye(3), CHANGE])
    expected = [[0, 0], [-1.5 + 20 - 10, 1.2 * 10 + 0.3 - 7 - 1]]
    np.testing.assert_allclose(moves(corners, changes), expected)
