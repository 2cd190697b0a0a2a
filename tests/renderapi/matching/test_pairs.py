"""Pairs of pictures, the way from correlation to features, and the reasons for rejection."""

import json

import numpy as np
import pytest
from scipy.ndimage import affine_transform, map_coordinates

from renderapi.matching.canvases import View
from renderapi.matching.contrast import content_mask
from renderapi.matching.features import FeatureParameters
from renderapi.matching.models import Model, apply
from renderapi.matching.pair_parameters import PairParameters
from renderapi.matching.pairs import match_layers_pair, match_montage_pair


def view(image):
    return View(image, np.ones(image.shape, bool))


def moved(dx, dy):
    """Map from p to q where q lies at (dx, dy) of p."""
    return np.array([[1, 0, -dx], [0, 1, -dy], [0, 0, 1.0]])


def settings(model="translation", **more):
    more = {"search_radius": 15.0, "features": FeatureParameters(scale=1.0)} | more
    return PairParameters(model=Model(model), **more)


def placed(texture, p_to_q, side=300):
    """p, and q such that q at p_to_q(x) shows what p shows at x."""
    scene = texture(2 * side, 2 * side, 0)
    low = side // 4
    back = np.linalg.inv(p_to_q)
    swap = np.array([[0, 1], [1, 0]])
    q = affine_transform(
        scene, swap @ back[:2, :2] @ swap, back[1::-1, 2] + low, (side, side), order=5
    )
    return view(scene[low : low + side, low : low + side]), view(q)


def test_a_translation_gives_a_grid_of_points_with_one_shift(overlapping):
    p, q = overlapping(160.3, 5.6)
    found = match_montage_pair(view(p), view(q), moved(155, 0), settings())
    assert (found.accepted, found.method) == (True, "correlation")
    assert found.p - found.q == pytest.approx(np.tile([160.3, 5.6], (len(found.p), 1)), abs=0.05)
    assert found.offset == pytest.approx((5.3, 5.6), abs=0.05)
    assert len(found.p) >= 25 and found.coverage > 90
    assert (found.p[:, 0] >= 160).all() and (found.weights > 0.9).all()


@pytest.mark.parametrize("model", ["rigid", "similarity", "affine"])
def test_freer_models_get_points_of_blocks(texture, model):
    angle = np.deg2rad(0.4)
    true = np.array(
        [
            [np.cos(angle), -np.sin(angle), -150.7],
            [np.sin(angle), np.cos(angle), 3.2],
            [0, 0, 1],
        ]
    )
    p, q = placed(texture, true)
    found = match_montage_pair(p, q, moved(145, 0), settings(model))
    assert found.method == "blocks"
    assert apply(true, found.p) == pytest.approx(found.q, abs=0.15)
    assert found.residual < 0.1


def test_a_turned_and_stretched_prior_is_followed(texture):
    angle = np.deg2rad(30)
    true = np.array(
        [
            [1.1 * np.cos(angle), -np.sin(angle), -40.0],
            [1.1 * np.sin(angle), np.cos(angle), -60.0],
            [0, 0, 1],
        ]
    )
    p, q = placed(texture, true)
    prior = true @ moved(4, -3)
    for parameters in (settings("affine"), settings("affine", use_correlation=False)):
        found = match_montage_pair(p, q, prior, parameters)
        assert found.accepted, found.reason
        assert apply(true, found.p) == pytest.approx(found.q, abs=0.3)


def test_features_take_over_where_the_stage_is_further_off_than_correlation_looks(overlapping):
    p, q = overlapping(150.0, 6.0, side=300)
    without = settings(use_features=False)
    rejected = match_montage_pair(view(p), view(q), moved(170, 6), without)
    assert rejected.reason.startswith("correlation: ")
    found = match_montage_pair(view(p), view(q), moved(170, 6), settings())
    assert found.accepted and found.method.startswith("features")
    assert found.p - found.q == pytest.approx(np.tile([150.0, 6.0], (len(found.p), 1)), abs=0.2)
    assert found.offset == pytest.approx((-20, 0), abs=0.2)


@pytest.mark.parametrize("seed", range(3))
def test_blank_overlaps_are_rejected_with_both_reasons(seed):
    rng = np.random.default_rng(seed)
    p, q = (view(rng.normal(500, 10, (200, 200))) for _ in range(2))
    for model in ("translation", "affine"):
        found = match_montage_pair(p, q, moved(170, 0), settings(model))
        assert not found.accepted and not len(found.p)
        assert "correlation: blank" in found.reason and "features at scale 1: " in found.reason


def test_a_feature_outside_the_overlap_does_not_help(texture):
    """The tiles share content, but not where they overlap."""
    scene = texture(400, 400)
    p, q = scene[:200, :200], np.roll(scene[:200, :200], 100, axis=0)
    found = match_montage_pair(view(p), view(q), moved(160, 0), settings())
    assert not found.accepted


def test_a_repeating_texture_is_not_guessed():
    y, x = np.mgrid[:200, :400]
    scene = 1000 + 100 * np.sin(2 * np.pi * x / 9) * np.sin(2 * np.pi * y / 9)
    noise = np.random.default_rng(0).normal(0, 5, (2, 200, 200))
    p, q = view(scene[:, :200] + noise[0]), view(scene[:, 150:350] + noise[1])
    found = match_montage_pair(p, q, moved(152, 2), settings())
    assert not found.accepted and "ambiguous" in found.reason
    assert len(found.candidates) > 1


def test_tiles_that_do_not_meet_are_rejected_at_once(texture):
    p = view(texture(100, 100))
    for match in (match_montage_pair, match_layers_pair):
        found = match(p, p, moved(200, 0), settings())
        assert "do not come together" in found.reason


def test_different_sections_are_matched_by_what_they_share(texture):
    common, own = texture(400, 400, 1), [texture(400, 400, seed) for seed in (2, 3)]
    p, q = (view(common + 0.35 * (o - 1000)) for o in own)
    q = view(np.roll(q.image, (4, -6), axis=(0, 1)))
    found = match_layers_pair(p, q, np.eye(3), settings("rigid", max_distortion=0.1))
    assert found.accepted, found.reason
    gap = np.median(found.q - found.p, axis=0)
    assert gap == pytest.approx((-6, 4), abs=0.7)


def test_unrelated_sections_have_no_match(texture):
    p, q = view(texture(300, 300, 1)), view(texture(300, 300, 2))
    found = match_layers_pair(p, q, np.eye(3), settings("affine"))
    assert not found.accepted
    assert "features at scale 1: " in found.reason and "correlation: " in found.reason


def test_ways_can_be_closed(overlapping):
    p, q = overlapping(150.0, 6.0)
    found = match_montage_pair(view(p), view(q), moved(150, 6), settings(use_correlation=False))
    assert found.method.startswith("features") or "features" in found.reason
    assert found.candidates == []


def test_the_same_pair_gives_the_same_matches(texture):
    true = np.array([[1.003, 0.004, -150.3], [-0.004, 0.998, 4.6], [0, 0, 1.0]])
    p, q = placed(texture, true)
    for parameters in (settings("affine"), settings("affine", use_correlation=False)):
        first, again = (match_montage_pair(p, q, moved(148, 0), parameters) for _ in range(2))
        assert (first.p == again.p).all() and (first.q == again.q).all()


def test_tem_tiles_agree_better_than_the_published_montage(real_data):
    """Thin overlaps, black borders, four cameras: residuals of affines fitted to each pair."""
    import cv2

    folder = real_data("tem_2x2")
    views, places = {}, {}
    for tile in json.loads((folder / "reference_affines.json").read_text()):
        image = cv2.imread(str(folder / tile["image"]), 0)
        mask = cv2.imread(str(folder / tile["mask"]), 0)
        views[tile["tileId"]] = View(image, content_mask(image, mask))
        m = [float(v) for v in tile["transforms"][0].split()]
        matrix = np.array([[m[0], m[2], m[4] / 2], [m[1], m[3], m[5] / 2], [0, 0, 1]])
        places[tile["tileId"]] = matrix  # of level 1, as the images are
    pairs = {(1, 3): (930, 0), (2, 4): (930, 0), (1, 2): (0, 960), (3, 4): (0, 960)}
    for (a, b), prior in pairs.items():
        p, q = f"tile_{a}", f"tile_{b}"
        found = match_montage_pair(
            views[p], views[q], moved(*prior), settings("affine", search_radius=60.0)
        )
        assert found.method == "blocks", found.reason
        assert len(found.p) >= 20 and found.coverage > 90
        published = apply(np.linalg.inv(places[q]) @ places[p], found.p) - found.q
        assert found.residual < 0.35
        assert found.residual < np.sqrt((published**2).sum(1).mean())


def test_what_a_lens_does_within_a_small_overlap_is_found(texture):
    """256 pixels across, 50 of them overlapping: too few for blocks of the usual size."""
    scene, side, step = texture(560, 560, 3), 256, (206, 3)
    middle = (side - 1) / 2

    def shown(pixels):
        """Where in the picture pixels of a tile lie: up to 6 pixels further out in the corners."""
        arms = (pixels - middle) / (middle * np.sqrt(2))
        return pixels + 6 * arms * (arms**2).sum(-1, keepdims=True)

    grid = np.stack(np.meshgrid(*[np.arange(float(side))] * 2), -1)
    p, q = (
        view(
            map_coordinates(
                scene, (shown(grid) + 40 + place)[..., ::-1].transpose(2, 0, 1), order=5
            )
        )
        for place in ((0, 0), step)
    )
    found = match_montage_pair(p, q, moved(204, 0), settings("affine"))
    assert found.method == "blocks" and len(found.p) >= 8
    errors = np.linalg.norm(shown(found.p) - shown(found.q) - step, axis=1)
    assert np.median(errors) < 0.15 and errors.max() < 0.5
    shifts = found.p - found.q
    assert np.ptp(shifts, axis=0).max() > 1.0  # no single shift
