"""Results of a module as JSON: numpy values, paths and sets included, NaN as null."""

from __future__ import annotations

import os
from typing import Any

import orjson

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2


def to_json(value: Any) -> bytes:
    """Indented JSON, UTF-8, with a newline at the end."""
    return orjson.dumps(value, default=_plain, option=OPTIONS) + b"\n"


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
