"""Affine warp field against a plain loop."""

import math

import numpy as np
import pytest

from renderapi.errors import EstimationError, SpecError
from renderapi.transform import AffineWarpFieldTransform, load_leaf_json
from renderapi.transform.leaf.affine_warp_field import LINEAR, NEAREST
from renderapi.utils import encodeBase64

NAME = "org.janelia.alignment.transform.AffineWarpFieldTransform"
RNG = np.random.default_rng(4)


def field(rows=3, columns=4, factory=LINEAR):
    identity = np.array([1.0, 0, 0, 1, 0, 0])[:, None, None]
    noise = RNG.normal(size=(6, rows, columns)) * np.array([1e-3] * 4 + [3, 3])[:, None, None]
    return AffineWarpFieldTransform((100.0, -50.0), (800.0, 600.0), identity + noise, factory)


def clamp(index, count):
    return min(max(index, 0), count - 1)


def by_loop(transform, points, nearest=False):
    planes = transform.values
    _, rows, columns = planes.shape
    result = []
    for x, y in points:
        gx = (x - 100.0) / (800.0 / columns) - 0.5
        gy = (y + 50.0) / (600.0 / rows) - 0.5
        if nearest:
            m = planes[:, clamp(math.floor(gy + 0.5), rows), clamp(math.floor(gx + 0.5), columns)]
        else:
            m = np.zeros(6)
            x0, y0 = math.floor(gx), math.floor(gy)
            for j in (0, 1):
                for i in (0, 1):
                    weight = (gx - x0 if i else 1 - gx + x0) * (gy - y0 if j else 1 - gy + y0)
                    m += weight * planes[:, clamp(y0 + j, rows), clamp(x0 + i, columns)]
        result.append((m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]))
    return np.array(result)


POINTS = RNG.random((300, 2)) * 1200 - (200, 300)


@pytest.mark.parametrize("factory", [LINEAR, NEAREST])
def test_map_is_the_formula(factory):
    transform = field(factory=factory)
    expected = by_loop(transform, POINTS, nearest=factory == NEAREST)
    np.testing.assert_allclose(transform.tform(POINTS), expected, atol=1e-9)


def test_the_affine_of_a_cell_holds_at_its_centre():
    transform = field()
    m = transform.values[:, 1, 2]
    x, y = 100 + 2.5 * 200, -50 + 1.5 * 200
    expected = [[m[0] * x + m[2] * y + m[4], m[1] * x + m[3] * y + m[5]]]
    np.testing.assert_allclose(transform.tform([[x, y]]), expected, atol=1e-9)


@pytest.mark.parametrize(("shape", "word"), [((2, 2), "none"), ((3, 4), "base64")])
def test_round_trips(shape, word):
    transform = field(*shape)
    assert transform.dataString.split()[7] == word
    again = load_leaf_json(transform.to_dict())
    assert again.to_dict() == transform.to_dict()
    np.testing.assert_array_equal(again.values, transform.values)
    again.offset = (0.0, 0.0)
    assert load_leaf_json(again.to_dict()).offset == (0.0, 0.0)


def test_uncompressed_base64_is_read_and_kept():
    import base64

    values = np.tile(np.array([1.0, 0, 0, 1, 5, 6])[:, None, None], (1, 1, 2))
    word = "@" + base64.b64encode(values.astype(">f8").tobytes()).decode()
    text = f"0 0 10 10 1 2 {LINEAR} base64 {word}"
    transform = load_leaf_json({"className": NAME, "dataString": text})
    assert transform.dataString == text
    assert transform.tform([[1, 2]]).tolist() == [[6, 8]]


def test_inverse():
    transform = field()
    points = RNG.random((100, 2)) * (800, 600) + (100, -50)
    np.testing.assert_allclose(transform.inverse_tform(transform.tform(points)), points, atol=1e-6)


def test_the_default_is_the_identity():
    assert AffineWarpFieldTransform().tform([[3.5, -2]]).tolist() == [[3.5, -2]]


@pytest.mark.parametrize(
    "text",
    [
        "0 0 10 10 1 1",
        f"0 0 10 10 1 1 {LINEAR} none 1 0 0 1 0",
        f"0 0 10 10 1 1 {LINEAR} zip 1 0 0 1 0 0",
        "0 0 10 10 1 1 Cubic none 1 0 0 1 0 0",
        f"0 0 0 10 1 1 {LINEAR} none 1 0 0 1 0 0",
        f"0 0 10 10 1 1 {LINEAR} base64 {encodeBase64(np.zeros(5))}",
        f"0 0 10 10 1 1 {LINEAR} base64 !!!",
        f"0 0 10 10 0 0 {LINEAR} none 1",
    ],
)
def test_bad_strings_are_refused(text):
    with pytest.raises(SpecError, match="AffineWarpField"):
        load_leaf_json({"className": NAME, "dataString": text})


def test_bad_arguments_and_fits_are_refused():
    with pytest.raises(SpecError, match="6 x rows"):
        AffineWarpFieldTransform(values=np.zeros((5, 2, 2)))
    with pytest.raises(EstimationError, match="cannot be estimated"):
        AffineWarpFieldTransform().estimate(POINTS, POINTS)
