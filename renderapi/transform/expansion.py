"""How much transforms become when their references are resolved, counted without resolving them.

Shared transforms that are lists of references to each other grow by a factor with every level: a
request of a few kilobytes can stand for millions of leaves. Each shared transform is counted once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from renderapi.errors import SpecError

Spec = Mapping[str, Any]
Lookup = Mapping[str, dict[str, Any]]

#: nested references beyond this many levels are refused
MAXIMUM_LEVELS = 10
#: nested lists beyond this many levels are refused
MAXIMUM_NESTING = 100
#: leaves, lists and references of one tile, once its references are resolved
MAXIMUM_PARTS = 10_000
#: characters of the data strings of one tile, once its references are resolved
MAXIMUM_CHARACTERS = 1 << 26


class Expansion(NamedTuple):
    """Size of a transform whose references are resolved.

    Attributes
    ----------
    parts : int
        Leaves, lists, references and interpolated transforms.
    characters : int
        Of all data strings.
    levels : int
        References that follow each other.
    nesting : int
        Lists and references within each other.
    """

    parts: int
    characters: int
    levels: int
    nesting: int


_NOTHING = Expansion(0, 0, 0, 0)


class Expansions:
    """Sizes of transforms that refer to shared ones; nothing is resolved.

    Parameters
    ----------
    lookup : mapping of id to document
        Shared transforms. Ids that are not there count as nothing.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._known: dict[str, Expansion] = {}

    def of_shared(self, ref_id: str) -> Expansion:
        """Size of a reference to a shared transform.

        Raises
        ------
        SpecError
            For a circle, for more than 10 levels, and where the size goes beyond the bounds of
            this module.
        """
        return self._of_shared(ref_id, (), 0)

    def of(self, spec: Spec) -> Expansion:
        """Size of a transform document; SpecError as for `of_shared`."""
        return self._of(spec, (), 0)

    def _of_shared(self, ref_id: str, path: tuple[str, ...], nesting: int) -> Expansion:
        known = self._known.get(ref_id)
        if known is None:
            target = self._lookup.get(ref_id)
            if target is None:
                return Expansion(1, 0, 1, 1)
            if ref_id in path:
                circle = " -> ".join((*path[path.index(ref_id) :], ref_id))
                raise SpecError(f"shared transforms refer to each other in a circle: {circle}")
            below = self._of(target, (*path, ref_id), nesting + 1)
            known = Expansion(
                below.parts + 1, below.characters, below.levels + 1, below.nesting + 1
            )
            self._known[ref_id] = known
        if known.levels + len(path) > MAXIMUM_LEVELS:
            first = path[0] if path else ref_id
            raise SpecError(
                f"shared transform {first} leads more than {MAXIMUM_LEVELS} references deep"
            )
        return known

    def _of(self, spec: Spec, path: tuple[str, ...], nesting: int) -> Expansion:
        if nesting > MAXIMUM_NESTING:
            raise SpecError(f"transform lists are nested more than {MAXIMUM_NESTING} deep")
        kind = spec.get("type", "leaf")
        if kind == "leaf":
            return Expansion(1, len(spec.get("dataString") or ""), 0, 0)
        if kind == "ref":
            return self._of_shared(spec["refId"], path, nesting)
        inner = (spec["a"], spec["b"]) if kind == "interpolated" else spec.get("specList") or ()
        parts, characters, levels, depth = 1, 0, 0, 0
        for entry in inner:
            found = self._of(entry, path, nesting + 1)
            parts += found.parts
            characters += found.characters
            levels, depth = max(levels, found.levels), max(depth, found.nesting)
            if parts > MAXIMUM_PARTS or characters > MAXIMUM_CHARACTERS:
                raise too_large()
        if nesting + depth + 1 > MAXIMUM_NESTING:
            raise SpecError(f"transform lists are nested more than {MAXIMUM_NESTING} deep")
        return Expansion(parts, characters, levels, depth + 1)


def too_large() -> SpecError:
    """The error for transforms that become too many."""
    return SpecError(
        f"with its references resolved, a transform has more than {MAXIMUM_PARTS:,} parts or"
        f" {MAXIMUM_CHARACTERS >> 20} million characters of data"
    )
