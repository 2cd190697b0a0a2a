"""Exponential offsets: strings, formulas, inverses."""

import math

import numpy as np
import pytest

from renderapi.errors import EstimationError, SpecError
from renderapi.transform import (
    ExponentialFunctionOffsetTransform,
    ExponentialRecoveryOffsetTransform,
    SEMDistortionTransformA,
    load_leaf_json,
)

PACKAGE = "org.janelia.alignment.transform."
POINTS = np.random.default_rng(0).random((80, 2)) * 6000
CASES = [
    (
        SEMDistortionTransformA,
        "19.4,64.8,24.4,972.1",
        lambda v: v + 19.4 * math.exp(-v / 64.8) + 24.4 * math.exp(-v / 972.1),
    ),
    (
        ExponentialFunctionOffsetTransform,
        "3.5,0.0025,0.7",
        lambda v: v - (3.5 * math.exp(-0.0025 * v) + 0.7),
    ),
    (
        ExponentialRecoveryOffsetTransform,
        "3.5,0.0025,0.7",
        lambda v: v - (3.5 * (1 - math.exp(-0.0025 * v)) + 0.7),
    ),
]


@pytest.mark.parametrize("dimension", [0, 1])
@pytest.mark.parametrize(("cls", "numbers", "formula"), CASES)
def test_map_and_inverse(cls, numbers, formula, dimension):
    document = {
        "type": "leaf",
        "className": PACKAGE + cls.__name__,
        "dataString": f"{numbers},{dimension}",
    }
    transform = load_leaf_json(document)
    assert type(transform) is cls
    assert transform.to_dict() == document
    expected = POINTS.copy()
    expected[:, dimension] = [formula(v) for v in POINTS[:, dimension]]
    np.testing.assert_allclose(transform.tform(POINTS), expected, atol=1e-10)
    np.testing.assert_allclose(transform.inverse_tform(expected), POINTS, atol=1e-6)


@pytest.mark.parametrize(("cls", "numbers", "formula"), CASES)
def test_built_from_arguments(cls, numbers, formula):
    transform = cls([float(n) for n in numbers.split(",")], 1, transformId="o")
    assert transform.dataString == numbers + ",1"
    assert transform.to_dict()["id"] == "o"
    transform.dimension = 0
    assert transform.dataString == numbers + ",0"
    assert cls().tform([[5, 6]]).tolist() == [[5, 6]]


@pytest.mark.parametrize("text", ["1 2 3 4 0", " 1, 2, 3, 4, 0", "1,2 3,4 0"])
def test_commas_and_blanks_separate(text):
    transform = load_leaf_json(
        {"className": PACKAGE + "SEMDistortionTransformA", "dataString": text}
    )
    assert transform.coefficients == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SEMDistortionTransformA", "1,2,3,4"),
        ("SEMDistortionTransformA", "1,0,3,4,0"),
        ("SEMDistortionTransformA", "1,2,3,4,2"),
        ("ExponentialFunctionOffsetTransform", "1,2,3,4,0"),
        ("ExponentialRecoveryOffsetTransform", ""),
    ],
)
def test_bad_strings_are_refused(name, text):
    with pytest.raises(SpecError, match=name):
        load_leaf_json({"className": PACKAGE + name, "dataString": text})


def test_there_is_no_fit():
    with pytest.raises(EstimationError, match="cannot be estimated"):
        SEMDistortionTransformA().estimate(POINTS, POINTS)
