"""Points that stand for the one shift of an overlap."""

import numpy as np

from renderapi.matching.one_shift import grid_points


def test_grid_points_fill_the_overlap_in_its_shape():
    common = np.zeros((300, 200), bool)
    common[:, 190:] = True
    points = grid_points(common)
    assert len(points) == 36 and (points[:, 0] >= 190).all()
    assert len(np.unique(points[:, 0])) == 3 and len(np.unique(points[:, 1])) == 12
    assert len(np.unique(grid_points(np.ones((90, 90), bool))[:, 0])) == 6
    single = np.zeros((50, 50), bool)
    single[7, 9] = True
    assert grid_points(single).tolist() == [[9.0, 7.0]]
    assert not len(grid_points(np.zeros((5, 5), bool)))
