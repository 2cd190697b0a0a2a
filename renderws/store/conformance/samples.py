"""Stacks, tiles and matches to test stores with."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from renderws.store.documents import new_tiles
from renderws.store.protocol import (
    CollectionId,
    Json,
    Match,
    StackId,
    Store,
    TileQuery,
    TileRecord,
)

STACK = StackId("owner", "project", "stack")
OTHER = StackId("owner", "project", "other")
COLLECTION = CollectionId("owner", "matches")
AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
ALL = TileQuery()


def affine(x: float, y: float, **extra: Any) -> Json:
    """A leaf that shifts by (x, y)."""
    return {"type": "leaf", "className": AFFINE, "dataString": f"1 0 0 1 {x} {y}", **extra}


def reference(transform_id: str) -> Json:
    return {"type": "ref", "refId": transform_id}


def tile(
    tile_id: str,
    z: float | None = 1.0,
    x: float = 0.0,
    y: float = 0.0,
    *,
    size: float = 100.0,
    section: str | None = None,
    group: str | None = None,
    transforms: list[Json] | None = None,
    **extra: Any,
) -> TileRecord:
    """A square tile whose box is (x, y) to (x + size, y + size)."""
    specs = [affine(x, y)] if transforms is None else transforms
    spec: Json = {
        "tileId": tile_id,
        "z": z,
        "minX": x,
        "minY": y,
        "maxX": x + size,
        "maxY": y + size,
        "width": size,
        "height": size,
        "layout": {"sectionId": section} if section is not None else None,
        "groupId": group,
        "meshCellSize": 64.0,
        "transforms": {"type": "list", "specList": specs},
        **extra,
    }
    document = orjson.dumps({key: value for key, value in spec.items() if value is not None})
    flat = all(item["type"] == "leaf" for item in specs)
    return TileRecord(tile_id, z, x, y, x + size, y + size, section, group, flat, document)


def loading(store: Store, *tiles: TileRecord, stack: StackId = STACK, **transforms: Json) -> Store:
    """The store, with these tiles and shared transforms in a LOADING stack."""
    store.create_stack(stack, {"versionNotes": "test"})
    if tiles or transforms:
        store.save_tiles(stack, new_tiles(tiles), documents(**transforms))
    return store


def documents(**transforms: Json) -> dict[str, bytes]:
    """Shared transforms by id, as the store takes them."""
    return {name: orjson.dumps({"id": name, **spec}) for name, spec in transforms.items()}


def spec_of(store: Store, tile_id: str, stack: StackId = STACK) -> Json:
    """The stored document of a tile."""
    spec: Json = orjson.loads(store.tile(stack, tile_id).document)
    return spec


def ids(store: Store, query: TileQuery = ALL, stack: StackId = STACK) -> list[str]:
    return [record.tile_id for record in store.tiles(stack, query)]


def match(p: str, q: str, count: int = 3, seed: int = 0, **extra: Any) -> Match:
    """Matches between canvases given as "group/id"."""
    rng = np.random.default_rng(seed)
    p_group, p_id = p.split("/")
    q_group, q_id = q.split("/")
    return Match(
        p_group,
        p_id,
        q_group,
        q_id,
        rng.uniform(0, 5000, (2, count)),
        rng.uniform(0, 5000, (2, count)),
        rng.uniform(0, 1, count),
        count,
        **extra,
    )


def same_match(one: Match, other: Match) -> bool:
    """Whether two matches agree exactly, points included."""
    scalars = ("p_group_id", "p_id", "q_group_id", "q_id", "count", "consensus_set")
    return all(getattr(one, name) == getattr(other, name) for name in scalars) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("p", "q", "w")
    )
