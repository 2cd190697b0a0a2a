"""What a store is: the operations the routes need, and what they promise.

Every method that changes something is one transaction: when it returns, the change is durable; when
it raises, nothing has changed. Readers see a state between two transactions, never half of one.
Where very many rows are copied or removed, one transaction shows or hides them and others move
them, in pieces; whatever ends that leaves what was before, or what is after.
Documents are UTF-8 JSON `bytes`, written as they were accepted (references unresolved, null values
absent, unknown keys dropped by the route); the columns beside them exist to find them. Ids are
ordered by UTF-8 bytes, z by number.

What it raises is in `errors`, what it takes and gives in `records`; both are to be had here too.

Reading from a stack that does not exist (or is OFFLINE) gives what an empty stack gives, unless
said otherwise; `has_tiles` tells the two apart.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from renderws.store.errors import (
    CannotOpen,
    Conflict,
    Damaged,
    Invalid,
    NetworkFileSystem,
    NewerStore,
    NotFound,
    StillMoving,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreGone,
)
from renderws.store.records import (
    CollectionChange,
    CollectionId,
    Contents,
    DroppedStack,
    JobEntry,
    JobRecord,
    Json,
    Match,
    MatchQuery,
    NewTiles,
    SectionData,
    StackChange,
    StackId,
    TileBounds,
    TileDocument,
    TileQuery,
    TileRecord,
)

__all__ = [
    "CannotOpen",
    "CollectionChange",
    "CollectionId",
    "Conflict",
    "Contents",
    "Damaged",
    "DroppedStack",
    "Invalid",
    "JobEntry",
    "JobRecord",
    "Json",
    "Match",
    "MatchQuery",
    "NetworkFileSystem",
    "NewTiles",
    "NewerStore",
    "NotFound",
    "SectionData",
    "StackChange",
    "StackId",
    "StillMoving",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreFull",
    "StoreGone",
    "TileBounds",
    "TileDocument",
    "TileQuery",
    "TileRecord",
]


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
