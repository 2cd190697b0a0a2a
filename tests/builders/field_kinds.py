"""Every field of a JSON document exchanged, one at a time, for values of the kinds that hurt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

NESTED: list[Any] = []
for _ in range(300):
    NESTED = [NESTED]

KINDS: tuple[Any, ...] = (
    None, True, 0, -1, 0.5, 2**31, 2**63, 10**400, 1e308, -1e308, 1e-300,
    float("nan"), float("inf"),
    "", "x", "NaN", "-Infinity", "1e308", "1e-300", "1e999", "9" * 400, "\0", "a\0b", "a%00b",
    "\ud800", "a" * 5000, "/", "..", "[", "http://[", "file://[", "http://a\\@b/", "file:///a%00",
    [], {}, [None], [[]], ["x"], {"x": None}, NESTED,
)  # fmt: skip
TEXTS = (*(kind for kind in KINDS if isinstance(kind, str)), "0", "-1", "true", "1", "5")
LONG = "a" * 2_000_000
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


def damaged(value: Any) -> Iterator[Any]:
    """Documents with one part exchanged."""
    for path in places(value):
        for kind in KINDS:
            yield exchanged(value, path, kind)
