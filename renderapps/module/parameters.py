"""Parameters as rows of text, for --help, `renderapps describe` and the reference."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import marshmallow.validate as checks
from argschema import fields
from marshmallow import Schema, missing

from renderapps.module.fields import aliases, group, ordered_fields

_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (fields.InputFile, "existing file"),
    (fields.InputDir, "existing folder"),
    (fields.OutputFile, "file to write"),
    (fields.OutputDir, "folder to write"),
    (fields.LogLevel, "log level"),
    (fields.Slice, "slice"),
    (fields.NumpyArray, "array"),
    (fields.Boolean, "true/false"),
    (fields.Integer, "integer"),
    (fields.Float, "number"),
    (fields.Dict, "object"),
    (fields.String, "text"),
)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a module, as its users see it. `name` is dotted below a group."""

    name: str
    type: str
    description: str
    required: bool = False
    default: str | None = None
    constraints: str = ""
    aliases: list[str] = field(default_factory=list)

    @property
    def notes(self) -> str:
        """Everything but the description: required or default, constraints, other spellings."""
        parts = ["required"] if self.required else []
        if self.default is not None:
            parts.append(f"default {self.default}")
        if self.constraints:
            parts.append(self.constraints)
        if self.aliases:
            parts.append(f"also accepted as {', '.join(self.aliases)}")
        return "; ".join(parts)


@dataclass(frozen=True)
class Group:
    """Parameters of one schema; `name` is "" for those of the module itself."""

    name: str
    description: str
    parameters: list[Parameter]


def parameter_groups(schema: Schema, name: str = "", description: str = "") -> Iterator[Group]:
    """The parameters of a schema, then those of the groups nested in it.

    A list of groups is shown as `name[].key`, which JSON can hold and flags cannot.
    """
    rows: list[Parameter] = []
    below: list[Group] = []
    for key, field_ in ordered_fields(schema):
        full = f"{name}.{key}" if name else key
        text = field_.metadata.get("description", "")
        nested, many = _nested(field_)
        if nested is None or many:
            rows.append(_row(full, field_))
        if nested is not None and type(nested) is not type(schema):
            shown = full + ("[]" if many else "")
            below += parameter_groups(nested, shown, text)
    yield Group(name, description, rows)
    yield from below


def help_parser(schema: Schema, prog: str, description: str) -> argparse.ArgumentParser:
    """Help of a module, laid out by argparse."""
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [--input_json FILE] [--PARAMETER VALUE ...]".replace("%", "%%"),
        description=description.replace("%", "%%"),
        epilog="Flags win over the JSON file. Lists: --zs 1 2 3; groups: --render.owner me. "
        "--quiet: no line that says what was made.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for shown in parameter_groups(schema):
        title = shown.name or "parameters"
        arguments = parser.add_argument_group(title, shown.description.replace("%", "%%"))
        for row in shown.parameters:
            _add_help(arguments, row)
    return parser


def _add_help(arguments: Any, row: Parameter) -> None:
    text = " ".join(
        part for part in (row.description, f"[{row.notes}]" if row.notes else "") if part
    )
    metavar = row.type.upper().replace(" ", "_").replace("/", "|")
    option = f"--{row.name}"
    arguments.add_argument(option, metavar=metavar, help=text.replace("%", "%%"))


def _nested(field_: fields.Field) -> tuple[Schema | None, bool]:
    """Schema below a field, and whether it is of each item of a list."""
    if isinstance(field_, fields.List):
        return _nested(field_.inner)[0], True
    if isinstance(field_, fields.Nested):
        return field_.schema, field_.many
    return group(field_), False


def _row(name: str, field_: fields.Field) -> Parameter:
    return Parameter(
        name=name,
        type=type_name(field_),
        description=" ".join(str(field_.metadata.get("description", "")).split()),
        required=field_.required,
        default=default_text(field_),
        constraints="; ".join(_constraints(field_)),
        aliases=aliases(field_),
    )


def type_name(field_: fields.Field) -> str:
    """Type of a parameter in plain words."""
    if isinstance(field_, fields.Nested):
        return "list of objects" if field_.many else "object"
    if isinstance(field_, fields.List) and not isinstance(field_, fields.NumpyArray):
        return f"list of {type_name(field_.inner)}"
    return next((name for kind, name in _TYPE_NAMES if isinstance(field_, kind)), "value")


def default_text(field_: fields.Field) -> str | None:
    """Default of a parameter as text, or None; `default_text` in the metadata wins."""
    if "default_text" in field_.metadata:
        return str(field_.metadata["default_text"])
    value = default_value(field_)
    if value is missing or value is None:
        return None
    return str(value) if value != "" else '""'


def default_value(field_: fields.Field) -> Any:
    """Value of a parameter that is absent, `missing` for none; argschema's `default` counts."""
    value = field_.load_default if field_.load_default is not missing else field_.dump_default
    return value() if callable(value) else value


def _constraints(field_: fields.Field) -> Iterator[str]:
    for check in field_.validators:
        if isinstance(check, checks.OneOf):
            yield "one of " + ", ".join(str(choice) for choice in check.choices)
        elif isinstance(check, checks.Range):
            yield from _range(check)
        elif isinstance(check, checks.Length):
            yield from _length(check)
    if isinstance(field_, fields.List) and not isinstance(field_, fields.NumpyArray):
        yield from _constraints(field_.inner)


def _range(check: checks.Range) -> Iterator[str]:
    if check.min is not None:
        yield f"{'at least' if check.min_inclusive else 'more than'} {check.min}"
    if check.max is not None:
        yield f"{'at most' if check.max_inclusive else 'less than'} {check.max}"


def _length(check: checks.Length) -> Iterator[str]:
    if check.equal is not None:
        yield f"{check.equal} values"
    if check.min is not None:
        yield f"at least {check.min} long"
    if check.max is not None:
        yield f"at most {check.max} long"


def purpose(module_or_class: object) -> str:
    """First paragraph of a docstring on one line."""
    text = inspect.getdoc(module_or_class) or ""
    return " ".join(text.split("\n\n")[0].split())
