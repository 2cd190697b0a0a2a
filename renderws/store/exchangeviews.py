"""What the exchange of very many tiles is going to mean, found out while others may write.

It holds as long as neither stack has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from renderws.store.derivation import Derived, count_transforms, derive
from renderws.store.documents import id_list, same_json
from renderws.store.protocol import Conflict, StackChange
from renderws.store.source import Connection, Row, Source
from renderws.store.stackparts import AT, TWIN, Part, Replaced
from renderws.store.stackrows import StackRow, find_stack
from renderws.store.states import COMPLETE, LOADING, READ_ONLY, stack_text
from renderws.store.transforms import store_transforms, users_of

LARGE = 5_000
"""Tiles that are exchanged in one transaction, and tiles of a stack that is derived in it."""


class Seen(NamedTuple):
    """Two stacks as they were, how many tiles of the target go (None: all of it), and what follows
    from the tiles there are then. `is_large`: rows are moved afterwards.
    """

    source: StackRow
    target: StackRow | None
    going: int | None
    is_large: bool
    derived: Derived | None

    def still_holds(self, source: StackRow, target: StackRow | None) -> bool:
        """Whether the stacks have not changed since."""
        return _same(self.source, source) and _same(self.target, target)

    def derived_now(self, connection: Connection, key: int) -> Derived | None:
        """What follows from the tiles, and how many shared transforms there are now."""
        if self.derived is None:
            return None
        count = count_transforms(connection, key)
        return self.derived._replace(stats={**self.derived.stats, "transformCount": count})


def look(source: Source, changes: Sequence[StackChange]) -> list[Seen | None]:
    """What each change is going to mean; None where that is to be found in the transaction: where
    it is not much, or cannot be told before.
    """
    names = [name for change in changes for name in (change.source, change.to)]
    if len(set(names)) < len(names):
        return [None] * len(changes)
    with source.read() as connection:
        return [_seen(connection, change) for change in changes]


def _same(before: StackRow | None, now: StackRow | None) -> bool:
    if before is None or now is None:
        return before is now
    return (before.key, before.data_version) == (now.key, now.data_version)


def _seen(connection: Connection, change: StackChange) -> Seen | None:
    source, target = (find_stack(connection, name) for name in (change.source, change.to))
    rows = [row for row in (source, target) if row is not None]
    if source is None or sum(row.tile_count for row in rows) <= LARGE:
        return None
    if not all(row.is_settled and row.state != READ_ONLY and row.has_data for row in rows):
        return None
    going, is_large, after = None, False, source
    if target is not None and change.zs is not None:
        going = count_going(connection, source, target, change.zs, change.keep)
        if going < target.tile_count:
            if find_double(connection, source, target, change.zs) is not None:
                return None
            is_large = source.tile_count + going > LARGE
            after = _afterwards(source, target, change, going)
    wants = change.state in (COMPLETE, READ_ONLY) and after.tile_count > 0
    return Seen(source, target, going, is_large, derive(connection, after) if wants else None)


def _afterwards(source: StackRow, target: StackRow, change: StackChange, going: int) -> StackRow:
    """The target when tiles have been let in, whether their rows are to move then or before."""
    return target._replace(
        state=LOADING,
        arriving=source.key,
        replaced=replaced_by(change).note(),
        tile_count=target.tile_count + source.tile_count - going,
    )


def count_going(
    connection: Connection, source: StackRow, target: StackRow, zs: Sequence[float], keep: bool
) -> int:
    """Number of tiles of a stack that are replaced by those of another one."""
    twin, parameters = (f" AND {TWIN}", [source.key]) if keep else ("", [])
    sql = f"SELECT count(*) FROM tile INDEXED BY tile_layer WHERE stack = ? AND {AT}{twin}"
    values = (target.key, id_list(sorted(set(map(float, zs)))), *parameters)
    return int(connection.execute(sql, values).fetchone()[0])


def find_double(
    connection: Connection, source: StackRow, target: StackRow, zs: Sequence[float]
) -> Row | None:
    """Id and z of a tile of the target outside some z whose id the source has, too."""
    row = connection.execute(
        "SELECT new.tile_id FROM tile AS new INDEXED BY tile_identity WHERE new.stack = ?"
        " AND EXISTS (SELECT 1 FROM tile INDEXED BY tile_identity"
        f" WHERE tile.stack = ? AND tile.tile_id = new.tile_id AND {AT} IS NOT TRUE"
        " LIMIT 1 OFFSET 0) LIMIT 1",  # OFFSET: row by row, in whatever database
        (source.key, target.key, id_list(list(map(float, zs)))),
    ).fetchone()
    if row is None:
        return None
    found: Row = connection.execute(
        "SELECT tile_id, z FROM tile INDEXED BY tile_identity WHERE stack = ? AND tile_id = ?",
        (target.key, row[0]),
    ).fetchone()
    return found


def replaced_by(change: StackChange) -> Replaced:
    """Which tiles of the target a change of some z replaces; where they go is still to be said."""
    return Replaced(sorted(set(map(float, change.zs or ()))), change.keep, 0)


def take_transforms(connection: Connection, source: StackRow, target: StackRow, kept: Part) -> None:
    """Shared transforms come along; one that kept tiles use must not become another."""
    rows = connection.execute(
        "SELECT new.id, new.document, old.document FROM transform AS new"
        " LEFT JOIN transform AS old ON old.stack = ? AND old.id = new.id WHERE new.stack = ?",
        (target.key, source.key),
    ).fetchall()
    wanted = {name: new for name, new, old in rows if old is None or not same_json(old, new)}
    changed = {name for name, _, old in rows if old is not None} & wanted.keys()
    if changed:
        _, sets = users_of(connection, target.key, changed)
        used = connection.execute(
            "SELECT tile_id FROM tile WHERE stack = ?"
            f" AND reference_set IN (SELECT value FROM json_each(?)){kept.condition} LIMIT 1",
            (kept.key, id_list(sets), *kept.parameters),
        ).fetchone()
        if used is not None:
            raise Conflict(
                f"tile {used[0]} of {stack_text(target.id)}, which is kept, uses another shared "
                f"transform {' or '.join(sorted(changed))}"
            )
    store_transforms(connection, target.key, wanted)
