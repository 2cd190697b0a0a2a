"""Affine family: data strings, class names, maps, properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import renderapi.transform
from renderapi.errors import ConversionError, EstimationError, SpecError
from renderapi.transform import (
    AffineModel,
    RigidModel,
    SimilarityModel,
    TranslationModel,
    load_leaf_json,
)

PACKAGE = "mpicbg.trakem2.transform."
number = st.floats(-1e4, 1e4, allow_subnormal=False)
six_numbers = st.tuples(*[number] * 6)


def loaded(cls, name, data):
    return cls(json={"className": PACKAGE + name, "dataString": data})


def test_data_string_is_column_order_with_ten_decimals():
    model = AffineModel(M00=1, M01=2, M10=3, M11=4, B0=5, B1=6)
    assert model.dataString == (
        "1.0000000000 3.0000000000 2.0000000000 4.0000000000 5.0000000000 6.0000000000"
    )


@given(six_numbers)
@settings(deadline=None, max_examples=100)
def test_dict_round_trip_of_built_models(numbers):
    model = AffineModel(*numbers, transformId="t", labels=["a", "b"])
    again = load_leaf_json(model.to_dict())
    assert again.to_dict() == model.to_dict()
    np.testing.assert_allclose(again.M, model.M, atol=5.1e-11, rtol=1e-14)


@given(six_numbers)
@settings(deadline=None, max_examples=100)
def test_a_read_data_string_is_written_back_unchanged(numbers):
    text = "\t".join(repr(n) for n in numbers)
    document = {"type": "leaf", "className": PACKAGE + "AffineModel2D", "dataString": text}
    model = AffineModel(json=document)
    assert model.to_dict() == document
    assert model.M.T[:, :2].ravel().tolist() == list(numbers)


def test_a_changed_matrix_changes_the_data_string():
    model = loaded(AffineModel, "AffineModel2D", "1 0 0 1 5 6")
    model.M[0, 2] = 7
    assert model.dataString.split()[4] == "7.0000000000"
    model.M[0, 2] = 5
    assert model.dataString == "1 0 0 1 5 6"


@pytest.mark.parametrize("text", ["", "1 2 3", "1 0 0 1 5 6 7", "a b c d e f", "1 0 0 1 nan 0"])
def test_bad_data_strings_are_refused_by_name(text):
    with pytest.raises(SpecError, match="AffineModel2D"):
        loaded(AffineModel, "AffineModel2D", text)


def test_the_mpicbg_models_prefix_is_an_alias_and_kept():
    document = {
        "type": "leaf",
        "className": "mpicbg.models.AffineModel2D",
        "dataString": "1 0 0 1 2 3",
    }
    model = load_leaf_json(document)
    assert isinstance(model, AffineModel)
    assert model.to_dict() == document


@pytest.mark.parametrize("cls", [AffineModel, TranslationModel, RigidModel, SimilarityModel])
def test_built_models_are_written_as_affines(cls):
    model = cls(B0=1.5, transformId="x")
    assert model.className == PACKAGE + "AffineModel2D"
    assert AffineModel(json=model.to_dict()).to_dict() == model.to_dict()


def test_class_attributes_name_the_special_cases():
    assert TranslationModel.className == PACKAGE + "TranslationModel2D"
    assert RigidModel.className == PACKAGE + "RigidModel2D"
    assert SimilarityModel.className == PACKAGE + "SimilarityModel2D"


CASES = [
    (TranslationModel, "TranslationModel2D", "3.5 -4", [[1, 0, 3.5], [0, 1, -4]]),
    (
        RigidModel,
        "RigidModel2D",
        "0.3 5 6",
        [[math.cos(0.3), -math.sin(0.3), 5], [math.sin(0.3), math.cos(0.3), 6]],
    ),
    (SimilarityModel, "SimilarityModel2D", "1.2 0.4 5 6", [[1.2, -0.4, 5], [0.4, 1.2, 6]]),
]


@pytest.mark.parametrize(("cls", "name", "text", "matrix"), CASES)
def test_special_cases_read_the_meaning_of_the_service(cls, name, text, matrix):
    model = loaded(cls, name, text)
    np.testing.assert_allclose(model.M[:2], matrix, atol=1e-15)
    assert model.to_dict() == {"type": "leaf", "className": PACKAGE + name, "dataString": text}
    assert load_leaf_json(model.to_dict()).to_dict() == model.to_dict()


@pytest.mark.parametrize(("cls", "name", "text", "matrix"), CASES)
def test_special_cases_become_affines_when_changed(cls, name, text, matrix):
    model = loaded(cls, name, text)
    model.M = model.M @ AffineModel(B0=1).M
    document = model.to_dict()
    assert document["className"] == PACKAGE + "AffineModel2D"
    np.testing.assert_allclose(AffineModel(json=document).M, model.M, atol=1e-10)


@pytest.mark.parametrize(("cls", "name"), [case[:2] for case in CASES])
def test_six_numbers_under_a_special_name_are_read_and_written_as_an_affine(cls, name):
    document = loaded(cls, name, "0.9 0.1 -0.2 1.1 5 6").to_dict()
    assert document["className"] == PACKAGE + "AffineModel2D"
    assert document["dataString"] == "0.9 0.1 -0.2 1.1 5 6"


@pytest.mark.parametrize(("cls", "name", "text", "matrix"), CASES)
def test_special_cases_refuse_other_counts(cls, name, text, matrix):
    with pytest.raises(SpecError, match=name):
        loaded(cls, name, text + " 1")


def test_equality_ignores_class_id_and_what_six_decimals_do_not_show():
    assert SimilarityModel() == AffineModel(B0=1e-8, transformId="x")
    assert AffineModel() == str(AffineModel())
    assert hash(AffineModel()) == hash(RigidModel())
    assert AffineModel() != AffineModel(B0=1)


@given(six_numbers, st.lists(st.tuples(number, number), max_size=20))
@settings(deadline=None, max_examples=60)
def test_tform_is_the_formula(numbers, points):
    model = AffineModel(*numbers)
    m00, m01, m10, m11, b0, b1 = numbers
    expected = [(m00 * x + m01 * y + b0, m10 * x + m11 * y + b1) for x, y in points]
    mapped = model.tform(np.array(points).reshape(-1, 2))
    assert mapped.dtype == np.float64
    np.testing.assert_array_equal(mapped, np.reshape(expected, (-1, 2)))


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(-3, 3), st.floats(-1, 1), number, number)
@settings(deadline=None, max_examples=100)
def test_inverse_is_exact_and_closed(sx, sy, theta, shear, tx, ty):
    rotation = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    linear = np.diag((sx, sy)) @ [[1, shear], [0, 1]] @ rotation
    model = AffineModel(*linear.ravel(), tx, ty)
    points = np.array([[0, 0], [2560, 0], [0, 2160], [123.4, 567.8]])
    np.testing.assert_allclose(model.inverse_tform(model.tform(points)), points, atol=1e-6)
    np.testing.assert_allclose(model.invert().tform(model.tform(points)), points, atol=1e-6)
    assert model.scale == pytest.approx((sx, sy))
    assert model.shear == pytest.approx(shear, abs=1e-9)
    assert math.cos(model.rotation - theta) == pytest.approx(1)
    assert model.translation == (tx, ty)


def test_shear_may_be_put_on_the_other_axis():
    theta, cy = 0.4, 0.25
    rotation = np.array([[math.cos(theta), -math.sin(theta)], [math.sin(theta), math.cos(theta)]])
    model = AffineModel(*(np.diag((2, 3)) @ [[1, 0], [cy, 1]] @ rotation).ravel(), force_shear="y")
    np.testing.assert_allclose(model.calc_properties(), (2, 3, 0, cy, theta))
    model.force_shear = "z"
    with pytest.raises(ValueError, match="force_shear"):
        _ = model.shear


def test_integer_and_listed_points_give_floats():
    assert AffineModel(B0=0.5).tform([[1, 2]]).tolist() == [[1.5, 2.0]]
    assert AffineModel(M00=2).inverse_tform(np.array([[1, 2]])).tolist() == [[0.5, 2.0]]


@pytest.mark.parametrize("points", [[1, 2], [[1, 2, 3]], [["a", "b"]]])
def test_points_of_another_shape_are_refused(points):
    with pytest.raises(ConversionError):
        AffineModel().tform(points)
    with pytest.raises(ConversionError):
        AffineModel.convert_to_point_vector(points)


def test_point_vectors():
    vector, count = AffineModel.convert_to_point_vector([[1, 2], [3, 4]])
    assert count == 2
    assert vector.tolist() == [[1, 2, 1], [3, 4, 1]]
    assert AffineModel.convert_points_vector_to_array(vector * 2).tolist() == [[1, 2], [3, 4]]


def test_a_singular_affine_has_no_inverse():
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        AffineModel(M00=0, M11=0).invert()
    with pytest.raises(ConversionError):
        AffineModel(1, 2, 2, 4).inverse_tform([[0, 0]])


def test_concatenate_applies_the_argument_first():
    a, b = AffineModel(M00=2, B0=1, transformId="a"), AffineModel(B0=10, B1=3)
    both = a.concatenate(b)
    points = np.array([[1.0, 2.0], [5.0, 7.0]])
    np.testing.assert_allclose(both.tform(points), a.tform(b.tform(points)))
    assert both.transformId is None
    assert both.M00 == 2


def test_coefficients_are_views_of_the_matrix():
    model = AffineModel(1, 2, 3, 4, 5, 6)
    assert (model.M00, model.M01, model.M10, model.M11, model.B0, model.B1) == (1, 2, 3, 4, 5, 6)
    model.M01 = 9
    assert model.M[0, 1] == 9
    model.load_M()
    assert model.M[0, 1] == 9


def test_assigning_a_rotation_shows_in_the_properties():
    model = AffineModel()
    model.M[0:2, 0:2] = [[0, 1], [-1, 0]]
    assert model.rotation == pytest.approx(-math.pi / 2)
    assert model.scale == pytest.approx((1, 1))
    assert model.shear == pytest.approx(0)


def test_fit_returns_a_column_and_estimate_the_matrix():
    rng = np.random.default_rng(3)
    source = rng.random((20, 2)) * 1000
    truth = AffineModel(1.1, 0.2, -0.1, 0.9, 50, -60)
    vector = AffineModel.fit(source, truth.tform(source))
    assert vector.shape == (6, 1)
    np.testing.assert_allclose(vector[:, 0], (1.1, 0.2, -0.1, 0.9, 50, -60), rtol=1e-10)
    model = AffineModel()
    assert model.estimate(source, truth.tform(source), return_params=False) is None
    np.testing.assert_allclose(model.M, truth.M, atol=1e-9)
    vector, residuals, rank, s = AffineModel.fit(source, truth.tform(source), return_all=True)
    assert rank == 6
    assert s.shape == (6,)
    np.testing.assert_allclose(residuals, 0, atol=1e-9)


def test_minimum_norm_answer_of_collinear_points_only_with_the_rank():
    line = np.array([[0.0, 0], [1, 1], [2, 2], [3, 3]])
    with pytest.raises(EstimationError, match="collinear"):
        AffineModel.fit(line, line)
    assert AffineModel.fit(line, line, return_all=True)[2] == 4


def test_public_modules():
    module = renderapi.transform
    assert module.transform.__name__ == "renderapi.transform.leaf.transform"
    assert module.affine_models.AffineModel is AffineModel
    assert module.leaf.common.calc_first_order_properties
    assert module.common is module.leaf.common
