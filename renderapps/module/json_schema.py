"""The parameters of a module as JSON Schema (draft 2020-12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import marshmallow.validate as checks
from argschema import fields
from marshmallow import Schema, missing

from renderapps.module.fields import aliases, ordered_fields
from renderapps.module.parameters import default_value

Json = dict[str, Any]

_TYPES: tuple[tuple[type, Json], ...] = (
    (fields.NumpyArray, {"type": "array"}),
    (fields.Boolean, {"type": "boolean"}),
    (fields.Integer, {"type": "integer"}),
    (fields.Float, {"type": "number"}),
    (fields.InputFile, {"type": "string", "format": "path"}),
    (fields.InputDir, {"type": "string", "format": "path"}),
    (fields.OutputFile, {"type": "string", "format": "path"}),
    (fields.OutputDir, {"type": "string", "format": "path"}),
    (fields.String, {"type": "string"}),
)


def json_schema(schema: Schema, title: str, description: str) -> Json:
    """JSON Schema of a marshmallow schema instance. Aliases are listed as `x-aliases`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return head | {"description": description} | _object(schema, ())


def _object(schema: Schema, above: tuple[type, ...]) -> Json:
    if type(schema) in above:  # a schema that contains itself
        return {"type": "object"}
    inside = (*above, type(schema))
    rows = dict(ordered_fields(schema))
    result: Json = {
        "type": "object",
        "properties": {name: _property(field, inside) for name, field in rows.items()},
        "additionalProperties": False,
    }
    required = [name for name, field in rows.items() if _required(name, field)]
    return result | ({"required": required} if required else {})


def _required(name: str, field: fields.Field) -> bool:
    """Whether it must be in the document: what the environment may give need not be."""
    return field.required and name != "render" and "default_text" not in field.metadata


def _property(field: fields.Field, above: tuple[type, ...]) -> Json:
    result = _type(field, above) | _constraints(field)
    if field.allow_none and "type" in result:
        result["type"] = [result["type"], "null"]
        if "enum" in result:
            result["enum"].append(None)
    if description := field.metadata.get("description"):
        result["description"] = " ".join(str(description).split())
    default = default_value(field)
    if default is not missing and "default_text" not in field.metadata and _plain(default):
        result["default"] = default
    if aliases(field):
        result["x-aliases"] = aliases(field)
    return result


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | list | dict)


def _type(field: fields.Field, above: tuple[type, ...]) -> Json:
    if isinstance(field, fields.Nested):
        below = _object(field.schema, above)
        return {"type": "array", "items": below} if field.many else below
    if isinstance(field, fields.List) and not isinstance(field, fields.NumpyArray):
        return {"type": "array", "items": _property(field.inner, above)}
    if isinstance(field, fields.Dict):
        values = field.value_field
        more = {} if values is None else {"additionalProperties": _property(values, above)}
        return {"type": "object"} | more
    return next((dict(json) for kind, json in _TYPES if isinstance(field, kind)), {})


def _constraints(field: fields.Field) -> Json:
    result: Json = {}
    for check in field.validators:
        for kind, convert in _CONVERTERS.items():
            if isinstance(check, kind):
                result |= {key: value for key, value in convert(check).items() if value is not None}
    return result


def _range(check: checks.Range) -> Json:
    low = "minimum" if check.min_inclusive else "exclusiveMinimum"
    high = "maximum" if check.max_inclusive else "exclusiveMaximum"
    return {low: check.min, high: check.max}


def _length(check: checks.Length) -> Json:
    if check.equal is not None:
        return {"minItems": check.equal, "maxItems": check.equal}
    return {"minItems": check.min, "maxItems": check.max}


_CONVERTERS: dict[type, Callable[[Any], Json]] = {
    checks.OneOf: lambda check: {"enum": list(check.choices)},
    checks.Range: _range,
    checks.Length: _length,
}
