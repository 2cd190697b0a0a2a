"""Spots and the matches of their arrangements."""

from __future__ import annotations

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapi.matching.geometric import GeometricParameters, find_spots, match_spots


def spotted(points, shape=(200, 240), sigma=2.5, sign=1.0):
    """A grey picture with a Gaussian spot at every point."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    picture = np.full(shape, 100.0)
    for a, b in points:
        picture += sign * 80 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2))
    return picture


def scattered(count, size=(240, 200), seed=1, apart=12.0):
    rng = np.random.default_rng(seed)
    points = np.empty((0, 2))
    while len(points) < count:
        place = rng.uniform(15, np.array(size) - 15)
        if not len(points) or np.linalg.norm(points - place, axis=1).min() > apart:
            points = np.vstack([points, place])
    return points


def everything(picture):
    return np.ones(picture.shape, bool)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_spots_are_found_between_pixels(sign):
    points = scattered(40)
    picture = spotted(points, sign=sign)
    parameters = GeometricParameters(minima=sign < 0, maxima=sign > 0, threshold=0.05)
    found = find_spots(picture, everything(picture), parameters)
    assert len(found) == 40
    distance = np.linalg.norm(found[:, None] - points[None], axis=2)
    assert distance.min(axis=1).max() < 0.1
    other = GeometricParameters(minima=sign > 0, maxima=sign < 0, threshold=0.3)
    assert len(find_spots(picture, everything(picture), other)) == 0


def test_whole_pixels_without_localization():
    picture = spotted([(50.3, 60.4)])
    parameters = GeometricParameters(localization="NONE", threshold=0.05, minima=False)
    assert find_spots(picture, everything(picture), parameters).tolist() == [[50.0, 60.0]]


def test_spots_at_or_behind_the_mask_are_left_out():
    picture = spotted([(50, 60), (150, 60), (198, 100)])
    mask = everything(picture)
    mask[:, 120:] = False
    parameters = GeometricParameters(threshold=0.05, minima=False)
    assert np.allclose(find_spots(picture, mask, parameters), [[50, 60]], atol=0.05)
    assert len(find_spots(picture, np.zeros_like(mask), parameters)) == 0


def test_of_two_near_spots_the_stronger_stays():
    picture = spotted([(50, 60), (120, 60)]) + 0.5 * (spotted([(62, 60)]) - 100)
    near = GeometricParameters(threshold=0.03, minima=False)
    assert len(find_spots(picture, everything(picture), near)) == 3
    far = GeometricParameters(threshold=0.03, minima=False, spacing=20.0)
    found = find_spots(picture, everything(picture), far)
    assert np.allclose(np.sort(found[:, 0]), [50, 120], atol=0.1)


def test_arrangements_match_through_noise_missing_and_additional_spots():
    rng = np.random.default_rng(2)
    p = scattered(120, (600, 500))
    shift = np.array([-310.0, 40.0])
    q = p + shift + rng.normal(scale=0.05, size=p.shape)
    q = np.vstack([np.delete(q, [3, 40, 77], axis=0), scattered(3, (600, 500), seed=9)])
    one, other = match_spots(p, q, GeometricParameters())
    right = np.linalg.norm(other - one - shift, axis=1) < 1
    assert right.sum() > 90
    assert right.mean() > 0.95


def test_turned_pictures_match_when_orientation_may_differ():
    p = scattered(100, (600, 500), seed=4)
    angle = np.radians(70)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    q = p @ turn.T + (900, 20)
    one, other = match_spots(p, q, GeometricParameters(similar_orientation=False))
    assert len(one) > 90
    assert np.allclose(one @ turn.T + (900, 20), other)
    assert len(match_spots(p, q, GeometricParameters())[0]) < 5


def test_a_lattice_has_no_significant_match():
    x, y = np.meshgrid(np.arange(12) * 20.0, np.arange(10) * 20.0)
    points = np.column_stack([x.ravel(), y.ravel()])
    assert len(match_spots(points, points + 3, GeometricParameters())[0]) < 15


def test_too_few_spots_give_nothing():
    p = scattered(4)
    assert [len(found) for found in match_spots(p, p, GeometricParameters())] == [0, 0]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"localization": "GAUSS"}, "localization"),
        ({"minima": False, "maxima": False}, "lookForMinima"),
        ({"neighbours": 1}, "numberOfNeighbors"),
        ({"redundancy": 8}, "redundancy"),
        ({"sigma": 0.0}, "sigma"),
        ({"significance": -1.0}, "significance"),
    ],
)
def test_bad_parameters(change, text):
    with pytest.raises(SpecError, match=text):
        GeometricParameters(**change)
