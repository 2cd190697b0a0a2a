"""Features where two pictures may show the same."""

import numpy as np
import pytest

from renderapi.matching.canvases import View
from renderapi.matching.features import FeatureParameters
from renderapi.matching.near_features import features_near


@pytest.fixture
def pictures(overlapping):
    """Two pictures of a scene, the second 240 pixels to the right of the first."""
    return [View(image, np.ones(image.shape, bool)) for image in overlapping(240, 0, side=300)]


PRIOR = np.array([[1.0, 0, -238], [0, 1, 3], [0, 0, 1]])


def test_what_the_other_picture_may_show_is_found_within_the_overlap_as_in_the_whole(pictures):
    parameters = FeatureParameters(scale=1.0)
    whole = features_near(*pictures, PRIOR, parameters, 10.0)
    part = features_near(*pictures, PRIOR, parameters, 10.0, whole=False)
    for x, all_, some in zip((228, 0), whole, part, strict=True):
        assert len(all_.points) > 30
        assert ((some.points[:, 0] >= x) & (some.points[:, 0] <= x + 72)).all()
        apart = np.linalg.norm(all_.points[:, None] - some.points[None], axis=2)
        assert (apart.min(1) < 0.1).mean() > 0.9  # greys are stretched a little differently
        assert len(some.descriptors) == len(some.points)


def test_pictures_keep_features_of_the_whole_only(pictures):
    p, q = pictures
    parameters = FeatureParameters(scale=1.0)
    features_near(p, q, PRIOR, parameters, 10.0, whole=False)
    assert p.bytes_held == p.image.nbytes + p.mask.nbytes
    features_near(p, q, np.eye(3), parameters, 10.0, whole=False)  # nearly all of both
    assert p.bytes_held > p.image.nbytes + p.mask.nbytes


def test_pictures_that_do_not_meet_have_none(pictures):
    away = np.array([[1.0, 0, -900], [0, 1, 0], [0, 0, 1]])
    found = features_near(*pictures, away, FeatureParameters(scale=0.5), 10.0, whole=False)
    assert [len(features.points) for features in found] == [0, 0]
