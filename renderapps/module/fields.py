"""How the parameters of a schema are found, ordered and checked, beyond what argschema does.

Schemas are written with the fields of `argschema.fields`. A schema *instance* is prepared here
before it is used: file checks get messages that name the path (or are left out, for examples),
whole numbers must be whole, names of stacks and the like must be ones that a service takes, and a
log level is checked without changing the loggers of the process.
"""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from argschema import fields
from marshmallow import Schema, ValidationError, missing

NAMING = re.compile(r"(?i)(owner|project|stack|collection)(s|\d|_in|_out|_source|_target)*$")
NAME = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")


class NewFile(fields.OutputFile):
    """A file to write, whose folder is made with it."""


class OneOrMore(fields.List):
    """A list; a single value stands for a list of it."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        several = value if isinstance(value, list | tuple) else [value]
        found: list[Any] = super()._deserialize(several, *args, **kwargs)
        return found


FILE_FIELDS = (NewFile, fields.InputFile, fields.InputDir, fields.OutputFile, fields.OutputDir)


def parameter(
    kind: Callable[..., fields.Field],
    description: str,
    *args: Any,
    default: Any = missing,
    default_text: str | None = None,
    aliases: Sequence[str] = (),
    is_path: bool = False,
    **settings: Any,
) -> fields.Field:
    """A field of a schema: its type, what it is, what it is where it is not given.

    Without a default it is required; one that is None may also be given as null. `default_text` is
    what the help says of a default, `aliases` are other accepted spellings, `is_path` says that a
    text is a path or URL, and whatever else the type takes (`validate`, ...) goes with them.

    >>> parameter(fields.Float, "display maximum", default=None).load_default
    """
    metadata: dict[str, Any] = {"description": description}
    if default_text is not None:
        metadata["default_text"] = default_text
    if aliases:
        metadata["aliases"] = list(aliases)
    if is_path:
        metadata["is_path"] = True
    if default is missing:
        return kind(*args, required=True, metadata=metadata, **settings)
    if default is None:
        settings = {"allow_none": True, **settings}
    return kind(*args, load_default=default, metadata=metadata, **settings)


def aliases(field: fields.Field) -> list[str]:
    """Other accepted spellings of a parameter."""
    return list(field.metadata.get("aliases", []))


def by_spelling(schema: Schema) -> dict[str, str]:
    """Every accepted spelling of the parameters of a schema, and the primary one it stands for."""
    spellings = {alias: name for name, field in schema.fields.items() for alias in aliases(field)}
    return spellings | {name: name for name in schema.fields}


def ordered_fields(schema: Schema) -> Iterator[tuple[str, fields.Field]]:
    """Parameters of a schema, those of the most derived class first."""
    seen: set[str] = set()
    for cls in type(schema).__mro__:
        inherited: set[str] = set()
        for base in cls.__bases__:
            inherited |= set(getattr(base, "_declared_fields", ()))
        for name in getattr(cls, "_declared_fields", ()):
            if name not in inherited and name not in seen and name in schema.fields:
                seen.add(name)
                yield name, schema.fields[name]


def group(field: fields.Field) -> Schema | None:
    """Schema of a nested group of parameters; None for any other field."""
    return field.schema if isinstance(field, fields.Nested) and not field.many else None


def with_whole_paths(schema: Schema, data: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters with paths that mean the same in every folder; URLs stay as they are."""
    return {
        name: _whole_paths(schema.fields[name], value) if name in schema.fields else value
        for name, value in data.items()
    }


def _whole_paths(field: fields.Field, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_whole_paths(getattr(field, "inner", field), one) for one in value]
    if isinstance(field, fields.Nested) and isinstance(value, Mapping):
        return with_whole_paths(field.schema, value)
    is_path = isinstance(field, FILE_FIELDS) or field.metadata.get("is_path")
    if not is_path or not isinstance(value, str) or value in ("", "-") or "://" in value:
        return value
    return os.path.abspath(value) + (os.sep if value.endswith(os.sep) else "")


def prepare(schema: Schema, check_files: bool = True) -> Schema:
    """Correct the checks of a schema instance, in place, and return it."""
    _prepare(schema, check_files, set())
    return schema


def _prepare(schema: Schema, check_files: bool, seen: set[type]) -> None:
    if type(schema) in seen:  # a schema that contains itself
        return
    for field in schema.fields.values():
        _prepare_field(field, check_files, seen | {type(schema)})


def _prepare_field(field: fields.Field, check_files: bool, seen: set[type]) -> None:
    if isinstance(field, fields.Nested):
        _prepare(field.schema, check_files, seen)
    elif isinstance(field, fields.List):
        _prepare_field(field.inner, check_files, seen)
    elif isinstance(field, fields.Dict) and field.value_field is not None:
        _prepare_field(field.value_field, check_files, seen)
    elif isinstance(field, fields.Integer):
        field._validated = partial(_whole_number, field, field._validated)
    elif isinstance(field, fields.LogLevel):
        field._validate = _check_log_level
    elif type(field) is fields.Str and NAMING.search(field.name or ""):
        field._validate = partial(_check_name, field)
    elif isinstance(field, FILE_FIELDS):
        check = _FILE_CHECKS[next(kind for kind in FILE_FIELDS if isinstance(field, kind))]
        field._validate = partial(_check_file, field, check if check_files else None)


def _whole_number(field: fields.Field, convert: Callable[[Any], int], value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise field.make_error("invalid", input=value)
    number = convert(value)
    if abs(number) >= 1 << 63:  # neither files nor services hold it
        raise field.make_error("too_large", input=value)
    return number


def _check_log_level(value: str) -> None:
    if value not in logging.getLevelNamesMapping():
        raise ValidationError(f"not a log level; use one of {', '.join(fields.LogLevel.options)}")


def _check_name(field: fields.Field, value: str) -> None:
    """Refuse what no service takes as a name; `{channel}` and the like are filled in later."""
    if not NAME.fullmatch(re.sub(r"\{\w+\}", "x", value)):
        raise ValidationError("may only hold letters, digits and single underscores within")
    fields.Field._validate(field, value)


def _check_file(field: fields.Field, check: Callable[[str, Any], None] | None, value: str) -> None:
    if check is not None:
        check(value, field)
    fields.Field._validate(field, value)


def _check_input_file(path: str, field: fields.Field) -> None:
    if not os.path.exists(path):
        raise ValidationError("no such file")
    if not os.path.isfile(path):
        raise ValidationError("not a file")
    if not os.access(path, os.R_OK):
        raise ValidationError("may not be read")


def _check_input_folder(path: str, field: fields.Field) -> None:
    if not os.path.exists(path):
        raise ValidationError("no such folder")
    if not os.path.isdir(path):
        raise ValidationError("not a folder")
    if not os.access(path, os.R_OK | os.X_OK):
        raise ValidationError("may not be read")


def _check_output_file(path: str, field: fields.Field) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise ValidationError("is a folder, not a file")
    if not os.path.isdir(folder):
        raise ValidationError(f"its folder {folder} does not exist")
    _check_writable(folder)


def check_new_file(path: str, field: fields.Field | None = None) -> None:
    """Whether a file can be written, and its folder made where it is missing; nothing is."""
    if not os.path.basename(path):
        raise ValidationError("names no file")
    if os.path.isdir(path):
        raise ValidationError("is a folder, not a file")
    _check_makeable(os.path.dirname(os.path.abspath(path)))


def _check_output_dir(path: str, field: fields.OutputDir) -> None:
    check_output_folder(path)
    if field.mode is not None and not os.path.isdir(path):
        os.makedirs(path, exist_ok=True)
        os.chmod(path, field.mode)


def check_output_folder(path: str) -> None:
    """Whether files can be written below `path`; who writes the first one makes the folder.

    Parameters that are refused, and runs that fail before they write, leave no folder behind. Only
    one whose permissions are given is made when it is checked.
    """
    if not path:
        raise ValidationError("names no folder")
    if os.path.isfile(path):
        raise ValidationError("is a file, not a folder")
    _check_makeable(os.path.abspath(path))


def _check_makeable(folder: str) -> None:
    """Whether `folder` is there, or can be made, and files can be written below it."""
    nearest = folder
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        raise ValidationError(f"cannot be made: {nearest} is a file")
    _check_writable(nearest)


def _check_writable(folder: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValidationError(f"cannot write to {folder}: {error.strerror}") from error


_FILE_CHECKS: dict[type, Callable[[str, Any], None]] = {
    NewFile: check_new_file,
    fields.InputFile: _check_input_file,
    fields.InputDir: _check_input_folder,
    fields.OutputFile: _check_output_file,
    fields.OutputDir: _check_output_dir,
}
