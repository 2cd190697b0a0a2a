"""The SQL of tile queries in SQLite: which index leads, which conditions remain."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from renderws.store.documents import id_list
from renderws.store.protocol import TileQuery
from renderws.store.source import Plan
from renderws.store.tree import JOIN


def plan(stack_key: int, query: TileQuery) -> Plan:
    """How to find the tiles of a query; the index is named, so that the plan never depends on
    statistics.
    """
    pairs = [("tile.stack = ?", stack_key), *conditions_of(query)]
    if query.box is not None and query.tile_ids is None:
        pairs = _preselection(stack_key, query, query.box) + pairs
    conditions, parameters = zip(*pairs, strict=True)
    return Plan(_source(query), all_of(conditions), parameters)


@lru_cache(maxsize=256)
def all_of(conditions: tuple[str, ...]) -> str:
    return " AND ".join(conditions)


def _source(query: TileQuery) -> str:
    if query.tile_ids is not None:
        return "tile INDEXED BY tile_identity"
    if query.box is not None:
        return JOIN
    if query.z is not None:
        return "tile INDEXED BY tile_layer"
    if query.section_id is not None:
        return "tile INDEXED BY tile_section"
    if query.group_id is not None:
        return "tile INDEXED BY tile_group"
    if query.min_z is not None or query.max_z is not None:
        return "tile INDEXED BY tile_layer"
    return "tile INDEXED BY tile_identity"


def conditions_of(query: TileQuery) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    if query.tile_ids is not None:
        ids = id_list(list(query.tile_ids))
        found.append(("tile.tile_id IN (SELECT value FROM json_each(?))", ids))
    if query.box is not None:
        min_x, min_y, max_x, max_y = query.box
        found += [("tile.min_x <= ?", max_x), ("tile.max_x >= ?", min_x)]
        found += [("tile.min_y <= ?", max_y), ("tile.max_y >= ?", min_y)]
    for condition, value in (
        ("tile.z = ?", query.z),
        ("tile.z >= ?", query.min_z),
        ("tile.z <= ?", query.max_z),
        ("tile.section_id = ?", query.section_id),
        ("tile.group_id = ?", query.group_id),
    ):
        if value is not None:
            found.append((condition, value))
    return found


def _preselection(
    stack_key: int, query: TileQuery, box: tuple[float, float, float, float]
) -> list[tuple[str, Any]]:
    """Conditions on the R*Tree: a little too wide, since it holds 32-bit floats."""
    min_x, min_y, max_x, max_y = box
    pairs: list[tuple[str, Any]] = [
        ("tile_box.min_stack <= ?", stack_key),
        ("tile_box.max_stack >= ?", stack_key),
        ("tile_box.min_x <= ?", max_x),
        ("tile_box.max_x >= ?", min_x),
        ("tile_box.min_y <= ?", max_y),
        ("tile_box.max_y >= ?", min_y),
    ]
    low = high = query.z
    if query.min_z is not None:
        low = query.min_z if low is None else max(low, query.min_z)
    if query.max_z is not None:
        high = query.max_z if high is None else min(high, query.max_z)
    if high is not None:
        pairs.append(("tile_box.min_z <= ?", high))
    if low is not None:
        pairs.append(("tile_box.max_z >= ?", low))
    return pairs
