"""What a store takes and gives: names, tiles, matches, changes, runs; and the questions to it.

Tiles come in by columns, as `NewTiles`: `renderws.usual_tiles` makes them of requests that look
like nearly all do, `renderws.saving` of any. They go out as what was asked for of them: with
columns and document (`TileRecord`), for an answer (`TileDocument`), where they are (`TileBounds`),
or counted by section (`SectionData`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Json = dict[str, Any]


class StackId(NamedTuple):
    """Identity of a stack."""

    owner: str
    project: str
    stack: str


class CollectionId(NamedTuple):
    """Identity of a match collection."""

    owner: str
    name: str


class TileRecord(NamedTuple):
    """A tile document and the columns it is found by.

    `flat` says that the document's transforms hold neither references nor nested lists, so that the
    stored bytes are also its flattened form. The box is in world pixels.
    """

    tile_id: str
    z: float | None
    min_x: float
    min_y: float
    max_x: float
    max_y: float
    section_id: str | None
    group_id: str | None
    flat: bool
    document: bytes


class TileDocument(NamedTuple):
    """What of a `TileRecord` it takes to answer with a tile."""

    tile_id: str
    flat: bool
    document: bytes


class Contents(NamedTuple):
    """Shared transforms a tile refers to directly, and the names of its channels, each once and
    in order.
    """

    references: tuple[str, ...]
    channels: tuple[str, ...]


class NewTiles(NamedTuple):
    """N tiles to be saved, column by column, each as long as the others.

    Attributes
    ----------
    tile_ids, section_ids, group_ids, flat, documents : sequences of length N
        As the attributes of `TileRecord`; a document is the JSON that is stored.
    places : (N, 5) float64 array
        z of each, NaN for none, and its box: min_x, min_y, max_x, max_y in world pixels.
    contents : sequence of Contents, length N
        What tiles are looked for by that is in their documents.
    """

    tile_ids: Sequence[str]
    places: np.ndarray
    section_ids: Sequence[str | None]
    group_ids: Sequence[str | None]
    flat: Sequence[bool]
    documents: Sequence[bytes]
    contents: Sequence[Contents]


@dataclass(frozen=True, slots=True)
class TileQuery:
    """Which tiles of a stack: every condition given must hold; the default is all of them.

    `box` is (min_x, min_y, max_x, max_y), inclusive on all sides. `min_z` and `max_z` are
    inclusive.
    """

    z: float | None = None
    min_z: float | None = None
    max_z: float | None = None
    box: tuple[float, float, float, float] | None = None
    group_id: str | None = None
    section_id: str | None = None
    tile_ids: Sequence[str] | None = None


class TileBounds(NamedTuple):
    """Where a tile is, without its document."""

    tile_id: str
    z: float | None
    min_x: float
    min_y: float
    max_x: float
    max_y: float
    section_id: str | None


class SectionData(NamedTuple):
    """Tiles that share a sectionId and a z."""

    section_id: str
    z: float
    tile_count: int
    min_x: float
    min_y: float
    max_x: float
    max_y: float


@dataclass(frozen=True, slots=True)
class Match:
    """The point matches of one pair of canvases.

    p and q are float64 arrays of shape (2, N) (row 0 is x), w is float64 of shape (N,). What was
    sent point by point is kept so: (N, 2).
    `consensus_set` is the consensusSetData object as sent, or None. With `exclude details` a query
    leaves p, q, w None and sets `count` only.
    """

    p_group_id: str
    p_id: str
    q_group_id: str
    q_id: str
    p: np.ndarray | None
    q: np.ndarray | None
    w: np.ndarray | None
    count: int
    consensus_set: Json | None = None


@dataclass(frozen=True, slots=True)
class MatchQuery:
    """Which matches of a collection. Exactly one of the shapes of the contract:

    p_group | within | outside | (group, other_group) | (group, id) | (group, id, other_group)
    | (group, id, other_group, other_id) | all of them (nothing given). Groups and ids of a pair may
    be given in either order.
    """

    p_group: str | None = None
    within: str | None = None
    outside: str | None = None
    group: str | None = None
    id: str | None = None
    other_group: str | None = None
    other_id: str | None = None


class CollectionChange(NamedTuple):
    """A match collection that was built beside another takes its place, or its pairs come into it.

    Attributes
    ----------
    source, to : CollectionId
        The collection that was built, which then is no more, and the one whose place it takes (it
        need not exist).
    keep : bool
        Pairs of `to` that `source` does not have stay; what is recorded with `source`, if anything
        is, is then recorded with `to`.
    """

    source: CollectionId
    to: CollectionId
    keep: bool = False


class StackChange(NamedTuple):
    """A stack that was built beside another takes its place, or some of its sections do.

    Attributes
    ----------
    source, to : StackId
        The stack that was built, which then is no more, and the one whose place it takes (it need
        not exist).
    zs : sequence of float or None
        Sections of `to` that go, when those of `source` come in; None: all, and its metadata.
    keep : bool
        Only those tiles of these sections go whose ids tiles of `source` have.
    state : str
        State of `to` afterwards: LOADING, COMPLETE or READ_ONLY.
    version : dict or None
        Its `currentVersion` afterwards; None: that of `to`, or of `source` where all is replaced.
    tiles : int or None
        How many tiles `source` must have, where that is known.
    """

    source: StackId
    to: StackId
    zs: Sequence[float] | None = None
    keep: bool = False
    state: str = "COMPLETE"
    version: Json | None = None
    tiles: int | None = None


class JobEntry(NamedTuple):
    """What a run of a module says of itself.

    Attributes
    ----------
    owner, project : str or None
        Whose stacks it works on.
    elapsed : float
        Seconds since it was started.
    number : int
        Grows with everything that the run says; what has a smaller one comes too late.
    document, details : bytes
        JSON for lists of runs, and what only those get who ask for this run.
    """

    owner: str | None
    project: str | None
    elapsed: float
    number: int
    document: bytes
    details: bytes


class JobRecord(NamedTuple):
    """What is known of a run: `started` and `seen` (when it last said something) are milliseconds
    since 1970, by the clock of the store; `details` are empty in lists.
    """

    id: str
    owner: str | None
    project: str | None
    started: int
    seen: int
    document: bytes
    details: bytes = b""


class DroppedStack(NamedTuple):
    """A stack that was deleted or taken OFFLINE and whose rows are still there.

    `dropped` is a timestamp in the contract's text format, `state` the one it had before.
    """

    stack: StackId
    state: str
    tile_count: int
    dropped: str
