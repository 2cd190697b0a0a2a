"""Giving the very many tiles of a section another z: all at once, though their rows go in pieces.

The tiles are written anew, a few at a time and out of sight, with a stack of their own that counts
as dropped. One transaction then lets them take the place of the old ones (`arrivals`). Whatever
ends this before leaves nothing but rows that are reclaimed like those of deleted stacks. If the
stack changes meanwhile, it begins again.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from renderws.store.arrivals import let_in
from renderws.store.clones import add_hidden, give_up, insert_hidden
from renderws.store.columns import common_columns
from renderws.store.documents import new_tiles, with_values
from renderws.store.pace import Pace
from renderws.store.pieces import in_pieces
from renderws.store.protocol import StackId, StoreError, TileRecord
from renderws.store.removals import TILES
from renderws.store.source import Connection, Row, Source
from renderws.store.stackparts import Replaced
from renderws.store.stackrows import COLUMNS, StackRow, find_stack, need_loading
from renderws.store.states import LOADING

LARGE = 5_000
"""Tiles whose z is changed in one transaction."""
ATTEMPTS, MOST = 3, 2_000
_TILES = (
    "SELECT tile_id, z, min_x, min_y, max_x, max_y, section_id, group_id, flat, document"
    " FROM tile INDEXED BY tile_section WHERE stack = ? AND section_id = ? AND tile_id > ?"
    " ORDER BY tile_id LIMIT ?"
)


class _Section(NamedTuple):
    """A section of a stack as it was: where its tiles are, and how many there are."""

    row: StackRow
    name: str
    zs: list[float]
    tiles: int


def renumber_in_pieces(source: Source, stack: StackId, section_id: str, z: float) -> bool:
    """Give a section another z, if it has very many tiles.

    Returns whether that was done; else it is to be done in one transaction.
    """
    for _ in range(ATTEMPTS):
        TILES.settle(source, stack)
        section = _large_section(source, stack, section_id)
        if section is None:
            return False
        if _renumbered(source, stack, section, z):
            TILES.finish(source, stack)
            return True
    return False


def _large_section(source: Source, stack: StackId, section_id: str) -> _Section | None:
    with source.read() as connection:
        row = find_stack(connection, stack)
        if row is None or row.state != LOADING or not row.is_settled or row.tile_count <= LARGE:
            return None
        found = connection.execute(
            "SELECT z, count(*) FROM tile INDEXED BY tile_section"
            " WHERE stack = ? AND section_id = ? GROUP BY z",
            (row.key, section_id),
        ).fetchall()
    zs, tiles = [z for z, _ in found], sum(count for _, count in found)
    if tiles <= LARGE or None in zs:
        return None
    return _Section(row, section_id, sorted(zs), tiles)


def _renumbered(source: Source, stack: StackId, section: _Section, z: float) -> bool:
    """Whether the section has another z; not, where the stack has changed meanwhile."""
    with source.write(stack) as connection:
        key = insert_hidden(connection, stack, {})
    try:
        _write(source, stack, section, z, key)
        with source.write(stack) as connection:
            now = need_loading(connection, stack)
            if (now.key, now.data_version) != (section.row.key, section.row.data_version):
                give_up(connection, key)
                return False
            add_hidden(connection, key, stack, 0)  # it is still there
            built = connection.execute(f"SELECT {COLUMNS} FROM stack WHERE key = ?", (key,))
            new = StackRow._make(built.fetchone())
            let_in(connection, new, now, Replaced(section.zs, True, 0, True), section.tiles)
            return True
    except BaseException:
        with suppress(StoreError), source.write(stack) as connection:
            give_up(connection, key)
        raise


def _write(source: Source, stack: StackId, section: _Section, z: float, key: int) -> None:
    """Write the tiles of a section with another z, out of sight."""
    last = ""

    def piece() -> int:
        nonlocal last
        name = ("renumbering", str(key))
        with Pace(("renumbering", source.place)) as pace, source.write(name) as connection:
            chosen = (section.row.key, section.name, last, pace.rows(MOST))
            records = [_with_z(row, z) for row in connection.execute(_TILES, chosen).fetchall()]
            if records:
                last = records[-1].tile_id
                _insert(connection, key, records)
            add_hidden(connection, key, stack, len(records))
            return pace.done(len(records))

    in_pieces(piece)


def _with_z(row: Row, z: float) -> TileRecord:
    tile_id, _, *place, flat, document = row
    changed = with_values(bytes(document), {"z": z})
    return TileRecord._make((tile_id, z, *place, bool(flat), changed))


def _insert(connection: Connection, key: int, records: list[TileRecord]) -> None:
    tiles, every = new_tiles(records), np.arange(len(records))
    columns = common_columns(connection, tiles)
    connection.tables.insert_tiles(connection, key, tiles, columns, every)
