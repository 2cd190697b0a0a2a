"""Points through lists of transforms, and one transform for a list."""

import numpy as np
import pytest

from renderapi.errors import ConversionError, EstimationError, RenderError
from renderapi.transform import (
    AffineModel,
    InterpolatedTransform,
    Polynomial2DTransform,
    ReferenceTransform,
    RigidModel,
    Transform,
    TransformList,
    TranslationModel,
    estimate_dstpts,
    estimate_transformsum,
)

POINTS = np.random.default_rng(0).random((60, 2)) * 1000
DOUBLE = AffineModel(M00=2, M11=2)
SHIFT = AffineModel(B0=5, B1=-3, transformId="shift")
CURVED = Polynomial2DTransform(params=[[1, 1, 0, 1e-5, 0, 0], [2, 0, 1, 0, 1e-5, 0]])


def test_lists_and_references_are_followed():
    inner = TransformList([SHIFT, ReferenceTransform("curve")], transformId="inner")
    shared = [inner, TransformList([CURVED], transformId="curve")]
    tforms = [DOUBLE, [ReferenceTransform("inner")], TransformList([SHIFT])]
    expected = SHIFT.tform(CURVED.tform(SHIFT.tform(DOUBLE.tform(POINTS))))
    np.testing.assert_array_equal(estimate_dstpts(tforms, POINTS, shared), expected)
    np.testing.assert_array_equal(estimate_dstpts(SHIFT, POINTS), SHIFT.tform(POINTS))


def test_references_inside_an_interpolation_are_followed():
    between = InterpolatedTransform(ReferenceTransform("shift"), DOUBLE, 0.5)
    expected = (SHIFT.tform(POINTS) + DOUBLE.tform(POINTS)) / 2
    np.testing.assert_allclose(estimate_dstpts([between], POINTS, [SHIFT]), expected)


def test_an_empty_list_returns_the_points_themselves():
    assert estimate_dstpts([], POINTS) is POINTS


def test_unresolved_references_and_unknown_classes():
    with pytest.raises(RenderError, match="reference_tforms"):
        estimate_dstpts([ReferenceTransform("shift")], POINTS)
    with pytest.raises(RenderError, match="lens"):
        estimate_dstpts([ReferenceTransform("lens")], POINTS, [SHIFT])
    circle = TransformList([ReferenceTransform("c")], transformId="c")
    with pytest.raises(RenderError, match="10 nested"):
        estimate_dstpts([circle], POINTS, [circle])
    with pytest.raises(ConversionError, match="Unknown"):
        estimate_dstpts([Transform("Unknown", "")], POINTS)


def test_sum_of_affines_is_their_product():
    moved = TranslationModel(json={"className": TranslationModel.className, "dataString": "7 8"})
    tforms = [DOUBLE, [SHIFT, TransformList([RigidModel(B0=3)])], moved]
    total = estimate_transformsum(tforms, POINTS)
    assert type(total) is AffineModel
    np.testing.assert_allclose(total.tform(POINTS), estimate_dstpts(tforms, POINTS), rtol=1e-14)
    assert estimate_transformsum(tforms) == total


def test_sum_with_a_curve_is_a_polynomial():
    tforms = [ReferenceTransform("shift"), TransformList([CURVED]), DOUBLE]
    total = estimate_transformsum(tforms, POINTS, order=2, reference_tforms=[SHIFT])
    assert type(total) is Polynomial2DTransform
    assert total.order == 2
    expected = estimate_dstpts(tforms, POINTS, [SHIFT])
    np.testing.assert_allclose(total.tform(POINTS), expected, atol=1e-8)
    with pytest.raises(EstimationError, match="give src"):
        estimate_transformsum([CURVED])
    with pytest.raises(RenderError):
        estimate_transformsum(tforms, POINTS)
