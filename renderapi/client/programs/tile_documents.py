"""Tile specs as JSON documents: their boxes, their transforms, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from renderapi.errors import UnresolvedReference
from renderapi.transform import specs

Json = dict[str, Any]


def touches(tile: Json, box: Sequence[float]) -> bool:
    """Whether the box of a tile touches the box (minX, minY, maxX, maxY), borders included."""
    return (
        tile["minX"] <= box[2]
        and tile["maxX"] >= box[0]
        and tile["minY"] <= box[3]
        and tile["maxY"] >= box[1]
    )


def transform_document(tile: Json) -> Json:
    """Transforms of a tile as one document; a list may lack its type."""
    transforms: Json = tile.get("transforms") or {}
    if not transforms or "specList" in transforms:
        return {"type": "list", **transforms}
    return transforms


def transform_entries(tile: Json) -> list[Json]:
    """Entries of the transform list of a tile, a new list."""
    document = transform_document(tile)
    if document.get("type") == "list":
        return list(document.get("specList") or [])
    return [document]


def set_transform_entries(tile: Json, entries: list[Json]) -> None:
    """Replace the transform list of a tile; labels and id of the list stay."""
    transforms = transform_document(tile)
    kept = {key: transforms[key] for key in ("id", "metaData") if key in transforms}
    tile["transforms"] = {"type": "list", **kept, "specList": entries}


def used_transforms(tiles: Iterable[Json], shared: dict[str, Json]) -> dict[str, Json]:
    """The shared transforms that tiles refer to, directly or through others."""
    wanted: dict[str, Json] = {}
    pending = {ref for tile in tiles for ref in _references(tile)}
    while pending:
        ref = pending.pop()
        if ref in shared and ref not in wanted:
            wanted[ref] = shared[ref]
            pending |= specs.references(shared[ref])
    return wanted


def _references(tile: Json) -> set[str]:
    return specs.references(transform_document(tile))


def require_references(tiles: Iterable[Json], shared: dict[str, Json], where: str) -> None:
    """Refuse tiles whose shared transforms are not all there."""
    for tile in tiles:
        missing = sorted(_references(tile) - set(shared))
        if missing:
            raise UnresolvedReference(
                f"tile {tile.get('tileId')} of {where} refers to {', '.join(missing)}, which the "
                "transform file does not hold"
            )
