"""JSON text of the objects of this package: exact where it is shown, fast where there is much.

`renderdumps` writes what the standard library would write, except for many tiles at once, where the
white space differs. `to_bytes` writes request bodies and `parse` reads answers.
"""

from __future__ import annotations

import gc
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import msgspec
import numpy as np
import orjson

from renderapi.errors import SpecError


class RenderEncoder(json.JSONEncoder):
    """Encoder that knows numpy arrays and scalars, and objects that describe themselves.

    Arrays become nested lists. An object is written as its `to_dict()`, else as `dict(obj)`, else
    as its attributes.
    """

    def default(self, obj: Any) -> Any:
        if isinstance(obj, np.generic):
            return obj.item()
        return obj.tolist() if isinstance(obj, np.ndarray) else _described(self, obj)


def _described(encoder: json.JSONEncoder, obj: Any) -> Any:
    to_dict = getattr(obj, "to_dict", None)
    if callable(to_dict):
        return to_dict()
    if not isinstance(obj, (set, frozenset, bytes, bytearray)):
        try:
            return dict(obj)
        except (TypeError, ValueError):
            pass
    try:
        return json.JSONEncoder.default(encoder, obj)
    except TypeError:
        return obj.__dict__


def renderdumps(obj: Any, *args: Any, **kwargs: Any) -> str:
    """JSON text of any object of this package; arguments as for `json.dumps`.

    Lists of tile specs and resolved tiles are written as UTF-8 without blanks after separators,
    unless a formatting argument is given. Arrays inside an object are nested lists; a row of
    numbers by itself describes nothing, and is refused with an AttributeError as ever.
    """
    if isinstance(obj, np.ndarray) and obj.ndim == 1 and "cls" not in kwargs:
        raise AttributeError(
            f"an array of shape {obj.shape} by itself is not written: write array.tolist() instead"
        )
    return _text(obj, *args, **kwargs)


def _text(obj: Any, *args: Any, **kwargs: Any) -> str:
    if not args and not kwargs and _is_bulk(obj):
        with collection_paused():
            text = _fast(obj)
        if text is not None:
            return text.decode()
    kwargs.setdefault("cls", RenderEncoder)
    return json.dumps(obj, *args, **kwargs)


def renderdump(obj: Any, fp: IO[str], *args: Any, **kwargs: Any) -> None:
    """Write the JSON text of any object of this package to an open text file."""
    fp.write(_text(obj, *args, **kwargs))


def renderdump_temp(obj: Any, *args: Any, **kwargs: Any) -> str:
    """Write the JSON text of an object to a new temporary file, which stays; return its path."""
    text = _text(obj, *args, **kwargs)
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False, encoding="utf-8") as file:
        file.write(text)
    return file.name


@contextmanager
def collection_paused() -> Iterator[None]:
    """Without garbage collection: making many small objects takes half the time, none is garbage.

    Collection stays off where it was off before.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def to_bytes(obj: Any) -> bytes:
    """Body of a request: JSON of objects, numbers, lists and numpy arrays (as nested lists).

    Raises
    ------
    SpecError
        A number is NaN or infinite: no service accepts that.
    """
    data = _fast(obj, orjson.OPT_SERIALIZE_NUMPY)
    if data is not None:
        return data
    try:
        return json.dumps(obj, cls=RenderEncoder, allow_nan=False).encode()
    except ValueError as error:
        raise SpecError(f"cannot send this as JSON: {error}") from error


def parse(data: bytes | str) -> Any:
    """Value of a JSON text; NaN and integers of any size are accepted. ValueError otherwise."""
    try:
        with collection_paused():
            return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return json.loads(data)


def _is_bulk(obj: Any) -> bool:
    """Whether this is a list of tile specs, or resolved tiles."""
    if isinstance(obj, (list, tuple)):
        return bool(obj) and getattr(type(obj[0]), "bulk_json", False)
    return getattr(type(obj), "bulk_json", False)


def _fast(obj: Any, option: int = 0) -> bytes | None:
    """The text by orjson; None where it would not mean the same as the standard library's.

    orjson writes NaN as null, so a text with null in it is written again the slow way.
    """
    option |= orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
    try:
        data = orjson.dumps(obj, default=_fast_default, option=option)
    except TypeError:
        return None
    return None if b"null" in data else data


_ENCODER = RenderEncoder()


def _fast_default(obj: Any) -> Any:
    if isinstance(obj, Mapping) and not hasattr(obj, "to_dict"):
        return dict(obj)
    if isinstance(obj, float):
        return float(obj)
    return _ENCODER.default(obj)
