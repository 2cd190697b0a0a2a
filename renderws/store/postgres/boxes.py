"""Tiles that reach into a box, found in a B-tree.

The class k of a tile says that it is narrower than 2^k. Tiles of class k that reach into a box from
x1 to x2 have their left side between x1 - 2^k and x2: for each class of a stack a range of one
index, which also holds the other three sides.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from renderws.store.protocol import TileQuery
from renderws.store.source import Plan
from renderws.store.stackrows import StackRow
from renderws.store.tilequery import all_of, conditions_of


def width_classes(boxes: np.ndarray) -> np.ndarray:
    """Class of each box.

    Parameters
    ----------
    boxes : (N, 4) float64 array
        min_x, min_y, max_x, max_y in world pixels.

    Returns
    -------
    (N,) int array
        The least k with max_x - min_x < 2^k; 0 for no width, and by its amount for a negative one.
    """
    with np.errstate(over="ignore"):
        widths = boxes[:, 2] - boxes[:, 0]
    return np.where(np.isfinite(widths), np.frexp(widths)[1], 1025).astype(np.int64)


def box_plan(
    connection: Any,
    stack_key: int,
    query: TileQuery,
    z_values: Callable[[Any, int, float | None, float | None], list[float]],
) -> Plan:
    """How to find the tiles of a box, at one z, at some, or at all and without z."""
    assert query.box is not None
    conditions, parameters = zip(*conditions_of(query), strict=True)
    conditions = tuple(one.replace("tile.z = ?", "tile.z * 1 = ?") for one in conditions)
    ranges, numbers = _ranges(connection, stack_key, query.box)
    if query.z is not None:
        found = f"tile.stack = ? AND {all_of(conditions)} AND ({ranges})"
        return Plan("tile", found, (stack_key, *parameters, *numbers))
    zs = z_values(connection, stack_key, query.min_z, query.max_z)
    source = (
        "(SELECT tile.* FROM unnest(?::float8[]) AS layer (z) JOIN tile"
        f" ON tile.stack = ? AND tile.z * 1 = layer.z AND ({ranges})"
    )
    before = [zs, stack_key, *numbers]
    if query.min_z is None and query.max_z is None:
        source += (
            f" UNION ALL SELECT tile.* FROM tile WHERE stack = ? AND z * 1 IS NULL AND ({ranges})"
        )
        before += [stack_key, *numbers]
    return Plan(f"{source}) AS tile", all_of(conditions), (*before, *parameters))


def _ranges(
    connection: Any, stack_key: int, box: tuple[float, float, float, float]
) -> tuple[str, list[float]]:
    """Condition on class and left side, with its parameters."""
    classes = _classes_of(connection, stack_key)
    parts, numbers = [], []
    for k in classes:
        reach = math.ldexp(1.0, k) if k <= 1023 else math.inf
        low = float(np.nextafter(box[0] - reach, -math.inf))
        parts.append("tile.width_class = ? AND tile.min_x BETWEEN ? AND ?")
        numbers += [k, low, box[2]]
    return " OR ".join(parts) or "FALSE", numbers


def _classes_of(connection: Any, stack_key: int) -> list[int]:
    """Classes of a stack, asked for again when it has changed."""
    versions = (
        row.data_version
        for row in connection.known.values()
        if isinstance(row, StackRow) and row.key == stack_key
    )
    asked = ("widths", stack_key, next(versions, None))
    known: list[int] | None = connection.lasting.get(asked)
    if known is None:
        rows = connection.execute(
            "SELECT width_class FROM tile_width WHERE stack = ? ORDER BY width_class", (stack_key,)
        )
        known = [k for (k,) in rows]
        if asked[-1] is not None:
            connection.lasting[asked] = known
    return known
