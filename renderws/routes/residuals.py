"""How well a stack agrees with its matches, in bulk: our own, not in the contract.

What the pages of the dashboard draw and list: for the pairs of two layers how far apart the stack
places their points, and for all layers how many pairs and points join any two sections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderws.routes.answers import Answer, dumps, json_answer, json_stream
from renderws.routes.call import Call
from renderws.routes.comparison import (
    layer_matches,
    local_transforms,
    require_collection,
    tiles_of,
)
from renderws.routes.flattening import flat_tiles, limited
from renderws.routes.layers import Z_RANGE, require_tiles, section_json
from renderws.routes.router import Route
from renderws.routes.values import Parameter, boolean, double, integer
from renderws.store.points import is_point_by_point
from renderws.store.protocol import (
    CollectionId,
    Invalid,
    Match,
    MatchQuery,
    StackId,
    TileBounds,
    TileQuery,
)

Json = dict[str, Any]
Points = NDArray[np.float64]

MOST_POINTS = 5_000_000  # of one answer: 160 MB of world coordinates
_OWNER = Parameter("matchOwner")
_QUERY = (
    _OWNER,
    Parameter("toZ", double),
    Parameter("localTransforms", integer),
    Parameter("points", boolean, False),
)


def get_residuals(call: Call) -> Answer:
    """Pairs of a layer, or between it and another, with the distances of their points in the world.

    One object for each pair: ids, `matchCount`, `weighted` (points whose weight is above 0, to
    which the figures refer), `mean`, `rootMeanSquare` and `maximum` of the distances, and
    `coverage`: the area that the points span, as a part of the overlap of the boxes of the tiles.
    With `points=true` also the world coordinates: `p` and `q`, a row of x and one of y, and `w`.
    """
    stack = call.stack
    require_tiles(call, stack)
    z, to_z = call.path["z"], call.query["toZ"]
    collection = call.collection_named(call.path["matchCollection"], call.query["matchOwner"])
    require_collection(call, collection)
    skipped = local_transforms(call, collection, call.query["localTransforms"])
    zs = (z,) if to_z is None or to_z == z else (z, to_z)
    layers = [call.store.tile_bounds(stack, TileQuery(z=layer)) for layer in zs]
    bounds = {b.tile_id: b for layer in layers for b in layer}
    matches = [match for match in _matches(call, collection, layers) if _known(match, bounds)]
    world = _World(call, stack, skipped, matches)
    return json_stream(
        dumps(_pair_json(match, world.of(place), bounds, call.query["points"]))
        for place, match in enumerate(matches)
    )


def _known(match: Match, bounds: dict[str, TileBounds]) -> bool:
    return all(tile_id in bounds for tile_id in tiles_of(match))


def _matches(
    call: Call, collection: CollectionId, layers: Sequence[list[TileBounds]]
) -> Iterator[Match]:
    """All pairs within the one layer, or between the two; at most `MOST_POINTS` points of them."""
    names = [sorted({b.section_id or collection.name for b in layer}) for layer in layers]
    left = MOST_POINTS
    if len(names) == 1:
        found = layer_matches(call, collection, names[0], details=True)
    else:
        found = _between(call, collection, names)
    for match in found:
        left -= match.count
        if left < 0:
            raise Invalid(f"these pairs have more than {MOST_POINTS} matches; ask for one layer")
        yield match


def _between(call: Call, collection: CollectionId, names: Sequence[list[str]]) -> Iterator[Match]:
    for first, second in product(*names):
        yield from call.store.matches(collection, MatchQuery(group=first, other_group=second))


class _World:
    """World coordinates of the points of matches, mapped tile by tile, all points of one at once.

    Transforms apply to all points of a tile in one call.
    """

    def __init__(self, call: Call, stack: StackId, skipped: int, matches: Sequence[Match]) -> None:
        from renderapi.transform.specs import leaves, transform_points

        uses: dict[str, list[tuple[int, int, Points]]] = {}
        for place, match in enumerate(matches):
            if match.p is not None and is_point_by_point(match.p):
                raise Invalid(
                    f"the points of '{match.p_id}' and '{match.q_id}' are stored point by point"
                    " (N x 2): store them anew as a row of x and one of y (2 x N)"
                )
            for side, tile_id in enumerate(tiles_of(match)):
                points = match.p if side == 0 else match.q
                if points is not None:
                    uses.setdefault(tile_id, []).append((place, side, points.T))
        self._sides: dict[tuple[int, int], Points] = {}
        records = limited(call, stack, TileQuery(tile_ids=sorted(uses))) if uses else []
        for tile in flat_tiles(call.store, stack, records):
            parts = uses[tile["tileId"]]
            transforms = leaves(tile["transforms"]["specList"][skipped:])
            mapped = transform_points(transforms, np.concatenate([points for *_, points in parts]))
            ends = np.cumsum([len(points) for *_, points in parts])[:-1]
            for (place, side, _), world in zip(parts, np.split(mapped, ends), strict=True):
                self._sides[place, side] = world.T

    def of(self, place: int) -> tuple[Points, Points]:
        """p and q, in the world, of the match at a place of the list: (2, N) float64 each."""
        return self._sides[place, 0], self._sides[place, 1]


def _pair_json(
    match: Match,
    world: tuple[Points, Points],
    bounds: dict[str, TileBounds],
    with_points: bool,
) -> Json:
    p, q = world
    ids = tiles_of(match)
    weights = np.ones(match.count) if match.w is None else match.w
    used = weights > 0
    distances = np.linalg.norm(p[:, used] - q[:, used], axis=0)
    value: Json = {
        "pGroupId": match.p_group_id,
        "pId": ids[0],
        "qGroupId": match.q_group_id,
        "qId": ids[1],
        "matchCount": match.count,
        "weighted": len(distances),
        "mean": float(distances.mean()) if len(distances) else None,
        "rootMeanSquare": float(np.sqrt(np.mean(distances**2))) if len(distances) else None,
        "maximum": float(distances.max()) if len(distances) else None,
        "coverage": coverage((p[:, used] + q[:, used]) / 2, bounds[ids[0]], bounds[ids[1]]),
    }
    if with_points:
        rounded = [np.ascontiguousarray(np.round(points, 3)) for points in (p, q)]
        value |= {"p": rounded[0], "q": rounded[1], "w": weights}
    return value


def coverage(points: Points, one: TileBounds, other: TileBounds) -> float:
    """Area of the convex hull of world points (2, N), as a part of the overlap of two boxes.

    Between 0 and 1; 0 for fewer than three points or boxes that do not overlap.
    """
    import cv2

    width = min(one.max_x, other.max_x) - max(one.min_x, other.min_x)
    height = min(one.max_y, other.max_y) - max(one.min_y, other.min_y)
    if points.shape[1] < 3 or width <= 0 or height <= 0:
        return 0.0
    near = (points - points.mean(axis=1, keepdims=True)).T.astype(np.float32)
    return min(1.0, float(cv2.contourArea(cv2.convexHull(near))) / (width * height))


def get_section_links(call: Call) -> Answer:
    """Sections of a stack, and how many pairs and matches of a collection join any two of them.

    `sections` as in sectionData; `links` are `{pGroupId, qGroupId, pairCount, matchCount,
    leastMatchCount}`, the last one of the pair that has fewest.
    """
    stack = call.stack
    require_tiles(call, stack)
    collection = call.collection_named(call.path["matchCollection"], call.query["matchOwner"])
    require_collection(call, collection)
    sections = call.store.section_data(stack, call.query["minZ"], call.query["maxZ"])
    names = {section.section_id for section in sections}
    links: dict[tuple[str, str], list[int]] = {}
    for name in sorted(names):
        for match in call.store.matches(collection, MatchQuery(p_group=name), details=False):
            if match.q_group_id in names:
                link = links.setdefault((name, match.q_group_id), [0, 0, match.count])
                link[0] += 1
                link[1] += match.count
                link[2] = min(link[2], match.count)
    keys = ("pairCount", "matchCount", "leastMatchCount")
    return json_answer(
        {
            "sections": [section_json(section) for section in sections],
            "links": [
                {"pGroupId": p, "qGroupId": q, **dict(zip(keys, counts, strict=True))}
                for (p, q), counts in links.items()
            ],
        }
    )


def routes() -> tuple[Route, ...]:
    """Residuals of pairs, and links of sections."""
    residuals = "S/z/{z}/matchResiduals/{matchCollection}"
    links = "S/sectionLinks/{matchCollection}"
    return (
        Route(0, "GET", residuals, get_residuals, _QUERY),
        Route(0, "GET", links, get_section_links, (_OWNER, *Z_RANGE)),
    )
