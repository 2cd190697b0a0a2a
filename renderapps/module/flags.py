"""Command line flags as nested parameters: `--stack a --render.host b --zs 1 2 3`.

A flag takes the words up to the next `--`, so values may be negative; `--name=value` takes a value
that itself begins with `--`. A true/false flag may stand alone for true. Lists are given as words
or as one JSON list, objects as JSON or with dotted names.
"""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from argschema import fields
from marshmallow import Schema

from renderapps.module.fields import by_spelling, group
from renderapps.module.validation import both_given

UNTYPED = (fields.Field, fields.Raw)


def asks_for_help(argv: Sequence[str]) -> bool:
    """Whether the command line asks for help and nothing else matters."""
    return any(word in ("-h", "--help") for word in argv)


def flag_parameters(schema: Schema, argv: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Parameters that the words of a command line give, under their primary names, and problems."""
    words, problems = _split(argv)
    result: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for flag, values in words:
        found = _find(schema, flag)
        if found is None:
            problems.append(f"--{flag}: unknown parameter{_hint(schema, flag)}")
            continue
        path, field = found
        name = ".".join(path)
        if spelled.setdefault(name, flag) != flag:
            problems.append(both_given("--", spelled[name], f"{flag}"))
        try:
            _put(result, path, _value(field, values))
        except ValueError as error:
            problems.append(f"--{flag}: {error}")
    return result, problems


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over` in their places, group by group; neither is changed."""
    merged = dict(base)
    for name, value in over.items():
        below = merged.get(name)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[name] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def _hint(schema: Schema, flag: str) -> str:
    near = difflib.get_close_matches(flag, list(_flags(schema)), n=1)
    return f"; did you mean --{near[0]}?" if near else ""


def _flags(schema: Schema, path: str = "", depth: int = 4) -> Iterator[str]:
    """Every flag of a schema; groups that contain themselves are followed a few steps."""
    for spelling, name in by_spelling(schema).items():
        yield path + spelling
        nested = group(schema.fields[name])
        if nested is not None and depth:
            yield from _flags(nested, f"{path}{spelling}.", depth - 1)


def _split(argv: Sequence[str]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    flags: list[tuple[str, list[str]]] = []
    problems: list[str] = []
    for word in argv:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            flags.append((name, [value] if equals else []))
        elif flags:
            flags[-1][1].append(word)
        else:
            problems.append(f"{word}: expected --parameter value")
    return flags, problems


def _find(schema: Schema, flag: str) -> tuple[list[str], fields.Field] | None:
    """Primary path and field that a dotted flag names; below an object any name is a key."""
    path: list[str] = []
    parts = flag.split(".")
    current = schema
    for position, part in enumerate(parts, start=1):
        name = by_spelling(current).get(part)
        if name is None:
            return None
        path.append(name)
        field = current.fields[name]
        if position == len(parts):
            return path, field
        nested = group(field)
        if isinstance(field, fields.Dict):
            return path + parts[position:], field.value_field or fields.Raw()
        if nested is None:
            return None
        current = nested
    return None


def _put(result: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        if not isinstance(result.get(name), dict):
            result[name] = {}
        result = result[name]
    last = path[-1]
    both = isinstance(result.get(last), dict) and isinstance(value, dict)
    result[last] = merge(value, result[last]) if both else value


def _value(field: fields.Field, words: list[str]) -> Any:
    if isinstance(field, fields.Boolean) and not words:
        return True
    if isinstance(field, fields.List):
        return _list(field, words)
    if len(words) != 1:
        raise ValueError(
            "needs a value" if not words else f"takes one value, got {' '.join(words)}"
        )
    return _single(field, words[0])


def _list(field: fields.List, words: list[str]) -> list[Any]:
    if len(words) == 1:
        whole = _literal(words[0])
        if isinstance(whole, list | tuple):
            return list(whole)
    return [_single(field.inner, word) for word in words]


def _single(field: fields.Field, word: str) -> Any:
    if word == "null" and field.allow_none and not isinstance(field, fields.String):
        return None
    if type(field) in UNTYPED:
        value = _literal(word)
        return word if value is _NOT_LITERAL else value
    if isinstance(field, fields.Dict | fields.Nested | fields.List):
        value = _literal(word)
        if value is _NOT_LITERAL:
            raise ValueError(f"needs JSON, got {word!r}")
        return value
    return word


_NOT_LITERAL = object()


def _literal(word: str) -> Any:
    """JSON, or a Python literal, as older command lines wrote lists."""
    try:
        return json.loads(word)
    except ValueError:
        pass
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _NOT_LITERAL
