"""Features and their matching."""

import numpy as np
import pytest

from renderapi.matching.features import FeatureParameters, Features, find_features, match_features
from renderapi.matching.models import Model
from renderapi.matching.ransac import RansacParameters, find_consensus


def features(points, descriptors):
    """Features whose descriptors point the way given: square roots are taken of what is stored."""
    return Features(np.asarray(points, float), np.asarray(descriptors, np.float32) ** 2)


def test_features_of_a_shifted_picture_match(overlapping):
    p, q = overlapping(120.0, 6.0, side=300)
    shown = np.ones(p.shape, bool)
    parameters = FeatureParameters(scale=1.0)
    a, b = match_features(
        find_features(p, shown, parameters), find_features(q, shown, parameters), 0.85
    )
    found = find_consensus(a, b, Model("translation"), RansacParameters(max_epsilon=2))
    assert len(found.inliers) > 20
    assert found.matrix[:2, 2] == pytest.approx((-120, -6), abs=0.1)


def test_places_are_in_pixels_of_the_full_image(texture):
    image = texture(400, 400)
    shown = np.ones(image.shape, bool)
    whole = find_features(image, shown, FeatureParameters(scale=1.0))
    half = find_features(image, shown, FeatureParameters(scale=0.5))
    gap = np.linalg.norm(whole.points[None] - half.points[:, None], axis=2).min(1)
    assert np.median(gap) < 1.0


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.425])
def test_places_are_not_biased(scale):
    """Blobs are found where they are, to a tenth of a pixel on average, at every scale."""
    rng = np.random.default_rng(0)
    true = np.array([[x, y] for x in range(40, 380, 40) for y in range(40, 280, 40)], float)
    true += rng.uniform(-0.5, 0.5, true.shape)
    away = np.arange(420)[None, None, :] - true[:, 0, None, None]
    down = np.arange(320)[None, :, None] - true[:, 1, None, None]
    image = 100 + 100 * np.exp(-(away**2 + down**2) / (2 * 4.0**2)).sum(0)
    found = find_features(image, np.ones(image.shape, bool), FeatureParameters(scale=scale))
    gaps = found.points[None] - true[:, None]
    nearest = np.linalg.norm(gaps, axis=2).argmin(1)
    error = gaps[np.arange(len(true)), nearest]
    error = error[np.hypot(*error.T) < 3]
    assert len(error) > 40
    assert np.abs(error.mean(0)).max() < 0.1


def test_descriptors_are_whole_histograms(texture):
    found = find_features(texture(100, 100), np.ones((100, 100), bool))
    assert found.descriptors.dtype == np.uint8
    assert found.descriptors.shape == (len(found.points), 128)
    assert found.descriptors.max() > 20


def test_masked_places_have_no_features(texture):
    image = texture(200, 200)
    shown = np.ones(image.shape, bool)
    shown[:, :100] = False
    found = find_features(image, shown, FeatureParameters(scale=1.0))
    assert len(found.points) and (found.points[:, 0] > 98).all()


def test_the_strongest_are_kept_and_the_order_is_fixed(texture):
    image = texture(200, 200)
    shown = np.ones(image.shape, bool)
    few = find_features(image, shown, FeatureParameters(scale=1.0, max_features=20))
    again = find_features(image, shown, FeatureParameters(scale=1.0, max_features=20))
    assert len(few.points) == 20
    assert (few.points == again.points).all()


def test_blank_and_tiny_pictures_have_none():
    flat = np.full((60, 60), 5.0)
    assert not len(find_features(flat, np.ones(flat.shape, bool)).points)
    assert not len(find_features(flat, np.zeros(flat.shape, bool)).points)
    assert not len(find_features(flat[:8, :8], np.ones((8, 8), bool)).points)


def test_the_nearest_must_be_clearly_nearer_than_the_second():
    p = features([[1, 1]], [[1, 0, 0]])
    near = [1, 0.1, 0]
    clear = features([[5, 5], [9, 9]], [near, [0, 1, 0]])
    unclear = features([[5, 5], [9, 9]], [near, [1, 0.11, 0]])
    assert match_features(p, clear, 0.9)[1].tolist() == [[5, 5]]
    assert not len(match_features(p, unclear, 0.9)[1])


def test_places_matched_twice_are_left_out_but_orientations_are_not():
    base = np.eye(6)
    q = features([[5, 5], [8, 8], [8, 8], [3, 3]], base[:4])
    two_to_one = features([[1, 1], [2, 2]], [base[0], base[0] + 0.01 * base[5]])
    assert not len(match_features(two_to_one, q)[0])
    same_place = features([[1, 1], [1, 1]], base[1:3])  # two orientations of one place
    a, b = match_features(same_place, q)
    assert (a.tolist(), b.tolist()) == ([[1, 1]], [[8, 8]])


def test_blockwise_search_is_exact():
    rng = np.random.default_rng(0)
    p = features(rng.uniform(0, 100, (300, 2)), rng.random((300, 16)))
    q = features(rng.uniform(0, 100, (200, 2)), rng.random((200, 16)))
    a, b = match_features(p, q, 1.0)
    one, other = (np.sqrt(f.descriptors / f.descriptors.sum(1)[:, None]) for f in (p, q))
    gaps = np.linalg.norm(one[:, None] - other[None], axis=2)
    nearest = gaps.argmin(1)
    alone = np.bincount(nearest, minlength=200)[nearest] == 1
    expected = {(*p.points[i], *q.points[nearest[i]]) for i in np.flatnonzero(alone)}
    assert {(*x, *y) for x, y in zip(a, b, strict=True)} == expected
