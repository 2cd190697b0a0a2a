"""Images of tiles, boxes and layers: operations 71 to 103 of the contract (1.8 and 1.9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from renderapi.rendering import encode, render_canvas, windows
from renderws.cleaning import convert
from renderws.documents import Tile
from renderws.routes.answers import Answer, HttpError
from renderws.routes.call import Call
from renderws.routes.flattening import flat_tiles, limited
from renderws.routes.gate import client_values
from renderws.routes.layers import box_query
from renderws.routes.router import Route
from renderws.routes.values import MAX_TILES_TO_RENDER, RENDER_QUERY, Parameter, boolean
from renderws.routes.windows import (
    NEIGHBOUR_QUERY,
    TILE_QUERY,
    box_window,
    layer_window,
    neighbour_window,
    raw_window,
    tile_window,
)
from renderws.saving import completed_tile
from renderws.store.protocol import StackId, TileBounds, TileQuery

Json = dict[str, Any]

FORMATS = ("jpeg", "png", "tiff", "tiff16", "png16", "raw", "raw16")
_EIGHT_BIT = ("jpeg", "png", "tiff")
_DVID = {"jpg": "jpeg", "png": "png", "tif": "tiff"}
BOX_QUERY = (*RENDER_QUERY, MAX_TILES_TO_RENDER)

Handler = Callable[..., Answer]


def media_type(format: str) -> str:
    """Content type of an image format."""
    from renderapi.rendering.output import CONTENT_TYPES

    return CONTENT_TYPES[format]


def picture(call: Call, document: Json, format: str) -> Answer:
    """The image of render parameters that hold their tiles."""
    check_size(call, document)
    with call.service.painters() as threads, client_values("what the picture shows"):
        canvas = render_canvas(
            document, sources=call.service.sources, threads=threads, stop=call.stop
        )
    call.stop.check()
    return Answer(200, encode(canvas, format), media_type(format))


def check_size(call: Call, document: Json) -> None:
    """400 for a picture with no pixels, or with more than one answer may hold."""
    from renderapi.rendering.parameters import parse_parameters

    window = parse_parameters({**document, "tileSpecs": []}).window
    width, height = window.image_size
    if width * height > call.settings.max_pixels:
        raise HttpError(
            400,
            f"a picture of {width} x {height} pixels is more than the {call.settings.max_pixels}"
            " of one answer; ask for a smaller box or scale",
        )


def drawn(
    call: Call,
    stack: StackId,
    window: Json,
    query: TileQuery,
    format: str,
    most: int | None = None,
) -> Answer:
    """Image of the tiles of a query in a window; outlines when there are too many to draw."""
    check_size(call, window)
    if most is not None:
        bounds = call.store.tile_bounds(stack, query)
        if len(bounds) > most:
            return outlines(window, bounds, format)
    with call.snapshot():
        window["tileSpecs"] = flat_tiles(call.store, stack, limited(call, stack, query))
    return picture(call, window, format)


def outlines(window: Json, bounds: list[TileBounds], format: str) -> Answer:
    """Image of the boxes of tiles, with their ids where there is room."""
    from renderapi.rendering.outlines import outline_canvas

    tiles = [
        {
            "tileId": tile.tile_id,
            "minX": tile.min_x,
            "minY": tile.min_y,
            "maxX": tile.max_x,
            "maxY": tile.max_y,
        }
        for tile in sorted(bounds, key=lambda tile: tile.tile_id)
    ]
    canvas = outline_canvas({**window, "tileSpecs": tiles})
    return Answer(200, encode(canvas, format), media_type(format))


def most_tiles(call: Call, default: int | None = None) -> int | None:
    """Most tiles to draw; with more, outlines are drawn. None: no limit."""
    asked = call.query["maxTileSpecsToRender"]
    if asked is None and default is not None:
        return default
    if asked is None or asked < 0:
        return call.settings.max_tile_specs_to_render
    return asked


def get_box_image(call: Call, format: str) -> Answer:
    """A box."""
    return drawn(call, call.stack, box_window(call), box_query(call), format, most_tiles(call))


def get_layer_image(call: Call, format: str) -> Answer:
    """A whole layer, by default at a hundredth of its size."""
    window = layer_window(call, windows.LAYER_IMAGE_SCALE)
    query = TileQuery(z=call.path["z"])
    return drawn(call, call.stack, window, query, format, most_tiles(call))


def get_tile_image(call: Call, format: str) -> Answer:
    """One tile, in its own box or the window that is asked for."""
    with call.snapshot():
        document = tile_window(call)
    return picture(call, document, format)


def get_raw_image(call: Call, format: str, mask: bool) -> Answer:
    """The first image (or mask) of a tile as it is stored."""
    document = raw_window(call, mask)
    document["skipInterpolation"] = True
    return picture(call, document, format)


def get_neighbours_image(call: Call, format: str) -> Answer:
    """A tile and what is around it."""
    with call.snapshot():
        window, query = neighbour_window(call)
    most = 0 if call.query["boundingBoxesOnly"] else call.settings.max_tile_specs_to_render
    return drawn(call, call.stack, window, query, format, most)


def put_image(call: Call, format: str) -> Answer:
    """The image of render parameters that are sent with their tiles."""
    return picture(call, checked_parameters(call.json_object("render parameters")), format)


def checked_parameters(document: Json) -> Json:
    """Render parameters whose tiles have the types of the contract; 400 where they cannot."""
    tiles = convert(document.get("tileSpecs"), list[Tile], "tileSpecs") or []
    url = document.get("tileSpecUrl")
    if url is not None and not isinstance(url, str):
        raise HttpError(400, f"tileSpecUrl must be text, not {url!r}")
    return {**document, "tileSpecs": [completed_tile("", tile) for tile in tiles]}


def routes() -> Iterator[Route]:
    """Operations 71 to 103, and the 16 bit and raw forms that the contract lacks."""
    tile, group = "S/tile/{tileId}", "S/group/{groupId}/"
    box = "z/{z}/box/{x},{y},{width},{height},{scale}"
    neighbours = (*NEIGHBOUR_QUERY, Parameter("boundingBoxesOnly", boolean, False))
    numbers = _numbers
    yield from _images(tile, get_tile_image, TILE_QUERY, numbers(71, 72, 73, 74))
    source, mask = (partial(get_raw_image, mask=mask) for mask in (False, True))
    yield from _images(f"{tile}/source", source, RENDER_QUERY, numbers(75, 76, 77))
    yield from _images(f"{tile}/mask", mask, RENDER_QUERY, numbers(78, 79, 80))
    around = f"{tile}/withNeighbors"
    yield from _images(around, get_neighbours_image, neighbours, numbers(81))
    yield from _images("O", put_image, (), numbers(82, 83, 84), method="PUT")
    yield from _images("S/z/{z}", get_layer_image, BOX_QUERY, numbers(85, 86, 87))
    boxes = numbers(88, 90, 92, 93, 94, 96, 95)
    yield from _images(f"S/{box}", get_box_image, BOX_QUERY, boxes)
    yield from _dvid_images("S/", (89, 91, 97))
    yield from _images(f"{group}{box}", get_box_image, BOX_QUERY, numbers(98, 100, 102))
    yield from _dvid_images(group, (99, 101, 103))


def _numbers(*numbers: int) -> dict[str, int]:
    return dict(zip(FORMATS, numbers, strict=False))


def _images(
    path: str,
    handler: Handler,
    query: tuple[Parameter, ...],
    numbers: dict[str, int],
    method: str = "GET",
) -> Iterator[Route]:
    """One operation per image format; those that the contract does not number get 0."""
    for format in FORMATS:
        yield _image_route(
            numbers.get(format, 0), f"{path}/{format}-image", handler, format, query, method
        )


def _dvid_images(prefix: str, numbers: tuple[int, int, int]) -> Iterator[Route]:
    path = prefix + "dvid/imagetile/raw/xy/{width}_{height}/{x}_{y}_{z}/"
    for (word, format), number in zip(_DVID.items(), numbers, strict=True):
        yield _image_route(number, path + word, get_box_image, format, BOX_QUERY, "GET")


def _image_route(
    number: int,
    path: str,
    handler: Handler,
    format: str,
    query: tuple[Parameter, ...],
    method: str,
) -> Route:
    return Route(
        number,
        method,
        path,
        partial(handler, format=format),
        query,
        changes=False,
        pixels=True,
        cached=method == "GET",
        consistent=False,
        body="RenderParameters" if method == "PUT" else None,
    )
