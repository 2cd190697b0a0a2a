"""The lens is found again from simulated montages that show it."""

import numpy as np
import pytest
from simulated_lens import MIDDLE, SIDE, SIZE, montage, radial, strong

from renderapps.alignment.lens import UndeterminedLens, fit_lens, require_coverage
from renderapps.alignment.models import Model
from renderapps.alignment.moments import PairPoints, reduced


def fitted(points, claimed, name, affine=False, grid=5):
    count = len(claimed)
    model = Model(name, grid, (1 / np.sqrt(2), 1 / np.sqrt(2)))
    moments = reduced(points, model, np.tile(MIDDLE, (count, 1)), np.full(count, SIZE))
    linear = np.tile(np.eye(2), (count, 1, 1))
    return fit_lens(moments, model, MIDDLE, SIZE, linear, claimed, affine)


def lens_errors(fit, lens):
    """Distances over the image between the lens found and the true one, but for an affine."""
    x = np.linspace(0, SIDE - 1, 25)
    grid = np.stack(np.meshgrid(x, x), -1).reshape(-1, 2)
    off = grid + fit.displacements(grid) - lens(grid)
    design = np.column_stack([np.ones(len(grid)), grid])
    return np.linalg.norm(off - design @ np.linalg.lstsq(design, off, rcond=None)[0], axis=1)


@pytest.mark.parametrize(
    "name, lens, step",
    [
        ("polynomial3", radial, 900.0),
        ("polynomial5", strong, 800.0),
        ("thin_plate_spline", radial, 450.0),
    ],
)
def test_a_lens_is_found_from_the_overlaps(name, lens, step):
    points, claimed = montage(lens, 6, 6, np.random.default_rng(0), step)
    fit = fitted(points, claimed, name)
    errors = lens_errors(fit, lens)
    assert np.median(errors) <= 0.3 and errors.max() <= 1.0
    assert np.median(fit.after) < 0.3 * np.median(fit.before)
    assert fit.standard_error < 0.5


def test_an_exact_polynomial_is_found_exactly():
    points, claimed = montage(radial, 4, 4, np.random.default_rng(1), noise=0.0)
    fit = fitted(points, claimed, "polynomial3")
    assert lens_errors(fit, radial).max() < 1e-5
    assert fit.after.max() < 1e-4


def test_affine_tiles_leave_third_order_terms_determined():
    def cubic(points):
        arms = (points - MIDDLE) / SIZE
        return points + 8 * arms * (arms**2).sum(1, keepdims=True)

    points, claimed = montage(cubic, 5, 5, np.random.default_rng(2), noise=0.02, tilt=0.002)
    fit = fitted(points, claimed, "polynomial3", affine=True)
    errors = lens_errors(fit, cubic)
    assert np.median(errors) <= 0.3 and errors.max() <= 1.0
    assert not fit.terms[3:6].any()


def test_wrong_pairs_are_left_out():
    rng = np.random.default_rng(3)
    points, claimed = montage(radial, 5, 5, rng)
    for k in (3, 17, 30):
        points.p[60 * k : 60 * (k + 1)] += [40.0, -25.0]
    fit = fitted(points, claimed, "polynomial3")
    assert np.flatnonzero(~fit.accepted).tolist() == [3, 17, 30]
    assert np.median(lens_errors(fit, radial)) <= 0.3


def test_what_the_data_leave_open_is_refused():
    one_row, claimed = montage(radial, 1, 6, np.random.default_rng(4))
    with pytest.raises(UndeterminedLens, match="uncertain by"):
        fitted(one_row, claimed, "polynomial3")
    exact_row, claimed = montage(radial, 1, 6, np.random.default_rng(4), jitter=0.0, noise=0.0)
    exact_row.p[:, 1] = exact_row.q[:, 1]  # nothing tells of any change from line to line
    with pytest.raises(UndeterminedLens, match="leave terms"):
        fitted(exact_row, claimed, "polynomial3")
    both_ways, claimed = montage(radial, 3, 3, np.random.default_rng(5))
    with pytest.raises(UndeterminedLens, match="second order"):
        fitted(both_ways, claimed, "polynomial2", affine=True)
    with pytest.raises(UndeterminedLens, match="no two tiles"):
        fitted(PairPoints.of([]), claimed, "polynomial3")


def test_a_spline_does_not_guess_what_it_has_not_seen():
    model = Model("thin_plate_spline", 5, (0.7, 0.7))
    x = np.linspace(-0.7, 0.7, 60)
    everywhere = np.stack(np.meshgrid(x, x), -1).reshape(-1, 2)
    require_coverage(model, everywhere)
    rims = everywhere[np.abs(everywhere).max(axis=1) > 0.5]
    with pytest.raises(UndeterminedLens, match="4 of 16 cells"):
        require_coverage(model, rims)
    require_coverage(Model("polynomial5"), rims)
