"""The montage solver on tiles whose true places are known."""

import dataclasses

import numpy as np
import pytest

from renderapps.alignment.solving import Link, apply_changes, solve

SIZE = 100.0
STEP = 90.0


def corners_at(origins):
    square = np.array([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]])
    return np.asarray(origins)[:, None] + square


def grid(rows, columns):
    return np.array([[c * STEP, r * STEP] for r in range(rows) for c in range(columns)], float)


def neighbours(rows, columns):
    for r in range(rows):
        for c in range(columns):
            if c + 1 < columns:
                yield r * columns + c, r * columns + c + 1
            if r + 1 < rows:
                yield r * columns + c, (r + 1) * columns + c


def links_between(present, truth, pairs, rng, noise=0.0, points=12):
    """Links whose true world points are random points of the overlap, seen through `present`.

    `truth` and `present` map tile index -> 3 x 3 affine from tile pixels to the world.
    """
    links = []
    for i, j in pairs:
        box = [np.concatenate([m[:2, 2], m[:2, 2] + SIZE]) for m in (truth[i], truth[j])]
        low = np.maximum(box[0][:2], box[1][:2])
        high = np.minimum(box[0][2:], box[1][2:])
        world = rng.uniform(low, high, (points, 2))
        ends = []
        for k in (i, j):
            local = apply_changes(np.tile(np.linalg.inv(truth[k]), (points, 1, 1)), world)
            local += rng.normal(0, noise, local.shape) if noise else 0
            ends.append(apply_changes(np.tile(present[k], (points, 1, 1)), local))
        links.append(Link(i, j, *ends, np.ones(points)))
    return links


def translations(origins):
    out = np.tile(np.eye(3), (len(origins), 1, 1))
    out[:, :2, 2] = origins
    return out


def errors(solution, present, truth):
    """Corner errors in pixels after removing the common offset."""
    corners = corners_at(np.zeros((1, 2)))[0]
    got, want = [], []
    for change, now, true in zip(solution.changes, present, truth, strict=True):
        repeated = (len(corners), 1, 1)
        got.append(apply_changes(np.tile(change @ now, repeated), corners))
        want.append(apply_changes(np.tile(true, repeated), corners))
    difference = np.array(got) - np.array(want)
    return np.linalg.norm(difference - difference.mean(axis=(0, 1)), axis=2)


def test_exact_links_give_exact_translations():
    rng = np.random.default_rng(1)
    present = translations(grid(4, 5))
    truth = translations(grid(4, 5) + rng.uniform(-6, 6, (20, 2)))
    links = links_between(present, truth, neighbours(4, 5), rng)
    solution = solve(corners_at(grid(4, 5)), links)
    assert solution.accepted.all()
    assert errors(solution, present, truth).max() < 1e-3


def tellable(links, rng, count, corners=(0, 4, 20, 24)):
    """Links that their neighbours can outvote: no shared tile, none of a corner tile's only two."""
    chosen, taken = [], set(corners)
    for k in rng.permutation(len(links)):
        ends = {links[k].first, links[k].second}
        if not ends & taken:
            chosen.append(int(k))
            taken |= ends
    return chosen[:count]


@pytest.mark.parametrize("seed", range(10))
def test_wrong_links_are_rejected_and_do_not_move_tiles(seed):
    rng = np.random.default_rng(seed)
    present = translations(grid(5, 5))
    truth = translations(grid(5, 5) + rng.uniform(-5, 5, (25, 2)))
    links = links_between(present, truth, neighbours(5, 5), rng, noise=0.05)
    wrong = tellable(links, rng, 4)
    for k in wrong:
        angle = rng.uniform(0, 2 * np.pi)
        offset = rng.uniform(3, 12) * np.array([np.cos(angle), np.sin(angle)])
        links[k] = dataclasses.replace(links[k], p=links[k].p + offset)
    solution = solve(corners_at(grid(5, 5)), links)
    assert set(np.flatnonzero(~solution.accepted)) == set(wrong)
    assert errors(solution, present, truth).max() < 0.3


@pytest.mark.parametrize("model", ["rigid", "similarity", "affine"])
def test_each_model_recovers_changes_of_its_own_kind(model):
    rng = np.random.default_rng(3)
    present = translations(grid(3, 4))
    truth = translations(grid(3, 4) + rng.uniform(-3, 3, (12, 2)))
    for matrix in truth:
        angle, scale = rng.normal(0, 0.01), 1.0
        linear = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        if model != "rigid":
            scale = 1 + rng.normal(0, 0.005)
        if model == "affine":
            linear = linear + rng.normal(0, 0.003, (2, 2))
        matrix[:2, :2] = scale * linear
    links = links_between(present, truth, neighbours(3, 4), rng, points=40)
    solution = solve(corners_at(grid(3, 4)), links, model, regularization=1e-8)
    assert solution.misfits.max() < 2e-2
    linear = solution.changes[:, :2, :2]
    gram = linear @ linear.transpose(0, 2, 1)
    if model == "rigid":
        np.testing.assert_allclose(gram, np.tile(np.eye(2), (12, 1, 1)), atol=1e-12)
    if model == "similarity":
        np.testing.assert_allclose(gram[:, 0, 1], 0, atol=1e-12)
        np.testing.assert_allclose(gram[:, 0, 0], gram[:, 1, 1], atol=1e-12)


def test_regularisation_keeps_tiles_in_shape():
    rng = np.random.default_rng(5)
    present = truth = translations(grid(3, 3))
    links = links_between(present, truth, neighbours(3, 3), rng, noise=1.0)
    loose = solve(corners_at(grid(3, 3)), links, "affine", regularization=1e-6)
    stiff = solve(corners_at(grid(3, 3)), links, "affine", regularization=10.0)
    shear = [np.abs(s.changes[:, :2, :2] - np.eye(2)).max() for s in (loose, stiff)]
    assert shear[1] < 0.1 * shear[0]


def test_a_tile_without_links_stays_and_is_told_apart():
    rng = np.random.default_rng(7)
    present = translations(grid(1, 4))
    truth = translations(grid(1, 4) + np.array([[0, 0], [4, 1], [2, 2], [0, 0]]))
    links = links_between(present, truth, [(0, 1), (1, 2)], rng)
    solution = solve(corners_at(grid(1, 4)), links)
    np.testing.assert_allclose(solution.changes[3], np.eye(3), atol=1e-12)
    assert solution.linked.tolist() == [True, True, True, False]


def test_no_links_at_all_leave_everything_in_place():
    solution = solve(corners_at(grid(2, 2)), [])
    np.testing.assert_allclose(solution.changes, np.tile(np.eye(3), (4, 1, 1)), atol=1e-12)
    assert not solution.linked.any()


def test_an_unknown_model_is_named():
    with pytest.raises(ValueError, match="'spline'"):
        solve(corners_at(grid(1, 2)), [], "spline")
