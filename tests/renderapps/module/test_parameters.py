"""Parameters as text."""

import pytest
from argschema import ArgSchema
from argschema.fields import (
    Boolean,
    Dict,
    Float,
    InputDir,
    InputFile,
    Int,
    List,
    Nested,
    NumpyArray,
    OutputDir,
    OutputFile,
    Str,
)
from argschema.schemas import DefaultSchema
from marshmallow.validate import Length, OneOf, Range

from renderapps.module.parameters import Parameter, parameter_groups, type_name


class Point(DefaultSchema):
    x = Float(required=True, metadata={"description": "to the right"})


class Everything(ArgSchema):
    name = Str(required=True, metadata={"description": "what\n  it is called", "aliases": ["id"]})
    size = Int(load_default=lambda: 7, metadata={"default_text": "number of processors"})
    share = Float(load_default=0.5, validate=Range(0, 1, min_inclusive=False))
    form = Str(load_default="a", validate=OneOf(["a", "b"]))
    shape = List(Int(), validate=Length(equal=3))
    point = Nested(Point, metadata={"description": "a place"})
    points = Nested(Point, many=True)
    listed = List(Nested(Point))
    nothing = Str(allow_none=True, load_default=None)
    empty = Str(load_default="")
    old = Int(dump_default=4)


ROWS = {row.name: row for group in parameter_groups(Everything()) for row in group.parameters}


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("name", "required; also accepted as id"),
        ("size", "default number of processors"),
        ("share", "default 0.5; more than 0; at most 1"),
        ("form", "default a; one of a, b"),
        ("shape", "3 values"),
        ("point.x", "required"),
        ("points[].x", "required"),
        ("listed[].x", "required"),
        ("nothing", ""),
        ("empty", 'default ""'),
        ("old", "default 4"),
        ("log_level", "default ERROR"),
    ],
)
def test_notes_say_default_constraints_and_other_spellings(name, notes):
    assert ROWS[name].notes == notes


def test_a_row_is_one_line():
    assert ROWS["name"] == Parameter(
        name="name", type="text", description="what it is called", required=True, aliases=["id"]
    )


def test_groups_are_shown_after_the_parameters_of_the_module():
    names = [group.name for group in parameter_groups(Everything())]
    assert names == ["", "point", "points[]", "listed[]"]


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (InputFile(), "existing file"),
        (InputDir(), "existing folder"),
        (OutputFile(), "file to write"),
        (OutputDir(), "folder to write"),
        (List(InputFile()), "list of existing file"),
        (List(List(Float())), "list of list of number"),
        (Nested(Point, many=True), "list of objects"),
        (List(Nested(Point)), "list of object"),
        (NumpyArray(), "array"),
        (Dict(), "object"),
        (Boolean(), "true/false"),
    ],
)
def test_types_are_told_in_plain_words(field, name):
    assert type_name(field) == name
