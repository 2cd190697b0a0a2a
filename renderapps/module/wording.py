"""Numbers and names of things in a sentence."""

from __future__ import annotations

from collections.abc import Iterable

LISTED = 5
"""Names that a sentence lists at most."""


def listed(items: Iterable[object], limit: int = LISTED) -> str:
    """Items as text, the first few of them when they are many."""
    texts = [str(item) for item in items]
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def counted(number: int, what: str) -> str:
    """A number of things.

    >>> counted(1, "tile"), counted(2, "tile")
    ('1 tile', '2 tiles')
    """
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
