"""One line that says what a module has made, where, how much of it, and what it left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_MADE = re.compile(
    r"(output|new)_?(stack|stacks|volume|collection|file|files|directory|project)$|output_stacks?|"
    r"(match_)?collection$|archive$|volume$|tilepair_file$|stacks?$"
)
_PLACE = re.compile(
    r"(?i)^(output|target|image|mipmap|destination).*"
    r"(stack|collection|dir|directory|folder|path|prefix)$"
)
_LEFT_OUT = re.compile(
    r"^(failed|skipped|missing|unmatched|dropped|ignored|unused|incomplete|empty|rejected|lost|"
    r"unreadable|partly_used|unplaced|removed|excluded)(_|$)"
)
_NOT_COUNTED = re.compile(
    r"^(module|status|error|started|duration|versions|parameters|warnings|kept_zs)$|"
    r"(_zyx|_nm|_um|_size|bounds|seed)$|^(dtype|levels)$"
)
_COUNTED_IN_ENTRIES = ("tiles", "mipmaps", "matches", "pairs", "files")
MOST_NAMES = 3


def summary(result: Json, parameters: Json) -> str:
    """One line about the report of a module.

    Parameters
    ----------
    result : dict
        What the module gave to `output()`.
    parameters : dict
        Its parameters: they name what was made where the report does not.

    >>> summary({"output_stack": "a", "sections": [{"z": 1, "tiles": 4}]}, {})
    'output stack a; 1 section, 4 tiles'
    """
    made = list(_made(result, _MADE)) or list(_made(parameters, _MADE))
    made = made or list(_made(parameters, _PLACE))
    parts = [", ".join(made) or "done", ", ".join(_counts(result))]
    left_out = ", ".join(_left_out(result))
    if left_out:
        parts.append(f"left out: {left_out}")
    warnings = result.get("warnings") or []
    if warnings:
        more = f" (and {len(warnings) - 1} more)" if len(warnings) > 1 else ""
        parts.append(f"warning: {warnings[0]}{more}")
    return " ".join("; ".join(part for part in parts if part).split())


def _made(document: Json, names_of_it: re.Pattern[str]) -> Iterator[str]:
    for key, value in document.items():
        if not names_of_it.search(key) or not value or key.startswith("input"):
            continue
        names = [_name(entry) for entry in value] if isinstance(value, list) else [_name(value)]
        known = [name for name in names if name]
        if known:
            more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
            yield f"{_words(key)} {', '.join(known[:MOST_NAMES])}{more}"


def _name(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next(
            (value[k] for k in ("stack", "name", "file") if isinstance(value.get(k), str)), None
        )
    return None


def _counts(result: Json) -> Iterator[str]:
    for key, value in result.items():
        if _LEFT_OUT.match(key) or _NOT_COUNTED.search(key):
            continue
        if isinstance(value, list) and value and not (_MADE.search(key) and _name(value[0])):
            yield _counted(len(value), key)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield _counted(value, key)
    totals: dict[str, int] = {}
    for entry in _entries(result):
        for key in _COUNTED_IN_ENTRIES:
            if isinstance(entry.get(key), int) and key not in result:
                totals[key] = totals.get(key, 0) + entry[key]
    yield from (_counted(number, key) for key, number in totals.items())


def _entries(result: Json) -> list[Json]:
    """Entries of sections, or of the stacks where there are several."""
    for key in ("sections", "output_stacks", "stacks"):
        value = result.get(key)
        if isinstance(value, list):
            return [entry for entry in value if isinstance(entry, Mapping)]
    return []


def _left_out(result: Json) -> Iterator[str]:
    totals: dict[str, int] = {}
    for document in (result, *_entries(result)):
        for key, value in document.items():
            if _LEFT_OUT.match(key):
                number = len(value) if isinstance(value, list | Mapping) else value
                if isinstance(number, int) and not isinstance(number, bool) and number:
                    totals[key] = totals.get(key, 0) + number
    return (_counted(number, key) for key, number in totals.items())


def _counted(number: int, key: str) -> str:
    words = _words(key)
    if number == 1 and words.endswith("s") and not words.endswith("ss"):
        words = re.sub(r"ies$", "y", words) if words.endswith("ies") else words[:-1]
        words = re.sub(r"matche$", "match", words)
    return f"{number} {words}"


def _words(key: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).replace("_", " ").lower()
