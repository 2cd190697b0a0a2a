"""Deleting layers of very many tiles: gone at once, their rows removed a few at a time.

One transaction notes with the stack which z are hidden, and takes their tiles off its number. From
then on nobody sees these tiles. Their rows go in pieces (`settling`), and with the last of them the
note: what ends a removal, at whatever moment, leaves a layer that is whole or one that is gone.
"""

from __future__ import annotations

from typing import NamedTuple

from renderws.store import arrivals
from renderws.store.pieces import tiles_in_order
from renderws.store.progress import Some, note, remove_next
from renderws.store.protocol import StackId, TileQuery
from renderws.store.settling import Settling, Work
from renderws.store.source import Connection, Row, Source
from renderws.store.stackparts import HiddenLayers, hidden_layers
from renderws.store.stackrows import StackRow, find_stack, need_loading, touch_data
from renderws.store.states import LOADING

LARGE = 5_000
"""Tiles that are deleted in one transaction."""
ATTEMPTS = 3


class _Layers(NamedTuple):
    """Layers that are deleted, and how many tiles they have."""

    zs: list[float]
    tiles: int


def delete_in_pieces(source: Source, stack: StackId, query: TileQuery) -> int | None:
    """Delete the tiles of a query, if they are whole layers of very many.

    Returns how many; None: nothing was done, they are to be deleted in one transaction.
    """
    for _ in range(ATTEMPTS):
        with source.read() as connection:
            seen = find_stack(connection, stack)
            layers = None if seen is None else _large_layers(connection, seen, query)
        if seen is None or layers is None:
            return None
        if _hide(source, stack, seen, layers):
            TILES.finish(source, stack)
            return layers.tiles
    return None


def _hide(source: Source, stack: StackId, seen: StackRow, layers: _Layers) -> bool:
    """Whether the layers are hidden; not, where the stack has changed since they were counted."""
    with TILES.changing(source, stack) as connection:
        row = need_loading(connection, stack)
        if (row.key, row.data_version) != (seen.key, seen.data_version):
            return False
        note(connection, "stack", row.key, HiddenLayers(layers.zs).noted())
        touch_data(connection, row.key, removed=layers.tiles)
        return True


def _large_layers(connection: Connection, row: StackRow, query: TileQuery) -> _Layers | None:
    """The layers that a query asks for as a whole, where they have very many tiles."""
    if row.state != LOADING or not row.is_settled or row.tile_count <= LARGE:
        return None
    if query == TileQuery(z=query.z) and query.z is not None:
        zs: list[float | None] = [query.z]
    elif query == TileQuery(section_id=query.section_id) and query.section_id is not None:
        zs = [
            z
            for (z,) in connection.execute(
                "SELECT DISTINCT z FROM tile INDEXED BY tile_section"
                " WHERE stack = ? AND section_id = ?",
                (row.key, query.section_id),
            )
        ]
    else:
        return None
    layers = [float(z) for z in zs if z is not None]
    tiles = sum(_count(connection, row.key, TileQuery(z=z)) for z in layers)
    is_whole = len(layers) == len(zs) and _count(connection, row.key, query) == tiles
    return _Layers(layers, tiles) if is_whole and tiles > LARGE else None


def _count(connection: Connection, key: int, query: TileQuery) -> int:
    plan = connection.tables.plan(connection, key, query)
    sql = f"SELECT count(*) FROM {plan.source} WHERE {plan.condition}"
    return int(connection.execute(sql, plan.parameters).fetchone()[0])


def _remove_some(connection: Connection, key: int, notes: Row, most: int) -> int:
    """Remove some tiles of the hidden layers of a stack."""
    hidden = hidden_layers(notes[0])
    parts = [Some(tiles_in_order(connection, key, z), "") for z in hidden.zs]
    gone, reached = remove_next(parts, hidden.reached, most)
    if gone:
        note(connection, "stack", key, hidden._replace(reached=reached).noted())
    return gone


WORK = Work("removal", "stack", ("hidden",), _remove_some)
TILES = Settling(StackId, find_stack, WORK, arrivals.WORK)
