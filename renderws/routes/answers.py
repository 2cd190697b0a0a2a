"""What a handler gives back: a status, a body and headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"

_SLICE = 1 << 18


class HttpError(Exception):
    """A request that is refused: its status and the one line that says why."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass
class Answer:
    """Status, body (whole, or an iterator of its parts) and headers."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    media: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


def dumps(value: Any) -> bytes:
    """JSON bytes; numpy arrays and numbers included."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def json_answer(value: Any) -> Answer:
    """200 with a JSON body, or 204 without one when the value is None."""
    return Answer(204) if value is None else Answer(200, dumps(value), JSON)


def json_bytes(body: bytes) -> Answer:
    """200 with a body that is JSON already."""
    return Answer(200, body, JSON)


def text_answer(value: str | None, status: int = 200) -> Answer:
    """Plain text, or 204 when the value is None."""
    return Answer(204) if value is None else Answer(status, value.encode(), TEXT)


def done() -> Answer:
    """200 without a body: the change was made."""
    return Answer()


def created(location: str) -> Answer:
    """201 without a body; Location is the request's own URI."""
    return Answer(201, headers={"Location": location})


def spliced(documents: Iterable[bytes]) -> bytes:
    """JSON list of documents that are JSON already."""
    return b"[" + b",".join(documents) + b"]"


def json_stream(items: Iterable[bytes]) -> Answer:
    """200 with a JSON list sent in parts while `items` (JSON each) are read."""
    return Answer(200, _parts(items), JSON)


def text_stream(lines: Iterable[bytes]) -> Answer:
    """200 with text sent in parts."""
    return Answer(200, _joined(lines), TEXT)


def _parts(items: Iterable[bytes]) -> Iterator[bytes]:
    def pieces() -> Iterator[bytes]:
        separator = b"["
        for item in items:
            yield separator + item
            separator = b","
        yield b"]" if separator == b"," else b"[]"

    return _joined(pieces())


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    buffer: list[bytes] = []
    size = 0
    for piece in pieces:
        buffer.append(piece)
        size += len(piece)
        if size >= _SLICE:
            yield b"".join(buffer)
            buffer, size = [], 0
    yield b"".join(buffer)
