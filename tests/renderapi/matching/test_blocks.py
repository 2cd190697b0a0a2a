"""Blocks matched over distorted overlaps."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from renderapi.matching.blocks import BlockParameters, block_grid, match_blocks
from renderapi.matching.models import apply


def placed(texture, p_to_q, side=300, seed=0):
    """p, and q such that q at p_to_q(x) shows what p shows at x."""
    scene = texture(2 * side, 2 * side, seed)
    low = side // 4
    p = scene[low : low + side, low : low + side]
    back = np.linalg.inv(p_to_q)
    swap = np.array([[0, 1], [1, 0]])
    linear = swap @ back[:2, :2] @ swap
    q = affine_transform(scene, linear, back[1::-1, 2] + low, (side, side), order=5)
    return p, q


def test_blocks_follow_an_affine_distortion(texture):
    true = np.array([[1.004, 0.006, -180.3], [-0.005, 0.997, 4.6], [0, 0, 1.0]])
    p, q = placed(texture, true)
    rough = np.eye(3)
    rough[:2, 2] = [-180, 5]
    shown = np.ones(p.shape, bool)
    found = match_blocks(p, q, shown, shown, rough)
    assert len(found.p) == found.tried >= 10
    assert np.abs(apply(true, found.p) - found.q).max() < 0.15
    assert found.weights.min() > 0.8


def test_blocks_of_unrelated_pictures_are_not_found(texture):
    p, q = texture(300, 300, 1), texture(300, 300, 2)
    rough = np.eye(3)
    rough[0, 2] = -150
    shown = np.ones(p.shape, bool)
    found = match_blocks(p, q, shown, shown, rough, BlockParameters(spacing=32))
    assert found.tried >= 20
    assert len(found.p) <= 1


def test_blocks_in_masked_areas_are_not_tried(texture):
    true = np.eye(3)
    true[0, 2] = -150
    p, q = placed(texture, true)
    p_shown, q_shown = np.ones(p.shape, bool), np.ones(q.shape, bool)
    p_shown[:150] = False
    found = match_blocks(p, q, p_shown, q_shown, true)
    assert len(found.p) and (found.p[:, 1] > 150).all()


def test_thin_overlaps_get_long_blocks():
    common = np.zeros((400, 300), bool)
    common[:, 280:] = True
    centres, (height, width) = block_grid(common, BlockParameters())
    assert (width, height) == (14, 256)
    assert (centres[:, 0] - width / 2 >= 279).all()
    common[:] = False
    common[:, 295:] = True
    assert not len(block_grid(common, BlockParameters())[0])
    assert not len(block_grid(np.zeros((9, 9), bool), BlockParameters())[0])


def test_the_number_of_blocks_is_bounded():
    centres, _ = block_grid(np.ones((2000, 2000), bool), BlockParameters(max_blocks=100))
    assert 50 < len(centres) <= 121
    assert centres == pytest.approx(np.rint(centres))


def test_blocks_keep_from_the_rim_so_that_they_can_be_moved_to_all_sides():
    common = np.zeros((256, 300), bool)
    common[:, 250:] = True
    small = BlockParameters(size=32, spacing=24, radius=8)
    for inset, least in ((0, 250), (6, 256), (99, 256)):  # never more than an eighth: 50 // 8
        centres, (_, width) = block_grid(common, replace(small, inset=inset))
        assert centres[:, 0].min() - width / 2 == pytest.approx(least, abs=0.5)
