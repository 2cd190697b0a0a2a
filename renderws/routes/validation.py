"""Checks of JSON that is about to be used: operations 156 to 160 of the contract (section 1.13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from renderapi.errors import RenderError
from renderws.cleaning import convert
from renderws.documents import Tile, Transform
from renderws.routes.answers import Answer, HttpError, text_answer
from renderws.routes.call import Call, check_nesting
from renderws.routes.gate import client_values
from renderws.routes.images import checked_parameters
from renderws.routes.router import Route
from renderws.routes.windows import check_tile
from renderws.saving import completed_tile
from renderws.store.protocol import StoreError

Json = dict[str, Any]

_SHOWN = 1000

Check = Callable[[Call, Any], list[str]]


def checking(what: str, check: Check) -> Callable[[Call], Answer]:
    """Handler that answers 200 with what was found, or 400 with the cause and the JSON."""

    def handler(call: Call) -> Answer:
        try:
            value = call.json()
            check_nesting(value)
            with client_values("it"):
                notes = check(call, value)
        except (HttpError, RenderError, StoreError) as error:
            shown = call.body[:_SHOWN].decode("utf-8", "replace")
            raise HttpError(400, f"{what} cannot be used: {error}\n{shown}") from error
        return text_answer("\n".join([f"{what} can be used", *notes]))

    handler.__doc__ = f"Check {what}."
    return handler


def check_render(call: Call, value: Any) -> list[str]:
    """Render parameters, with the files and transforms of their tiles."""
    from renderapi.rendering.parameters import parse_parameters
    from renderapi.rendering.sources import load_tile_specs

    document = checked_parameters(_object(value))
    tiles = parse_parameters(document).tiles
    if not tiles and document.get("tileSpecUrl"):
        tiles = load_tile_specs(document["tileSpecUrl"], call.service.sources.view())
    return [note for tile in tiles for note in check_tile(call, _tile(tile))]


def check_one_tile(call: Call, value: Any) -> list[str]:
    """A tile specification, with its files and transforms."""
    return check_tile(call, _tile(value))


def check_tiles(call: Call, value: Any) -> list[str]:
    """A list of tile specifications, with their image files."""
    notes = [check_tile(call, _tile(tile), transforms=False) for tile in _list(value)]
    return [note for found in notes for note in found]


def check_transform(call: Call, value: Any) -> list[str]:
    """A transform that must be usable by itself."""
    _use(_transform(value), {})
    return []


def check_transforms(call: Call, value: Any) -> list[str]:
    """A list of transforms that may refer to each other."""
    specs = [_transform(item) for item in _list(value)]
    lookup = {spec["id"]: spec for spec in specs if isinstance(spec.get("id"), str)}
    for spec in specs:
        _use(spec, lookup)
    return []


def _use(spec: Json, lookup: dict[str, Json]) -> None:
    from renderapi.transform.specs import flatten, leaves

    leaves(flatten(spec, lookup))


def _transform(value: Any) -> Json:
    spec: Json = convert(_object(value), Transform, "the transform")
    return spec


def _tile(value: Any) -> Json:
    return completed_tile("", convert(_object(value), Tile, "the tile specification"))


def _object(value: Any) -> Json:
    if not isinstance(value, dict):
        raise HttpError(400, f"it must be a JSON object, not {orjson.dumps(value)[:60].decode()}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise HttpError(400, f"it must be a JSON list, not {orjson.dumps(value)[:60].decode()}")
    return value


def routes() -> tuple[Route, ...]:
    """Operations 156 to 160."""

    def route(number: int, word: str, what: str, check: Check) -> Route:
        path = f"O/validate-json/{word}"
        handler = checking(what, check)
        return Route(
            number, "PUT", path, handler, changes=False, pixels=True, consistent=False, body="text"
        )

    return (
        route(156, "render", "the render parameters", check_render),
        route(157, "tile", "the tile specification", check_one_tile),
        route(158, "tile-array", "the list of tile specifications", check_tiles),
        route(159, "transform", "the transform", check_transform),
        route(160, "transform-array", "the list of transforms", check_transforms),
    )
