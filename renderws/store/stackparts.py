"""Where the tiles of a stack are: with it, but for those that are deleted or replaced and still
stored; and with another stack, where they arrive and are still to be made its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from renderws.store.documents import id_list
from renderws.store.progress import Reached
from renderws.store.protocol import StackId, TileQuery
from renderws.store.source import Connection, Plan, Statement
from renderws.store.stackrows import StackRow, find_stack

AT = "(tile.z IN (SELECT value FROM json_each(?)))"
TWIN = (
    "EXISTS (SELECT 1 FROM tile AS new INDEXED BY tile_identity"
    " WHERE new.stack = ? AND new.tile_id = tile.tile_id)"
)


class Replaced(NamedTuple):
    """Which tiles of a stack are replaced by those that arrive, and are still stored: those at
    `zs`, with `keep` only those whose ids come again. They go to the stack of the key `bin`;
    `for_good`: which cannot be brought back.
    """

    zs: list[float]
    keep: bool
    bin: int
    for_good: bool = False

    def note(self) -> str:
        """As it is noted with the stack."""
        return orjson.dumps(list(self)).decode()


class HiddenLayers(NamedTuple):
    """z of layers of a stack that are deleted, and how far the removal of their rows has got."""

    zs: list[float]
    reached: Reached = Reached()

    def noted(self) -> list[Any]:
        """As it is noted with the stack."""
        return [self.zs, list(self.reached)]


class Part(NamedTuple):
    """Tiles with one stack, by its key: those for which a condition holds that is added to others,
    with its parameters.
    """

    key: int
    condition: str = ""
    parameters: Sequence[Any] = ()


def hidden_layers(hidden: str) -> HiddenLayers:
    """What is noted of the layers whose tiles are deleted and still stored."""
    found = orjson.loads(hidden)
    if found and isinstance(found[0], list):
        zs, reached = found
        return HiddenLayers(zs, Reached(*reached))
    return HiddenLayers(found)  # as older releases have left it


def hidden_zs(row: StackRow) -> list[float]:
    """z of the layers whose tiles are deleted and still stored."""
    return hidden_layers(row.hidden).zs if row.hidden else []


def replaced(row: StackRow) -> Replaced | None:
    """What of a stack is replaced and still stored."""
    return Replaced(*orjson.loads(row.replaced)) if row.replaced else None


def is_replaced(what: Replaced, arriving: int) -> tuple[str, list[Any]]:
    """Condition on tiles of the stack, that they are replaced by those of another one."""
    zs = id_list(what.zs)
    return (f"{AT} AND {TWIN}", [zs, arriving]) if what.keep else (AT, [zs])


def shown_parts(row: StackRow | None) -> list[Part]:
    """Where the tiles of a stack are; of no stack nowhere."""
    if row is None:
        return [Part(0)]
    if row.hidden is not None:
        return [Part(row.key, f" AND {AT} IS NOT TRUE", (id_list(hidden_zs(row)),))]
    if row.arriving is None:
        return [Part(row.key)]
    return [without(row.key, replaced(row), row.arriving), Part(row.arriving)]


def without(key: int, what: Replaced | None, arriving: int) -> Part:
    """Tiles of a stack but for those that are replaced by others that arrive."""
    if what is None:
        return Part(key)
    condition, parameters = is_replaced(what, arriving)
    return Part(key, f" AND ({condition}) IS NOT TRUE", parameters)


def shown_plan(connection: Connection, stack: StackId, query: TileQuery) -> Plan:
    """How to find the tiles of a query, wherever they are; none where there is no such stack."""
    tables, parts = connection.tables, shown_parts(find_stack(connection, stack))
    if len(parts) == 1 and not parts[0].condition:  # as nearly all are
        return tables.plan(connection, parts[0].key, query)
    plans = [
        Plan(plan.source, plan.condition + part.condition, (*plan.parameters, *part.parameters))
        for part in parts
        for plan in (tables.plan(connection, part.key, query),)
    ]
    if len(plans) == 1:
        return plans[0]
    sides = [f"SELECT tile.* FROM {plan.source} WHERE {plan.condition}" for plan in plans]
    parameters = [value for plan in plans for value in plan.parameters]
    return Plan(f"({' UNION ALL '.join(sides)}) AS tile", "1 = 1", parameters)


def of_parts(
    columns: str, index: str, parts: Sequence[Part], condition: str, *parameters: Any
) -> Statement:
    """What to select from, to see some columns of the tiles of all parts for which a condition
    holds: a subquery called tile, and its parameters.
    """
    sides = [
        f"SELECT {columns} FROM tile INDEXED BY {index}"
        f" WHERE tile.stack = ?{condition}{part.condition}"
        for part in parts
    ]
    values = [value for part in parts for value in (part.key, *parameters, *part.parameters)]
    return f"({' UNION ALL '.join(sides)}) AS tile", values


def rows_of_parts(
    connection: Connection, sql: str, parts: Sequence[Part], *parameters: Any
) -> Iterator[tuple[Any, ...]]:
    """Rows of a query of one part after the other: its first parameter is the key, and at
    `{shown}` is what is added.
    """
    for part in parts:
        values = (part.key, *parameters, *part.parameters)
        yield from connection.execute(sql.replace("{shown}", part.condition), values).fetchall()
