"""Tiles for CATMAID viewers and overviews: operations 104 to 107 of the contract (4.11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from renderapi.rendering import windows
from renderws.guard import check_path
from renderws.routes.answers import Answer, HttpError
from renderws.routes.call import Call
from renderws.routes.images import BOX_QUERY, drawn, media_type, most_tiles
from renderws.routes.router import Route
from renderws.routes.values import Parameter, boolean, integer
from renderws.routes.windows import stack_options
from renderws.store.protocol import TileQuery

Json = dict[str, Any]

_FORMATS = {"jpg": "jpeg", "png": "png"}
_MOST_TILES = 40
_OVERVIEW_SIZE = 192
_HIGHEST_LEVEL = 30


def get_tile(call: Call, extension: str) -> Answer:
    """One tile of the pyramid: from the materialised boxes where it is there, else drawn."""
    width, height, level = (call.path[name] for name in ("width", "height", "level"))
    if not 0 <= level <= _HIGHEST_LEVEL:
        raise HttpError(400, f"level {level} is not one of 0 to {_HIGHEST_LEVEL}")
    row, column = call.path["row"], call.path["column"]
    name = f"{level}/{int(call.path['z'])}/{row}/{column}.{extension}"
    stored = _materialised(call, name, extension)
    if stored is not None:
        return stored
    factor = 1 << level
    window = (column * width * factor, row * height * factor, width * factor, height * factor)
    return _drawn(call, window, 1.0 / factor, extension)


def get_overview(call: Call, extension: str) -> Answer:
    """A small picture of a whole layer, in the bounds of the stack."""
    stored = _materialised(call, f"small/{int(call.path['z'])}.{extension}", extension)
    if stored is not None:
        return stored
    stats = call.store.stack(call.stack).get("stats")
    bounds = stats["stackBounds"] if stats else {"minX": 0, "minY": 0, "maxX": 1, "maxY": 1}
    window = overview_window(bounds, call.query["translateOrigin"])
    largest = call.query["maxOverviewWidthAndHeight"]
    largest = _OVERVIEW_SIZE if largest is None or largest < 1 else largest
    return _drawn(call, window, largest / max(window[2:]), extension)


def overview_window(bounds: Json, translate_origin: bool) -> tuple[int, int, int, int]:
    """World window (x, y, width, height) of an overview.

    It starts at (0, 0) unless the stack reaches below, or the origin is to be moved.
    """
    min_x, min_y, max_x, max_y = (int(bounds[side]) for side in ("minX", "minY", "maxX", "maxY"))
    if translate_origin or min_x < 0 or min_y < 0:
        return min_x, min_y, max(1, max_x - min_x), max(1, max_y - min_y)
    return 0, 0, max(1, max_x), max(1, max_y)


def _drawn(call: Call, window: tuple[int, int, int, int], scale: float, extension: str) -> Answer:
    x, y, width, height = window
    stack = call.stack
    asked = {**call.query, "scale": call.query["scale"] or scale}
    options = stack_options(call, stack)
    document = windows.box_parameters([], x, y, width, height, scale, asked, **options)
    query = TileQuery(z=call.path["z"], box=(x, y, x + width, y + height))
    return drawn(call, stack, document, query, _FORMATS[extension], most_tiles(call, _MOST_TILES))


def _materialised(call: Call, name: str, extension: str) -> Answer | None:
    """The stored box of this name; None when there is none or a drawn one is asked for."""
    root = call.store.stack_version(call.stack).get("materializedBoxRootPath")
    if not root or call.query["maxTileSpecsToRender"] == 0:
        return None
    path = Path(root) / f"{call.path['width']}x{call.path['height']}" / name
    check_path(path, call.settings)
    try:
        return Answer(200, path.read_bytes(), media_type(_FORMATS[extension]))
    except (FileNotFoundError, NotADirectoryError):
        return None


def routes() -> Iterator[Route]:
    """Operations 104 to 107."""
    base = "S/largeDataTileSource/{width}/{height}/"
    overview = (
        *BOX_QUERY,
        Parameter("maxOverviewWidthAndHeight", integer),
        Parameter("translateOrigin", boolean, False),
    )
    for extension, number in (("jpg", 104), ("png", 106)):
        tile = f"{base}{{level}}/{{z}}/{{row}}/{{column}}.{extension}"
        yield _route(number, tile, partial(get_tile, extension=extension), BOX_QUERY)
        small = f"{base}small/{{z}}.{extension}"
        yield _route(number + 1, small, partial(get_overview, extension=extension), overview)


def _route(
    number: int, path: str, handler: Callable[[Call], Answer], query: tuple[Parameter, ...]
) -> Route:
    return Route(number, "GET", path, handler, query, pixels=True, cached=True, consistent=False)
