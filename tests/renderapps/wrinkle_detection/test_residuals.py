"""How far matches are off one transform: a step against the line through it, and exact maps."""

import numpy as np
import pytest

from renderapi.matching.models import Model
from renderapps.wrinkle_detection.residuals import section_residuals

GRID = np.stack(np.meshgrid(np.arange(100.0), np.arange(60.0)), -1).reshape(-1, 2)
MATRIX = np.array([[0.9, -0.2], [0.3, 1.1]])


def residuals(world, zs=None, weights=None, model="affine", least=12, points=GRID):
    zs = np.full(len(points), 7.0) if zs is None else zs
    weights = np.ones(len(points)) if weights is None else weights
    return section_residuals(points, world, zs, weights, Model(model), least)


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_a_jump_leaves_what_the_line_through_a_step_leaves(share):
    """Variance of a step, h (1 - h), less what a line explains, 3 h^2 (1 - h)^2; a quarter of J."""
    jump = np.where(GRID[:, :1] < 100 * share, 0.0, [[12.0, -5.0]])
    (found,) = residuals(GRID @ MATRIX + jump)
    left = share * (1 - share) * (1 - 3 * share * (1 - share))
    assert found.rms == pytest.approx(13.0 * np.sqrt(left), rel=2e-3)
    assert (found.z, found.matches) == (7.0, 6000)


def test_what_follows_the_model_is_not_off_it():
    (found,) = residuals(GRID @ MATRIX + [50, -3])
    assert found.rms < 1e-9
    (found,) = residuals(GRID @ MATRIX, model="rigid")
    assert found.rms > 1


def test_weights_count_as_squares_do():
    rng = np.random.default_rng(4)
    world, weights = GRID + rng.normal(0, 3, GRID.shape), rng.uniform(0.1, 2, len(GRID))
    (found,) = residuals(world, weights=weights)
    design = np.column_stack([GRID, np.ones(len(GRID))])
    root = np.sqrt(weights)[:, None]
    solution, *_ = np.linalg.lstsq(design * root, world * root, rcond=None)
    off = ((design @ solution - world) ** 2).sum(axis=1)
    assert found.rms == pytest.approx(np.sqrt(np.average(off, weights=weights)), rel=1e-9)


def test_sections_are_told_apart_and_few_matches_left_out():
    zs = np.repeat([3.0, 1.0, 2.0], [3000, 2995, 5])
    shift = np.select([zs == 3, zs == 1], [100.0, -40.0], 7.0)[:, None]
    found = residuals(GRID + shift, zs)
    assert [(r.z, r.matches) for r in found] == [(1.0, 2995), (3.0, 3000)]
    assert max(r.rms for r in found) < 1e-9
    line = np.stack([np.arange(20.0), np.zeros(20)], -1)  # an affine is not determined by it
    assert residuals(line, points=line) == []
