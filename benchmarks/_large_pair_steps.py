"""What is done with a very large match collection, step by step, on a running service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import orjson

from benchmarks._large_figures import Figure, Subject, filled, median, reclaimed, seconds_of
from benchmarks._sections import LARGE as SECTION
from benchmarks._server import OWNER

POINTS = 10
PAIRS, NEW_PAIRS = f"{OWNER}/matchCollection/large", f"{OWNER}/matchCollection/new"
EXCHANGED = 20
"""Sections whose pairs take the place of others."""


def pairs(subject: Subject) -> Iterator[Figure]:
    """As many pairs as tiles, of ten points each."""
    ask, took, first, before = subject.ask, [], _pairs(), subject.cores()
    there = orjson.loads(ask("GET", f"{OWNER}/matchCollections"))
    done = sum(one["pairCount"] for one in there) // SECTION
    for z in range(done, subject.sections):
        if sum(took) > subject.at_most:
            break
        part = _of_section(first, z)
        took.append(seconds_of(partial(ask, "PUT", f"{PAIRS}/matches", part)))
    yield from filled("save pairs", "pairs/s", took, subject.cores() - before)


def pair_questions(subject: Subject) -> Iterator[Figure]:
    """Pairs of sections, and the names of all groups."""
    rng = np.random.default_rng(3)
    zs = rng.integers(subject.sections, size=20).tolist()
    groups = [f"{PAIRS}/group/{z}.0/matchesWithinGroup" for z in zs]
    yield from median("5,000 pairs of a section", subject, groups)
    yield from median("groups of all pairs", subject, [f"{PAIRS}/groupIds"] * 5)


def exchange_pairs(subject: Subject) -> Iterator[Figure]:
    """Pairs of some sections come into the collection, in place of those of the same tiles."""
    first = _pairs()
    for z in range(min(EXCHANGED, subject.sections)):
        subject.ask("PUT", f"{NEW_PAIRS}/matches", _of_section(first, z))
    change = {"changes": [{"from": "new", "to": "large", "keep": True}]}
    path, body = f"{OWNER}/matchChanges", orjson.dumps(change)
    take = partial(subject.ask, "POST", path, body)
    yield from subject.watched("let 100,000 pairs take the place of others", take)


def delete_pairs(subject: Subject) -> Iterator[Figure]:
    """Delete the collection, and remove its rows."""
    delete = partial(subject.ask, "DELETE", PAIRS)
    yield from subject.watched("delete all pairs, request", delete)
    yield from reclaimed(subject, "pairs")


def _pairs() -> bytes:
    points = np.random.default_rng(0).uniform(0, 2000, (2, POINTS)).round(3).tolist()
    found = {"p": points, "q": points, "w": [1.0] * POINTS}
    ids = {"pGroupId": "0.0", "qGroupId": "0.0", "matches": found}
    return orjson.dumps([
        {"pId": f"tile_0000_{i:05d}", "qId": f"tile_0000_{i + 1:05d}", **ids}
        for i in range(SECTION)
    ])  # fmt: skip


def _of_section(pairs: bytes, z: int) -> bytes:
    return pairs.replace(b"tile_0000_", b"tile_%04d_" % z).replace(b'"0.0"', b'"%d.0"' % z)


PAIR_STEPS: dict[str, Callable[[Subject], Iterator[Figure]]] = {
    "pairs": pairs, "pair_questions": pair_questions, "exchange_pairs": exchange_pairs,
    "delete_pairs": delete_pairs,
}  # fmt: skip
