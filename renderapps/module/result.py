"""Results of a module as JSON: numpy values, paths and sets included, NaN as null."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import orjson

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2


def rounded(value: Any, digits: int = 4) -> float | None:
    """A number for a report; None where it is none."""
    return round(float(value), digits) if math.isfinite(value) else None


def to_json(value: Any) -> bytes:
    """Indented JSON, UTF-8, with a newline at the end."""
    return orjson.dumps(value, default=_plain, option=OPTIONS) + b"\n"


def to_json_with(value: Any, options: Mapping[str, Any]) -> bytes:
    """JSON as `json.dumps` writes it with these options; `to_json` without any.

    An encoder of the caller's own (`cls`, `default`) gets the values first, and what it does not
    know is written as `to_json` does.
    """
    if not options:
        return to_json(value)
    encoder = options.get("cls") or json.JSONEncoder
    own = options.get("default")

    class Encoder(encoder):  # type: ignore[misc, valid-type]
        def default(self, o: Any) -> Any:
            try:
                return own(o) if own else super().default(o)
            except TypeError:
                return _plain(o)

    rest = {key: option for key, option in options.items() if key not in ("cls", "default")}
    return json.dumps(value, cls=Encoder, **rest).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    if isinstance(value, complex):
        return [value.real, value.imag]
    if hasattr(value, "to_dict"):  # the data classes of renderapi
        return value.to_dict()
    if hasattr(value, "tolist"):  # numpy values that orjson does not take: strided, half, strings
        return value.tolist()
    if hasattr(value, "__iter__"):
        return list(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
