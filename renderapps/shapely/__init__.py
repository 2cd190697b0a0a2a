"""The outline helper under the name that older scripts import."""

from __future__ import annotations

from renderapi.outline import tile_polygon

__all__ = ["tile_polygon", "tilespec_to_bounding_box_polygon"]

#: world outline of a tile from its four corners
tilespec_to_bounding_box_polygon = tile_polygon
