"""What may be shown to others: parameters and texts without secrets, and not too long."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any

HIDDEN = "***"
MOST_ENTRIES, LONGEST_TEXT, DEEPEST = 50, 500, 10
_SECRET = re.compile(r"(?i)secret|passw|token|credential|(^|_)key$|access_?key")
_IN_URL = re.compile(r"(\w://[^\s/@:]*):[^\s/@]+@")
_IN_QUERY = re.compile(r"(?i)((?:secret|passw\w*|token|credential|access_?key)\w*=)[^\s&;,'\"]+")
_SHORTEST_SECRET = 4  # shorter ones would be found in every word


def without_secrets(value: Any) -> Any:
    """Parameters as they can be shown to others."""
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _SECRET.search(str(key)) and part else without_secrets(part)
            for key, part in value.items()
        }
    return [without_secrets(part) for part in value] if isinstance(value, list) else value


def secrets_in(value: Any) -> Iterator[str]:
    """The texts of parameters that `without_secrets` hides."""
    if isinstance(value, list):
        for part in value:
            yield from secrets_in(part)
    elif isinstance(value, Mapping):
        for key, part in value.items():
            if isinstance(part, str) and _SECRET.search(str(key)):
                yield part
            else:
                yield from secrets_in(part)


def hiding(secrets: Iterator[str]) -> Callable[[str], str]:
    """Function that takes these texts, and passwords in addresses, out of a text.

    What cannot be written as UTF-8, as in names of files of old systems, becomes question marks.
    """
    known = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def hide(text: str) -> str:
        text = text.encode("utf-8", "replace").decode()
        if pattern is not None:
            text = pattern.sub(HIDDEN, text)
        if "://" in text:
            text = _IN_URL.sub(rf"\1:{HIDDEN}@", text)
        return _IN_QUERY.sub(rf"\1{HIDDEN}", text) if "=" in text else text

    return hide


def shortened(value: Any, hide: Callable[[str], str], depth: int = 0) -> Any:
    """A value as JSON that is not too long: of long lists and texts the beginning."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < DEEPEST and isinstance(value, Mapping):
        items = list(value.items())
        kept = {hide(str(k)): shortened(v, hide, depth + 1) for k, v in items[:MOST_ENTRIES]}
        return kept | ({"...": _more(len(items))} if len(items) > MOST_ENTRIES else {})
    if depth < DEEPEST and isinstance(value, list | tuple | Set):
        entries = sorted(value, key=str) if isinstance(value, Set) else value
        shown = [shortened(part, hide, depth + 1) for part in entries[:MOST_ENTRIES]]
        return shown + ([_more(len(entries))] if len(entries) > MOST_ENTRIES else [])
    return cut(hide(str(value)))


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """The beginning of a text that is longer than that."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _more(number: int) -> str:
    return f"... and {number - MOST_ENTRIES} more"
