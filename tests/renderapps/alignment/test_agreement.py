"""Which links are rejected: only those that a cycle speaks against."""

import numpy as np
import pytest

from renderapps.alignment.agreement import bridges
from renderapps.alignment.solving import Link, solve


def corners_at(origins, side):
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]])
    return np.asarray(origins, float)[:, None] + square


def link(one, two, shift, rng, noise=0.0, points=40, weight=1.0):
    """Points that say that tile `two` must move by `shift` against tile `one`."""
    q = rng.uniform(0, 100, (points, 2))
    return Link(
        one, two, q + shift + rng.normal(0, noise, q.shape), q, np.full(points, float(weight))
    )


def test_a_noisy_bridge_is_kept():
    """Three tiles in a row, the second pair 250 pixels from the stage, 2 pixels of noise."""
    rng = np.random.default_rng(0)
    links = [link(0, 1, [0, 0], rng), link(1, 2, [-250, 0], rng, noise=2.0)]
    solution = solve(corners_at([(0, 0), (900, 0), (2100, 0)], 1000), links)
    assert solution.accepted.all()
    assert solution.bridges.all()
    assert solution.moves[2, 0] - solution.moves[1, 0] == pytest.approx(-250, abs=1.5)
    assert solution.scatters[1] == pytest.approx(2.0 * np.sqrt(2), rel=0.3)
    assert solution.misfits.max() < 0.01


def test_three_links_of_four_tiles_are_a_tree_and_all_used():
    """Rough positions 200 pixels from the truth, as for the tiles of tem_2x2."""
    rng = np.random.default_rng(1)
    truth = {(0, 1): [3, -20], (0, 2): [-180, 11], (2, 3): [40, 60]}
    links = [link(*pair, shift, rng, noise=1.0) for pair, shift in truth.items()]
    solution = solve(corners_at([(0, 0), (0, 1000), (1200, 0), (1200, 1000)], 1500), links)
    assert solution.accepted.all()
    for (one, two), shift in truth.items():
        np.testing.assert_allclose(solution.moves[two] - solution.moves[one], shift, atol=1.0)


def grid_links(rows, columns, moves, rng, noise=0.02):
    pairs = []
    for r in range(rows):
        for c in range(columns):
            i = r * columns + c
            pairs += [(i, i + 1)] * (c + 1 < columns) + [(i, i + columns)] * (r + 1 < rows)
    return [link(i, j, moves[j] - moves[i], rng, noise) for i, j in pairs]


def grid(rows, columns, step=90.0):
    return np.array([[c * step, r * step] for r in range(rows) for c in range(columns)])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("wrong", [0, 1])
def test_the_stage_tells_which_of_the_two_links_of_a_corner_tile_is_wrong(seed, wrong):
    rng = np.random.default_rng(seed)
    origins = grid(4, 4)
    moves = rng.normal(0, 2, origins.shape) + origins @ np.array([[0.01, 0.02], [-0.02, 0.01]])
    links = grid_links(4, 4, moves, rng)
    corner = [k for k, one in enumerate(links) if 0 in (one.first, one.second)]
    bad = corner[wrong]
    one = links[bad]
    links[bad] = Link(one.first, one.second, one.p + np.array([25.0, -31.0]), one.q, one.w)
    solution = solve(corners_at(origins, 100), links)
    assert np.flatnonzero(~solution.accepted).tolist() == [bad]
    assert solution.by_stage[bad]
    error = solution.moves - moves
    assert np.linalg.norm(error - error.mean(axis=0), axis=1).max() < 0.1


def test_a_tile_with_two_contradicting_and_implausible_links_is_let_go():
    rng = np.random.default_rng(3)
    moves = rng.normal(0, 1, (16, 2))
    links = grid_links(4, 4, moves, rng)
    for k, one in enumerate(links):
        if 0 in (one.first, one.second):
            links[k] = Link(
                one.first, one.second, one.p + np.array([60.0 * (k + 1), -50]), one.q, one.w
            )
    solution = solve(corners_at(grid(4, 4), 100), links)
    assert (~solution.accepted).sum() == 2
    assert not solution.linked[0]
    assert solution.linked[1:].all()


def test_a_wrong_link_in_a_mesh_is_found_without_the_stage():
    rng = np.random.default_rng(4)
    moves = rng.normal(0, 3, (20, 2))
    links = grid_links(4, 5, moves, rng)
    links[11] = Link(links[11].first, links[11].second, links[11].p + 4.0, links[11].q, links[11].w)
    solution = solve(corners_at(grid(4, 5), 100), links)
    assert np.flatnonzero(~solution.accepted).tolist() == [11]
    assert solution.misfits[11] == pytest.approx(4 * np.sqrt(2), abs=0.05)
    assert not solution.by_stage.any()


def test_scatter_of_a_good_pair_is_no_contradiction():
    """One pair of a mesh has points that scatter by 5 pixels; their mean is right."""
    rng = np.random.default_rng(5)
    moves = rng.normal(0, 3, (9, 2))
    links = grid_links(3, 3, moves, rng)
    links[5] = link(
        links[5].first, links[5].second, moves[links[5].second] - moves[links[5].first], rng, 5.0
    )
    assert solve(corners_at(grid(3, 3), 100), links).accepted.all()


def test_bridges_of_a_graph():
    first, second = np.array([0, 1, 2, 2, 4, 4]), np.array([1, 2, 0, 3, 5, 5])
    used = np.ones(6, bool)
    assert bridges(first, second, used).tolist() == [False, False, False, True, False, False]
    used[1] = False  # the triangle is open: its other links are bridges now
    assert bridges(first, second, used).tolist() == [True, False, True, True, False, False]


@pytest.mark.parametrize("model", ["translation", "rigid", "similarity", "affine"])
def test_no_tile_and_one_tile_are_sections_too(model):
    assert solve(np.zeros((0, 4, 2)), [], model).changes.shape == (0, 3, 3)
    one = solve(corners_at([(5, 5)], 100), [], model)
    np.testing.assert_allclose(one.changes, np.eye(3)[None])
