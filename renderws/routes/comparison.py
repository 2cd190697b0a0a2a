"""Stacks compared with matches: operations 154 and 155 of the contract (section 1.12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from renderws.cleaning import parse
from renderws.documents import ResidualQuery
from renderws.routes.answers import Answer, HttpError, json_answer
from renderws.routes.call import Call
from renderws.routes.flattening import flat_tiles
from renderws.routes.layers import require_tiles, tile_bounds_json
from renderws.routes.router import Route
from renderws.routes.values import Parameter
from renderws.store.points import is_point_by_point
from renderws.store.protocol import (
    CollectionId,
    Invalid,
    Match,
    MatchQuery,
    NotFound,
    TileBounds,
    TileQuery,
)

Json = dict[str, Any]

_KEY = "local_transforms"


def get_clusters(call: Call) -> Answer:
    """Tiles of a layer by connected component of their matches, largest first."""
    stack, z = call.stack, call.path["z"]
    collection = call.collection_named(call.path["matchCollection"], call.query["matchOwner"])
    require_collection(call, collection)
    require_tiles(call, stack)
    bounds = {
        b.tile_id: b
        for b in call.store.tile_bounds(stack, TileQuery(z=z))
        if b.section_id is not None
    }
    sections = sorted({b.section_id for b in bounds.values() if b.section_id is not None})
    pairs = (tiles_of(match) for match in layer_matches(call, collection, sections))
    inside = [(p, q) for p, q in pairs if p in bounds and q in bounds]
    return json_answer([_cluster_json(tiles, bounds) for tiles in connected(inside)])


def require_collection(call: Call, collection: CollectionId) -> None:
    if not call.store.has_collection(collection):
        raise NotFound(
            f"match collection {collection.name} of owner {collection.owner} does not exist"
        )


def layer_matches(
    call: Call, collection: CollectionId, sections: list[str], details: bool = False
) -> Iterator[Match]:
    """Pairs within and between the sections of a layer, by default without their points."""
    for section in sections:
        query = MatchQuery(within=section)
        yield from call.store.matches(collection, query, details)
    for first, second in combinations(sections, 2):
        query = MatchQuery(group=first, other_group=second)
        yield from call.store.matches(collection, query, details)


def tiles_of(match: Match) -> tuple[str, str]:
    """Tile ids of a pair; of a consensus set those it was split from."""
    split = match.consensus_set or {}
    return split.get("originalPId", match.p_id), split.get("originalQId", match.q_id)


def connected(pairs: list[tuple[str, str]]) -> list[list[str]]:
    """Connected components of a graph of ids, largest first, each in ascending order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ids = sorted({tile_id for pair in pairs for tile_id in pair})
    if not ids:
        return []
    index = {tile_id: i for i, tile_id in enumerate(ids)}
    rows, columns = ([index[pair[side]] for pair in pairs] for side in (0, 1))
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(ids), len(ids)))
    count, labels = connected_components(graph.tocsr(), directed=False)
    found: list[list[str]] = [[] for _ in range(count)]
    for tile_id, label in zip(ids, labels.tolist(), strict=True):
        found[label].append(tile_id)
    return sorted(found, key=lambda tiles: (-len(tiles), tiles[0]))


def _cluster_json(tiles: list[str], bounds: dict[str, TileBounds]) -> list[Json]:
    return [tile_bounds_json(bounds[tile_id]) for tile_id in tiles]


def post_residuals(call: Call) -> Answer:
    """Distances in the world between the points of one pair, as this stack places its tiles.

    The points must be known to lie in post-local coordinates: `localTransforms` in the request, or
    `local_transforms` in the metadata of the collection, says after how many transforms of a tile.
    """
    query = parse(call.body, ResidualQuery, "the request body") or {}
    missing = [k for k in ("matchCollectionId", "pTileId", "qTileId") if k not in query]
    if missing:
        raise HttpError(400, f"the request body has no {', '.join(missing)}")
    named = query["matchCollectionId"]
    collection = call.collection_named(named.get("name", ""), named.get("owner"))
    require_collection(call, collection)
    skipped = local_transforms(call, collection, query.get("localTransforms"))
    ids = (query["pTileId"], query["qTileId"])
    p, q = (_specs(call, tile_id) for tile_id in ids)
    _check_match_stack(call, query, ids, (p, q), skipped)
    distances = _distances(call, collection, ids, (p[skipped:], q[skipped:]))
    return json_answer(
        {
            "pTileId": ids[0],
            "qTileId": ids[1],
            "localTransforms": skipped,
            "matchCount": len(distances),
            "minimum": float(distances.min()),
            "maximum": float(distances.max()),
            "mean": float(distances.mean()),
            "median": float(np.median(distances)),
            "standardDeviation": float(distances.std()),
            "rootMeanSquare": float(np.sqrt(np.mean(distances**2))),
        }
    )


def local_transforms(call: Call, collection: CollectionId, given: int | None) -> int:
    """After how many transforms of a tile the points of a collection are; Invalid where unknown."""
    known = call.store.collection_metadata(collection).get(_KEY) if given is None else given
    if not isinstance(known, int) or known < 0:
        raise Invalid(
            f"after how many transforms of a tile are the points of '{collection.name}'? Give"
            f" localTransforms, or record {_KEY} with the collection"
        )
    return known


def _specs(call: Call, tile_id: str, stack: Any = None) -> list[Json]:
    stack = stack or call.stack
    (tile,) = flat_tiles(call.store, stack, [call.store.tile(stack, tile_id)])
    return tile["transforms"]["specList"]


def _check_match_stack(
    call: Call,
    query: Json,
    ids: tuple[str, str],
    specs: tuple[list[Json], list[Json]],
    skipped: int,
) -> None:
    """400 when the stack the matches were made from has other local transforms than this one."""
    named = query.get("matchRenderStackId")
    if not named:
        return
    stack = call.stack_named(named.get("stack", ""), named.get("project"), named.get("owner"))
    for tile_id, here in zip(ids, specs, strict=True):
        there = _specs(call, tile_id, stack)
        same = [spec.get("dataString") for spec in there[:skipped]] == [
            spec.get("dataString") for spec in here[:skipped]
        ]
        if not same:
            raise Invalid(
                f"the first {skipped} transforms of tile '{tile_id}' differ between"
                f" {stack.stack} and {call.stack.stack}, so the points do not fit"
            )


def _distances(
    call: Call,
    collection: CollectionId,
    ids: tuple[str, str],
    specs: tuple[list[Json], list[Json]],
) -> np.ndarray:
    """World distances of all points of the pair, whichever of the tiles is p."""
    from renderapi.transform.specs import leaves, transform_points

    transforms = [leaves(parts) for parts in specs]
    found = []
    for match in _pairs(call, collection, ids):
        if match.p is not None and is_point_by_point(match.p):
            raise Invalid(
                f"the points of '{ids[0]}' and '{ids[1]}' are stored in {collection.name} point by"
                " point (N x 2): store them anew as a row of x and one of y (2 x N)"
            )
        sides = (match.p, match.q) if tiles_of(match) == ids else (match.q, match.p)
        world = [
            transform_points(transform, np.ascontiguousarray(side.T))
            for transform, side in zip(transforms, sides, strict=True)
            if side is not None
        ]
        found.append(np.linalg.norm(world[0] - world[1], axis=1))
    if not found or not sum(map(len, found)):
        raise NotFound(f"there are no matches of '{ids[0]}' and '{ids[1]}' in {collection.name}")
    return np.concatenate(found)


def _pairs(call: Call, collection: CollectionId, ids: tuple[str, str]) -> Iterable[Match]:
    """All match sets of two tiles, found by the sections that this stack says they are in."""
    groups = []
    for tile_id in ids:
        record = call.store.tile(call.stack, tile_id)
        groups.append(record.section_id or collection.name)
    for match in call.store.matches(collection, MatchQuery(group=groups[0], other_group=groups[1])):
        if set(tiles_of(match)) == set(ids):
            yield match


def routes() -> tuple[Route, ...]:
    """Operations 154 and 155."""
    clusters = "S/z/{z}/clusteredTileBoundsForCollection/{matchCollection}"
    residual = "S/pairResidualCalculation"
    return (
        Route(154, "GET", clusters, get_clusters, (Parameter("matchOwner"),)),
        Route(155, "POST", residual, post_residuals, changes=False, body="PairResidualQuery"),
    )
