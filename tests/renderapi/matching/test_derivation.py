"""Match parameters of the web service, and the sets of matches that pass its filters."""

from __future__ import annotations

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapi.matching.derivation import feature_parameters, filter_matches, match_derivation


@pytest.fixture
def candidates():
    """30 matches moved by (10, 5), 20 moved by (-40, 0), 15 moved anywhere."""
    rng = np.random.default_rng(7)
    p = rng.uniform(0, 500, (65, 2))
    q = p + np.where(np.arange(65)[:, None] < 30, (10.0, 5.0), (-40.0, 0.0))
    q[50:] = rng.uniform(1000, 3000, (15, 2))
    return p, q


def derivation(**keys):
    return match_derivation({"matchModelType": "TRANSLATION", "matchMaxEpsilon": 2, **keys})


def test_a_single_set_is_the_largest(candidates):
    (found,) = filter_matches(*candidates, derivation())
    assert np.array_equal(found.p, candidates[0][:30])
    assert np.allclose(found.matrix, [[1, 0, 10], [0, 1, 5], [0, 0, 1]])


def test_consensus_sets_are_all_sets_largest_first(candidates):
    found = filter_matches(*candidates, derivation(matchFilter="CONSENSUS_SETS"))
    assert [len(s.p) for s in found] == [30, 20]
    assert np.allclose(found[1].q - found[1].p, (-40, 0))


def test_aggregated_sets_are_one(candidates):
    (found,) = filter_matches(*candidates, derivation(matchFilter="AGGREGATED_CONSENSUS_SETS"))
    assert len(found.p) == 50


def test_no_filter_passes_everything(candidates):
    (found,) = filter_matches(*candidates, derivation(matchFilter="NONE"))
    assert len(found.p) == 65
    assert found.matrix is None
    assert filter_matches(np.empty((0, 2)), np.empty((0, 2)), derivation(matchFilter="NONE")) == []


def test_limits_on_inliers(candidates):
    assert filter_matches(*candidates, derivation(matchMinNumInliers=31)) == []
    assert filter_matches(*candidates, derivation(matchMinInlierRatio=0.5)) == []
    (found,) = filter_matches(*candidates, derivation(matchMaxNumInliers=7))
    assert len(found.p) == 7
    assert np.allclose(found.q - found.p, (10, 5))


def test_defaults_are_those_of_the_contract():
    found = match_derivation(None)
    assert (found.rod, found.model.name, found.filter) == (0.92, "affine", "SINGLE_SET")
    ransac = found.ransac
    assert (ransac.iterations, ransac.max_epsilon, ransac.min_inliers) == (1000, 20.0, 4)
    assert (ransac.min_inlier_ratio, ransac.max_trust) == (0.0, 3.0)
    assert (found.max_inliers, found.coverage_radius, found.min_coverage) == (None, 300.0, None)


def test_the_full_scale_epsilon_wins():
    document = {"matchMaxEpsilon": 7, "matchMaxEpsilonFullScale": 10}
    assert match_derivation(document, render_scale=0.25).ransac.max_epsilon == 2.5


def test_interpolated_models():
    document = {
        "matchModelType": "AFFINE",
        "matchRegularizerModelType": "RIGID",
        "matchInterpolatedModelLambda": 0.1,
    }
    model = match_derivation(document).model
    assert (model.name, model.regularizer, model.weight) == ("affine", "rigid", 0.1)


@pytest.mark.parametrize(
    "document",
    [
        {"matchFilter": "ALL"},
        {"matchModelType": "POLYNOMIAL"},
        {"matchRegularizerModelType": "RIGID"},
        {"matchInterpolatedModelLambda": 0.1},
        {"matchRegularizerModelType": "RIGID", "matchInterpolatedModelLambda": 2},
        {"matchIterations": 0},
        {"matchIterations": 1.5},
        {"matchMaxEpsilon": -1},
        {"matchRod": "high"},
        {"matchMaxTrust": True},
    ],
)
def test_nonsense_is_refused(document):
    with pytest.raises(SpecError):
        match_derivation(document)


def test_octaves_from_the_largest_to_the_least_scale():
    found = feature_parameters({"minScale": 0.25, "maxScale": 1.0, "steps": 5}, (400, 400))
    assert (found.scale, found.steps, found.max_octaves) == (1.0, 5, 3)
    assert feature_parameters(None, (1000, 1000)).max_octaves == 1
    for bad in ({"minScale": 0.9, "maxScale": 0.5}, {"steps": 0}, {"minScale": 0}):
        with pytest.raises(SpecError):
            feature_parameters(bad, (100, 100))
