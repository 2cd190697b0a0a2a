"""Render parameters: operations 59 to 63 and 66 to 70 of the contract (sections 1.5 to 1.7)."""

from __future__ import annotations

from typing import Any

from renderapi.errors import ImageError, RenderError
from renderapi.rendering import windows
from renderws.routes.answers import (
    Answer,
    HttpError,
    dumps,
    json_answer,
    json_bytes,
    text_answer,
)
from renderws.routes.call import Call
from renderws.routes.flattening import flat_tiles, flattened
from renderws.routes.layers import box_query, layer_box
from renderws.routes.router import Route
from renderws.routes.values import RENDER_QUERY, Parameter, boolean, double, integer
from renderws.store.protocol import StackId, TileQuery

Json = dict[str, Any]

TILE_QUERY = (
    *RENDER_QUERY,
    Parameter("x", integer),
    Parameter("y", integer),
    Parameter("width", integer),
    Parameter("height", integer),
    Parameter("normalizeForMatching", boolean),
    Parameter("excludeTransformsAfterLast", repeat=True, empty=True),
    Parameter("excludeFirstTransformAndAllAfter", repeat=True, empty=True),
    Parameter("excludeAllTransforms", empty=True),
    Parameter("removeAllOption", boolean),
)
NEIGHBOUR_QUERY = (
    *RENDER_QUERY,
    Parameter("widthFactor", double, windows.NEIGHBOUR_FACTOR),
    Parameter("heightFactor", double, windows.NEIGHBOUR_FACTOR),
)


def stack_options(call: Call, stack: StackId) -> Json:
    """What a stack and the server add to render parameters; 404 when there is no such stack."""
    version = call.store.stack_version(stack)
    builder = version.get("mipmapPathBuilder")
    if builder and not builder.get("rootPath", "/").endswith("/"):
        builder = {**builder, "rootPath": builder["rootPath"] + "/"}
    return {
        "mipmap_path_builder": builder,
        "default_channel": version.get("defaultChannel"),
        "filter_lists": call.settings.filter_lists,
    }


def box_window(call: Call) -> Json:
    """Render parameters of the box of the path, without tiles."""
    x, y, width, height = (call.path[name] for name in ("x", "y", "width", "height"))
    scale = call.path.get("scale", 1.0)
    options = stack_options(call, call.stack)
    return windows.box_parameters([], x, y, width, height, scale, call.query, **options)


def layer_window(call: Call, scale: float) -> Json:
    """Render parameters of the layer of the path, without tiles; `scale` is the default."""
    options = stack_options(call, call.stack)
    bounds = layer_box(call)
    return windows.layer_parameters([], bounds, call.query, scale, **options)


def with_documents(window: Json, documents: list[bytes]) -> Answer:
    """Render parameters with tile specifications that are JSON already."""
    del window["tileSpecs"]
    head, tiles = dumps(window), b",".join(documents)
    return json_bytes(b'%b,"tileSpecs":[%b]}' % (head[:-1], tiles))


def get_box(call: Call) -> Answer:
    """Render parameters of a box."""
    query = box_query(call)
    return with_documents(box_window(call), flattened(call, call.stack, query))


def get_layer(call: Call) -> Answer:
    """Render parameters of a whole layer."""
    window = layer_window(call, 1.0)
    return with_documents(window, flattened(call, call.stack, TileQuery(z=call.path["z"])))


def path_tile(call: Call) -> Json:
    """The tile of the path, its transforms flattened; 404 when it is not stored."""
    stack = call.stack
    (tile,) = flat_tiles(call.store, stack, [call.store.tile(stack, call.path["tileId"])])
    return tile


def tile_window(call: Call) -> Json:
    """Render parameters of the tile of the path, by the rules for matching where asked for."""
    options = stack_options(call, call.stack)
    document = windows.tile_parameters(path_tile(call), call.query, **options)
    if call.settings.legacy_tile_size:
        for side in ("width", "height"):
            if call.query[side] is None:
                document[side] += 1
    return document


def get_tile_window(call: Call) -> Answer:
    """Render parameters of a tile."""
    return json_answer(tile_window(call))


def raw_window(call: Call, mask: bool) -> Json:
    """Render parameters of the raw image or mask of the tile of the path."""
    scale = call.path.get("scale", 1.0)
    return windows.raw_parameters(path_tile(call), call.query, scale, mask)


def get_source(call: Call) -> Answer:
    """Render parameters of the raw image of a tile."""
    return json_answer(raw_window(call, mask=False))


def get_mask(call: Call) -> Answer:
    """Render parameters of the raw mask of a tile; without a mask they name no image."""
    try:
        return json_answer(raw_window(call, mask=True))
    except RenderError:
        window = raw_window(call, mask=False)
    (tile,) = window["tileSpecs"]
    tile["mipmapLevels"] = {level: {} for level in tile["mipmapLevels"]}
    return json_answer(window)


def neighbour_window(call: Call) -> tuple[Json, TileQuery]:
    """Render parameters, without tiles, of the box around the tile of the path; and its tiles."""
    options = stack_options(call, call.stack)
    tile = path_tile(call)
    if tile.get("z") is None:
        raise HttpError(400, f"tile '{tile['tileId']}' has no z, so it has no neighbours")
    x, y, width, height = windows.neighbourhood(tile, call.query)
    window = windows.box_parameters([], x, y, width, height, 1.0, call.query, **options)
    return window, TileQuery(z=tile["z"], box=(x, y, x + width, y + height))


def get_neighbours(call: Call) -> Answer:
    """Render parameters of the box around a tile."""
    window, query = neighbour_window(call)
    return with_documents(window, flattened(call, call.stack, query))


def get_tile(call: Call) -> Answer:
    """A tile as it is stored, references unresolved."""
    return json_bytes(call.store.tile(call.stack, call.path["tileId"]).document)


def delete_tile(call: Call) -> Answer:
    """Remove a tile."""
    call.store.delete_tiles(call.stack, TileQuery(tile_ids=[call.path["tileId"]]))
    return Answer()


def get_validation(call: Call) -> Answer:
    """200 when the files and transforms of a tile can be used, else 400 with the reason."""
    check_tile(call, path_tile(call))
    return text_answer("")


def check_tile(call: Call, tile: Json, transforms: bool = True) -> list[str]:
    """Check that the images (and transforms) of a tile can be used; gives what to know beside.

    Raises
    ------
    RenderError
        The first thing that is wrong.
    """
    from renderapi.rendering.mask_sizes import ignored_masks
    from renderapi.rendering.sources import channels_of, validate_sources
    from renderapi.transform.specs import flatten, leaves

    name = tile.get("tileId")
    sources = call.service.sources.view()
    if not channels_of(tile):
        raise ImageError(f"tile {name} has no images")
    validate_sources(tile, sources)
    if transforms:
        leaves(flatten(tile.get("transforms") or {"type": "list", "specList": []}, {}))
    return ignored_masks(tile, sources)


def routes() -> tuple[Route, ...]:
    """Operations 59 to 63 and 64 to 70."""
    word = "render-parameters"
    tile = "S/tile/{tileId}"
    box = "z/{z}/box/{x},{y},{width},{height},{scale}"
    dvid = "dvid/imagetile/raw/xy/{width}_{height}/{x}_{y}_{z}"
    group = "S/group/{groupId}"
    return (
        Route(59, "GET", f"S/z/{{z}}/{word}", get_layer, RENDER_QUERY),
        Route(60, "GET", f"S/{box}/{word}", get_box, RENDER_QUERY, quick=True),
        Route(61, "GET", f"S/{dvid}/{word}", get_box, RENDER_QUERY, quick=True),
        Route(62, "GET", f"{group}/{box}/{word}", get_box, RENDER_QUERY, quick=True),
        Route(63, "GET", f"{group}/{dvid}/{word}", get_box, RENDER_QUERY, quick=True),
        Route(64, "GET", tile, get_tile, quick=True),
        Route(65, "DELETE", tile, delete_tile),
        Route(66, "GET", f"{tile}/{word}", get_tile_window, TILE_QUERY, quick=True),
        Route(67, "GET", f"{tile}/validation-info", get_validation, pixels=True),
        Route(68, "GET", f"{tile}/source/scale/{{scale}}/{word}", get_source, RENDER_QUERY),
        Route(69, "GET", f"{tile}/mask/scale/{{scale}}/{word}", get_mask, RENDER_QUERY),
        Route(70, "GET", f"{tile}/withNeighbors/{word}", get_neighbours, NEIGHBOUR_QUERY),
    )
