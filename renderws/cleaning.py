"""Documents on the way in: parsed, checked for type, rid of unknown keys and null values.

The usual document has the right types and is decoded in one pass. Values of another JSON type are
converted where that loses nothing (5 to "5", "5" to 5.0, 5.0 to 5), as services always did; what
cannot be converted is refused with 400.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import msgspec
import orjson

from renderws.documents import CollectionIdentity, StackIdentity, StackVersion
from renderws.limits import Limits
from renderws.routes.answers import HttpError
from renderws.routes.values import checked_name
from renderws.store.protocol import CollectionId, StackId

Json = dict[str, Any]

_FRACTION = re.compile(r"(?<=:\d\d)\.(\d+)")
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(.*)")


@cache
def decoder(shape: Any) -> msgspec.json.Decoder:
    """Decoder of JSON of a shape."""
    return msgspec.json.Decoder(shape)


def parse(body: bytes, shape: Any, what: str) -> Any:
    """Document of a TypedDict `shape` from JSON; None for an empty body or null.

    Unknown keys and null values are gone. `what` names the document where the 400 says what is
    wrong with it.
    """
    if not body.strip():
        return None
    try:
        value = decoder(shape).decode(body)
        return without_nulls(value) if b"null" in body else value
    except msgspec.ValidationError:
        _check_start(body, shape, what)
        return convert(_loads(body, what), shape, what)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HttpError(400, f"{what} is not valid JSON: {error}") from error


def _check_start(body: bytes, shape: Any, what: str) -> None:
    """400 where the first character tells already that nothing can be made of the document."""
    start = body.lstrip()[:1]
    if is_typeddict(shape) and start not in b"{n":
        raise HttpError(400, f"{what} must be an object")
    if get_origin(shape) is list and start not in b"[n":
        raise HttpError(400, f"{what} must be a list")


def _loads(body: bytes, what: str) -> Any:
    try:
        return orjson.loads(body)
    except (orjson.JSONDecodeError, RecursionError) as error:
        raise HttpError(400, f"{what} is not valid JSON: {error}") from error


def without_nulls(value: Any) -> Any:
    """The same JSON value without null valued properties, at any depth."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [without_nulls(item) if isinstance(item, dict | list) else item for item in value]
    return value


def convert(value: Any, shape: Any, what: str) -> Any:
    """A JSON value made to fit `shape`, scalars converted; 400 names the place that cannot."""
    if value is None:
        return None
    origin = get_origin(shape)
    if origin in (Union, types.UnionType):
        return _convert_union(value, get_args(shape), what)
    if origin is list:
        if not isinstance(value, list):
            raise HttpError(400, f"{what} must be a list")
        member = get_args(shape)[0]
        kept = [(i, v) for i, v in enumerate(value) if v is not None or member is not str]
        return [convert(v, member, f"{what}[{i}]") for i, v in kept]
    if origin is dict:
        items = _object(value, what).items()
        return _present({k: convert(v, get_args(shape)[1], f"{what} {k}") for k, v in items})
    if is_typeddict(shape):
        given = _object(value, what)
        hints = _hints(shape).items()
        return _present({k: convert(given[k], h, f"{what}.{k}") for k, h in hints if k in given})
    return _convert_scalar(value, shape, what)


def texts_as_written(body: bytes) -> list[Any]:
    """Items of a JSON list: numbers and booleans as the texts they are written as, without nulls.

    Lists and objects among them stay what they are.
    """
    items = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    return [_as_text(item) for item in items if item is not None]


def _as_text(item: Any) -> Any:
    return str(item).lower() if isinstance(item, bool) else item


def _convert_union(value: Any, members: tuple[Any, ...], what: str) -> Any:
    members = tuple(member for member in members if member is not type(None))
    for member in members:  # whole numbers have bounds
        if type(value) is member and member is not int:
            return value
    return convert(value, members[0], what)


@cache
def _hints(shape: Any) -> dict[str, Any]:
    return get_type_hints(shape)


def _object(value: Any, what: str) -> Json:
    if not isinstance(value, dict):
        raise HttpError(400, f"{what} must be an object")
    return value


def _present(value: Mapping[str, Any]) -> Json:
    return {k: v for k, v in value.items() if v is not None}


def _convert_scalar(value: Any, shape: type, what: str) -> Any:
    if not isinstance(value, str | int | float):
        raise HttpError(400, f"{what} must be {_word(shape)}")
    if shape is str:
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    if isinstance(value, bool):
        raise HttpError(400, f"{what} must be {_word(shape)}")
    if value == "":  # the Java reader takes an empty text for no number
        return None
    try:
        if shape is float:
            return float(value)
        number = value if isinstance(value, int) else _whole(value)
        if not -(2**63) <= number < 2**63:
            raise OverflowError("no 64-bit integer")
        return number
    except (ValueError, OverflowError) as error:
        raise HttpError(400, f"{what} must be {_word(shape)}, not '{value}'") from error


def _whole(value: str | float) -> int:
    """The whole part of a number; of one that is written as a whole number every digit."""
    try:
        return int(value)
    except ValueError:
        return int(float(value))


def _word(shape: type) -> str:
    return {str: "text", float: "a number", int: "an integer"}[shape]


def timestamp(value: str | float, what: str = "createTimestamp") -> str:
    """Time stamp of the contract from text with any fraction, or from epoch milliseconds."""
    try:
        if not isinstance(value, str):
            moment = datetime.fromtimestamp(value / 1000, UTC)
        elif value.isdigit():
            moment = datetime.fromtimestamp(int(value) / 1000, UTC)
        else:
            moment = _moment(value)
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise HttpError(
            400, f"{what} '{value}' is not a time like 2024-05-06T07:08:09.010Z"
        ) from error
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _moment(text: str) -> datetime:
    """Time of an ISO text; what exceeds its place (a month of 40) rolls over into the next one."""
    parts = _MOMENT.fullmatch(text)
    if parts is None:
        return datetime.fromisoformat(_FRACTION.sub(_microseconds, text))
    year, month, day, hours, minutes, seconds = map(int, parts.groups()[:6])
    years, month = divmod(month - 1, 12)
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{parts[8]}").tzinfo
    return datetime(year + years, month + 1, 1, tzinfo=zone) + timedelta(
        day - 1,
        seconds,
        int((parts[7] or "0")[:6].ljust(6, "0")),
        minutes=minutes,
        hours=hours,
    )


def _microseconds(match: re.Match[str]) -> str:
    return "." + match[1][:6].ljust(6, "0")


def stack_version(body: bytes) -> Json:
    """StackVersion of a request; 400 when there is none."""
    version = parse(body, StackVersion, "the stack version")
    if version is None:
        raise HttpError(400, "the request body must hold a stack version")
    if "createTimestamp" in version:
        version["createTimestamp"] = timestamp(version["createTimestamp"])
    return version


def stack_identity(body: bytes, longest: int = Limits.max_name_length) -> StackId:
    """StackId of a request; 400 when it is missing, incomplete, or breaks the name rule."""
    return StackId(*_names(body, StackIdentity, "the stack id", longest))


def collection_identity(body: bytes, longest: int = Limits.max_name_length) -> CollectionId:
    """CollectionId of a request; 400 when it is missing, incomplete, or breaks the name rule."""
    owner, name = _names(body, CollectionIdentity, "the collection id", longest)
    return CollectionId(owner, name)


def _names(body: bytes, shape: Any, what: str, longest: int) -> list[str]:
    """The names that an identity consists of, in the order of its shape."""
    value = parse(body, shape, what) or {}
    keys = list(_hints(shape))
    for key in keys:
        if key not in value:
            needed = f"{', '.join(keys[:-1])} and {keys[-1]}"
            raise HttpError(400, f"the request body must hold {needed}; no {key}")
    return [checked_name(key, value[key], longest) for key in keys]
