"""Pieces of a tile by its matches: known borders, other sections, bends and wrong matches."""

import numpy as np
import pytest

from renderapps.wrinkle_detection.pieces import NONE, SplitRules, label_matches, sizes

RULES = SplitRules()
WIDTH, HEIGHT = 400, 300


def scattered(count, seed=0):
    return np.random.default_rng(seed).uniform((0, 0), (WIDTH, HEIGHT), (count, 2))


def folded(points, x=250.0, jump=(40.0, -8.0)):
    """World places of a tile whose part right of x has moved and turned a little."""
    c, s = np.cos(0.05), np.sin(0.05)
    turned = (points - [x, 0]) @ np.array([[c, s], [-s, c]]) + [x, 0] + jump
    return np.where(points[:, :1] < x, points, turned)


def test_two_pieces_are_told_apart_and_wrong_matches_are_none():
    points = scattered(300)
    world = folded(points) + np.random.default_rng(1).normal(0, 0.5, points.shape)
    world[::10] += np.random.default_rng(2).uniform(300, 900, (30, 2))
    labels = label_matches(points, world, np.full(300, "1.0"), RULES)
    wrong = np.zeros(300, bool)
    wrong[::10] = True
    truth = np.where(points[:, 0] < 250, 0, 1)
    assert (labels[wrong] == NONE).all()
    assert (labels[~wrong] == truth[~wrong]).mean() > 0.99
    assert sum(sizes(labels).values()) >= 265


@pytest.mark.parametrize("seed", range(4))
def test_a_jump_of_four_times_epsilon_is_found_whatever_its_direction(seed):
    """An affine that leans over the jump has more matches within epsilon than either side."""
    points = scattered(400, seed)
    right = points[:, 0] > 130 + 0.3 * points[:, 1]
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    world = points + np.where(right[:, None], 20 * np.array([np.cos(angle), np.sin(angle)]), 0)
    world += np.random.default_rng(seed + 9).normal(0, 0.5, points.shape)
    labels = label_matches(points, world, np.full(400, "1.0"), RULES)
    assert (labels == (~right if right.sum() > 200 else right)).mean() > 0.99


def test_no_match_of_a_piece_is_lost_to_a_set_that_chance_made():
    """Of noisy matches a third affine explains some of both sides, scattered all over the tile."""
    for seed in range(3):
        points = scattered(390, seed)
        world = folded(points, jump=(20.0, 6.0))
        world += np.random.default_rng(seed).normal(0, 0.5, points.shape)
        labels = label_matches(points, world, np.full(390, "1.0"), RULES)
        assert (labels == NONE).sum() <= 1 and len(sizes(labels)) == 2


def test_a_section_that_lies_elsewhere_makes_no_pieces_of_its_own():
    """The section above is turned by a quarter and sees part of the tile only."""
    points = scattered(300)
    sections = np.where(np.arange(300) % 3 == 0, "2.0", "0.0")
    world = folded(points)
    other = sections == "2.0"
    world[other] = np.stack([-world[other, 1], world[other, 0]], axis=1) + 5000
    labels = label_matches(points, world, sections, RULES)
    assert set(labels) <= {0, 1, NONE}
    truth = np.where(points[:, 0] < 250, 0, 1)
    assert (labels == truth).mean() > 0.98


@pytest.mark.parametrize(
    "world",
    [
        lambda p: p @ np.array([[0.9, 0.3], [-0.2, 1.1]]) + 70,
        lambda p: p + np.stack([3e-4 * p[:, 0] ** 2, 1e-4 * p[:, 0] * p[:, 1]], axis=1),
        lambda p: p + np.stack([8e-4 * p[:, 0] ** 2, 0 * p[:, 0]], axis=1),
        lambda p: p + np.stack([0.3 * np.abs(p[:, 0] - 180), 0 * p[:, 0]], axis=1),
    ],
    ids=["affine", "bent", "bent by 128 px", "stretched otherwise on the other side"],
)
def test_a_tile_without_a_jump_is_one_piece(world):
    points = scattered(300)
    labels = label_matches(points, world(points), np.full(300, "1.0"), RULES)
    assert len(sizes(labels)) == 1


def test_matches_that_are_wrong_in_the_same_way_all_over_the_tile_are_no_piece():
    points = scattered(300)
    world = points.copy()
    world[::4] += [100, 0]
    labels = label_matches(points, world, np.full(300, "1.0"), RULES)
    assert len(sizes(labels)) == 1 and (labels[::4] == NONE).all()


def test_a_fold_that_one_section_does_not_see_is_in_the_other_tile():
    points = scattered(400)
    sections = np.where(np.arange(400) % 2 == 0, "2.0", "0.0")
    world = folded(points)
    world[sections == "2.0"] = points[sections == "2.0"] * 1.02 - 40
    labels = label_matches(points, world, sections, RULES)
    assert len(sizes(labels)) == 1
    half = (sections == "0.0") | (points[:, 0] < 240)  # the other one sees the left part only
    labels = label_matches(points[half], world[half], sections[half], RULES)
    assert len(sizes(labels)) == 2


def test_few_or_no_matches():
    points = scattered(8)
    assert (label_matches(points, points, np.full(8, "1"), RULES) == NONE).all()
    nothing = np.empty((0, 2))
    assert label_matches(nothing, nothing, np.empty(0, str), RULES).shape == (0,)
