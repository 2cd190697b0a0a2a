"""Values of tiles that are often those of many, as the tables of tiles have them."""

from __future__ import annotations

from renderws.store.documents import NOTHING, json_list
from renderws.store.protocol import Contents, NewTiles
from renderws.store.source import Common, Connection


def common_columns(connection: Connection, tiles: NewTiles) -> list[Common]:
    """Values of each tile that are often those of many."""
    known: dict[Contents, tuple[int | None, str | None]] = {NOTHING: (None, None)}
    # in order, so that no two transactions wait for each other
    for contents in sorted(set(tiles.contents) - known.keys()):
        references, channels = contents
        key = connection.tables.reference_set(connection, references) if references else None
        known[contents] = (key, json_list(channels) if channels else None)
    derived = zip(*[known[contents] for contents in tiles.contents], strict=True)
    zs = [None if z != z else z for z in tiles.places[:, 0].tolist()]
    columns = (zs, tiles.section_ids, tiles.group_ids, tiles.flat, *derived)
    return list(zip(*columns, strict=True))
