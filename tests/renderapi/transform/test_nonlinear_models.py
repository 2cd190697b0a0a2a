"""Lens transforms: strings, kernel, fit, inverse."""

import numpy as np
import pytest

from renderapi.errors import EstimationError, SpecError
from renderapi.transform import (
    LensCorrection,
    NonLinearCoordinateTransform,
    NonLinearTransform,
    load_leaf_json,
)

NAMES = {
    NonLinearCoordinateTransform: "mpicbg.trakem2.transform.NonLinearCoordinateTransform",
    NonLinearTransform: "mpicbg.trakem2.transform.nonLinearTransform",
    LensCorrection: "lenscorrection.NonLinearTransform",
}
# dimension 2: terms x y x^2 xy y^2 and the constant
BETA = [1100.25, 3.0, -4.0, 930.5, 6.0, 1.5, -2.0, 2.5, 3.25, -1.0, 12.8, 10.8]
MEAN = [1280.0, 1080.0, 2184533.0, 1382400.0, 1555200.0, 0.0]
DEVIATION = [1103.117269905359, 930.0, 1950000.0, 1250000.0, 1390000.0, 1.0]
TEXT = " ".join(map(repr, [2, 6, *BETA, *MEAN, *DEVIATION, 2560, 2160])) + " "


def by_loop(points):
    result = []
    for x, y in points:
        terms = [x, y, x * x, x * y, y * y]
        kernel = [(t - m) / v for t, m, v in zip(terms, MEAN, DEVIATION, strict=False)] + [100.0]
        result.append(
            [sum(k * b for k, b in zip(kernel, BETA[axis::2], strict=True)) for axis in (0, 1)]
        )
    return np.array(result)


POINTS = np.random.default_rng(0).random((200, 2)) * (2559, 2159)


@pytest.mark.parametrize("cls", NAMES)
def test_dict_round_trip_keeps_every_digit_and_the_name(cls):
    document = {"type": "leaf", "className": NAMES[cls], "dataString": TEXT}
    transform = load_leaf_json(document)
    assert type(transform) is cls
    assert transform.to_dict() == document
    built = cls(dataString=TEXT)
    assert built.to_dict() == document


def test_the_written_form_has_width_before_height():
    transform = LensCorrection(dataString=TEXT)
    transform.beta = transform.beta.copy()
    transform.beta[-1, 0] += 1
    words = transform.dataString.split(" ")
    assert words[-3:] == ["2560", "2160", ""]
    again = LensCorrection(dataString=transform.dataString)
    assert (again.width, again.height) == (2560, 2160)
    np.testing.assert_array_equal(again.beta, transform.beta)
    np.testing.assert_array_equal(again.normVar, transform.normVar)


def test_kernel_and_map_are_the_formula():
    transform = NonLinearCoordinateTransform(dataString=TEXT)
    np.testing.assert_allclose(transform.tform(POINTS), by_loop(POINTS), atol=1e-9)
    np.testing.assert_allclose(transform.kernelExpand(POINTS) @ transform.beta, by_loop(POINTS))
    raw = transform.kernelExpand([[2, 3]], np.zeros(6), np.ones(6))
    assert raw.tolist() == [[2, 3, 4, 6, 9, 100]]


def test_integer_points_are_not_truncated():
    transform = NonLinearCoordinateTransform(dataString=TEXT)
    whole = np.array([[100, 200], [7, 9]])
    np.testing.assert_allclose(transform.tform(whole), by_loop(whole), atol=1e-9)


def test_inverse():
    transform = NonLinearCoordinateTransform(dataString=TEXT)
    np.testing.assert_allclose(transform.inverse_tform(transform.tform(POINTS)), POINTS, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "5",
        "2 5 " + TEXT[4:],
        TEXT.replace("930.5", "x"),
        "2 6",
        "",
        TEXT.replace("930.0", "0"),
    ],
)
def test_bad_strings_are_refused(text):
    with pytest.raises(SpecError, match="NonLinear"):
        NonLinearCoordinateTransform(dataString=text)


def test_estimate_recovers_a_distortion():
    truth = NonLinearCoordinateTransform(dataString=TEXT)
    fitted = NonLinearCoordinateTransform()
    text = fitted.estimate(POINTS, truth.tform(POINTS), ndim=2)
    assert text == fitted.dataString
    np.testing.assert_allclose(fitted.tform(POINTS), truth.tform(POINTS), atol=1e-8)
    assert fitted.estimate(POINTS, POINTS, return_params=False) is None
    assert (fitted.dimension, fitted.length) == (2, 6)
    assert fitted.to_dict()["className"] == NAMES[NonLinearCoordinateTransform]


def test_estimate_follows_weights():
    points = np.vstack((POINTS, POINTS))
    target = np.vstack((POINTS + 5, POINTS - 5))
    fitted = LensCorrection()
    fitted.estimate(points, target, ndim=1, weights=np.repeat([1, 0], len(POINTS)))
    np.testing.assert_allclose(fitted.tform(POINTS), POINTS + 5, atol=1e-8)


def test_estimate_refuses_what_it_cannot_do():
    with pytest.raises(EstimationError, match="ndim"):
        LensCorrection().estimate(POINTS, POINTS)
    with pytest.raises(EstimationError, match="at least 21"):
        LensCorrection().estimate(POINTS[:20], POINTS[:20], ndim=5)
    with pytest.raises(EstimationError, match="source points but"):
        LensCorrection(dataString=TEXT).fit(POINTS, POINTS[:-1])
    with pytest.raises(SpecError, match="no parameters"):
        LensCorrection().tform(POINTS)
