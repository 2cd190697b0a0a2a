"""Mapping of points by the tiles of a stack, many at a time and in bounded memory.

Points are read into arrays, grouped by the tile they belong to, and mapped tile by tile; tile specs
are fetched some at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from renderapi.client.programs.service import Json, StackService
from renderapi.errors import RenderError
from renderapi.pointtext import located_texts, world_texts
from renderapi.rendering.inverse import world_to_local as tile_world_to_local
from renderapi.transform import specs
from renderapi.utils import put_json
from renderapi.web import join

Rows = NDArray[np.intp]
Points = NDArray[np.float64]
POINTS_AT_A_TIME = 25_000
MANY_POINTS = 500
"""From this many points at a z its tile boxes are read once instead of asking point by point."""


def world_to_local(
    stack: StackService, elements: Sequence[Any], z: float | None, threads: int = 1
) -> list[bytes]:
    """For each world point the tiles that show it, ascending tileId; the last is visible.

    Parameters
    ----------
    elements : sequence of {world: [x, y, z]}
    z : float, optional
        For all points; else that of each.

    Returns
    -------
    list of bytes
        JSON of a list of {tileId, local: [x, y, z], visible} each; [{error}] for a point without
        tile, [{tileId, world, error}] where no tile can be inverted.
    """
    places, sound, problems = readable_points(elements, "world", 2 if z is not None else 3)
    points = np.ascontiguousarray(places[:, :2])
    zs = places[:, 2] if z is None else np.full(len(points), float(z))
    rows_of = candidate_tiles(stack, points, zs)

    def one(tile: Json) -> tuple[Json, Rows, Points]:
        rows = rows_of[tile["tileId"]]
        return tile, rows, tile_world_to_local(tile, points[rows])

    tile_ids: list[str] = []
    parts = [_Pairs.of(0, np.empty(0, np.intp), np.empty((0, 2)), None)]
    for tile, rows, local in _mapped(stack, sorted(rows_of), one, threads):
        parts.append(_Pairs.of(len(tile_ids), rows, local, tile.get("z")))
        tile_ids.append(tile["tileId"])
    pairs = _Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    inside = np.flatnonzero(~np.isnan(pairs.place[:, 0]))
    inside = inside[np.argsort(pairs.row[inside], kind="stable")]
    answers = [b""] * len(elements)
    columns = pairs.row[inside], pairs.tile[inside], pairs.place[inside]
    for row, text in located_texts(tile_ids, *columns):
        answers[int(sound[row])] = text
    missed = np.flatnonzero(~np.isin(np.arange(len(points)), pairs.row[inside]))
    tried = _tile_ids_of(missed, pairs, tile_ids)
    for row in missed.tolist():
        ids = tried.get(row, [])
        entry = _not_found(stack, points[row], float(zs[row]), ids)
        answers[int(sound[row])] = orjson.dumps([entry])
    for row, problem in problems.items():
        answers[row] = orjson.dumps([{**_echo(elements[row]), "error": problem}])
    return answers


class _Pairs(NamedTuple):
    """Points in tiles: row of the point, number of the tile, and x, y, z in it (NaN: none)."""

    row: Rows
    tile: Rows
    place: Points

    @classmethod
    def of(cls, number: int, rows: Rows, points: Points, z: float | None) -> _Pairs:
        """Points of one tile."""
        depth = np.full(len(rows), np.nan if z is None else float(z))
        return cls(rows, np.full(len(rows), number), np.column_stack([points, depth]))


def _tile_ids_of(rows: Rows, pairs: _Pairs, tile_ids: list[str]) -> dict[int, list[str]]:
    """Ids of the tiles of each of some rows."""
    found: dict[int, list[str]] = {}
    chosen = np.flatnonzero(np.isin(pairs.row, rows)) if len(rows) else rows
    for row, tile in zip(pairs.row[chosen].tolist(), pairs.tile[chosen].tolist(), strict=True):
        found.setdefault(row, []).append(tile_ids[tile])
    return found


def local_to_world(stack: StackService, elements: Sequence[Any], threads: int = 1) -> list[bytes]:
    """World points of points of tiles.

    Parameters
    ----------
    elements : sequence
        Each a list of {tileId, local, visible} (the first visible entry counts, else the first),
        or one such entry.

    Returns
    -------
    list of bytes
        JSON of {tileId, world: [x, y, z]} each, in the order given; failures with an error in
        place.
    """
    entries = [
        element[0] if type(element) is list and len(element) == 1 else _visible(element)
        for element in elements
    ]
    answers = [b""] * len(entries)
    places, sound, problems = readable_points(entries, "local", 2)
    rows_of = _rows_by_tile(entries, sound, problems)

    def one(tile: Json) -> tuple[Json, Rows, Points]:
        rows = rows_of[tile["tileId"]]
        leaves = specs.leaves(tile["transforms"]["specList"])
        return tile, rows, specs.transform_points(leaves, places[rows, :2])

    for tile, rows, world in _mapped(stack, sorted(rows_of), one, threads):
        pairs = _Pairs.of(0, rows, world, tile.get("z"))
        texts = world_texts([tile["tileId"]], pairs.tile, pairs.place)
        for row, text in zip(sound[rows].tolist(), texts, strict=True):
            answers[row] = text
        del rows_of[tile["tileId"]]
    for tile_id, missing in rows_of.items():
        problems.update((int(sound[row]), f"{stack} has no tile {tile_id}") for row in missing)
    for row, problem in problems.items():
        answers[row] = orjson.dumps({**_echo(entries[row]), "error": problem})
    return answers


def _rows_by_tile(entries: Sequence[Any], sound: Rows, problems: dict[int, str]) -> dict[str, Rows]:
    """Rows of the sound points of each tile; what has no tile is added to the problems."""
    found: dict[str, list[int]] = {}
    for index, row in enumerate(sound.tolist()):
        entry = entries[row]
        tile_id = entry.get("tileId")
        if "error" in entry:
            problems[row] = str(entry["error"])
        elif isinstance(tile_id, str):
            found.setdefault(tile_id, []).append(index)
        else:
            problems[row] = "tileId is missing"
    return {tile_id: np.array(rows, np.intp) for tile_id, rows in found.items()}


def _mapped(
    stack: StackService, tile_ids: list[str], one: Callable[[Json], Any], threads: int
) -> Iterator[Any]:
    """What `one` gives for each tile, in order of the ids."""
    for tiles in stack.tile_specs(tile_ids):
        tiles = sorted(tiles, key=lambda tile: tile["tileId"])
        if threads == 1:
            yield from map(one, tiles)
        else:
            with ThreadPoolExecutor(threads) as pool:
                yield from pool.map(one, tiles)


def candidate_tiles(stack: StackService, points: Points, zs: Points) -> dict[str, Rows]:
    """Rows of the points that lie in the box of each tile, borders included."""
    found: dict[str, list[Rows]] = {}
    few: list[Rows] = []
    order = np.argsort(zs, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(zs[order])) + 1) if len(zs) else []:
        if len(rows) < MANY_POINTS:
            few.append(rows)
            continue
        bounds = stack.tile_bounds(float(zs[rows[0]]))
        for tile_id, inside in _in_boxes(bounds, points[rows]):
            found.setdefault(tile_id, []).append(rows[inside])
    if few:
        for tile_id, inside in _asked(stack, points, zs, np.concatenate(few)):
            found.setdefault(tile_id, []).append(inside)
    return {tile_id: np.concatenate(parts) for tile_id, parts in found.items()}


def _in_boxes(bounds: Iterable[Json], points: Points) -> Iterator[tuple[str, Rows]]:
    order = np.argsort(points[:, 0], kind="stable")
    xs, ys = points[order, 0], points[order, 1]
    for box in bounds:
        first = np.searchsorted(xs, box["minX"], "left")
        last = np.searchsorted(xs, box["maxX"], "right")
        inside = (ys[first:last] >= box["minY"]) & (ys[first:last] <= box["maxY"])
        rows = order[first:last][inside]
        if len(rows):
            yield box["tileId"], rows


def _asked(
    stack: StackService, points: Points, zs: Points, rows: Rows
) -> Iterator[tuple[str, Rows]]:
    """Tiles that the service names for points; a few of many z in one request."""
    url = join(stack.url, "tileIdsForCoordinates")
    for first in range(0, len(rows), POINTS_AT_A_TIME):
        part = rows[first : first + POINTS_AT_A_TIME]
        world = np.column_stack([points[part], zs[part]]).tolist()
        answer = put_json(stack.session, url, [{"world": place} for place in world]).json()
        by_tile: dict[str, list[int]] = {}
        for row, places in zip(part.tolist(), answer, strict=True):
            for place in places:
                if place.get("tileId") is not None:
                    by_tile.setdefault(place["tileId"], []).append(row)
        for tile_id, found in by_tile.items():
            yield tile_id, np.array(found, np.intp)


def readable_points(
    elements: Sequence[Any], key: str, least: int
) -> tuple[Points, Rows, dict[int, str]]:
    """Points of elements {key: [x, y, ...]}.

    Parameters
    ----------
    elements : sequence
    key : str
        local or world.
    least : int
        Numbers that a point must have.

    Returns
    -------
    points : (N, least) float64
    rows : (N,) integers
        The elements that they are of.
    problems : dict of row to str
        What is wrong with the others.
    """
    try:
        values = [element[key] for element in elements]
        (length,) = set(map(len, values))  # as a rule all are alike
        numbers = np.fromiter(chain.from_iterable(values), np.float64, length * len(values))
        points = numbers.reshape(len(values), length)[:, :least]
        if length >= least and np.isfinite(points).all() and _are_lists(values):
            return points, np.arange(len(points)), {}
    except (KeyError, TypeError, ValueError):
        pass  # some are no points: they are looked at one by one
    found = ((row, _problem(element, key, least)) for row, element in enumerate(elements))
    problems = {row: problem for row, problem in found if problem is not None}
    rows = np.array([row for row in range(len(elements)) if row not in problems], np.intp)
    values = [elements[row][key][:least] for row in rows.tolist()]
    return np.array(values, np.float64).reshape(-1, least), rows, problems


def _are_lists(values: Sequence[Any]) -> bool:
    """Whether all values are lists of numbers: `float` also reads texts and truth values."""
    kinds = set(map(type, chain.from_iterable(values)))
    return set(map(type, values)) == {list} and kinds <= {float, int}


def _not_found(stack: StackService, point: Points, z: float, tile_ids: list[str]) -> Json:
    x, y = point.tolist()
    if not tile_ids:
        return {"error": f"{stack} has no tile at world point ({x:g}, {y:g}, {z:g})"}
    tiles = ", ".join(tile_ids)
    return {
        "tileId": tile_ids[-1],
        "world": [x, y, z],
        "error": f"world point ({x:g}, {y:g}, {z:g}) is in the box of, but not inside: {tiles}",
    }


def _visible(element: Any) -> Any:
    """The entry of an inner list that counts."""
    if not isinstance(element, list):
        return element
    if not element:
        return {}
    shown = [entry for entry in element if isinstance(entry, dict) and entry.get("visible")]
    return shown[0] if shown else element[0]


def _problem(element: Any, key: str, least: int) -> str | None:
    """What is wrong with the point of an element, None when nothing is."""
    if not isinstance(element, dict):
        return "coordinates are missing"
    if key == "local" and element.get("error"):
        return str(element["error"])
    values = element.get(key)
    if values is None:
        return f"{key} values are missing"
    if not isinstance(values, list) or len(values) < least:
        return f"{key} values must include {'both x and y' if least == 2 else 'x, y, and z'}"
    if not all(isinstance(value, float | int) and math.isfinite(value) for value in values[:least]):
        return f"{key} values must be numbers"
    return None


def _echo(element: Any) -> Json:
    if not isinstance(element, dict):
        return {}
    keys = ("tileId", "local", "world")
    return {key: element[key] for key in keys if element.get(key) is not None}


def mapped_points(
    source: StackService, target: StackService, points: Sequence[Sequence[float]]
) -> list[list[float] | None]:
    """World points [x, y, z] of one stack in another, by the tiles that are seen there.

    Raises
    ------
    RenderError
        A request failed. A point that cannot be mapped is None.
    """
    places = world_to_local(source, [{"world": list(point)} for point in points], None)
    entries = list(map(orjson.loads, local_to_world(target, list(map(orjson.loads, places)))))
    if len(entries) != len(points):
        raise RenderError(f"{len(points)} points were mapped to {len(entries)}")
    return [entry.get("world") if "error" not in entry else None for entry in entries]
