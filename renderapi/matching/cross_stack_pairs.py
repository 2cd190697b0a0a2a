"""Pair files of tiles of two stacks: p belongs to one stack, q to the other, in this order.

A file is JSON, `.json`, `.json.gz` or `.zip`: `pstack`, `qstack`, and `neighborPairs` whose p and q
have a groupId and an id.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from renderapi.errors import SpecError
from renderapi.matching.tilepairs import UNREADABLE, read_document, why_unreadable, write_document


class CrossStackPair(NamedTuple):
    """A tile of the p stack and one of the q stack; ids may be the same."""

    p_group: str
    p_id: str
    q_group: str
    q_id: str


@dataclass(frozen=True)
class CrossStackPairs:
    """Content of a cross-stack pair file."""

    p_stack: str
    q_stack: str
    pairs: list[CrossStackPair]


def write_cross_stack_pairs(
    path: str | os.PathLike[str], p_stack: str, q_stack: str, pairs: Iterable[CrossStackPair]
) -> None:
    """Write a file of pairs, sorted and once each; it appears whole."""
    entries = [
        {
            "p": {"groupId": pair.p_group, "id": pair.p_id},
            "q": {"groupId": pair.q_group, "id": pair.q_id},
        }
        for pair in sorted(set(pairs))
    ]
    document = {"pstack": p_stack, "qstack": q_stack, "neighborPairs": entries}
    write_document(Path(path), document)


def read_cross_stack_pairs(path: str | os.PathLike[str]) -> CrossStackPairs:
    """Read a file of pairs.

    Raises
    ------
    SpecError
        It is not there, or is something else (a tile-pair file of one stack has no pstack).
    """
    try:
        document = read_document(Path(path))
        pairs = [_pair(entry) for entry in document["neighborPairs"]]
        return CrossStackPairs(str(document["pstack"]), str(document["qstack"]), pairs)
    except UNREADABLE as error:
        raise SpecError(
            f"{path} is not a cross-stack pair file: {why_unreadable(error)}"
        ) from error


def _pair(entry: Any) -> CrossStackPair:
    p, q = entry["p"], entry["q"]
    return CrossStackPair(str(p["groupId"]), str(p["id"]), str(q["groupId"]), str(q["id"]))
