"""What completing a stack derives: its section data and its stats (sections 2.1 and 3.5 of the
contract).

All of it is read from the index `tile_layer`; no document is touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from renderws.store.protocol import Conflict, Json, SectionData
from renderws.store.source import Connection
from renderws.store.stackrows import StackRow
from renderws.store.states import COMPLETE, READ_ONLY, stack_text

SECTIONS_OF_LAYER = """
SELECT section_id, z, count(*), min(min_x), min(min_y), max(max_x), max(max_y)
FROM tile INDEXED BY tile_layer
WHERE stack = ? AND z = ? AND section_id IS NOT NULL
GROUP BY section_id, z ORDER BY section_id
"""

STATS = """
SELECT count(*), min(min_x), min(min_y), min(z), max(max_x), max(max_y), max(z),
  min(max_x - min_x), max(max_x - min_x), min(max_y - min_y), max(max_y - min_y)
FROM tile INDEXED BY tile_layer WHERE stack = ?
"""
LARGEST_INT = (1 << 31) - 1  # sizes are 32 bit in the contract, and stop there


class Derived(NamedTuple):
    """Section data of a stack, and its stats (StackStats of the contract)."""

    sections: list[SectionData]
    stats: Json


def derive(connection: Connection, row: StackRow) -> Derived:
    """What follows from the tiles of a stack; Conflict when it has none."""
    if row.tile_count == 0:
        raise Conflict(
            f"{stack_text(row.id)} has no tiles and cannot be completed; import tiles, or delete it"
        )
    zs = z_values(connection, row.key)
    sections = [one for z in zs for one in sections_of_layer(connection, row.key, z)]
    return Derived(sections, stats(connection, row.key, zs))


def store_sections(connection: Connection, stack_key: int, sections: Sequence[SectionData]) -> None:
    """Replace the section data of a stack."""
    connection.execute("DELETE FROM section WHERE stack = ?", (stack_key,))
    connection.executemany(
        "INSERT INTO section (stack, section_id, z, tile_count, min_x, min_y, max_x, max_y)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(stack_key, *section) for section in sections],
    )


def sections_of_layer(connection: Connection, stack_key: int, z: float) -> list[SectionData]:
    rows = connection.execute(SECTIONS_OF_LAYER, (stack_key, z))
    return [SectionData._make(row) for row in rows]


def stack_z_values(
    connection: Connection,
    row: StackRow,
    min_z: float | None = None,
    max_z: float | None = None,
) -> list[float]:
    """Distinct z of the tiles of a stack, ascending.

    Read from the derived sections of a stack that cannot have changed since, where these hold all
    tiles: they are few and lie together, however large the stack is.
    """
    if row.sections_derived and row.state in (COMPLETE, READ_ONLY):
        in_sections = "FROM section INDEXED BY section_z WHERE stack = ?"
        (tiles,) = connection.execute(
            f"SELECT CAST(sum(tile_count) AS BIGINT) {in_sections}", (row.key,)
        ).fetchone()
        if tiles == row.tile_count:
            zs = connection.execute(f"SELECT DISTINCT z {in_sections} ORDER BY z", (row.key,))
            low = -math.inf if min_z is None else min_z
            high = math.inf if max_z is None else max_z
            return [z for (z,) in zs if low <= z <= high]
    return z_values(connection, row.key, min_z, max_z)


def z_values(
    connection: Connection,
    stack_key: int,
    min_z: float | None = None,
    max_z: float | None = None,
) -> list[float]:
    """Distinct z of the stack's tiles, ascending; one index search each, however many tiles
    there are.
    """
    limits: list[Any] = [value for value in (min_z, max_z) if value is not None]
    low = "AND z >= ?" if min_z is not None else "AND z IS NOT NULL"
    high = "AND z <= ?" if max_z is not None else ""
    rows = connection.execute(
        f"""
        WITH RECURSIVE layer (z) AS (
          SELECT (SELECT min(z) FROM tile INDEXED BY tile_layer WHERE stack = ? {low} {high})
          UNION ALL
          SELECT (SELECT min(z) FROM tile INDEXED BY tile_layer
                  WHERE stack = ? AND z > layer.z {high})
          FROM layer WHERE layer.z IS NOT NULL
        )
        SELECT z FROM layer WHERE z IS NOT NULL
        """,
        (stack_key, *limits, stack_key, *([max_z] if max_z is not None else [])),
    )
    return [z for (z,) in rows]


def stats(connection: Connection, stack_key: int, zs: list[float]) -> Json:
    """StackStats of the contract, and how many tiles are in no layer, where there are such."""
    row = connection.execute(STATS, (stack_key,)).fetchone()
    names = ("minX", "minY", "minZ", "maxX", "maxY", "maxZ")
    bounds = {name: value for name, value in zip(names, row[1:7], strict=True) if value is not None}
    narrow, wide, low, high = (int(min(value, LARGEST_INT)) for value in row[7:])
    (transforms,) = connection.execute(
        "SELECT count(*) FROM transform WHERE stack = ?", (stack_key,)
    ).fetchone()
    (without_z,) = connection.execute(
        "SELECT count(*) FROM tile INDEXED BY tile_layer WHERE stack = ? AND z IS NULL",
        (stack_key,),
    ).fetchone()
    return ({"tilesWithoutZ": without_z} if without_z else {}) | {
        "stackBounds": bounds,
        "sectionCount": len(zs),
        "nonIntegralSectionCount": sum(z > int(z) for z in zs),
        "tileCount": row[0],
        "transformCount": transforms,
        "minTileWidth": narrow,
        "maxTileWidth": wide,
        "minTileHeight": low,
        "maxTileHeight": high,
        "channelNames": channel_names(connection, stack_key),
    }


def channel_names(connection: Connection, stack_key: int) -> list[str]:
    """Distinct channel names of the stack's tiles, in order."""
    kinds = connection.tables.channel_kinds(connection, stack_key)
    return sorted({name for names in kinds for name in orjson.loads(names)})
