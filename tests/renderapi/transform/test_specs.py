"""Flattening, references and leaves of transform documents."""

import copy

import numpy as np
import pytest

from renderapi.errors import SpecError, UnresolvedReference
from renderapi.transform.specs import flatten, is_flat, leaves, references, transform_points

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def leaf(data="1 0 0 1 1 0", labels=None, **more):
    document = {"type": "leaf", "className": AFFINE, "dataString": data, **more}
    return document if labels is None else {**document, "metaData": {"labels": labels}}


def group(*specs, labels=None):
    document = {"type": "list", "specList": list(specs)}
    return document if labels is None else {**document, "metaData": {"labels": labels}}


def ref(name, labels=None):
    document = {"type": "ref", "refId": name}
    return document if labels is None else {**document, "metaData": {"labels": labels}}


def label_sets(specs):
    return [set(spec.get("metaData", {}).get("labels", ())) for spec in specs]


def test_lists_and_references_become_one_list_with_all_labels():
    shared = {
        "lens": leaf("2 0 0 2 0 0", labels=["own"], id="lens"),
        "pair": group(ref("lens"), leaf("1 0 0 1 5 0"), labels=["shared"]),
    }
    spec = group(
        ref("pair", labels=["pointing"]), group(leaf(), labels=["inner"]), labels=["outer"]
    )
    before = copy.deepcopy((spec, shared))
    flat = flatten(spec, shared)
    assert [entry["dataString"] for entry in flat] == ["2 0 0 2 0 0", "1 0 0 1 5 0", "1 0 0 1 1 0"]
    assert label_sets(flat) == [
        {"own", "shared", "pointing", "outer"},
        {"shared", "pointing", "outer"},
        {"inner", "outer"},
    ]
    assert flat[0]["id"] == "lens"
    assert (spec, shared) == before
    assert is_flat(group(*flat))
    assert not is_flat(spec)


def test_a_leaf_without_type_is_a_leaf():
    spec = {"className": AFFINE, "dataString": "1 0 0 1 0 0"}
    assert flatten(spec) == [spec]
    assert is_flat(spec)
    assert flatten({"type": "list", "specList": []}) == []


def test_an_interpolation_stays_one_entry_with_its_references_replaced():
    spec = {
        "type": "interpolated",
        "a": ref("lens"),
        "b": group(leaf(), ref("lens")),
        "lambda": 0.5,
    }
    shared = {"lens": leaf("1 0 0 1 9 0")}
    (entry,) = flatten(group(spec, labels=["l"]), shared)
    assert entry["a"] == shared["lens"]
    assert entry["b"] == group(leaf(), shared["lens"])
    assert label_sets([entry]) == [{"l"}]
    assert not is_flat(spec)
    assert is_flat(entry)
    assert references(spec) == {"lens"}
    (transform,) = leaves([entry])
    assert transform.tform([[0.0, 0.0]]).tolist() == [[9.5, 0.0]]


def test_references_are_those_of_the_document_itself():
    assert references(group(ref("a"), group(ref("b"), leaf()))) == {"a", "b"}
    assert references(leaf()) == set()


def test_all_missing_references_are_named():
    with pytest.raises(UnresolvedReference, match="a, b"):
        flatten(group(ref("a"), leaf(), ref("b"), ref("a")), {})
    with pytest.raises(UnresolvedReference):
        flatten(ref("a"))


def test_circles_and_long_chains_are_refused():
    with pytest.raises(SpecError, match="a -> b -> a"):
        flatten(ref("a"), {"a": group(ref("b")), "b": ref("a")})
    chain = {str(i): ref(str(i + 1)) for i in range(20)} | {"9": leaf()}
    assert flatten(ref("0"), chain) == [leaf()]
    chain["9"], chain["10"] = ref("10"), leaf()
    with pytest.raises(SpecError, match="more than 10"):
        flatten(ref("0"), chain)


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "warp"},
        {"type": ["leaf"]},
        {"type": "leaf", "className": AFFINE},
        {"className": 3, "dataString": ""},
        {"type": "ref"},
        {"type": "list", "specList": {"a": 1}},
        {"type": "list", "specList": ["x"]},
        {"type": "interpolated", "a": leaf(), "b": leaf()},
        "affine",
    ],
)
def test_malformed_documents_are_spec_errors(spec):
    with pytest.raises(SpecError):
        flatten(spec)


def test_deep_nesting_is_an_error_not_a_crash():
    spec = leaf()
    for _ in range(900):
        spec = group(spec)
    for function in (flatten, references):
        with pytest.raises(SpecError, match="nested"):
            function(spec)


def test_leaves_are_cached_and_map_points():
    specs = [leaf("2 0 0 2 0 0"), leaf("1 0 0 1 5 -1")]
    first, second = leaves(specs), leaves(specs)
    assert first[0] is second[0]
    assert transform_points(first, np.array([[1.0, 2.0]])).tolist() == [[7.0, 3.0]]
    assert transform_points([], np.array([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"className": "org.example.Unknown", "dataString": "1"}, "org.example.Unknown"),
        ({"className": "mpicbg.trakem2.transform.AffineModel3D", "dataString": "1"}, "3D"),
        (leaf("1 2 3"), "AffineModel2D"),
        (ref("lens"), "lens"),
        ({"type": "interpolated", "a": leaf(), "b": leaf(), "lambda": "x"}, "lambda"),
    ],
)
def test_leaves_refuse_what_cannot_map_points(spec, text):
    with pytest.raises(SpecError, match=text):
        leaves([spec])


@pytest.mark.parametrize(
    ("name", "data", "matrix"),
    [
        ("TranslationModel2D", "123456.789 -0.1", [[1, 0, 123456.7890625], [0, 1, None]]),
        ("SimilarityModel2D", "0.1 0 1 123456.789", [[None, 0, 1], [0, None, 123456.7890625]]),
        ("RigidModel2D", "0 0.5 123456.789", [[1, 0, 0.5], [0, 1, 123456.7890625]]),
        ("TranslationModel2D", "1 0 0 1 123456.789 5", [[1, 0, 123456.789], [0, 1, 5]]),
        ("AffineModel2D", "1 0 0 1 123456.789 5", [[1, 0, 123456.789], [0, 1, 5]]),
    ],
)
def test_some_classes_have_their_numbers_in_single_precision_as_in_the_service(name, data, matrix):
    spec = {"className": f"mpicbg.trakem2.transform.{name}", "dataString": data}
    (transform,) = leaves([spec])
    single = 0.10000000149011612  # 0.1, to the nearest number of 24 bits
    expected = [[single if n is None else n for n in row] for row in matrix]
    if name == "TranslationModel2D" and len(data.split()) == 2:
        expected[1][2] = -single
    assert transform.M[:2].tolist() == expected
