"""Words of a command line as nested parameters."""

import pytest
from argschema import ArgSchema
from argschema.fields import Boolean, Dict, Float, Int, List, Nested, NumpyArray, Raw, Str
from argschema.schemas import DefaultSchema
from hypothesis import given
from hypothesis import strategies as st

from renderapps.module.flags import flag_parameters, merge


class Inner(DefaultSchema):
    x = Float()
    names = List(Str())


class Outer(ArgSchema):
    text = Str(allow_none=True)
    number = Float(allow_none=True)
    flag = Boolean()
    zs = List(Float())
    pairs = List(List(Int()))
    table = Dict()
    any = Raw()
    inner = Nested(Inner)
    many = Nested(Inner, many=True)
    array = NumpyArray()


def read(*argv):
    values, problems = flag_parameters(Outer(), argv)
    assert problems == []
    return values


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--text", "a"], {"text": "a"}),
        (["--text", "-a"], {"text": "-a"}),
        (["--text=--a"], {"text": "--a"}),
        (["--text", "null"], {"text": "null"}),
        (["--text", "one", "--text", "two"], {"text": "two"}),
        (["--number", "-1e-3"], {"number": "-1e-3"}),
        (["--number", "null"], {"number": None}),
        (["--flag"], {"flag": True}),
        (["--flag", "false"], {"flag": "false"}),
        (["--zs", "1", "-2.5", "1e3"], {"zs": ["1", "-2.5", "1e3"]}),
        (["--zs", "[1, 2]"], {"zs": [1, 2]}),
        (["--zs"], {"zs": []}),
        (["--pairs", "[[1, 2], [3, 4]]"], {"pairs": [[1, 2], [3, 4]]}),
        (["--pairs", "[1, 2]", "[3, 4]"], {"pairs": [[1, 2], [3, 4]]}),
        (["--inner.names", "['a', 'b']"], {"inner": {"names": ["a", "b"]}}),
        (["--inner.x", "2", "--inner.names", "a"], {"inner": {"x": "2", "names": ["a"]}}),
        (["--inner", '{"x": 1}', "--inner.names", "a"], {"inner": {"x": 1, "names": ["a"]}}),
        (["--inner.names", "a", "--inner", '{"x": 1}'], {"inner": {"x": 1, "names": ["a"]}}),
        (["--table", '{"a": 1}'], {"table": {"a": 1}}),
        (["--table.a", "1", "--table.b", "x"], {"table": {"a": 1, "b": "x"}}),
        (["--many", '[{"x": 1}]'], {"many": [{"x": 1}]}),
        (["--any", "3"], {"any": 3}),
        (["--any", "three"], {"any": "three"}),
        (["--array", "[[1, 2], [3, 4]]"], {"array": [[1, 2], [3, 4]]}),
        (["--array", "1", "2"], {"array": [1, 2]}),
    ],
)
def test_words_become_parameters(argv, expected):
    assert read(*argv) == expected


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--text"], "--text: needs a value"),
        (["--text", "a", "b"], "--text: takes one value, got a b"),
        (["--inner", "x"], "--inner: needs JSON, got 'x'"),
        (["--inner.y", "1"], "--inner.y: unknown parameter; did you mean --inner.x?"),
        (["--tabel", "1"], "--tabel: unknown parameter; did you mean --table?"),
        (["--nonsense", "1"], "--nonsense: unknown parameter"),
        (["--text.a", "1"], "--text.a: unknown parameter; did you mean --text?"),
        (["word", "--text", "a"], "word: expected --parameter value"),
    ],
)
def test_problems_name_the_flag(argv, told):
    assert flag_parameters(Outer(), argv)[1] == [told]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2))
def test_numbers_of_any_sign_survive_the_command_line(numbers):
    values = read("--zs", *[repr(number) for number in numbers])["zs"]
    assert [float(value) for value in values] == numbers


def test_merge_goes_group_by_group_and_changes_neither():
    base, over = {"a": {"x": 1, "y": 2}, "b": [1, 2]}, {"a": {"y": None}, "b": [3]}
    assert merge(base, over) == {"a": {"x": 1, "y": None}, "b": [3]}
    assert base == {"a": {"x": 1, "y": 2}, "b": [1, 2]}
