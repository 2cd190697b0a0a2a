"""Which part of the world a request shows: RenderParameters documents of tiles, boxes and layers.

Everything works on JSON dicts with *flattened or nested but resolved* transforms, and on a `query`:
a mapping of parameter names to values, typed or as the text of a URL (lists where a parameter is
repeated). Names and defaults are those of the service (its "shared render query parameters").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from renderapi.errors import SpecError
from renderapi.rendering.parameters import (
    DEFAULT_JPEG_QUALITY,
    DEFAULT_MESH_CELL_SIZE,
    LARGEST_SIDE,
    number,
    optional_number,
    whole_number,
)

Json = dict[str, Any]
Query = Mapping[str, Any]
NEIGHBOUR_FACTOR = 0.3
LAYER_IMAGE_SCALE = 0.01


def base_parameters(
    x: float, y: float, width: int, height: int, scale: float, tiles: Sequence[Json]
) -> Json:
    """RenderParameters of a window with every key that a service always writes."""
    return {
        "meshCellSize": DEFAULT_MESH_CELL_SIZE,
        "minMeshCellSize": 0.0,
        "x": float(x),
        "y": float(y),
        "width": int(width),
        "height": int(height),
        "scale": float(scale),
        "areaOffset": False,
        "convertToGray": False,
        "quality": DEFAULT_JPEG_QUALITY,
        "numberOfThreads": 1,
        "skipInterpolation": False,
        "binaryMask": False,
        "excludeMask": False,
        "doFilter": False,
        "addWarpFieldDebugOverlay": False,
        "fillWithNoise": False,
        "tileSpecs": list(tiles),
        "minBoundsMeshCellSize": DEFAULT_MESH_CELL_SIZE,
    }


def box_parameters(
    tiles: Sequence[Json],
    x: float,
    y: float,
    width: int,
    height: int,
    scale: float = 1.0,
    query: Query | None = None,
    **stack: Any,
) -> Json:
    """RenderParameters of a box.

    Parameters
    ----------
    tiles : sequence of tile dicts
        Those whose boxes touch the window; drawn in ascending order of tileId.
    x, y : float
        World origin.
    width, height : int
        World pixels.
    scale : float
        Of the path; a `scale` in the query overrides it.
    query : mapping, optional
        Shared render query parameters.
    **stack
        What the stack adds: see `apply_query`.
    """
    document = base_parameters(x, y, width, height, scale, sorted_tiles(tiles))
    return apply_query(document, query or {}, **stack)


def layer_parameters(
    tiles: Sequence[Json],
    bounds: tuple[float, float, float, float] | None = None,
    query: Query | None = None,
    scale: float = 1.0,
    **stack: Any,
) -> Json:
    """RenderParameters of a whole layer.

    Parameters
    ----------
    tiles : sequence of tile dicts
    bounds : (minX, minY, maxX, maxY), optional
        Of the layer; those of the tiles' boxes when absent.
    query : mapping, optional
    scale : float
        When the query has none: 1.0 for documents, `LAYER_IMAGE_SCALE` for images.
    """
    min_x, min_y, max_x, max_y = bounds or bounds_of(tiles)
    width, height = int(max_x - min_x), int(max_y - min_y)
    return box_parameters(tiles, min_x, min_y, width, height, scale, query, **stack)


def tile_parameters(tile: Json, query: Query | None = None, **stack: Any) -> Json:
    """RenderParameters of one tile: its own box, or the window the query asks for.

    `normalizeForMatching`, `excludeAllTransforms`, `excludeTransformsAfterLast` and
    `excludeFirstTransformAndAllAfter` reduce the transforms; the box is then derived again.
    `removeAllOption` stands in for an absent `excludeAllTransforms`.
    """
    query = query or {}
    normalize = _boolean(query, "normalizeForMatching")
    reduced = {**tile, "transforms": {"type": "list", "specList": _flat(tile)}}
    leaves = _reduced_leaves(reduced["transforms"]["specList"], query, normalize)
    if leaves is not None:
        reduced["transforms"] = {"type": "list", "specList": leaves}
        reduced.update(_derived_box(reduced))
    min_x, min_y, max_x, max_y = bounds_of([reduced])
    origin = (0.0, 0.0) if normalize else (min_x, min_y)
    document = base_parameters(
        origin[0] + number(_scalars(query), "x", 0.0),
        origin[1] + number(_scalars(query), "y", 0.0),
        whole_number(_scalars(query), "width", int(max_x - min_x)),
        whole_number(_scalars(query), "height", int(max_y - min_y)),
        1.0,
        [reduced],
    )
    return apply_query(document, query, **stack)


def tiles_parameters(tiles: Sequence[Json], scale: float, options: Query) -> Json:
    """RenderParameters over the box that holds all tiles, derived from their transforms."""
    from renderapi.bounds import tile_box

    if not tiles:
        raise SpecError("there are no tiles to draw")
    boxes = [tile_box(tile) for tile in tiles]
    min_x, min_y = min(box[0] for box in boxes), min(box[1] for box in boxes)
    max_x, max_y = max(box[2] for box in boxes), max(box[3] for box in boxes)
    document = base_parameters(min_x, min_y, int(max_x - min_x), int(max_y - min_y), scale, tiles)
    if "filter" in options:
        options = {"doFilter": options["filter"], **options}
    return {**document, **{key: value for key, value in options.items() if key != "filter"}}


def raw_parameters(
    tile: Json, query: Query | None = None, scale: float = 1.0, mask: bool = False
) -> Json:
    """RenderParameters of a tile's first image (or mask) as it is stored, without transforms.

    Raises
    ------
    SpecError
        The tile has no mask, or no size.
    """
    channel = (tile.get("channels") or [tile])[0]
    levels = channel.get("mipmapLevels") or {}
    if not levels:
        raise SpecError(f"tile {tile.get('tileId')} has no images")
    first = min(levels, key=int)
    entry = levels[first]
    kind = "mask" if mask else "image"
    if not entry.get(f"{kind}Url"):
        raise SpecError(f"tile {tile.get('tileId')} has no {kind}")
    image = {
        "imageUrl": entry[f"{kind}Url"],
        "imageLoaderType": entry.get(f"{kind}LoaderType"),
        "imageSliceNumber": entry.get(f"{kind}SliceNumber"),
    }
    width, height = _size(tile)
    raw = {
        "tileId": tile.get("tileId"),
        "z": tile.get("z"),
        "width": width,
        "height": height,
        "minX": 0.0, "minY": 0.0, "maxX": width, "maxY": height,
        "minIntensity": 0.0 if mask else channel.get("minIntensity", 0.0),
        "maxIntensity": 255.0 if mask else channel.get("maxIntensity", 255.0),
        "mipmapLevels": {first: {key: value for key, value in image.items() if value is not None}},
        "transforms": {"type": "list", "specList": []},
        "meshCellSize": tile.get("meshCellSize", DEFAULT_MESH_CELL_SIZE),
    }  # fmt: skip
    raw = {key: value for key, value in raw.items() if value is not None}
    document = base_parameters(0.0, 0.0, int(width), int(height), scale, [raw])
    return apply_query(document, query or {})


def neighbourhood(tile: Json, query: Query | None = None) -> tuple[float, float, int, int]:
    """Box around a tile (x, y, width, height): its size and a share of it on every side."""
    scalars = _scalars(query or {})
    across = number(scalars, "widthFactor", NEIGHBOUR_FACTOR)
    down = number(scalars, "heightFactor", NEIGHBOUR_FACTOR)
    width, height = _size(tile)
    min_x, min_y, _, _ = bounds_of([tile])
    for name, size, factor in (("width", width, across), ("height", height, down)):
        if not abs(2 * size * factor) < LARGEST_SIDE:
            raise SpecError(f"{name}Factor {factor} makes a window that is too large")
    return (
        min_x - width * across,
        min_y - height * down,
        int(width) + int(2 * width * across),
        int(height) + int(2 * height * down),
    )


def apply_query(
    document: Json,
    query: Query,
    *,
    mipmap_path_builder: Json | None = None,
    default_channel: str | None = None,
    filter_lists: Mapping[str, list[Json]] | None = None,
) -> Json:
    """Put the shared render query parameters into a RenderParameters document.

    Parameters
    ----------
    document : dict
        Changed and given back.
    query : mapping
        scale, filter, filterListName, binaryMask, excludeMask, convertToGray, fillWithNoise,
        minIntensity, maxIntensity, channels; others are ignored.
    mipmap_path_builder, default_channel
        Of the stack.
    filter_lists : mapping, optional
        Named lists of the server, beside the built-in ones.

    Raises
    ------
    SpecError
        An unknown filter list, or a value that is no number.
    """
    scalars = _scalars(query)
    document["scale"] = number(scalars, "scale", document["scale"])
    for key in ("binaryMask", "excludeMask", "convertToGray", "fillWithNoise"):
        if key in scalars:
            document[key] = _boolean(query, key)
    document["doFilter"] = _boolean(query, "filter")
    name = scalars.get("filterListName")
    if name:
        document["filterSpecs"] = _named_filters(str(name), filter_lists)
    for key in ("minIntensity", "maxIntensity"):
        value = optional_number(scalars, key)
        if value is not None:
            document[key] = value
    channels = scalars.get("channels") or default_channel
    if channels:
        document["channels"] = channels
    if mipmap_path_builder:
        document["mipmapPathBuilder"] = mipmap_path_builder
    return document


def sorted_tiles(tiles: Sequence[Json]) -> list[Json]:
    """Tiles by ascending tileId (code points), the order in which they are drawn."""
    return sorted(tiles, key=lambda tile: str(tile.get("tileId")))


def bounds_of(tiles: Sequence[Json]) -> tuple[float, float, float, float]:
    """Box of the stored boxes of tiles (minX, minY, maxX, maxY)."""
    if not tiles:
        raise SpecError("there are no tiles")
    for tile in tiles:
        if any(tile.get(key) is None for key in ("minX", "minY", "maxX", "maxY")):
            raise SpecError(f"tile {tile.get('tileId')} has no bounding box")
    return (
        min(float(tile["minX"]) for tile in tiles),
        min(float(tile["minY"]) for tile in tiles),
        max(float(tile["maxX"]) for tile in tiles),
        max(float(tile["maxY"]) for tile in tiles),
    )


def _flat(tile: Json) -> list[Json]:
    from renderapi.transform import specs

    document = tile.get("transforms") or {"type": "list", "specList": []}
    return specs.flatten(document, None)


def _reduced_leaves(leaves: list[Json], query: Query, normalize: bool) -> list[Json] | None:
    """Leaves that a matching request keeps; None when it asks for no reduction."""
    after_last = _texts(query, "excludeTransformsAfterLast")
    first_and_after = _texts(query, "excludeFirstTransformAndAllAfter")
    exclude_all = _texts(query, "excludeAllTransforms")
    if not exclude_all and _boolean(query, "removeAllOption"):
        exclude_all = ["true"]
    if exclude_all or after_last or first_and_after:
        if exclude_all and exclude_all[-1].lower() == "true":
            return []
        return _without_labelled(leaves, set(after_last), set(first_and_after))
    return _legacy_leaves(leaves) if normalize else None


def _without_labelled(
    leaves: list[Json], after_last: set[str], first_and_after: set[str]
) -> list[Json]:
    last = [n for n, leaf in enumerate(leaves) if _labels(leaf) & after_last]
    if last:
        leaves = leaves[: last[-1] + 1]
    first = [n for n, leaf in enumerate(leaves) if _labels(leaf) & first_and_after]
    return leaves[: first[0]] if first else leaves


def _legacy_leaves(leaves: list[Json]) -> list[Json]:
    """Up to the last lens correction; without one, all but the last, and at most two."""
    lenses = [n for n, leaf in enumerate(leaves) if "lens" in _labels(leaf)]
    return leaves[: lenses[-1] + 1] if lenses else leaves[:-1][:2]


def _labels(leaf: Json) -> set[str]:
    return set((leaf.get("metaData") or {}).get("labels") or [])


def _derived_box(tile: Json) -> Json:
    from renderapi.bounds import tile_box

    return dict(zip(("minX", "minY", "maxX", "maxY"), map(float, tile_box(tile)), strict=True))


def _size(tile: Json) -> tuple[float, float]:
    width, height = optional_number(tile, "width"), optional_number(tile, "height")
    if width is None or height is None:
        raise SpecError(f"tile {tile.get('tileId')} has no width and height")
    return width, height


def _named_filters(name: str, lists: Mapping[str, list[Json]] | None) -> list[Json]:
    from renderapi.rendering.filters import NAMED_FILTERS

    known: dict[str, Any] = {**NAMED_FILTERS, **(lists or {})}
    if name not in known:
        raise SpecError(f"unknown filter list {name!r}; known: {', '.join(sorted(known))}")
    return list(known[name])


def _texts(query: Query, key: str) -> list[str]:
    value = query.get(key)
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def _scalars(query: Query) -> Json:
    """The last value of each parameter that has one."""
    last = {}
    for key, value in query.items():
        if isinstance(value, (list, tuple)):
            value = value[-1] if value else None
        if value is not None:
            last[key] = value
    return last


def _boolean(query: Query, key: str) -> bool:
    texts = _texts(query, key)
    return bool(texts) and texts[-1].strip().lower() == "true"
