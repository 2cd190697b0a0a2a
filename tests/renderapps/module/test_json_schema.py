"""Parameters as JSON Schema."""

from argschema import ArgSchema
from argschema.fields import Boolean, Dict, Float, Int, List, Nested, NumpyArray, OutputFile, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import Length, OneOf, Range

from renderapps.module.json_schema import json_schema


class Point(DefaultSchema):
    x = Float(required=True, metadata={"description": "to the right"})
    next = Nested(lambda: Point())


class Everything(ArgSchema):
    name = Str(required=True, metadata={"aliases": ["id"]})
    form = Str(allow_none=True, load_default=None, validate=OneOf(["a", "b"]))
    share = Float(load_default=0.5, validate=Range(0, 1, min_inclusive=False))
    shape = List(Int(), validate=Length(equal=3))
    point = Nested(Point)
    points = Nested(Point, many=True)
    table = Dict(values=Int())
    array = NumpyArray()
    file = OutputFile()
    flag = Boolean(load_default=False)
    cpus = Int(load_default=lambda: 7, metadata={"default_text": "number of processors"})


def test_every_kind_of_field_has_its_schema():
    schema = json_schema(Everything(), "t", "d")
    assert (schema["title"], schema["description"], schema["required"]) == ("t", "d", ["name"])
    point = {
        "type": "object",
        "properties": {
            "x": {"type": "number", "description": "to the right"},
            "next": {"type": "object"},
        },
        "additionalProperties": False,
        "required": ["x"],
    }
    shown = schema["properties"]
    for name in ("input_json", "output_json", "log_level"):
        del shown[name]
    assert shown == {
        "name": {"type": "string", "x-aliases": ["id"]},
        "form": {"type": ["string", "null"], "enum": ["a", "b", None], "default": None},
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "default": 0.5},
        "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3},
        "point": point,
        "points": {"type": "array", "items": point},
        "table": {"type": "object", "additionalProperties": {"type": "integer"}},
        "array": {"type": "array"},
        "file": {"type": "string", "format": "path"},
        "flag": {"type": "boolean", "default": False},
        "cpus": {"type": "integer"},
    }
