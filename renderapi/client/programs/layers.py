"""The tiles of a layer as a program edits them: boxes derived anew, invalid tiles left out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from renderapi.client.programs.validators import Validator
from renderapi.errors import UnresolvedReference
from renderapi.transform import specs

Json = dict[str, Any]
log = logging.getLogger(__name__)
BOX = ("minX", "minY", "maxX", "maxY")


@dataclass
class LayerTiles:
    """Tile documents and, by id, the shared transforms that they may refer to.

    The documents are copies at the level that is edited: the lists of transforms and the boxes.
    """

    tiles: list[Json]
    shared: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def of_document(cls, document: Json) -> LayerTiles:
        """Tiles of a resolved-tiles document, ascending tileId."""
        tiles = document.get("tileIdToSpecMap") or {}
        shared = document.get("transformIdToSpecMap") or {}
        return cls([dict(tiles[tile_id]) for tile_id in sorted(tiles)], dict(shared))

    def derive_boxes(self) -> None:
        """Set the box of every tile by its transforms.

        Raises
        ------
        SpecError, UnresolvedReference
            Naming the tile.
        """
        from renderapi.bounds import derive_boxes

        for tile, box in zip(self.tiles, derive_boxes(self.tiles, self.shared), strict=True):
            tile.update(zip(BOX, box.tolist(), strict=True))

    def drop_invalid(self, validator: Validator | None) -> list[str]:
        """Drop the tiles that a validator refuses, and transforms that no tile needs any more."""
        if validator is None:
            return []
        reasons = validator.problems(self.tiles, self.shared)
        for tile_id, reason in reasons.items():
            log.warning("tile %s is invalid: %s", tile_id, reason)
        self.tiles = [tile for tile in self.tiles if tile["tileId"] not in reasons]
        self.shared = used_transforms(self.tiles, self.shared)
        return list(reasons)

    def drop_outside(self, box: tuple[float, float, float, float] | None) -> None:
        """Drop the tiles whose box does not touch the box (minX, minY, maxX, maxY)."""
        if box is not None:
            self.tiles = [tile for tile in self.tiles if touches(tile, box)]


def touches(tile: Json, box: Sequence[float]) -> bool:
    """Whether the box of a tile touches the box (minX, minY, maxX, maxY), borders included."""
    return (
        tile["minX"] <= box[2]
        and tile["maxX"] >= box[0]
        and tile["minY"] <= box[3]
        and tile["maxY"] >= box[1]
    )


def transform_entries(tile: Json) -> list[Json]:
    """Entries of the transform list of a tile, a new list."""
    transforms = tile.get("transforms") or {}
    if transforms.get("type", "list") == "list" and "className" not in transforms:
        return list(transforms.get("specList") or [])
    return [transforms]


def set_transform_entries(tile: Json, entries: list[Json]) -> None:
    """Replace the transform list of a tile; labels and id of the list stay."""
    transforms = tile.get("transforms") or {}
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
    transforms = tile.get("transforms")
    return specs.references(transforms) if transforms else set()


def require_references(tiles: Iterable[Json], shared: dict[str, Json], where: str) -> None:
    """Refuse tiles whose shared transforms are not all there."""
    for tile in tiles:
        missing = sorted(_references(tile) - set(shared))
        if missing:
            raise UnresolvedReference(
                f"tile {tile.get('tileId')} of {where} refers to {', '.join(missing)}, which the "
                "transform file does not hold"
            )
