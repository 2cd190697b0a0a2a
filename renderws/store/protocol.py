"""What a store is: the operations the routes need, and what they promise.

Every method that changes something is one transaction: when it returns, the change is durable; when
it raises, nothing has changed. Readers see a state between two transactions, never half of one.
Where very many rows are copied or removed, one transaction shows or hides them and others move
them, in pieces; whatever ends that leaves what was before, or what is after.
Documents are UTF-8 JSON `bytes`, written as they were accepted (references unresolved, null values
absent, unknown keys dropped by the route); the columns beside them exist to find them. Ids are
ordered by UTF-8 bytes, z by number.

Errors: their text names owner, project and stack (or collection, or the file) and says what to do.

StoreError                  500, root: the store could not do it (damage, failed disk)
 +- Invalid                 400, the request makes no sense, whatever the store holds
 +- NotFound                404, no such stack, tile, section, transform or collection
 +- Conflict                409, the state of the stack forbids it
 +- StoreBusy               503, another process has held the store for too long
 +- StoreFull               507, no room left on the disk; nothing has changed
 +- StoreGone               503, the file was moved, deleted or replaced while it is open
 +- Damaged                 500, what the file holds makes no sense
 +- CannotOpen              500, the file cannot be opened as a store
     +- NewerStore          it was written by a newer version of this software
     +- NetworkFileSystem   it lies on a file system that cannot lock reliably

Reading from a stack that does not exist (or is OFFLINE) gives what an empty stack gives, unless
said otherwise; `has_tiles` tells the two apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

Json = dict[str, Any]


class StoreError(Exception):
    """Root of the errors a store raises on purpose."""

    status = 500


class Invalid(StoreError):
    """The request makes no sense, whatever the store holds."""

    status = 400


class NotFound(StoreError):
    """No such stack, tile, section, transform or collection."""

    status = 404


class Conflict(StoreError):
    """The state of the stack forbids the operation."""

    status = 409


class StoreBusy(StoreError):
    """Another process has held the store for longer than a request may wait."""

    status = 503


class StoreFull(StoreError):
    """The disk has no room left; nothing has changed."""

    status = 507


class StoreGone(StoreError):
    """The path of the store does not lead to the file that is open."""

    status = 503


class Damaged(StoreError):
    """The file is damaged."""


class CannotOpen(StoreError):
    """The file cannot be opened as a store."""


class NewerStore(CannotOpen):
    """The file was written by a newer version of this software."""


class NetworkFileSystem(CannotOpen):
    """The file lies on a file system shared between machines, where locks and shared memory do
    not hold.
    """


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
    """Tiles to be saved, column by column: what `TileRecord` holds, and their contents.

    Attributes
    ----------
    places : (N, 5) float64 array
        z of each, NaN for none, and its box: min_x, min_y, max_x, max_y in world pixels.
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


class Store(Protocol):
    """A place that keeps stacks and match collections.

    Attributes
    ----------
    answers_at_once : bool
        Whether small questions are answered without waiting for another program.
    """

    @property
    def answers_at_once(self) -> bool: ...

    def close(self) -> None: ...

    def check_place(self) -> None:
        """`StoreGone` when what is open is not what the path of the store leads to."""
        ...

    def damaged(self, error: Exception) -> Damaged:
        """The error that says that what is stored cannot be read: where, and what to do."""
        ...

    def snapshot(self) -> AbstractContextManager[Store]:
        """The store as it is now, for reading: everything read through it comes from one moment.
        Writing through it is refused, and it is used by one thread at a time."""
        ...

    # Stacks. Metadata is the StackMetaData object of the contract (a fresh dict each time).

    def owners(self) -> list[str]: ...

    def stacks(self, owner: str, project: str | None = None) -> list[Json]:
        """Metadata, in the order of the contract (project, cycle number, step, last modified)."""
        ...

    def stack(self, stack: StackId) -> Json:
        """Metadata of one stack; NotFound."""
        ...

    def stack_version(self, stack: StackId) -> Json:
        """`currentVersion` of the metadata; NotFound."""
        ...

    def create_stack(self, stack: StackId, version: Json) -> None:
        """POST: a new LOADING stack, or the next version of an existing one; tiles are kept.
        Conflict if READ_ONLY.
        """
        ...

    def update_stack_version(self, stack: StackId, changes: Mapping[str, Any]) -> None:
        """Set (or with None remove) keys of currentVersion. Conflict if READ_ONLY."""
        ...

    def set_hierarchical_data(self, stack: StackId, value: Json | None) -> None: ...

    def set_state(self, stack: StackId, state: str) -> None:
        """The state machine of the contract with its derivations (section data and stats on
        COMPLETE).
        """
        ...

    def rename_stack(self, stack: StackId, to: StackId) -> None: ...

    def clone_stack(
        self,
        stack: StackId,
        to: StackId,
        version: Json,
        zs: Sequence[float] | None = None,
        skip_transforms: bool = False,
    ) -> None: ...

    def delete_stack(self, stack: StackId) -> None:
        """Also succeeds when there is none. Conflict if READ_ONLY. Gone at once; its rows are
        reclaimed later.
        """
        ...

    def dropped_stacks(self) -> list[DroppedStack]:
        """Stacks that `undelete_stack` can bring back, newest first."""
        ...

    def undelete_stack(self, stack: StackId) -> None:
        """Bring back what was last deleted, or taken OFFLINE, under this name. NotFound when there
        is nothing left; Conflict when another stack has taken the name."""
        ...

    # Runs that write to a stack tell each other apart by locks on its name, or on some z of it.

    def lock_stack(
        self, stack: StackId, lock: str, zs: Sequence[float] | None, seconds: float, holder: Json
    ) -> None:
        """Keep others out of a stack, which need not exist, or of some z, for so many seconds.
        Conflict, naming `holder["name"]` of the other, where another lock that has not expired
        covers some of it; one that has expired is removed."""
        ...

    def renew_lock(self, stack: StackId, lock: str, seconds: float) -> None:
        """Let a lock last so many seconds from now. NotFound when it was lost to another run."""
        ...

    def unlock_stack(self, stack: StackId, lock: str) -> None:
        """Give a lock back; one that is not there is no error."""
        ...

    def stack_locks(self, stack: StackId) -> list[Json]:
        """id, zs, holder, since and secondsLeft of each lock, also of those that have expired."""
        ...

    def change_stacks(
        self, changes: Sequence[StackChange], locks: Sequence[tuple[StackId, str]] = ()
    ) -> None:
        """All changes, one after the other, or none; the locks are given back with them.

        NotFound where a lock was lost or a source is missing. Conflict where a target is READ_ONLY
        or OFFLINE, a source has not the number of tiles that is said, a tile has the id of one that
        is kept, or a shared transform would become another for one that is kept.
        """
        ...

    def data_version(self, stack: StackId) -> int:
        """A number that grows with every change of the stack's tiles, transforms or version.
        NotFound.
        """
        ...

    # Tiles and shared transforms.

    def save_tiles(
        self,
        stack: StackId,
        tiles: NewTiles,
        transforms: Mapping[str, bytes],
        replace_z: float | None = None,
    ) -> None:
        """Insert or replace by id; of tiles with one id the last. Other tiles at `replace_z` go.
        Stack must be LOADING (Conflict). Where a transform that replaces a different one is used
        by stored tiles, their boxes are derived again in the same transaction.
        """
        ...

    def has_tiles(self, stack: StackId) -> bool:
        """Whether the stack's tile collection exists ("404 db" of the contract when it does
        not).
        """
        ...

    def count_tiles(self, stack: StackId, query: TileQuery) -> int: ...

    def tiles(self, stack: StackId, query: TileQuery) -> Iterator[TileRecord]:
        """Ascending tileId. Bounded memory: a cursor, consistent for as long as it is read."""
        ...

    def tile_documents(self, stack: StackId, query: TileQuery) -> Iterator[TileDocument]:
        """The same tiles as `tiles`, without the columns they are found by."""
        ...

    def tile(self, stack: StackId, tile_id: str) -> TileRecord: ...

    def tile_ids(
        self,
        stack: StackId,
        min_z: float | None = None,
        max_z: float | None = None,
    ) -> Iterator[str]: ...

    def tile_bounds(self, stack: StackId, query: TileQuery) -> list[TileBounds]:
        """Ordered by min_y, min_x, max_y, max_x, tileId."""
        ...

    def z_values(
        self, stack: StackId, min_z: float | None = None, max_z: float | None = None
    ) -> list[float]: ...

    def layer_bounds(self, stack: StackId, z: float) -> tuple[float, float, float, float] | None:
        """(min_x, min_y, max_x, max_y) of the tiles at z, None without tiles; works in every
        state.
        """
        ...

    def section_data(
        self, stack: StackId, min_z: float | None = None, max_z: float | None = None
    ) -> list[SectionData]:
        """As derived at the last COMPLETE, by sectionId then z; Invalid when never derived."""
        ...

    def section_data_now(self, stack: StackId, z: float) -> list[SectionData]:
        """Derived from the tiles at z as they are."""
        ...

    def section_z(self, stack: StackId, section_id: str) -> float: ...

    def set_tiles_z(self, stack: StackId, tile_ids: Sequence[str], z: float) -> None: ...

    def set_section_z(self, stack: StackId, section_id: str, z: float) -> None: ...

    def delete_tiles(self, stack: StackId, query: TileQuery) -> int:
        """Remove tiles by id, z or section; returns how many. Stack must be LOADING (Conflict)."""
        ...

    def transform(self, stack: StackId, transform_id: str) -> bytes: ...

    def transforms(self, stack: StackId, transform_ids: Iterable[str]) -> dict[str, bytes]:
        """Those transforms and all they refer to, transitively; ids that are not stored are
        left out.
        """
        ...

    # Matches.

    def match_owners(self) -> list[str]: ...

    def match_collections(self, owner: str) -> list[tuple[CollectionId, int]]:
        """Collections and their number of pairs, by name."""
        ...

    def has_collection(self, collection: CollectionId) -> bool: ...

    def match_groups(self, collection: CollectionId, side: str) -> list[str]:
        """Group ids in order; side is "p", "q" or "both"."""
        ...

    def multi_consensus_groups(self, collection: CollectionId, side: str) -> list[str]: ...

    def matches(
        self, collection: CollectionId, query: MatchQuery, details: bool = True
    ) -> Iterator[Match]:
        """By pGroupId, qGroupId, pId, qId. NotFound when the collection does not exist."""
        ...

    def save_matches(self, collection: CollectionId, matches: Sequence[Match]) -> None:
        """Normalise each (p before q by group, then id), insert or replace; the last one wins
        within a call.
        """
        ...

    def delete_matches(self, collection: CollectionId, query: MatchQuery) -> int: ...

    def delete_collection(self, collection: CollectionId) -> None: ...

    def rename_collection(self, collection: CollectionId, to: CollectionId) -> None: ...

    def change_collections(
        self,
        changes: Sequence[CollectionChange],
        locks: Sequence[tuple[StackId, str]] = (),
    ) -> None:
        """All changes, one after the other, or none; the locks are given back with them.

        NotFound where a lock was lost or a source is missing. Conflict where a collection would
        take its own place.
        """
        ...

    def collection_metadata(self, collection: CollectionId) -> Json:
        """What is recorded with a collection (additive to the contract), {} by default.
        `local_transforms`: the number of leading transforms that were applied to the points stored
        in it."""
        ...

    def set_collection_metadata(self, collection: CollectionId, metadata: Json) -> None:
        """Replace it; works before the first match is stored, and does not make the collection
        exist.
        """
        ...

    # Match trials.

    def save_trial(self, trial_id: str, document: bytes) -> None: ...

    def trial(self, trial_id: str) -> bytes: ...

    def delete_trial(self, trial_id: str) -> None: ...

    # Runs of modules. Those that said nothing for more than so many `seconds` are forgotten.

    def save_job(self, job: str, entry: JobEntry, keep: int, seconds: float) -> None:
        """Record what a run says, in the place of what it said before. When a new one begins, only
        the `keep` that were heard of last stay."""
        ...

    def jobs(
        self,
        seconds: float,
        owner: str | None = None,
        project: str | None = None,
        limit: int | None = None,
    ) -> list[JobRecord]:
        """Runs, those that were started last first."""
        ...

    def job(self, job: str, seconds: float) -> JobRecord:
        """A run with its details; NotFound."""
        ...

    def delete_job(self, job: str) -> None:
        """Forget a run; one that is not known is no error."""
        ...

    # Maintenance.

    def reclaim(self, limit: int = 20_000, grace: float = 0.0) -> int:
        """Remove up to `limit` rows of deleted layers and pairs, and of what was dropped more than
        `grace` seconds ago, in a tenth of a second or so; returns how many. 0: all done.
        """
        ...

    def check(self, documents: bool = True) -> list[str]:
        """Problems found, none when the store is sound. `documents` also compares every tile
        document with its columns.
        """
        ...

    def compact(self) -> None:
        """Remove everything dropped, give the space back to the file system. What was dropped
        can no longer come back.
        """
        ...

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a consistent copy to a new file while the store is in use."""
        ...

    def info(self) -> Json:
        """Path, sizes in bytes, version and counts."""
        ...
