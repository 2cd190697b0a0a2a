"""Lists, references, interpolations, unknown classes, and reading documents."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderapi.errors import RenderError, SpecError, UnresolvedReference
from renderapi.transform import (
    AffineModel,
    InterpolatedTransform,
    Polynomial2DTransform,
    ReferenceTransform,
    Transform,
    TransformList,
    load_leaf_json,
    load_transform_json,
)

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
labels = st.none() | st.lists(st.text("abc", min_size=1), max_size=3)
ids = st.none() | st.text("xyz", min_size=1)


def identity(document, transform_id, its_labels):
    if transform_id is not None:
        document["id"] = transform_id
    if its_labels is not None:
        document["metaData"] = {"labels": its_labels}
    return document


leaf = st.builds(
    lambda numbers, name, tags: identity(
        {"type": "leaf", "className": AFFINE, "dataString": " ".join(map(str, numbers))}, name, tags
    ),
    st.lists(st.integers(-9, 9), min_size=6, max_size=6),
    ids,
    labels,
)
unknown = st.builds(
    lambda text, name, tags: identity(
        {"type": "leaf", "className": "org.example.Unknown", "dataString": text}, name, tags
    ),
    st.text(),
    ids,
    labels,
)
reference = st.builds(
    lambda ref, name, tags: identity({"type": "ref", "refId": ref}, name, tags),
    st.text(),
    ids,
    labels,
)
documents = st.recursive(
    leaf | unknown | reference,
    lambda inner: (
        st.builds(
            lambda specs, name, tags: identity({"type": "list", "specList": specs}, name, tags),
            st.lists(inner, max_size=3),
            ids,
            labels,
        )
        | st.builds(
            lambda a, b, share, name, tags: identity(
                {"type": "interpolated", "a": a, "b": b, "lambda": share}, name, tags
            ),
            inner,
            inner,
            st.floats(0, 1),
            ids,
            labels,
        )
    ),
    max_leaves=8,
)


@given(documents)
@settings(deadline=None, max_examples=150)
def test_dict_to_object_to_dict(document):
    before = copy.deepcopy(document)
    transform = load_transform_json(document)
    assert transform.to_dict() == before
    assert document == before
    assert pickle.loads(pickle.dumps(transform)).to_dict() == before


def test_unknown_classes_keep_their_string_and_map_nothing():
    transform = load_leaf_json({"className": "org.example.Unknown", "dataString": "a  b"})
    assert type(transform) is Transform
    assert transform.dataString == "a  b"
    assert not hasattr(transform, "tform")
    assert transform == Transform("org.example.Unknown", "a  b", transformId="other")


def test_a_record_may_be_empty():
    assert Transform().to_dict() == {"type": "leaf", "className": None, "dataString": None}
    assert Transform() == Transform(labels=["a"])


def test_other_metadata_is_kept():
    document = {
        "type": "leaf",
        "className": AFFINE,
        "dataString": "1 0 0 1 0 0",
        "metaData": {"made": "by hand", "labels": ["lens"]},
    }
    assert load_transform_json(document).to_dict() == document


@pytest.mark.parametrize(
    "document",
    [
        {"type": "warp"},
        {"className": AFFINE},
        {"dataString": "1 0 0 1 0 0"},
        {"type": "list"},
        {"type": "ref"},
        {"type": "interpolated", "a": {"type": "ref", "refId": "x"}, "lambda": 0},
        {"type": "interpolated", "b": {"type": "ref", "refId": "x"}, "lambda": 0},
        {"type": "list", "specList": [{"type": "leaf"}]},
    ],
)
def test_incomplete_documents_are_render_errors(document):
    with pytest.raises(RenderError):
        load_transform_json(document)


def test_leaf_reader_takes_leaves_only():
    with pytest.raises(RenderError, match="not a leaf"):
        load_leaf_json({"type": "list", "specList": []})
    with pytest.raises(KeyError):
        load_leaf_json({"type": "leaf", "className": AFFINE})


def test_default_type():
    assert isinstance(load_transform_json({"specList": []}, default_type="list"), TransformList)


def test_list_must_be_a_list():
    with pytest.raises(RenderError, match="tuple"):
        TransformList((AffineModel(),))
    with pytest.raises(RenderError):
        TransformList(AffineModel())


def test_list_maps_first_to_last_and_back():
    scale, shift = AffineModel(M00=2, M11=2), AffineModel(B0=10, B1=20)
    both = TransformList([scale, TransformList([shift])])
    assert both.tform([[1, 1]]).tolist() == [[12, 22]]
    assert both.inverse_tform([[12, 22]]).tolist() == [[1, 1]]
    assert json.loads(both.to_json()) == both.to_dict()
    assert both.from_dict(both.to_dict()) == both.tforms


def test_reference_is_a_name_only():
    ref = ReferenceTransform("lens")
    assert dict(ref) == {"type": "ref", "refId": "lens"}
    assert str(ref) == "ReferenceTransform(lens)"
    assert ref != ReferenceTransform("lens")
    assert not hasattr(ref, "tform")
    with pytest.raises(UnresolvedReference, match="lens"):
        TransformList([ref]).tform([[1, 2]])
    with pytest.raises(SpecError, match="Unknown"):
        TransformList([Transform("Unknown", "")]).tform([[1, 2]])


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_interpolation(share):
    a = AffineModel(B0=10)
    b = TransformList([AffineModel(M00=1.1, B1=4), Polynomial2DTransform(identity=True)])
    between = InterpolatedTransform(a, b, share)
    points = np.array([[0.0, 0], [100, 200]])
    start, end = a.tform(points), b.tform(points)
    np.testing.assert_allclose(between.tform(points), start + share * (end - start))
    np.testing.assert_allclose(between.inverse_tform(between.tform(points)), points, atol=1e-6)
    assert dict(between) == between.to_dict()


def test_interpolation_needs_its_share():
    with pytest.raises(SpecError, match="lambda"):
        InterpolatedTransform(AffineModel(), AffineModel()).tform([[1, 2]])
