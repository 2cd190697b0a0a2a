"""Each model finds known maps again, from matches without noise, to a millionth of a pixel."""

import numpy as np
import pytest

from renderapps.alignment.models import Model, mapped
from renderapps.alignment.moments import PairPoints, reduced
from renderapps.alignment.solve import MODELS
from renderapps.alignment.solving import Rules, model_for, solve_moments
from renderapps.alignment.tile_problem import Stiffness, unit_sizes

SIDE, STEP = 1000.0, 700.0
ROWS, COLUMNS = 3, 3
FREE = Rules(Stiffness(1e-14, 1e-14, 1e-14))


def corners_of(offset=0.0):
    origins = [(c * STEP + offset, r * STEP) for r in range(ROWS) for c in range(COLUMNS)]
    square = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]])
    return np.array(origins, float)[:, None] + square


def pairs():
    for k in range(ROWS * COLUMNS):
        if k % COLUMNS + 1 < COLUMNS:
            yield k, k + 1
        if k + COLUMNS < ROWS * COLUMNS:
            yield k, k + COLUMNS


def turned(angle, scale=1.0):
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def true_terms(name, model, sizes, rng):
    """Maps of the family; that of the first tile is the identity, as it is fixed."""
    terms = np.zeros((len(sizes), model.terms, 2))
    terms[:, 0] = rng.uniform(-20, 20, (len(sizes), 2))
    for k, size in enumerate(sizes):
        linear = np.eye(2)
        if name == "rigid":
            linear = turned(rng.uniform(-3, 3))
        if name == "similarity":
            linear = turned(rng.normal(0, 0.05), 1 + rng.normal(0, 0.02))
        if name not in ("translation", "rigid", "similarity"):
            linear = linear + rng.normal(0, 0.02, (2, 2))
        if model.terms > 1:
            terms[k, 1:3] = (linear - np.eye(2)).T * size
    terms[:, 3:] = rng.normal(0, 4, terms[:, 3:].shape)
    terms[0] = 0
    return terms


def places_before(model, world, terms, centre, size):
    """Points of a unit that its map takes to `world`, by Newton's method on finite differences."""
    linear = np.eye(2)
    if model.terms > 1:
        linear = linear + terms[1:3].T / size
    x = centre + (world - centre - terms[0]) @ np.linalg.inv(linear).T
    for _ in range(60):
        off = mapped(model, x, terms, centre, size) - world
        if np.abs(off).max() < 1e-11:
            break
        step = 1e-3
        columns = [
            (mapped(model, x + d, terms, centre, size) - mapped(model, x - d, terms, centre, size))
            / (2 * step)
            for d in (np.array([step, 0]), np.array([0, step]))
        ]
        x = x - np.linalg.solve(np.stack(columns, axis=-1), off[..., None])[..., 0]
    return x


def known_problem(name, seed=0):
    """Corners, model, exact points of the pairs, and the true terms."""
    rng = np.random.default_rng(seed)
    corners = corners_of(50_000.0)
    model = model_for(name, corners)
    centres, sizes = unit_sizes(corners)
    terms = true_terms(name, model, sizes, rng)
    first, second = np.array(list(pairs())).T
    p, q = [], []
    for one, two in zip(first, second, strict=True):
        low = np.maximum(corners[one, 0], corners[two, 0])
        high = np.minimum(corners[one, 2], corners[two, 2])
        world = rng.uniform(low, high, (80, 2))
        for unit, ends in ((one, p), (two, q)):
            ends.append(places_before(model, world, terms[unit], centres[unit], sizes[unit]))
    counts = np.full(len(first), 80)
    points = PairPoints(
        first, second, counts, np.concatenate(p), np.concatenate(q), np.ones(counts.sum())
    )
    return corners, model, points, terms


@pytest.mark.parametrize("solver", ["direct", "iterative"])
@pytest.mark.parametrize("name", MODELS)
def test_known_maps_are_found_to_a_millionth_of_a_pixel(name, solver):
    corners, model, points, terms = known_problem(name)
    moments = reduced(points, model, *unit_sizes(corners))
    free = np.arange(len(corners)) > 0
    rules = Rules(FREE.stiffness, solver=solver, minimum_tolerance=5.0)
    solution = solve_moments(corners, moments, model, rules, free)
    assert solution.accepted.all()
    centres, sizes = unit_sizes(corners)
    limit = 1e-6 if solver == "direct" else 1e-2
    for k in range(len(corners)):
        got, want = (
            mapped(model, corners[k], t[k], centres[k], sizes[k]) for t in (solution.terms, terms)
        )
        np.testing.assert_allclose(got, want, atol=limit)


def test_moments_are_sums_over_points():
    corners, _, points, _ = known_problem("affine")
    model = Model("affine")
    centres, sizes = unit_sizes(corners)
    moments = reduced(points, model, centres, sizes)
    k, rows = 3, slice(3 * 80, 4 * 80)
    i, j = points.first[k], points.second[k]
    one = np.column_stack([np.ones(80), (points.p[rows] - centres[i]) / sizes[i]])
    two = np.column_stack([np.ones(80), (points.q[rows] - centres[j]) / sizes[j]])
    w = 1 / (80 + 10)
    gap = points.p[rows] - points.q[rows]
    np.testing.assert_allclose(moments.pp[k], w * one.T @ one, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moments.pq[k], w * one.T @ two, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moments.qq[k], w * two.T @ two, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moments.pd[k], w * one.T @ gap, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moments.qd[k], w * two.T @ gap, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moments.dd[k], w * (gap**2).sum(), rtol=1e-9)
    left = gap - one @ np.linalg.lstsq(one, gap, rcond=None)[0]
    assert moments.scatters[k] == pytest.approx(np.sqrt((left**2).sum() / 80), abs=1e-6)


def test_bending_modes_have_no_affine_part_and_energy_one():
    model = Model("thin_plate_spline", 4)
    values = model.functions(model.control)[:, 3:]
    assert values.shape == (16, 13)
    weights = model._modes
    affine = np.column_stack([np.ones(16), model.control])
    np.testing.assert_allclose(affine.T @ weights, 0, atol=1e-9)
    np.testing.assert_allclose(weights.T @ values, np.eye(13), atol=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_shrink_a_long_row_of_similarities(seed):
    """40 tiles in a row, 1 px of noise, hardly held in shape: the mean scale stays 1."""
    rng = np.random.default_rng(seed)
    count = 40
    square = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]])
    corners = np.array([(k * STEP, 0.0) for k in range(count)])[:, None] + square
    first = np.arange(count - 1)
    world = np.concatenate([
        rng.uniform([STEP * (k + 1), 0], [STEP * k + SIDE, SIDE], (30, 2)) for k in first
    ])  # fmt: skip
    noisy = [world + rng.normal(0, 1, world.shape) for _ in range(2)]
    points = PairPoints(first, first + 1, np.full(count - 1, 30), *noisy, np.ones(len(world)))
    model = Model("similarity")
    moments = reduced(points, model, *unit_sizes(corners))
    found = [
        solve_moments(corners, moments, model, Rules(Stiffness(1e-9, 1e-6), own_scale=own))
        for own in (False, True)
    ]
    scales = [np.sqrt(np.linalg.det(s.changes[:, :2, :2])).mean() for s in found]
    assert scales[0] < 0.9  # what least squares alone makes of it
    assert scales[1] == pytest.approx(1, abs=0.01)
