"""The tiles of a layer as a program edits them: boxes derived anew, invalid tiles left out."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from renderapi.client.programs.tile_documents import touches, used_transforms
from renderapi.client.programs.validators import Validator

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
