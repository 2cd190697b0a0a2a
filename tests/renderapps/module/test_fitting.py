"""Fits to known transforms, exact and disturbed, and where they go in the list of a tile."""

import numpy as np
import pytest

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, ReferenceTransform
from renderapi.transform.slices import TileTransforms
from renderapps.module.fitting import (
    LINEAR,
    FitRules,
    Placement,
    fit_and_place,
    fit_linear_models,
    fit_points,
    grid_points,
)

CASES = 2_500
SIZE = 2048
GRID = grid_points(SIZE, SIZE)  # a square tile: where a careless rigid fit goes astray


def random_maps(model, rng):
    """T matrices (T, 3, 3) of a model: rotations of all angles, far translations."""
    angle = rng.uniform(-np.pi, np.pi, CASES)
    angle[: CASES // 4] *= 1e-9  # tiny ones too
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    if model == "similarity":
        linear *= rng.uniform(0.1, 10, CASES)[:, None, None]
    if model == "affine":
        linear = linear @ (np.eye(2) + rng.uniform(-0.4, 0.4, (CASES, 2, 2)))
        linear[::2, 0] *= -1  # reflected
    if model == "translation":
        linear[:] = np.eye(2)
    maps = np.zeros((CASES, 3, 3))
    maps[:, :2, :2], maps[:, 2, 2] = linear, 1
    maps[:, :2, 2] = rng.uniform(-1e5, 1e5, (CASES, 2))
    return maps


def mapped(maps):
    return np.einsum("tij,nj->tni", maps[:, :2, :2], GRID) + maps[:, None, :2, 2]


@pytest.mark.parametrize("model", ["translation", "rigid", "similarity", "affine"])
def test_exact_grids_of_square_tiles_give_the_transform_itself(model):
    maps = random_maps(model, np.random.default_rng(1))
    p = np.broadcast_to(GRID, (CASES, *GRID.shape))
    found, _ = fit_linear_models(p, mapped(maps), np.ones(p.shape[:2]), FitRules(model))
    assert np.abs(mapped(found) - mapped(maps)).max() < 1e-8
    np.testing.assert_allclose(found[:, :2, :2], maps[:, :2, :2], atol=1e-12)


@pytest.mark.parametrize("model", ["rigid", "similarity", "affine"])
def test_noise_is_averaged_and_no_fit_is_far_off(model):
    rng = np.random.default_rng(2)
    maps = random_maps(model, rng)
    p = np.broadcast_to(GRID, (CASES, *GRID.shape))
    noisy = mapped(maps) + rng.normal(0, 0.5, (CASES, *GRID.shape))
    found, _ = fit_linear_models(p, noisy, np.ones(p.shape[:2]), FitRules(model))
    off = np.linalg.norm(mapped(found) - mapped(maps), axis=-1)
    assert off.max() < 2.5
    # of 2 n coordinates k are spent on the model: mean square error 2 sigma^2 k / (2 n)
    spent = {"rigid": 3, "similarity": 4, "affine": 6}[model]
    assert (off**2).mean() == pytest.approx(0.25 * spent / 16, rel=0.03)


@pytest.mark.parametrize("model", ["translation", "rigid", "similarity", "affine"])
def test_outliers_are_left_out(model):
    rng = np.random.default_rng(3)
    maps = random_maps(model, rng)
    p = np.broadcast_to(GRID, (CASES, *GRID.shape))
    q = mapped(maps)
    wrong = np.argsort(rng.random((CASES, 16)), axis=1)[:, :5]
    np.put_along_axis(q[..., 0], wrong, rng.uniform(2e5, 3e5, wrong.shape), axis=1)
    rules = FitRules(model, max_epsilon=1.0)
    found, weights = fit_linear_models(p, q, np.ones(p.shape[:2]), rules)
    assert np.abs(mapped(found) - mapped(maps)).max() < 1e-8
    assert (weights.sum(1) == 11).all()
    assert not np.take_along_axis(weights, wrong, axis=1).any()


@pytest.mark.parametrize(
    ("model", "points", "least"),
    [
        ("translation", [], 1),
        ("affine", [], 3),
        ("rigid", [[3, 4]], 2),
        ("similarity", [[3, 4], [3, 4]], 2),
        ("rigid", [[1e6, 4]] * 5, 2),
        ("affine", [[0, 0], [1, 0]], 3),
        ("affine", [[0, 0], [1e3, 1e3], [2e3, 2e3], [4e3, 4e3]], 3),
        ("homography", [[0, 0], [1, 0], [0, 1]], 4),
        ("homography", [[0, 0], [1, 1], [2, 2], [3, 3], [4, 4]], 4),
        ("polynomial", [[0, 0], [1, 0], [0, 1]], 12),
        ("polynomial", np.stack([np.arange(20), np.zeros(20)], 1), 12),
    ],
)
def test_points_that_determine_nothing_are_refused_by_name(model, points, least):
    p = np.array(points, float).reshape(-1, 2)
    (fit,) = fit_points([p], [p + 5], FitRules(model))
    assert fit.spec is None and model in fit.reason
    if model in LINEAR:
        (fit,) = fit_points([p], [p + 5], FitRules(model, max_epsilon=1.0))
        assert fit.spec is None and model in fit.reason
    assert fit_points([], [], FitRules(model)) == []
    if len(p) < least:
        assert f"{len(p)} points, {least} are needed" in fit.reason


def test_a_mirrored_square_has_no_rotation():
    (fit,) = fit_points([GRID], [GRID * [1, -1]], FitRules("rigid"))
    assert fit.spec is None and "mirrored" in fit.reason
    cos, sin = np.cos(0.3), np.sin(0.3)
    turned = GRID * [1, -1] @ [[cos, sin], [-sin, cos]] + [12345.678, -9876.5]
    for model in ("rigid", "similarity"):  # what rounding leaves is no direction
        (fit,) = fit_points([GRID], [turned], FitRules(model))
        assert fit.spec is None and "mirrored" in fit.reason
    (fit,) = fit_points([GRID], [GRID * [1, -1]], FitRules("affine"))
    assert fit.rms < 1e-9


def test_points_are_valid_together_and_counted():
    target = GRID + 7
    source = GRID.copy()
    source[0], target[1] = np.nan, np.inf
    weights = np.ones(16)
    weights[2] = 0
    target[2] = 1e9
    (fit,) = fit_points([source], [target], FitRules("translation"), [weights])
    assert (fit.points, fit.outliers) == (13, 0) and fit.largest < 1e-9
    rules = FitRules("translation", min_points=14)
    (fit,) = fit_points([source], [target], rules, [weights])
    assert fit.spec is None and "13 points, 14 are needed" in fit.reason


def test_the_residual_is_that_of_the_points_and_may_be_too_large():
    target = GRID.copy()
    target[3] += [16.0, 0.0]
    (fit,) = fit_points([GRID], [target], FitRules("translation"))
    # the mean moves by 1: fifteen points are 1 off, one is 15
    assert (fit.rms, fit.largest) == (pytest.approx(np.sqrt(15)), pytest.approx(15))
    (fit,) = fit_points([GRID], [target], FitRules("translation", max_residual=3.9))
    assert fit.spec is not None  # it is that of all points together, not of the worst one
    (fit,) = fit_points([GRID], [target], FitRules("translation", max_residual=3.8))
    assert fit.spec is None and fit.reason == "residual 3.87 is above max_residual 3.8"


def test_residuals_are_of_the_points_that_take_part():
    pairs = [np.zeros((2, 2)), GRID], [np.array([[0.0, 0.0], [4.0, 0.0]]), GRID]
    few, many = fit_points(*pairs, FitRules("translation"))
    assert (few.rms, few.largest, few.points) == (2.0, 2.0, 2) and many.rms < 1e-9


def test_weights_count():
    p, q = np.zeros((2, 2)), np.array([[0.0, 0.0], [4.0, 0.0]])
    (fit,) = fit_points([p], [q], FitRules("translation"), [np.array([3.0, 1.0])])
    assert float(fit.spec["dataString"].split()[4]) == 1.0


@pytest.mark.parametrize("model", ["polynomial", "homography"])
def test_bent_models(model):
    grid = grid_points(1000, 800, 6)
    x, y = grid.T
    if model == "polynomial":
        target = np.stack([3 + x + 2e-5 * x * y, 1 + y - 1e-5 * x * x], 1)
    else:
        target = grid / (1 + 1e-4 * x + 2e-5 * y)[:, None]
    (fit,) = fit_points([grid], [target], FitRules(model))
    assert fit.largest < 1e-8 and fit.points == 36


def tile(name="a"):
    bend = Polynomial2DTransform(params=[[0, 1, 0, 1e-5, 0, 0], [0, 0, 1, 0, 0, 2e-5]])
    spec = TileSpec(tileId=name, z=1.0, width=200, height=100)
    spec.tforms = [bend, ReferenceTransform(refId="lens"), AffineModel(B0=10)]
    return spec.to_dict()


SHARED = {"lens": AffineModel(M00=1.1, transformId="lens").to_dict()}


@pytest.mark.parametrize(("keep", "entries"), [(0, 1), (1, 2), (2, 3), (None, 4)])
def test_kept_transforms_and_the_fit_lead_to_the_target(keep, entries):
    document, raw = tile(), grid_points(200, 100)
    before = document["transforms"]["specList"]
    inner = TileTransforms(document, SHARED).forward(raw, 0, 3 if keep is None else keep)
    target = inner @ [[0.9, 0.1], [-0.2, 1.1]] + [1e4, -3e3]
    placed, fits, dropped = fit_and_place(
        [document], SHARED, [raw], [target], FitRules(), Placement(keep)
    )
    assert placed == [document] and dropped == [] and fits[0]["tileId"] == "a"
    after = document["transforms"]["specList"]
    assert len(after) == entries and after[:-1] == before[: entries - 1]
    np.testing.assert_allclose(TileTransforms(document, SHARED).forward(raw), target, atol=1e-8)


def test_tiles_that_cannot_be_fitted_are_left_as_they_are_and_named():
    raw = [grid_points(200, 100)] * 3
    tiles = [tile("good"), tile("lost"), tile("short")]
    tiles[2]["transforms"]["specList"] = []
    before = [dict(each) for each in tiles]
    targets = [raw[0] + 5, np.full_like(raw[0], np.nan), raw[0]]
    placed, fits, dropped = fit_and_place(tiles, SHARED, raw, targets, FitRules(), Placement(1))
    assert [t["tileId"] for t in placed] == [f["tileId"] for f in fits] == ["good"]
    assert [d["tileId"] for d in dropped] == ["lost", "short"]
    assert "0 points, 3 are needed" in dropped[0]["reason"]
    assert "tile short has 0 transforms" in dropped[1]["reason"]
    assert tiles[1:] == before[1:]


def test_one_transform_for_a_section_uses_the_points_of_all_tiles():
    raw = [grid_points(200, 100)] * 2
    tiles = [tile("a"), tile("b")]
    world = [TileTransforms(t, SHARED).forward(raw[0]) for t in tiles]
    targets = [world[0] + [10, 0], world[1] + [20, 0]]
    rules = FitRules("translation")
    placed, fits, _ = fit_and_place(tiles, SHARED, raw, targets, rules, Placement(None), True)
    lists = [t["transforms"]["specList"] for t in placed]
    assert lists[0][-1] == lists[1][-1] and len(lists[0]) == 4
    assert float(lists[0][-1]["dataString"].split()[4]) == pytest.approx(15)
    assert fits[0]["points"] == 32 and fits[0]["rms"] == pytest.approx(5)
    with pytest.raises(ValueError, match="no pixels in common"):
        fit_and_place(tiles, SHARED, raw, targets, rules, Placement(0), True)


def test_rules_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="unknown model 'quadratic'"):
        FitRules("quadratic")
    with pytest.raises(ValueError, match="max_epsilon goes with"):
        FitRules("polynomial", max_epsilon=2)
