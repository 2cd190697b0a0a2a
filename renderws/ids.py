"""Ids of what is stored: fit to be found again, by URL and in SQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from renderws.store.protocol import Invalid

#: as a segment of a path they mean no or another segment: nothing could ask for them
UNADDRESSABLE = frozenset({"", ".", ".."})
_LONGEST_UNADDRESSABLE = max(map(len, UNADDRESSABLE))


def check_ids(kind: str, ids: Iterable[str | None], longest: int) -> None:
    """`Invalid` (400) for an id that no URL can name, that is too long or holds a zero character.

    None stands for no id.
    """
    known = set(ids)
    known.discard(None)
    check_distinct_ids(kind, known, longest)  # type: ignore[arg-type]


def check_distinct_ids(kind: str, found: Collection[str], longest: int) -> None:
    """The same for ids of which few are alike: no set of them has to be made first."""
    if not found:
        return
    lengths = list(map(len, found))
    if min(lengths) <= _LONGEST_UNADDRESSABLE and (bad := UNADDRESSABLE.intersection(found)):
        raise Invalid(f"'{min(bad)}' cannot be {kind}: no URL can name it")
    if max(lengths) > longest:
        start = max(found, key=len)[:40]
        raise Invalid(f"{kind} '{start}...' is longer than {longest} characters")
    if "\0" in "".join(found):
        bad_id = next(one for one in found if "\0" in one)
        raise Invalid(f"{kind} {bad_id!r} holds a zero character")
