"""What holds for every class of transforms, for whatever parameters hypothesis thinks of."""

import base64
import pickle
import re
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from renderapi.errors import ConversionError, SpecError
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, HomographyModel, Polynomial2DTransform, load_leaf_json
from renderapi.transform.leaf.affine_warp_field import LINEAR, AffineWarpFieldTransform
from renderapi.transform.leaf.registry import LEAF_CLASSES
from renderapi.utils import decodeBase64, encodeBase64

SIZE = 2000.0
POINTS = np.random.default_rng(0).random((40, 2)) * SIZE
#: between the inverse and the point it came from; affine maps are inverted in closed form
TOLERANCE = 1e-6


def texts(numbers, separator=" "):
    return separator.join(map(repr, map(float, numbers)))


def near(value, reach):
    return st.floats(value - reach, value + reach, allow_subnormal=False)


def listed(*strategies):
    return st.tuples(*strategies).map(texts)


linear = (near(1, 0.2), near(0, 0.2), near(0, 0.2), near(1, 0.2))
shift = (near(0, 1e5), near(0, 1e5))
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def polynomial(random):
    mild = random.normal(size=(2, 6)) * (1, 0.02, 0.02, 4e-6, 4e-6, 4e-6)
    mild[[0, 1], [1, 2]] += 1
    return texts(mild.ravel())


def lens(random):
    mean, deviation = [900.0, 950.0, 1e6, 1e6, 1e6, 100.0], [500.0, 510.0, 8e5, 8e5, 8e5, 1.0]
    beta = np.vstack((np.diag((500.0, 510.0)), random.normal(size=(3, 2)), (9.0, 9.5)))
    return f"2 6 {texts(beta.ravel())} {texts(mean)} {texts(deviation)} 2560 2160 "


def spline(random):
    marks = random.random((9, 2)) * SIZE
    weights = random.normal(size=(2, 9)) * 1e-6
    affine = random.normal(size=6) * (0.01, 0.01, 0.01, 0.01, 20, 20)
    numbers = np.concatenate((marks.ravel(), weights.ravel()))
    return f"ThinPlateSplineR2LogR 2 9 {encodeBase64(affine)} {encodeBase64(numbers)}"


def least_squares(random):
    marks = random.random((8, 2)) * SIZE
    rows = np.column_stack((marks, marks + random.normal(size=(8, 2)) * 3, np.ones(8)))
    return f"affine 2 1.0 {texts(rows.ravel())}"


def field(random):
    identity = np.reshape((1.0, 0, 0, 1, 0, 0), (6, 1))
    values = identity + random.normal(size=(6, 9)) * np.reshape((1e-3,) * 4 + (2, 2), (6, 1))
    return f"0.0 0.0 {SIZE} {SIZE} 3 3 {LINEAR} base64 {encodeBase64(values)}"


def offset(count):
    first = (st.floats(0.1, 5), st.floats(1e-4, 1e-2), st.floats(0, 1))
    second = (st.floats(1, 20), st.floats(200, 900), st.floats(1, 20), st.floats(200, 900))
    numbers = st.tuples(*(first if count == 3 else second))
    return st.builds(lambda n, axis: f"{texts(n, ',')},{axis}", numbers, st.integers(0, 1))


DATA = {
    "AffineModel2D": listed(*linear, *shift),
    "TranslationModel2D": listed(*shift),
    "RigidModel2D": listed(near(0, 3), *shift),
    "SimilarityModel2D": listed(near(1, 0.5), near(0, 0.5), *shift),
    "HomographyModel2D": listed(
        near(1, 0.1), near(0, 0.1), near(0, 50), near(0, 0.1), near(1, 0.1), near(0, 50),
        near(0, 1e-5), near(0, 1e-5), st.just(1.0),
    ),
    "PolynomialTransform2D": seeds.map(polynomial),
    "NonLinearCoordinateTransform": seeds.map(lens),
    "nonLinearTransform": seeds.map(lens),
    "NonLinearTransform": seeds.map(lens),
    "ThinPlateSplineTransform": seeds.map(spline),
    "MovingLeastSquaresTransform": seeds.map(least_squares),
    "MovingLeastSquaresTransform2": seeds.map(least_squares),
    "AffineWarpFieldTransform": seeds.map(field),
    "ExponentialFunctionOffsetTransform": offset(3),
    "ExponentialRecoveryOffsetTransform": offset(3),
    "SEMDistortionTransformA": offset(4),
}  # fmt: skip


@st.composite
def documents(draw):
    name = draw(st.sampled_from(sorted(LEAF_CLASSES)))
    data = draw(DATA[name.rpartition(".")[2]])
    document = {"type": "leaf", "className": name, "dataString": data}
    if draw(st.booleans()):
        document["id"] = draw(st.text(min_size=1))
    if draw(st.booleans()):
        document["metaData"] = {"labels": draw(st.lists(st.text(), max_size=2))}
    return document


@given(documents())
@settings(deadline=None, max_examples=150)
def test_documents_and_data_strings_come_back(document):
    transform = load_leaf_json(document)
    assert transform.document() == document
    if not isinstance(transform, Polynomial2DTransform):  # which has one form of its own
        assert transform.to_dict() == document
        assert transform.dataString == document["dataString"]
    assert load_leaf_json(transform.to_dict()) == transform
    again = pickle.loads(pickle.dumps(transform))
    assert again.document() == document and hash(again) == hash(transform)


def respelt(document):
    """The same transform with other digits: exponents, signs, uncompressed arrays, more blanks."""
    separator = "," if "," in document["dataString"] else " "
    words = [other_word(word) for word in document["dataString"].split(separator)]
    if document["className"].endswith("NonLinearTransform"):
        words[:2] = document["dataString"].split()[:2]
    return {**document, "dataString": f" {separator} ".join(words)}


def other_word(word):
    if word.isdigit() or word == "":
        return word
    try:
        return f"{float(word):+.20e}"
    except ValueError:
        pass
    try:
        raw = zlib.decompress(base64.b64decode(word, validate=True))
    except (ValueError, zlib.error):
        return word
    return "@" + base64.b64encode(raw).decode()


@example({"className": AffineModel.className, "dataString": "1.0 0.0 0.0 1.0 2e-05 1e-05"})
@given(documents())
@settings(deadline=None, max_examples=150)
def test_equality_and_hash_are_those_of_the_values(document):
    transform, same = load_leaf_json(document), load_leaf_json(respelt(document))
    assert same.document()["dataString"] != document["dataString"]
    assert same == transform and hash(same) == hash(transform)
    assert len({transform, same, load_leaf_json(transform.to_dict())}) == 1
    assert str(same) == str(transform) == transform
    shifted = load_leaf_json({**document, "dataString": other_value(document)})
    assert shifted != transform


def other_value(document):
    """A data string whose last number that is a fraction, or whose last array, is another one."""
    words = document["dataString"].replace(",", " , ").split()
    for place in reversed(range(len(words))):
        if re.fullmatch(r"-?[0-9]+(\.[0-9]+|\.?[0-9]*e[-+][0-9]+)", words[place]):
            words[place] = repr(float(words[place]) + 0.5)
            break
        if len(words[place]) > 40 and not words[place].startswith("net."):
            words[place] = encodeBase64(decodeBase64(words[place]) + 0.5)
            break
    return " ".join(words).replace(" , ", ",")


def test_minus_zero_is_zero():
    for one, other in (
        (AffineModel(B0=0.0), AffineModel(B0=-0.0)),
        (AffineModel(B0=-1e-9), AffineModel(B0=1e-9)),
        (Polynomial2DTransform(identity=True),
         Polynomial2DTransform(params=[[-0.0, 1, 0], [0, -0.0, 1]])),
        (HomographyModel(np.eye(3)), HomographyModel(np.where(np.eye(3), 1.0, -0.0))),
        (AffineWarpFieldTransform(values=np.zeros((6, 1, 1))),
         AffineWarpFieldTransform(values=-np.zeros((6, 1, 1)))),
    ):  # fmt: skip
        assert one == other and hash(one) == hash(other)


@given(documents(), st.booleans(), st.sampled_from(["plain", "list", "interpolated"]))
@settings(deadline=None, max_examples=150)
def test_a_tile_writes_its_transforms_the_same_before_and_after_they_are_made(leaf, typed, kind):
    if not typed:
        del leaf["type"]
    specs = [
        leaf,
        {"type": "ref", "refId": "r", "further": 1},
        {"className": "?", "dataString": ""},
    ]
    if kind == "list":
        specs = [{"type": "list", "specList": specs, "id": None, "metaData": {"a": 1}}]
    elif kind == "interpolated":
        specs = [{"type": "interpolated", "a": leaf, "b": leaf, "lambda": 0.5, "metaData": {}}]
    tile = TileSpec(json={"tileId": "t", "z": 1, "width": 2, "height": 2,
                          "transforms": {"type": "list", "specList": specs}})  # fmt: skip
    before = tile.to_dict()
    assert tile.tforms
    assert tile.to_dict() == before
    first = before["transforms"]["specList"][0]
    first = {"list": lambda: first["specList"][0], "interpolated": lambda: first["a"]}.get(
        kind, lambda: first
    )()
    assert first == {**leaf, "type": "leaf"}


@pytest.mark.parametrize("package", ["mpicbg.trakem2.transform.", "mpicbg.models."])
def test_six_numbers_under_the_name_of_a_special_case_are_an_affine_in_a_tile(package):
    leaf = {"type": "leaf", "className": package + "RigidModel2D", "dataString": "1 0 0 1 2.50 3"}
    tile = TileSpec(json={"tileId": "t", "z": 1, "width": 2, "height": 2,
                          "transforms": {"type": "list", "specList": [leaf]}})  # fmt: skip
    before = tile.to_dict()
    assert before["transforms"]["specList"] == [{**leaf, "className": AffineModel.className}]
    assert tile.tforms[0].tform([[1.0, 1.0]]).tolist() == [[3.5, 4.0]]
    assert tile.to_dict() == before


@given(documents())
@settings(deadline=None, max_examples=100)
def test_what_the_class_itself_writes_reads_back_as_the_same_map(document):
    transform = load_leaf_json(document)
    del transform._read
    again = load_leaf_json(transform.to_dict())
    np.testing.assert_allclose(again.tform(POINTS), transform.tform(POINTS), rtol=0, atol=1e-6)
    del again._read
    assert again.to_dict()["dataString"] == transform.dataString


@given(documents())
@settings(deadline=None, max_examples=100)
def test_points_go_there_and_back(document):
    transform = load_leaf_json(document)
    there = transform.tform(POINTS)
    np.testing.assert_allclose(transform.inverse_tform(there), POINTS, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", sorted(LEAF_CLASSES))
@pytest.mark.parametrize("data", ["", "1", "a b c", "1 2 3 4 5 6 7 nan", None])
def test_what_a_class_cannot_read_is_refused_by_its_name(name, data):
    with pytest.raises(SpecError, match=r"cannot read the dataString|lacks"):
        load_leaf_json({"className": name, "dataString": data})


@given(documents(), st.sampled_from([(3,), (2, 3), (2, 2, 2), (1,)]))
@settings(deadline=None, max_examples=60)
def test_points_must_be_pairs(document, shape):
    transform = load_leaf_json(document)
    for method in (transform.tform, transform.inverse_tform):
        with pytest.raises(ConversionError):
            method(np.zeros(shape))


def test_every_class_is_covered():
    assert {name.rpartition(".")[2] for name in LEAF_CLASSES} == set(DATA)
