"""JSON text of objects, arrays and numbers."""

from __future__ import annotations

import gc
import io
import json
import math
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.errors import SpecError
from renderapi.image_pyramid import MipMap
from renderapi.jsontext import (
    RenderEncoder,
    collection_paused,
    parse,
    renderdump,
    renderdump_temp,
    renderdumps,
    to_bytes,
)
from renderapi.tilespec import TileSpec

TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


class Described:
    def to_dict(self):
        return {"x": np.float32(0.5), "nothing": None, "not": math.nan}


class Attributes:
    def __init__(self):
        self.to_dict = "not callable"
        self.n = 1


class Pairs:
    def __iter__(self):
        return iter([("a", 1)])


@given(JSON)
def test_plain_values_are_written_as_the_standard_library_writes_them(value):
    assert renderdumps(value) == json.dumps(value)


@given(JSON.filter(lambda v: "Infinity" not in json.dumps(v)))
def test_bodies_come_back(value):
    assert parse(to_bytes(value)) == value


def test_objects_are_written_as_dict_pairs_or_attributes():
    assert json.loads(renderdumps({"p": Pairs(), "a": Attributes()})) == {
        "p": {"a": 1},
        "a": {"to_dict": "not callable", "n": 1},
    }
    assert renderdumps(MipMap("u")) == '{"imageUrl": "u"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [(np.int16(3), "3"), (np.float32(0.5), "0.5"), (np.float64(0.1), "0.1"), (np.True_, "true")],
)
def test_numpy_scalars_are_numbers(value, text):
    assert renderdumps(value) == text
    assert to_bytes({"v": value}) == f'{{"v":{text}}}'.encode()


@pytest.mark.parametrize("shape", [(3,), (2, 2), (4, 3), (0,), (2, 3, 2)])
@pytest.mark.parametrize("dtype", ["f8", ">f4", "u2", "i8", "?"])
def test_arrays_are_nested_lists(shape, dtype, tmp_path):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    for form in (array, np.asfortranarray(array)):
        expected = {"a": [array.tolist()]}
        assert json.loads(to_bytes({"a": [form]})) == expected
        assert json.loads(renderdumps({"a": [form]}, indent=1)) == expected
        assert json.loads(json.dumps({"a": [form]}, cls=RenderEncoder)) == expected
        with (tmp_path / "a.json").open("w") as file:
            renderdump(form, file)
        assert json.loads((tmp_path / "a.json").read_text()) == array.tolist()
        if len(shape) > 1:
            assert json.loads(renderdumps(form)) == array.tolist()


def test_a_row_of_numbers_by_itself_is_refused_as_ever():
    with pytest.raises(AttributeError):
        renderdumps(np.zeros(3))
    assert renderdumps([np.zeros(3)]) == "[[0.0, 0.0, 0.0]]"


@pytest.mark.parametrize("value", [set(), b"", frozenset([1])])
def test_sets_and_bytes_are_refused(value):
    with pytest.raises(AttributeError):
        renderdumps(value)


class ManyDescribed(Described):
    bulk_json = True


def test_many_objects_are_written_like_one():
    one = json.loads(json.dumps(Described(), cls=RenderEncoder))
    many = json.loads(renderdumps([ManyDescribed(), ManyDescribed()]))
    assert str(many) == str([one, one])
    assert renderdumps([Described()]) == json.dumps([Described()], cls=RenderEncoder)
    tiles = [TileSpec(tileId="é", z=np.float64(1.5), width=np.int32(4), height=3)]
    assert renderdumps(tiles) == json.dumps(
        [t.to_dict() for t in tiles], cls=RenderEncoder, ensure_ascii=False, separators=(",", ":")
    )


def test_formatting_arguments_are_those_of_json():
    assert renderdumps([Pairs()], indent=1) == '[\n {\n  "a": 1\n }\n]'
    assert renderdumps({"b": 1, "a": 2}, sort_keys=True) == '{"a": 2, "b": 1}'
    with pytest.raises(TypeError):
        renderdumps(Pairs(), cls=json.JSONEncoder)


def test_text_in_files():
    file = io.StringIO()
    renderdump({"a": np.int8(1)}, file)
    assert file.getvalue() == '{"a": 1}'
    path = renderdump_temp(MipMap("u"))
    try:
        assert path.endswith(".json")
        with open(path) as written:
            assert json.load(written) == {"imageUrl": "u"}
    finally:
        os.remove(path)


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [np.float32("nan")]}])
def test_numbers_that_are_not_finite_are_not_sent(value):
    with pytest.raises(SpecError, match="JSON"):
        to_bytes(value)


def test_null_is_sent_as_null_and_keys_as_texts():
    assert json.loads(to_bytes({"a": None, 1: 2, "s": "null"})) == {"a": None, "1": 2, "s": "null"}


def test_answers_may_hold_nan_and_large_integers():
    nan, infinite, large = parse(b"[NaN, -Infinity, 123456789012345678901234567890]")
    assert math.isnan(nan)
    assert infinite == -math.inf
    assert large == 123456789012345678901234567890
    with pytest.raises(ValueError):
        parse(b"{")


def test_garbage_collection_is_left_as_it_was():
    assert gc.isenabled()
    with collection_paused():
        assert not gc.isenabled()
        with collection_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
