"""The stage's error, learnt from some tiles and applied to others."""

import numpy as np
import pytest

from renderapps.alignment.stage_model import (
    GROUP,
    MATCHES,
    STAGE,
    STAGE_MODEL,
    fit_stage,
    placed,
    unmoved,
    whole_pixels,
)

TURN = np.array([[0.01, -0.035], [0.035, -0.004]])


def grid(rows, columns, step=230.0):
    return np.array([[c * step, r * step] for r in range(rows) for c in range(columns)])


def test_a_turned_and_sheared_stage_is_recovered_exactly():
    centres = grid(4, 5)
    model = fit_stage(centres, centres @ TURN.T + [7, -3], np.zeros(20, int))
    assert model.kind == "affine"
    np.testing.assert_allclose(model.linear, TURN, atol=1e-9)
    assert model.spread < 1e-6


def test_few_small_groups_do_not_turn_the_stage():
    """A turn fitted to pairs of neighbours that lie at random moves far tiles by tens of pixels."""
    pairs, scattered = np.array([0, 1, 3, 4, 10, 15, 13, 18]), np.arange(0, 20, 3)
    turn = np.array([[0, -0.035], [0.035, 0]])
    by_chance, turned = 0, 0
    for seed in range(40):
        miss = np.random.default_rng(seed).uniform(-7.7, 7.7, (8, 2))
        centres = grid(4, 5)[pairs]
        by_chance += fit_stage(centres, miss, np.repeat(range(4), 2)).kind != "shift"
        centres = grid(4, 5)[scattered]
        turned += fit_stage(centres, miss[:7] + centres @ turn.T, np.zeros(7, int)).kind != "shift"
    assert by_chance <= 4
    assert turned >= 35


def test_groups_have_shifts_of_their_own_and_share_the_rest():
    centres = grid(4, 6)
    groups = np.tile([0, 0, 0, 1, 1, 1], 4)
    moves = centres @ TURN.T + np.where(groups[:, None] == 1, [40, 5], [0, 0])
    np.testing.assert_allclose(fit_stage(centres, moves, groups).linear, TURN, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_two_exchanged_tiles_do_not_spoil_the_fit(seed):
    rng = np.random.default_rng(seed)
    centres = grid(4, 5)
    moves = centres @ TURN.T + rng.normal(0, 2, centres.shape)
    moves[[7, 11]] += [[230, -230], [-230, 230]]
    model = fit_stage(centres, moves, np.zeros(20, int))
    far = (model.linear - TURN) @ [500, 400]
    assert np.linalg.norm(far) < 4


def test_chance_alone_is_taken_for_no_model():
    rng = np.random.default_rng(1)
    kinds = [
        fit_stage(grid(3, 3), rng.normal(0, 3, (9, 2)), np.zeros(9, int)).kind for _ in range(20)
    ]
    assert kinds.count("shift") >= 10


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_tiles_tell_nothing(count):
    model = fit_stage(grid(1, 5)[:count], np.full((count, 2), 4.0), np.zeros(count, int))
    assert model.kind == "shift"
    assert not model.linear.any()


def test_a_row_of_tiles_tells_of_turns_and_scale_but_not_of_shear():
    centres = grid(1, 6)
    model = fit_stage(centres, centres @ np.array([[0.01, 0.0], [0.03, 0.0]]).T, np.zeros(6, int))
    assert model.kind == "similarity"
    np.testing.assert_allclose(model.linear, [[0.01, -0.03], [0.03, 0.01]], atol=1e-9)


def test_tiles_and_groups_are_brought_to_the_largest_group():
    centres = grid(4, 6)
    groups = np.tile([0, 0, 0, 9, 2, 2], 4)  # column 3 has no matches
    groups[3::6] = [20, 21, 22, 23]
    truth = centres @ TURN.T + [5, 5]
    moves = truth.copy()
    moves[np.isin(groups, [2])] -= moves[groups == 2].mean(axis=0)  # as an anchored solve has it
    moves[groups > 2] = 0
    model = fit_stage(centres[groups < 3], moves[groups < 3], groups[groups < 3])
    more, rules = placed(model, centres, moves, groups)
    np.testing.assert_allclose(moves + more, truth, atol=1e-6)
    assert rules == [MATCHES, MATCHES, MATCHES, STAGE_MODEL, GROUP, GROUP] * 4


def test_without_any_matches_tiles_stay():
    model = fit_stage(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, int))
    more, rules = placed(model, grid(1, 3), np.zeros((3, 2)), np.arange(3))
    assert not more.any()
    assert rules == [STAGE] * 3
    assert placed(model, np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, int))[1] == []


def test_the_model_that_moves_nothing():
    more, rules = placed(unmoved(), grid(1, 3), np.zeros((3, 2)), np.array([0, 0, 1]))
    assert not more.any()
    assert rules == [MATCHES, MATCHES, STAGE]


def test_a_common_fraction_of_a_pixel_is_taken_away():
    origins = np.array([[462.56, 10.25], [700.56, 11.25], [12.5, 0.0]])
    shifts = whole_pixels(origins, [0, 0, 1])
    np.testing.assert_array_equal(origins + shifts, np.rint(origins + shifts))
    assert np.abs(shifts).max() <= 0.5
    np.testing.assert_allclose(shifts[0], shifts[1], atol=1e-12)


def test_fractions_between_tiles_are_kept():
    origins = np.array([[0.2, 0.0], [100.7, 0.0], [200.9, 0.0]])
    moved = origins + whole_pixels(origins, [0, 0, 0])
    np.testing.assert_allclose(np.diff(moved, axis=0), np.diff(origins, axis=0), atol=1e-12)
