"""Coordinates: operations 108 to 118 of the contract (sections 1.10 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import orjson

from renderapi.pointtext import located_texts, world_texts
from renderws.cleaning import decoder, parse
from renderws.documents import Tile, TileCoordinates
from renderws.routes.answers import (
    Answer,
    HttpError,
    json_answer,
    json_bytes,
    json_stream,
    spliced,
)
from renderws.routes.call import Call, check_nesting
from renderws.routes.flattening import flat_tiles, flatten_tile
from renderws.routes.layers import require_tiles
from renderws.routes.router import Route
from renderws.routes.values import Parameter, double
from renderws.saving import completed_tile
from renderws.store.protocol import Invalid, StackId
from renderws.store.states import stack_text

if TYPE_CHECKING:
    from renderws.mapping import Points

Json = dict[str, Any]

_NOTHING: Json = {}
"""Stands for an element that is null."""
_ECHO = ("tileId", "local", "world", "error")


def put_tile_ids(call: Call) -> Answer:
    """For each world point the tiles whose box contains it."""
    elements, typed = _elements(call)
    stack, z = call.stack, call.path.get("z")
    for row, problem in _problems(elements, typed, "world", 2 if z is not None else 3).items():
        raise Invalid(f"{problem}: {orjson.dumps(_echo(elements[row])).decode()}")
    answers: list[list[Json]] = [[] for _ in elements]
    for rows, at_z in _by_z(elements, z):
        _name_tiles(call, stack, at_z, rows, elements, answers)
    return json_stream(
        orjson.dumps(found or [_echo(element)])
        for found, element in zip(answers, elements, strict=True)
    )


def _name_tiles(
    call: Call,
    stack: StackId,
    z: float,
    rows: list[int],
    elements: list[Json],
    answers: list[list[Json]],
) -> None:
    from renderws.mapping import tiles_at

    near = tiles_at(call.store, stack, z, _points(elements, rows, "world"))
    for tile, index in zip(near.tile.tolist(), near.row.tolist(), strict=True):
        row = rows[index]
        answers[row].append({**_echo(elements[row]), "tileId": near.tile_ids[tile]})


def put_spec_to_world(call: Call) -> Answer:
    """World point of a local point of the tile in the body."""
    from renderws.mapping import to_world

    tile = _body_tile(call)
    return _place(tile, to_world(tile, _path_point(call)))


def put_spec_to_local(call: Call) -> Answer:
    """Local point, in the tile of the body, of a world point."""
    from renderapi.rendering.inverse import world_to_local

    tile = _body_tile(call)
    if call.query["meshCellSize"] is not None:
        tile["meshCellSize"] = call.query["meshCellSize"]
    local = world_to_local(tile, _path_point(call))
    if np.isnan(local).any():
        x, y = call.path["x"], call.path["y"]
        raise Invalid(f"world point ({x}, {y}) is not in tile '{tile.get('tileId')}'")
    return _place(tile, local)


def _body_tile(call: Call) -> Json:
    tile = parse(call.body, Tile, "the tile specification")
    if tile is None:
        raise HttpError(400, "the request body must hold a tile specification")
    try:
        return flatten_tile(completed_tile("", tile), {})
    except HttpError as error:
        raise HttpError(400, str(error)) from error


def _path_point(call: Call) -> Points:
    return np.array([[call.path["x"], call.path["y"]]])


def _place(tile: Json, points: Points) -> Answer:
    z = tile.get("z")
    return json_answer([*points[0].tolist(), *([] if z is None else [z])])


def get_to_world(call: Call) -> Answer:
    """World point of a local point of a tile."""
    stack, tile_id = call.stack, call.path["tileId"]
    (tile,) = flat_tiles(call.store, stack, [call.store.tile(stack, tile_id)])
    return json_answer(_world_entry(tile, _path_point(call)))


def _world_entry(tile: Json, local: Points) -> Json:
    from renderws.mapping import to_world

    x, y = to_world(tile, local)[0].tolist()
    z = tile.get("z")
    return {"tileId": tile["tileId"], "world": [x, y] if z is None else [x, y, z]}


def put_to_world(call: Call) -> Answer:
    """World points of local points; failures carry an error. The z of the path plays no part."""
    from renderws.mapping import local_to_world

    elements, typed = _elements(call)
    stack = call.stack
    answers = [b""] * len(elements)
    problems = _problems(elements, typed, "local", 2, with_ids=True)
    rows = [row for row in range(len(elements)) if row not in problems]
    ids = [elements[row]["tileId"] for row in rows]
    number = {tile_id: i for i, tile_id in enumerate(dict.fromkeys(ids))}
    tile = np.array([number[tile_id] for tile_id in ids], np.int64)
    points = _points(elements, rows, "local")
    world, missing = local_to_world(call.store, stack, list(number), tile, points)
    for row, text in zip(rows, world_texts(list(number), tile, world), strict=True):
        answers[row] = text
    for row, tile_id in zip(rows, ids, strict=True) if missing else ():
        if tile_id in missing:
            problems[row] = f"tile '{tile_id}' is not in {stack_text(stack)}"
    for row, problem in problems.items():
        answers[row] = orjson.dumps({**_echo(elements[row]), "error": problem})
    return json_bytes(spliced(answers))


def get_to_local(call: Call) -> Answer:
    """The tiles that a world point lies in, and its place in each."""
    return json_answer(_to_local(call))


def _to_local(call: Call) -> list[Json]:
    from renderws.mapping import to_local

    stack, z = call.stack, call.path["z"]
    at = to_local(call.store, stack, z, _path_point(call))
    if len(at.row) == 0:
        require_tiles(call, stack)
        point = (call.path["x"], call.path["y"], z)
        raise Invalid(_not_found(stack, point, at.tried.get(0, [])))
    pairs = zip(at.tile.tolist(), at.local.tolist(), strict=True)
    entries: list[Json] = [{"tileId": at.tile_ids[t], "local": place} for t, place in pairs]
    entries[-1]["visible"] = True
    return entries


def _not_found(stack: StackId, point: Sequence[float], tried: list[str]) -> str:
    where = ", ".join(f"{value:g}" for value in point)
    if not tried:
        return f"{stack_text(stack)} has no tile at world point ({where})"
    return f"world point ({where}) is in the box of, but not inside: {', '.join(tried)}"


def get_mapped(call: Call) -> Answer:
    """World point, in another stack, of what is seen at a world point of this one."""
    visible = _to_local(call)[-1]
    target = call.stack_named(call.path["toStack"], call.query["toProject"], call.query["toOwner"])
    record = call.store.tile(target, visible["tileId"])
    (tile,) = flat_tiles(call.store, target, [record])
    return json_answer(_world_entry(tile, np.array([visible["local"][:2]])))


def put_to_local(call: Call) -> Answer:
    """For each world point the tiles it lies in; failures carry an error."""
    from renderws.mapping import to_local

    elements, typed = _elements(call)
    stack, z = call.stack, call.path.get("z")
    answers = [b""] * len(elements)
    problems = _problems(elements, typed, "world", 2 if z is not None else 3)
    sound = [row for row in range(len(elements)) if row not in problems]
    for rows, at_z in _by_z(elements, z, sound):
        points = _points(elements, rows, "world")
        at = to_local(call.store, stack, at_z, points)
        for index, text in located_texts(at.tile_ids, at.row, at.tile, at.local):
            answers[rows[index]] = text
        for index in np.setdiff1d(np.arange(len(rows)), at.row).tolist():
            point = (*points[index].tolist(), at_z)
            problems[rows[index]] = _not_found(stack, point, at.tried.get(index, []))
    for row, problem in problems.items():
        answers[row] = b"[" + orjson.dumps({**_echo(elements[row]), "error": problem}) + b"]"
    return json_bytes(spliced(answers))


def _elements(call: Call) -> tuple[list[Json], bool]:
    """The points of the body, and whether all values are of the right types.

    Those that are not get an error each, later.
    """
    try:
        typed: list[Json] | None = decoder(list[TileCoordinates] | None).decode(call.body)
        if typed is not None:
            return typed, True
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    elements = call.json_list("coordinates")
    check_nesting(elements)
    if not all(element is None or isinstance(element, dict) for element in elements):
        raise HttpError(400, "the request body must be a list of coordinates, objects each")
    return [_NOTHING if element is None else _with_text_id(element) for element in elements], False


def _with_text_id(element: Json) -> Json:
    """An element whose tileId is a text also where it is written as a number."""
    tile_id = element.get("tileId")
    if isinstance(tile_id, int | float):
        return {**element, "tileId": orjson.dumps(tile_id).decode()}
    return element


def _echo(element: Json) -> Json:
    """The known properties of an input element."""
    echo = {key: element[key] for key in _ECHO if element.get(key) is not None}
    return {**echo, "visible": True} if element.get("visible") is True else echo


def _problems(
    elements: list[Json], typed: bool, key: str, least: int, with_ids: bool = False
) -> dict[int, str]:
    """What is wrong with the points (and ids) of the elements, by row."""
    if typed and _all_whole(elements, key, least, with_ids):
        return {}
    problems = {}
    for row, element in enumerate(elements):
        problem = (_id_problem(element) if with_ids else None) or _problem(element, key, least)
        if problem:
            problems[row] = problem
    return problems


def _all_whole(elements: list[Json], key: str, least: int, with_ids: bool) -> bool:
    """Whether elements of the right types have all they need: the usual case, told quickly."""
    try:
        lengths = [len(element[key]) for element in elements]
        ids = [element["tileId"] for element in elements] if with_ids else []
    except (KeyError, TypeError):
        return False
    return None not in ids and min(lengths, default=least) >= least


def _id_problem(element: Json) -> str | None:
    if element is _NOTHING:
        return "coordinates are missing"
    return None if isinstance(element.get("tileId"), str) else "tileId is missing"


def _problem(element: Json, key: str, least: int) -> str | None:
    """What is wrong with the point of an element, None when nothing is."""
    if element is _NOTHING:
        return "coordinates are missing"
    values = element.get(key)
    if values is None:
        return f"{key} values are missing"
    if not isinstance(values, list) or len(values) < least:
        names = "both x and y" if least == 2 else "x, y, and z"
        return f"{key} values must include {names}"
    for value in values[:least]:
        if type(value) is not float and type(value) is not int:
            return f"{key} values must be numbers"
    return None


def _points(elements: list[Json], rows: Sequence[int], key: str) -> Points:
    numbers = chain.from_iterable([elements[row][key][:2] for row in rows])
    return np.fromiter(numbers, np.float64, 2 * len(rows)).reshape(-1, 2)


def _by_z(
    elements: list[Json], z: float | None, rows: list[int] | None = None
) -> list[tuple[list[int], float]]:
    """Rows of the elements by z: of the path where it has one, else each element's own."""
    rows = list(range(len(elements))) if rows is None else rows
    if z is not None:
        return [(rows, z)] if rows else []
    groups: dict[float, list[int]] = {}
    for row in rows:
        groups.setdefault(float(elements[row]["world"][2]), []).append(row)
    return [(group, at_z) for at_z, group in groups.items()]


def routes() -> tuple[Route, ...]:
    """Operations 108 to 118."""
    to_stack = (Parameter("toOwner"), Parameter("toProject"))
    local, world = "local-to-world-coordinates", "world-to-local-coordinates"
    mapped = "S/z/{z}/world-coordinates/{x},{y}/mapped-to-stack/{toStack}"

    def reading(number: int, path: str, handler: Callable[[Call], Answer]) -> Route:
        return Route(number, "PUT", path, handler, changes=False, body="[TileCoordinates]")

    return (
        reading(108, "S/z/{z}/tileIdsForCoordinates", put_tile_ids),
        reading(109, "S/tileIdsForCoordinates", put_tile_ids),
        Route(
            110, "PUT", f"O/{local}/{{x}},{{y}}", put_spec_to_world, changes=False, body="TileSpec"
        ),
        Route(
            111,
            "PUT",
            f"O/{world}/{{x}},{{y}}",
            put_spec_to_local,
            (Parameter("meshCellSize", double),),
            changes=False,
            body="TileSpec",
        ),
        Route(112, "GET", f"S/tile/{{tileId}}/{local}/{{x}},{{y}}", get_to_world),
        reading(113, f"S/{local}", put_to_world),
        reading(114, f"S/z/{{z}}/{local}", put_to_world),
        Route(115, "GET", f"S/z/{{z}}/{world}/{{x}},{{y}}", get_to_local),
        Route(116, "GET", mapped, get_mapped, to_stack),
        reading(117, f"S/{world}", put_to_local),
        reading(118, f"S/z/{{z}}/{world}", put_to_local),
    )
