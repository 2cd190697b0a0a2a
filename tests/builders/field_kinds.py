"""Every field of a request exchanged, one at a time, for values of the kinds that hurt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote

NESTED: list[Any] = []
for _ in range(300):
    NESTED = [NESTED]

WRONG = (True, -1, 0.5, [], {}, "x", [None], {"x": None}, [[]], 2**63, 10**400, "1e308", "..", 0)
"""Of other types, or too large for theirs; each field gets the next one."""
KINDS: tuple[Any, ...] = (
    float("nan"), float("inf"), 1e308, "", "a\0b", "\ud800", "a" * 3000, NESTED, "NaN",
)  # fmt: skip
MORE: tuple[Any, ...] = (
    None, *WRONG, -1e308, 1e-300, "-Infinity", "1e-300", "1e999", "9" * 400, "\0", "a%00b", "/",
    "[", "http://[", "file://[", "http://localhost\\@b/", "file:///a%00", "a" * 200_000,
)  # fmt: skip
TEXTS = (
    "", "x", "nan", "-inf", "1e308", "-1", "9" * 30, "a\0b", "\ud800", "a" * 3000, "[", "..",
)  # fmt: skip
MORE_TEXTS = ("1e-300", "1e999", "\0", "/", "http://[", "%00", "%", "0", "1,1", "a" * 30_000)
MOST_ITEMS = 2


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all parts of a document; of lists only the first items."""
    yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value[:MOST_ITEMS]):
            yield from places(part, (*path, number))


def exchanged(value: Any, path: tuple[Any, ...], kind: Any) -> Any:
    """The document with another value at a path."""
    if not path:
        return kind
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = exchanged(value[path[0]], path[1:], kind)
    return copy


def damaged(value: Any, everything: bool = False) -> Iterator[bytes]:
    """JSON of documents with one part exchanged, by some kinds of values after each other.

    With `everything` each part for a value of each kind, and for many others.
    """
    kinds, wrong = cycle(KINDS), cycle(WRONG)
    for path in places(value):
        some = (*islice(kinds, 4), *islice(wrong, 1))  # 4 of 9: fields meet others each time
        for kind in (*KINDS, *MORE) if everything else some:
            yield json.dumps(exchanged(value, path, kind)).encode()


def quoted(text: str) -> str:
    """A text as part of a URL."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
