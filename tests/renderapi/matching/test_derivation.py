"""Match parameters of the web service's documents."""

from __future__ import annotations

import pytest

from renderapi.errors import SpecError
from renderapi.matching.derivation import derivation_parameters, sift_parameters


def test_defaults_are_those_of_the_contract():
    found = derivation_parameters(None)
    assert (found.rod, found.model.name, found.filter) == (0.92, "affine", "SINGLE_SET")
    assert (found.iterations, found.max_epsilon, found.min_inliers) == (1000, 20.0, 4)
    assert (found.min_inlier_ratio, found.max_trust) == (0.0, 3.0)
    assert (found.max_inliers, found.coverage_radius, found.min_coverage) == (None, 300.0, None)
    sift = sift_parameters(None)
    assert (sift.min_scale, sift.max_scale, sift.steps) == (0.5, 0.85, 3)


@pytest.mark.parametrize("size", [4, 8])
def test_descriptor_sizes_that_clients_send_are_taken(size):
    assert sift_parameters({"fdSize": size}).fd_size == size


def test_the_full_scale_epsilon_wins():
    document = {"matchMaxEpsilon": 7, "matchMaxEpsilonFullScale": 10}
    assert derivation_parameters(document).ransac(0.25, 3.0).max_epsilon == 2.5
    assert derivation_parameters({"matchMaxEpsilon": 7}).ransac(0.25, 3.0).max_epsilon == 7


def test_interpolated_models():
    document = {
        "matchModelType": "AFFINE",
        "matchRegularizerModelType": "RIGID",
        "matchInterpolatedModelLambda": 0.1,
    }
    model = derivation_parameters(document).model
    assert (model.name, model.regularizer, model.weight) == ("affine", "rigid", 0.1)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({"matchFilter": "ALL"}, "matchFilter"),
        ({"matchFilter": "NONE", "matchMinCoveragePercentage": 10}, "matchFilter"),
        ({"matchModelType": "POLYNOMIAL"}, "POLYNOMIAL"),
        ({"matchRegularizerModelType": "RIGID"}, "together"),
        ({"matchInterpolatedModelLambda": 0.1}, "together"),
        ({"matchRegularizerModelType": "RIGID", "matchInterpolatedModelLambda": 2}, "0 to 1"),
        ({"matchIterations": 0}, "matchIterations"),
        ({"matchIterations": 1.5}, "matchIterations"),
        ({"matchMaxEpsilon": -1}, "epsilon"),
        ({"matchRod": "high"}, "matchRod"),
        ({"matchMaxTrust": True}, "matchMaxTrust"),
    ],
)
def test_nonsense_is_refused(document, text):
    with pytest.raises(SpecError, match=text):
        derivation_parameters(document)


@pytest.mark.parametrize(
    "document",
    [
        {"minScale": 0.9, "maxScale": 0.5},
        {"maxScale": 1.5},
        {"minScale": 0},
        {"steps": 0},
        {"steps": 2.5},
        {"fdSize": 0},
        {"fdSize": 6},
    ],
)
def test_scales_without_octaves_are_refused(document):
    with pytest.raises(SpecError):
        sift_parameters(document)
