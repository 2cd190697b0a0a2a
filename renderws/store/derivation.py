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
from renderws.store.stackparts import Part, hidden_zs, of_parts, replaced, shown_parts
from renderws.store.stackrows import StackRow
from renderws.store.states import COMPLETE, READ_ONLY, stack_text

SECTIONS_OF_LAYER = """
SELECT section_id, z, count(*), min(min_x), min(min_y), max(max_x), max(max_y)
FROM {tiles} GROUP BY section_id, z ORDER BY section_id
"""

STATS = """
SELECT count(*), min(min_x), min(min_y), min(z), max(max_x), max(max_y), max(z),
  min(max_x - min_x), max(max_x - min_x), min(max_y - min_y), max(max_y - min_y)
FROM {tiles}
"""
PLACE = "z, min_x, min_y, max_x, max_y"
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
    parts = shown_parts(row)
    zs = shown_z_values(connection, row)
    sections = [one for z in zs for one in sections_of_layer(connection, parts, z)]
    return Derived(sections, stats(connection, row.key, parts, zs))


def store_sections(connection: Connection, stack_key: int, sections: Sequence[SectionData]) -> None:
    """Replace the section data of a stack."""
    connection.execute("DELETE FROM section WHERE stack = ?", (stack_key,))
    connection.executemany(
        "INSERT INTO section (stack, section_id, z, tile_count, min_x, min_y, max_x, max_y)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(stack_key, *section) for section in sections],
    )


def sections_of_layer(connection: Connection, parts: Sequence[Part], z: float) -> list[SectionData]:
    condition = " AND z = ? AND section_id IS NOT NULL"
    tiles, values = of_parts(f"section_id, {PLACE}", "tile_layer", parts, condition, z)
    rows = connection.execute(SECTIONS_OF_LAYER.format(tiles=tiles), values)
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
    return shown_z_values(connection, row, min_z, max_z)


def shown_z_values(
    connection: Connection,
    row: StackRow,
    min_z: float | None = None,
    max_z: float | None = None,
) -> list[float]:
    """Distinct z of the tiles of a stack, wherever they are, ascending."""
    found = z_values(connection, row.key, min_z, max_z)
    if row.is_settled:
        return found
    own, *others = shown_parts(row)
    gone, what = set(hidden_zs(row)), replaced(row)
    if what is not None and not what.keep:
        gone |= set(what.zs)
    elif what is not None:
        gone |= {z for z in set(what.zs) & set(found) if not _has_some(connection, own, z)}
    arriving = [z for part in others for z in z_values(connection, part.key, min_z, max_z)]
    return sorted({*arriving, *found} - (gone - set(arriving)))


def _has_some(connection: Connection, part: Part, z: float) -> bool:
    sql = f"SELECT 1 FROM tile INDEXED BY tile_layer WHERE stack = ? AND z = ?{part.condition}"
    values = (part.key, z, *part.parameters)
    return connection.execute(f"{sql} LIMIT 1", values).fetchone() is not None


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


def stats(connection: Connection, stack_key: int, parts: Sequence[Part], zs: list[float]) -> Json:
    """StackStats of the contract, and how many tiles are in no layer, where there are such."""
    tiles, values = of_parts(PLACE, "tile_layer", parts, "")
    row = connection.execute(STATS.format(tiles=tiles), values).fetchone()
    names = ("minX", "minY", "minZ", "maxX", "maxY", "maxZ")
    bounds = {name: value for name, value in zip(names, row[1:7], strict=True) if value is not None}
    narrow, wide, low, high = (int(min(value, LARGEST_INT)) for value in row[7:])
    transforms = count_transforms(connection, stack_key)
    tiles, values = of_parts("z", "tile_layer", parts, " AND z IS NULL")
    (without_z,) = connection.execute(f"SELECT count(*) FROM {tiles}", values).fetchone()
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
        "channelNames": channel_names(connection, parts),
    }


def count_transforms(connection: Connection, stack_key: int) -> int:
    """Number of shared transforms of a stack."""
    (count,) = connection.execute(
        "SELECT count(*) FROM transform WHERE stack = ?", (stack_key,)
    ).fetchone()
    return int(count)


def channel_names(connection: Connection, parts: Sequence[Part]) -> list[str]:
    """Distinct channel names of the tiles of a stack, in order."""
    kinds = [kind for part in parts for kind in connection.tables.channel_kinds(connection, part)]
    return sorted({name for names in kinds for name in orjson.loads(names)})
