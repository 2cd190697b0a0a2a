"""Homography: string, map, inverse, fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderapi.errors import EstimationError, SpecError
from renderapi.transform import HomographyModel, load_leaf_json

NAME = "mpicbg.trakem2.transform.HomographyModel2D"
small = st.floats(-0.2, 0.2)
tiny = st.floats(-5e-5, 5e-5)
SQUARE = np.stack(np.meshgrid(np.arange(4) * 700.0, np.arange(4) * 700.0), -1).reshape(-1, 2)


@st.composite
def matrices(draw):
    a, b, c, d = (draw(small) for _ in range(4))
    tx, ty = draw(st.floats(-1e4, 1e4)), draw(st.floats(-1e4, 1e4))
    return np.array([[1 + a, b, tx], [c, 1 + d, ty], [draw(tiny), draw(tiny), 1.0]])


def by_loop(M, points):
    columns = [M @ (x, y, 1.0) for x, y in points]
    return np.array([(u / w, v / w) for u, v, w in columns])


@given(matrices())
@settings(deadline=None, max_examples=80)
def test_round_trips(M):
    model = HomographyModel(M, transformId="h")
    again = load_leaf_json(model.to_dict())
    assert again.to_dict() == model.to_dict()
    np.testing.assert_array_equal(again.M, M)
    np.testing.assert_allclose(model.tform(SQUARE), by_loop(M, SQUARE), rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(model.inverse_tform(model.tform(SQUARE)), SQUARE, atol=1e-6)


@given(matrices())
@settings(deadline=None, max_examples=50)
def test_fit_recovers_exact_grids(M):
    target = by_loop(M, SQUARE)
    np.testing.assert_allclose(HomographyModel().estimate(SQUARE, target), M, rtol=1e-6, atol=1e-6)
    model = HomographyModel()
    model.estimate(SQUARE, target, return_params=False)
    np.testing.assert_allclose(model.tform(SQUARE), target, atol=1e-6)


def test_four_points_are_met_exactly():
    source = np.array([[0.0, 0], [100, 0], [100, 80], [0, 80]])
    target = np.array([[3.0, 4], [110, -5], [95, 90], [-8, 77]])
    model = HomographyModel()
    model.estimate(source, target)
    np.testing.assert_allclose(model.tform(source), target, atol=1e-9)


def test_both_prefixes_and_verbatim_strings():
    for prefix in ("mpicbg.trakem2.transform.", "mpicbg.models."):
        document = {
            "type": "leaf",
            "className": prefix + "HomographyModel2D",
            "dataString": "1 0  5 0 1 6 0 0 1",
        }
        model = load_leaf_json(document)
        assert model.to_dict() == document
        assert model.tform([[1, 1]]).tolist() == [[6, 7]]


def test_errors():
    with pytest.raises(SpecError, match="9 numbers"):
        load_leaf_json({"className": NAME, "dataString": "1 0 0 0 1 0 0 0"})
    with pytest.raises(EstimationError, match="at least 4"):
        HomographyModel.fit(SQUARE[:3], SQUARE[:3])
    with pytest.raises(EstimationError, match="determine"):
        HomographyModel.fit(SQUARE[:, [0, 0]], SQUARE[:, [0, 0]])
    with pytest.raises(EstimationError, match="identical"):
        HomographyModel.fit(np.ones((5, 2)), SQUARE[:5])
    with pytest.raises(np.linalg.LinAlgError):
        HomographyModel(np.zeros((3, 3))).inverse_tform(SQUARE)


def test_points_on_the_horizon_go_to_infinity_silently():
    model = HomographyModel([[1, 0, 0], [0, 1, 0], [1, 0, 0]])
    assert not np.isfinite(model.tform([[0.0, 1.0]])).all()
