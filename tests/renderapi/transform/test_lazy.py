"""Arrays that are made when they are first asked for."""

import copy
import pickle

import numpy as np
import pytest

from renderapi.transform import (
    NonLinearCoordinateTransform,
    Polynomial2DTransform,
    ThinPlateSplineTransform,
)


def spline():
    made = ThinPlateSplineTransform()
    points = np.random.default_rng(0).random((400, 2)) * 900
    made.estimate(points, points + np.sin(points))
    return ThinPlateSplineTransform(dataString=made.dataString), "srcPts"


def polynomial():
    return Polynomial2DTransform(dataString="1.0 2.0 3.0 4.0 5.0 6.0"), "params"


def lens():
    text = "1 3 1.5 2.5 3.5 4.5 5.5 6.5 10.0 20.0 0.0 30.0 40.0 1.0 64 48 "
    return NonLinearCoordinateTransform(dataString=text), "beta"


every = pytest.mark.parametrize("make", [spline, polynomial, lens])


@every
def test_reading_and_writing_makes_no_array(make):
    transform, name = make()
    text = transform.dataString
    transform.to_dict()
    assert name not in vars(transform)
    shown, code = str(transform), hash(transform)
    again = pickle.loads(pickle.dumps(transform))
    for other in (copy.copy(transform), copy.deepcopy(transform), again):
        assert isinstance(getattr(other, name), np.ndarray)
        assert other.dataString == text and str(other) == shown and hash(other) == code
    assert getattr(transform, name) is getattr(transform, name)
    assert transform.dataString == text


@every
def test_changes_of_an_array_are_written(make):
    transform, name = make()
    text = transform.dataString
    getattr(transform, name)[0, 0] += 0.25
    assert transform.dataString != text
    getattr(transform, name)[0, 0] -= 0.25
    assert transform.dataString == text


@every
def test_an_assigned_array_stays_and_a_new_text_replaces_it(make):
    transform, name = make()
    text, array = transform.dataString, getattr(make()[0], name) + 1
    setattr(transform, name, array)
    transform.complete()
    assert getattr(transform, name) is array and transform.dataString != text
    transform.dataString = text
    assert transform.dataString == text
    np.testing.assert_array_equal(getattr(transform, name), getattr(make()[0], name))


@every
def test_a_deleted_array_is_gone(make):
    transform, name = make()
    delattr(transform, name)
    with pytest.raises(AttributeError, match=name):
        getattr(transform, name)
    with pytest.raises(AttributeError, match="nothing"):
        transform.nothing  # noqa: B018
