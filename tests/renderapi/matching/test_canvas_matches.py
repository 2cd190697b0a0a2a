"""Matches of two pictures with the parameters of point match clients."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapi.matching.canvas_matches import (
    DerivationParameters,
    MatchSet,
    SiftParameters,
    filter_matches,
    match_canvases,
    overlap_coverage,
)
from renderapi.matching.canvases import CanvasSpec, draw
from renderapi.matching.features import find_features
from renderapi.matching.models import Model, apply

TRANSLATION = DerivationParameters(model=Model("translation"), max_epsilon=2)
AREA = 1000.0 * 1000.0


@pytest.fixture
def candidates():
    """30 matches moved by (10, 5), 20 moved by (-40, 0), 15 moved anywhere."""
    rng = np.random.default_rng(7)
    p = rng.uniform(0, 500, (65, 2))
    q = p + np.where(np.arange(65)[:, None] < 30, (10.0, 5.0), (-40.0, 0.0))
    q[50:] = rng.uniform(1000, 3000, (15, 2))
    return p, q


@pytest.mark.parametrize("area", [None, AREA])
def test_a_single_set_is_the_largest(candidates, area):
    (found,) = filter_matches(*candidates, TRANSLATION, area=area)
    assert np.array_equal(found.p, candidates[0][:30])
    assert np.allclose(found.matrix, [[1, 0, 10], [0, 1, 5], [0, 0, 1]])


@pytest.mark.parametrize("area", [None, AREA])
def test_consensus_sets_are_all_sets_largest_first(candidates, area):
    several = replace(TRANSLATION, filter="CONSENSUS_SETS")
    found = filter_matches(*candidates, several, area=area)
    assert [len(part.p) for part in found] == [30, 20]
    assert np.allclose(found[1].q - found[1].p, (-40, 0))


def test_aggregated_sets_are_one(candidates):
    together = replace(TRANSLATION, filter="AGGREGATED_CONSENSUS_SETS")
    (found,) = filter_matches(*candidates, together)
    assert len(found.p) == 50


def test_no_filter_passes_everything(candidates):
    everything = replace(TRANSLATION, filter="NONE")
    (found,) = filter_matches(*candidates, everything)
    assert (len(found.p), found.matrix) == (65, None)
    assert filter_matches(np.empty((0, 2)), np.empty((0, 2)), everything) == []


def test_limits_on_inliers(candidates):
    assert filter_matches(*candidates, replace(TRANSLATION, min_inliers=31)) == []
    assert filter_matches(*candidates, replace(TRANSLATION, min_inlier_ratio=0.5)) == []
    (found,) = filter_matches(*candidates, replace(TRANSLATION, max_inliers=7))
    assert len(found.p) == 7
    assert np.allclose(found.q - found.p, (10, 5))


def test_the_seed_decides_which_matches_are_kept(candidates):
    few = replace(TRANSLATION, max_inliers=7)
    first, again, other = (
        filter_matches(*candidates, replace(few, seed=seed))[0].p for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_set_is_whole():
    """What the trust filter drops from a set does not turn up as another one."""
    rng = np.random.default_rng(1)
    p = rng.uniform(0, 1000, (120, 2))
    q = p + np.where(np.arange(120)[:, None] < 80, (0.0, 0.0), (0.0, 9.0))
    q += rng.normal(0, 0.4, p.shape)
    wide = replace(TRANSLATION, filter="CONSENSUS_SETS", max_epsilon=4)
    found = filter_matches(p, q, wide, area=AREA)
    assert [len(part.p) for part in found] == pytest.approx([80, 40], abs=3)
    assert [np.median((part.q - part.p)[:, 1]) for part in found] == pytest.approx([0, 9], abs=0.2)


def test_a_wide_epsilon_does_not_let_strangers_bend_a_thin_strip():
    """20 matches in a strip 60 pixels wide among 280 that are random."""
    rng = np.random.default_rng(5)
    p = np.column_stack([rng.uniform(0, 1000, 300), rng.uniform(0, 900, 300)])
    q = np.column_stack([rng.uniform(0, 1000, 300), rng.uniform(0, 900, 300)])
    p[:20, 1] = rng.uniform(840, 900, 20)
    true = np.array([[1.01, 0.01, 12.0], [-0.008, 0.99, -830.0], [0, 0, 1.0]])
    q[:20] = apply(true, p[:20]) + rng.normal(0, 0.3, (20, 2))
    (found,) = filter_matches(p, q, DerivationParameters(), area=900.0 * 1000.0)
    assert len(found.p) >= 17
    assert np.abs(apply(true, found.p) - found.q).max() < 2


@pytest.mark.parametrize(
    "model",
    [
        Model("translation"),
        Model("rigid"),
        Model("similarity"),
        Model("affine"),
        Model("affine", "rigid", 0.1),
        Model("affine", "translation", 0.5),
        Model("similarity", "translation", 0.3),
    ],
)
def test_every_model_finds_the_matches_among_strangers(model):
    rng = np.random.default_rng(9)
    p, q = rng.uniform(0, 1000, (200, 2)), rng.uniform(0, 1000, (200, 2))
    turn = 0.0 if "translation" in (model.name, model.regularizer) else 0.05
    true = np.array([[np.cos(turn), -np.sin(turn), 30], [np.sin(turn), np.cos(turn), -20]])
    true = np.vstack([true, [0, 0, 1]])
    q[:60] = apply(true, p[:60]) + rng.normal(0, 0.3, (60, 2))
    (found,) = filter_matches(p, q, DerivationParameters(model=model), area=AREA)
    assert {tuple(point) for point in found.p} <= {tuple(point) for point in p[:60]}
    assert len(found.p) >= 55
    assert np.abs(apply(found.matrix, p) - apply(true, p)).max() < 1


def test_unrelated_pictures_have_no_matches(texture):
    sift = SiftParameters().features()
    shown = np.ones((400, 400), bool)
    p, q = (find_features(texture(400, 400, seed), shown, sift) for seed in (1, 2))
    for way in ("SINGLE_SET", "CONSENSUS_SETS"):
        for model in ("translation", "rigid", "similarity", "affine"):
            parameters = DerivationParameters(model=Model(model), filter=way)
            assert match_canvases(p, q, 400.0 * 400.0, parameters) == []


def test_octaves_from_the_largest_scale_to_the_least():
    found = SiftParameters(min_scale=0.25, max_scale=1.0, steps=5).features()
    # OpenCV starts at twice the size; its octaves -1, 0 and 1 are the scales 1, 0.5 and 0.25
    assert (found.scale, found.steps, found.max_octaves) == (0.5, 5, 2)
    assert SiftParameters().features().max_octaves == 1
    assert SiftParameters(0.5, 0.5).features().max_octaves == 0


def test_coverage_is_that_of_the_overlap():
    shown = np.ones((100, 200), bool)
    right = np.array([[1.0, 0, -100], [0, 1, 0], [0, 0, 1]])
    half = np.array([[150.0, 25.0], [150.0, 50.0]])
    sets = [MatchSet(half, apply(right, half), right)]
    overlap, percentage = overlap_coverage(sets, shown, shown, 200)
    assert (overlap, percentage) == (100 * 100, 100.0)
    single = [MatchSet(half[1:], half[1:], right)]
    assert overlap_coverage(single, shown, shown, 30).percentage == pytest.approx(
        np.pi * 30**2 / 100, rel=0.05
    )
    assert overlap_coverage([MatchSet(half, half, None)], shown, shown, 200) == (0, 0.0)


def test_bad_parameters_are_refused():
    for bad in ({"iterations": 0}, {"max_epsilon": 0}, {"max_trust": -1}, {"rod": 0}):
        with pytest.raises(SpecError):
            DerivationParameters(**bad)


@pytest.mark.parametrize("masked", [False, True])
def test_tem_tiles_of_four_cameras(real_data, masked):
    """The Java client finds 212 and 234 matches across, and none down, at this scale."""
    folder = real_data("tem_2x2")
    tiles = {tile["tileId"]: tile for tile in json.loads(
        (folder / "reference_affines.json").read_text())}  # fmt: skip
    sift = SiftParameters().features()
    described = {}
    for name, tile in tiles.items():
        view = draw(tem_canvas(folder, tile, masked))
        described[name] = find_features(view.image, view.mask, sift)
    least = {("tile_1", "tile_3"): 212, ("tile_2", "tile_4"): 234}
    least |= {("tile_1", "tile_2"): 15, ("tile_3", "tile_4"): 15}
    for (p, q), number in least.items():
        (found,) = match_canvases(
            described[p], described[q], 1060.0 * 904.0, DerivationParameters(), 0.4
        )
        assert len(found.p) >= number
        error = apply(montage(tiles[p]), found.p) - apply(montage(tiles[q]), found.q)
        assert np.median(np.hypot(*error.T)) < 1.0
        assert np.hypot(*error.T).max() < 5.0


def tem_canvas(folder, tile, masked):
    images = {"imageUrl": str(folder / tile["image"])}
    if masked:
        images["maskUrl"] = str(folder / tile["mask"])
    drawn = {
        "tileId": tile["tileId"], "width": 2650, "height": 2260,
        "minIntensity": 0, "maxIntensity": 255, "mipmapLevels": {"1": images},
        "transforms": {"type": "list", "specList": []},
    }  # fmt: skip
    document = {
        "x": 0, "y": 0, "width": 2650, "height": 2260, "scale": 0.4, "tileSpecs": [drawn],
    }  # fmt: skip
    return CanvasSpec(document, np.zeros(2), 0.4, np.eye(3))


def montage(tile):
    """Pixels of the picture to those of the published montage at the same scale."""
    m00, m10, m01, m11, b0, b1 = map(float, tile["transforms"][0].split())
    return np.array([[m00, m01, 0.4 * b0], [m10, m11, 0.4 * b1], [0, 0, 1.0]])
