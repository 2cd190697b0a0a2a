"""Polynomial transform: strings, evaluation, fits, inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderapi.errors import ConversionError, EstimationError, SpecError
from renderapi.transform import AffineModel, Polynomial2DTransform, load_leaf_json

NAME = "mpicbg.trakem2.transform.PolynomialTransform2D"


def by_loop(params, points):
    """Term by term in graded order."""
    order = Polynomial2DTransform(params=params).order
    result = np.zeros((len(points), 2))
    for n, (x, y) in enumerate(points):
        k = 0
        for j in range(order + 1):
            for i in range(j + 1):
                result[n] += params[:, k] * x ** (j - i) * y**i
                k += 1
    return result


@st.composite
def coefficients(draw):
    order = draw(st.integers(0, 5))
    count = (order + 1) * (order + 2)
    numbers = draw(
        st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=count, max_size=count)
    )
    return np.array(numbers).reshape(2, -1)


@given(coefficients())
@settings(deadline=None, max_examples=80)
def test_round_trips(params):
    transform = Polynomial2DTransform(params=params, transformId="p", labels=[])
    assert load_leaf_json(transform.to_dict()).to_dict() == transform.to_dict()
    again = Polynomial2DTransform(dataString=transform.dataString)
    np.testing.assert_array_equal(again.params, params)
    assert transform.coefficients() == params.size


@given(coefficients())
@settings(deadline=None, max_examples=40)
def test_tform_is_the_sum_of_terms(params):
    points = np.array([[0, 0], [1, 1], [-0.5, 2], [3, -1]])
    expected = by_loop(params, points)
    scale = np.abs(by_loop(np.abs(params), np.abs(points)))
    error = np.abs(Polynomial2DTransform(params=params).tform(points) - expected)
    assert (error <= 1e-13 * scale + 1e-300).all()


def test_numbers_are_written_as_java_does():
    transform = Polynomial2DTransform(params=[[1e-7, 1e22, 0.5], [-2.5e-10, 3, 1e16]])
    assert transform.dataString == "1E-7 1E+22 0.5 -2.5E-10 3.0 1E+16"
    assert Polynomial2DTransform(identity=True).dataString == "0 1 0 0 0 1"


def test_a_read_string_is_written_in_the_normal_form():
    text = " 0  1 0\n0 0 1 "
    transform = Polynomial2DTransform(json={"className": NAME, "dataString": text})
    assert transform.to_dict()["dataString"] == "0.0 1.0 0.0 0.0 0.0 1.0"
    assert transform.document()["dataString"] == text
    transform.params = transform.params * 2
    assert transform.document() == transform.to_dict()
    assert transform.dataString == "0.0 2.0 0.0 0.0 0.0 2.0"


@pytest.mark.parametrize("text", ["1 2 3", "1 2 3 4", "", "0 x 0 0 0 1"])
def test_incomplete_strings_are_refused(text):
    with pytest.raises(SpecError, match="PolynomialTransform2D"):
        Polynomial2DTransform(dataString=text)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(("offset", "size"), [(0, 1), (0, 2048), (40000, 4000), (-1e5, 1e5)])
def test_fit_meets_exact_points_wherever_they_are(order, offset, size):
    rng = np.random.default_rng(order)
    source = offset + size * rng.random((200, 2))
    unit = (source - offset) / size
    params = rng.normal(size=(2, (order + 1) * (order + 2) // 2))
    target = source + 20 * by_loop(params, unit)
    fitted = Polynomial2DTransform(src=source, dst=target, order=order)
    # the coefficients belong to raw coordinates, whose powers cancel: that is what limits this
    limit = 1e-12 * by_loop(np.abs(fitted.params), np.abs(source)).max()
    assert np.abs(fitted.tform(source) - target).max() <= max(limit, 1e-9)


def test_small_coefficients_next_to_large_ones_are_recovered():
    rng = np.random.default_rng(0)
    source = rng.random((30, 2))
    params = np.array(
        [
            [67572.7, 0.972, 0.045, 1.2e-6, -2.5e-6, 3.1e-6],
            [21034.2, -0.043, 0.981, -4.4e-6, 1.1e-6, 0.9e-6],
        ]
    )
    target = by_loop(params, source)
    fitted = Polynomial2DTransform(src=source, dst=target)
    np.testing.assert_allclose(fitted.params, params, rtol=1e-5, atol=1e-8)


def test_noise_is_averaged_out():
    rng = np.random.default_rng(1)
    source = rng.random((20000, 2)) * 4000
    params = np.array([[10, 1.01, 0.02, 1e-6, 0, 2e-6], [-5, -0.03, 0.98, 0, 1e-6, 0]])
    target = by_loop(params, source) + rng.normal(scale=2, size=source.shape)
    fitted = Polynomial2DTransform(src=source, dst=target, order=2)
    grid = np.stack(np.meshgrid([0, 2000, 4000], [0, 2000, 4000]), -1).reshape(-1, 2)
    assert np.abs(fitted.tform(grid) - by_loop(params, grid)).max() < 0.3


def test_fit_is_least_squares_with_weights():
    rng = np.random.default_rng(2)
    source, target = rng.random((15, 2)), rng.random((15, 2))
    weights = rng.integers(1, 4, 15)
    x, y = source.T
    terms = np.stack((np.ones(15), x, y, x * x, x * y, y * y), axis=1)
    root = np.sqrt(weights)[:, None]
    expected = np.linalg.lstsq(terms * root, target * root, rcond=None)[0].T
    np.testing.assert_allclose(
        Polynomial2DTransform.fit(source, target, 2, weights=weights), expected, atol=1e-9
    )


def test_fit_refuses_what_it_cannot_do():
    points = np.random.default_rng(3).random((11, 2))
    with pytest.raises(EstimationError, match="at least 12"):
        Polynomial2DTransform(src=points, dst=points, order=2)
    with pytest.raises(EstimationError, match="11 source points but 10"):
        Polynomial2DTransform.fit(points, points[:10], 1)
    line = np.stack((np.arange(20.0), np.arange(20.0)), axis=1)
    with pytest.raises(EstimationError, match="determine"):
        Polynomial2DTransform.fit(line, line, 1)
    with pytest.raises(EstimationError, match="determine"):
        Polynomial2DTransform.fit(np.ones((20, 2)), line, 1)
    with pytest.raises(EstimationError):
        Polynomial2DTransform.fit(points, points, -1)


def test_the_check_of_fitted_points_uses_given_tolerances():
    rng = np.random.default_rng(4)
    source = rng.random((50, 2)) * 100
    target = source + rng.normal(size=source.shape)
    transform = Polynomial2DTransform()
    assert transform.estimate(source, target, order=1).shape == (2, 3)
    with pytest.raises(EstimationError, match="misses"):
        transform.estimate(source, target, order=1, atol=1e-3)
    transform.estimate(source, target, order=1, atol=1e-3, test_coords=False)
    with pytest.raises(EstimationError, match="max_tries"):
        transform.estimate(source, target, max_tries=0)
    with pytest.raises(TypeError):
        transform.estimate(source, target, tolerance=1)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_inverse(order):
    rng = np.random.default_rng(order)
    grid = np.stack(np.meshgrid(np.linspace(0, 2560, 15), np.linspace(0, 2160, 12)), -1)
    points = grid.reshape(-1, 2)
    unit = points / 2560
    target = points @ [[0.9, 0.4], [-0.4, 0.95]] + (30000, -20000) + 40 * np.sin(2 * unit)
    transform = Polynomial2DTransform(src=points, dst=target, order=order)
    inner = rng.random((500, 2)) * (2560, 2160)
    np.testing.assert_allclose(transform.inverse_tform(transform.tform(inner)), inner, atol=1e-6)


def test_what_has_no_inverse_says_so():
    with pytest.raises(EstimationError, match="order 0"):
        Polynomial2DTransform(params=[[1.0], [2.0]]).inverse_tform([[1, 2]])
    square = Polynomial2DTransform(params=[[0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0]])
    with pytest.raises(EstimationError, match="no inverse"):
        square.inverse_tform([[-5.0, 1.0]])


def test_orders():
    transform = Polynomial2DTransform(identity=True)
    assert (transform.order, transform.coefficients(), transform.coefficients(2)) == (1, 6, 12)
    assert transform.is_affine is False
    higher = transform.asorder(3)
    assert higher.order == 3
    assert higher.tform([[2.0, 3.0]]).tolist() == [[2.0, 3.0]]
    with pytest.raises(ConversionError):
        higher.asorder(2)


def test_from_affine_agrees_exactly():
    affine = AffineModel(1.1, 0.2, -0.3, 0.9, 5, 6)
    transform = Polynomial2DTransform.fromAffine(affine)
    assert transform.calc_properties() == affine.calc_properties()
    assert transform.translation == affine.translation
    points = np.random.default_rng(0).random((10, 2))
    np.testing.assert_allclose(transform.tform(points), affine.tform(points), atol=1e-15)
    with pytest.raises(ConversionError):
        Polynomial2DTransform.fromAffine(transform)


def test_order_zero_has_no_scale_but_a_shift():
    transform = Polynomial2DTransform(params=[[3.0], [4.0]])
    assert transform.scale == (1, 1)
    assert (transform.shear, transform.rotation, transform.translation) == (0, 0, (3, 4))


def test_without_arguments_there_are_no_parameters():
    transform = Polynomial2DTransform()
    assert not hasattr(transform, "params")
    with pytest.raises(SpecError, match="no parameters"):
        transform.tform([[1, 2]])


def test_force_polynomial_changes_nothing():
    given = Polynomial2DTransform(identity=True, force_polynomial=False)
    assert given == Polynomial2DTransform(identity=True)


@pytest.mark.parametrize("order", [0, 1, 2, 4])
def test_parameters_may_be_points_by_rows(order):
    rows = np.random.default_rng(order).normal(size=(2, (order + 1) * (order + 2) // 2))
    usual, other = Polynomial2DTransform(params=rows), Polynomial2DTransform(params=rows.T)
    assigned = Polynomial2DTransform(identity=True)
    assigned.params = rows.T
    points = np.random.default_rng(9).normal(size=(7, 2))
    for transform in (other, assigned):
        assert transform.order == order and transform == usual
        assert transform.to_dict() == usual.to_dict()
        np.testing.assert_array_equal(transform.tform(points), usual.tform(points))
        assert transform.calc_properties() == usual.calc_properties()
        assert transform.asorder(5) == usual.asorder(5)
