"""Sparse systems of blocks: assembled as they should be, and solved alike in every way."""

import numpy as np
import pytest

from benchmarks.solving import scene
from renderapps.alignment import normal_equations
from renderapps.alignment.models import Model
from renderapps.alignment.moments import reduced
from renderapps.alignment.normal_equations import Pattern
from renderapps.alignment.solving import Rules, solve_moments
from renderapps.alignment.tile_problem import Stiffness, unit_sizes


def test_blocks_of_links_lie_where_a_dense_matrix_has_them():
    rng = np.random.default_rng(0)
    first, second = np.array([0, 1, 0, 3, 0]), np.array([1, 2, 2, 2, 1])  # one pair twice
    free = np.array([True, True, True, False])
    own = rng.normal(size=(4, 2, 2))
    pp, qq, pq = rng.normal(size=(3, 5, 2, 2))
    dense = np.zeros((4, 2, 4, 2))
    for k in range(4):
        dense[k, :, k] += own[k]
    for k, (i, j) in enumerate(zip(first, second, strict=True)):
        dense[i, :, i] += pp[k]
        dense[j, :, j] += qq[k]
        dense[i, :, j] += pq[k]
        dense[j, :, i] += pq[k].T
    pattern = Pattern(first, second, free)
    expected = dense[:3, :, :3].reshape(6, 6)
    np.testing.assert_allclose(pattern.matrix(own, pp, qq, pq).toarray(), expected)
    sums = np.zeros((4, 2))
    p, q = rng.normal(size=(2, 5, 2))
    np.add.at(sums, first, p)
    np.add.at(sums, second, q)
    np.testing.assert_allclose(pattern.sums(p, q), sums[:3])


def problem(shape, wrong, model="affine"):
    """A stack with that many wrong links: corners, moments, sections, and which are wrong."""
    corners, points, _, sections = scene(shape, seed=1)
    family = Model(model)
    bad = np.random.default_rng(2).permutation(len(points.counts))[:wrong]
    ends = np.cumsum(points.counts)
    for k in bad:
        points.p[ends[k] - points.counts[k] : ends[k]] += [60.0, -45.0]
    return corners, reduced(points, family, *unit_sizes(corners)), family, sections, np.sort(bad)


@pytest.mark.parametrize("model", ["affine", "rigid"])
def test_conjugate_gradients_find_what_factors_find(model):
    """600 tiles: enough for the levels of the multigrid to be built."""
    corners, moments, family, sections, bad = problem((6, 10, 10), 8, model)
    found = {}
    for solver in ("direct", "iterative"):
        rules = Rules(Stiffness(), solver=solver, by_stage=False)
        found[solver] = solve_moments(corners, moments, family, rules, sections=sections)
        assert np.flatnonzero(~found[solver].accepted).tolist() == bad.tolist()
    off = found["direct"].terms - found["iterative"].terms
    off[:, 0] -= off[:, 0].mean(axis=0)  # the common shift is all but free
    assert np.abs(off).max() < 0.01


def test_an_old_factor_as_preconditioner_changes_nothing(monkeypatch):
    corners, moments, family, sections, bad = problem((1, 12, 12), 4)
    found = []
    for small in (10**9, 0):
        monkeypatch.setattr(normal_equations, "SMALL", small)
        rules = Rules(by_stage=False)
        found.append(solve_moments(corners, moments, family, rules, sections=sections))
        assert not found[-1].accepted[bad].any()
    assert (found[0].accepted == found[1].accepted).all()
    off = found[0].terms - found[1].terms
    off[:, 0] -= off[:, 0].mean(axis=0)
    assert np.abs(off).max() < 0.01


def test_groups_of_units_are_made_once_for_weights_that_fade(monkeypatch):
    corners, moments, family, sections, bad = problem((6, 10, 10), 8)
    made, plain = [], normal_equations.multigrid
    monkeypatch.setattr(
        normal_equations, "multigrid", lambda *given: made.append(plain(*given)) or made[-1]
    )
    rules = Rules(Stiffness(), solver="iterative", by_stage=False)
    found = solve_moments(corners, moments, family, rules, sections=sections)
    assert np.flatnonzero(~found.accepted).tolist() == bad.tolist()
    assert len(made) == 3  # as shapes are held, more strongly while links are judged, and again
