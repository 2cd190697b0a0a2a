"""Loading parameters through a schema with every problem found at once, one line each.

marshmallow stops at wrong fields and then keeps the verdict of the schema's own validators
(`@validates_schema`) to itself; here they are asked all the same, as far as they look at fields
that are right.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, ValidationError
from marshmallow.decorators import VALIDATES_SCHEMA

from renderapps.module.fields import aliases, by_spelling, group, prepare

Messages = dict[Any, Any]


def load_parameters(
    schema: Schema, data: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str], Messages]:
    """Parameters with defaults filled in, the problems as lines, and marshmallow's messages.

    `schema` has been prepared; `data` has primary spellings only and is left as it is.
    """
    try:
        return schema.load(copy.deepcopy(dict(data))), [], {}
    except ValidationError as error:
        messages = dict(error.normalized_messages())
        _add_hidden_verdicts(schema, error.valid_data, messages)
        return {}, list(problem_lines(schema, messages, data)), messages


def load_example(
    schema_type: type[Schema], data: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """An example of parameters, loaded, and its problems; files need not exist, none are made."""
    schema = prepare(schema_type(), check_files=False)
    primary, problems = primary_spellings(schema, data)
    args, wrong, _ = load_parameters(schema, primary)
    return args, problems + wrong


def primary_spellings(
    schema: Schema, data: Mapping[str, Any], path: str = ""
) -> tuple[dict[str, Any], list[str]]:
    """Copy of `data` with primary names for aliases, and lines for what was given twice."""
    result: dict[str, Any] = {}
    problems: list[str] = []
    given: dict[str, str] = {}
    spellings = by_spelling(schema)
    for spelling, value in data.items():
        name = spellings.get(spelling, spelling)
        if name in given:
            problems.append(both_given(path, given[name], spelling))
        given[name] = spelling
        nested = group(schema.fields[name]) if name in schema.fields else None
        if nested is not None and isinstance(value, Mapping):
            value, more = primary_spellings(nested, value, f"{path}{name}.")
            problems += more
        result[name] = value
    return result, problems


def both_given(path: str, one: str, other: str) -> str:
    """Line for a parameter that was given under two names."""
    return f"{path}{one}: the same parameter as {path}{other}; give one of them"


def problem_lines(
    schema: Schema | None, messages: Messages, data: Any, path: str = ""
) -> Iterator[str]:
    """One line for each message, with the full name of the parameter and the value it had."""
    for key, content in messages.items():
        if key == "_schema":
            for message in content if isinstance(content, list) else [content]:
                yield f"{path.rstrip('.')}: {message}" if path else str(message)
            continue
        field = schema.fields.get(key) if schema is not None else None
        value = _item(data, key)
        if isinstance(content, dict):
            yield from problem_lines(_schema_of(field), content, value, f"{path}{key}.")
            continue
        for message in content:
            yield f"{path}{key}: {_worded(str(message), schema, str(key), value)}"


def _worded(message: str, schema: Schema | None, name: str, value: Any) -> str:
    if message == "Unknown field.":
        known = list(by_spelling(schema)) if schema is not None else []
        near = difflib.get_close_matches(name, known, n=1)
        return "unknown parameter" + (f"; did you mean {near[0]}?" if near else "")
    if message == "Invalid input type.":
        message = "must be an object with the parameters of the group"
    if message == "Missing data for required field.":
        others = aliases(schema.fields[name]) if schema is not None else []
        return "missing, and required" + (f" (or as {', '.join(others)})" if others else "")
    shown = "" if value is _ABSENT or value is None else f" (got {_short(value)})"
    message = message.rstrip(".")
    return message[:1].lower() + message[1:] + shown


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_ABSENT = object()


def _item(data: Any, key: Any) -> Any:
    try:
        return data[key]
    except (KeyError, IndexError, TypeError):
        return _ABSENT


def _schema_of(field: Any) -> Schema | None:
    """Schema below a field or an index: messages of lists are keyed by index, then by name."""
    inner = getattr(field, "inner", field)
    return getattr(inner, "schema", None)


class _Unjudged(Exception):
    """A schema validator looked at a parameter that is itself wrong."""


class _RightParameters(dict[str, Any]):
    """The parameters that are right; looking at a wrong one ends the validator that looks."""

    def __init__(self, right: Mapping[str, Any], wrong: set[str]) -> None:
        super().__init__({name: value for name, value in right.items() if name not in wrong})
        self.wrong = wrong

    def _judge(self, name: Any = None) -> None:
        if self.wrong if name is None else name in self.wrong:
            raise _Unjudged

    def __getitem__(self, name: str) -> Any:
        self._judge(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._judge(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._judge(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self._judge()
        return super().__iter__()

    def keys(self) -> Any:
        self._judge()
        return super().keys()

    def values(self) -> Any:
        self._judge()
        return super().values()

    def items(self) -> Any:
        self._judge()
        return super().items()


def _add_hidden_verdicts(schema: Schema, valid: Any, messages: Messages) -> None:
    """Ask the schema validators that marshmallow skipped, group by group, and add what they say."""
    unknown = {name for name in messages if name not in schema.fields}
    wrong = {name for name in messages if name in schema.fields}
    if not wrong and unknown <= {"_schema"}:
        return
    right = dict(valid) if isinstance(valid, Mapping) else {}
    for name in list(wrong):
        nested = group(schema.fields[name])
        if nested is not None and isinstance(messages[name], dict):
            given = right.get(name)
            below = given if isinstance(given, Mapping) else {}
            _add_hidden_verdicts(nested, below, messages[name])
            right[name] = _RightParameters(below, set(messages[name]))
            wrong.discard(name)
    _ask_validators(schema, _RightParameters(right, wrong), messages)


def _ask_validators(schema: Schema, data: _RightParameters, messages: Messages) -> None:
    for attribute, many, options in schema._hooks[VALIDATES_SCHEMA]:
        if many or not options["skip_on_field_errors"] or options.get("pass_original"):
            continue
        try:
            getattr(schema, attribute)(data, partial=False, many=False)
        except ValidationError as error:
            found = error.messages
            held = messages.setdefault(error.field_name, [])
            if isinstance(held, list):
                held += found if isinstance(found, list) else [str(found)]
        except Exception:  # it needs a parameter that is not there: its verdict stays unknown
            continue
