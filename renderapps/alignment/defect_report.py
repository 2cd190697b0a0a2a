"""The defects of one section of a montage, as an entry of an output JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

import renderapi
from renderapi.errors import NotFoundError
from renderapi.matching.neighbours import group_of
from renderapi.transform.slices import TileTransforms
from renderapps.alignment.defects import (
    PairEnds,
    disconnected_groups,
    distortion,
    gaps,
    holes,
    seams,
)
from renderapps.alignment.placed_outlines import outlines_of
from renderapps.module.tile_documents import Json, Section
from renderapps.pointmatch.match_points import world_ends
from renderapps.pointmatch.pair_matches import PairMatches, Tile


@dataclass(frozen=True)
class SeamRules:
    """What counts as a seam; see `defects.seams`."""

    residual_threshold: float = 4.0
    neighbors_distance: float = 80.0
    min_cluster_size: int = 12


def shape_defects(before: Section, after: Section) -> Json:
    """Holes, gaps and distortion of a stitched section."""
    placed, there = outlines_of(before), outlines_of(after)
    known = [tile for tile in after.tiles if tile["tileId"] in there.polygons]
    sizes = [np.array([t[side] for t in known], float) for side in ("width", "height")]
    across, down = distortion(there.corners, *sizes)
    return {
        "holes": holes(before.tile_ids, after.tile_ids),
        "gaps": [list(pair) for pair in gaps(placed, there.polygons)],
        "scale_deviation": [round(across, 8), round(down, 8)],
    }


def match_defects(
    section: Section, pairs: list[PairMatches], local_transforms: int, rules: SeamRules
) -> Json:
    """Seams, and groups of tiles that no match connects with the largest.

    Parameters
    ----------
    local_transforms : int
        Number of leading transforms of each tile that the points are stored after.
    """
    tiles = named_tiles(section)
    counted = [pair.only(pair.w > 0) for pair in pairs]
    ends: list[PairEnds] = []
    unusable: list[Any] = []
    for pair, found in zip(
        counted, world_ends(counted, tiles, "of the section", local_transforms), strict=True
    ):
        if isinstance(found, str):
            unusable.append(pair.ids | {"reason": found})
        else:
            ends.append(PairEnds((pair.p_tile[1], pair.q_tile[1]), *found))
    counts = {end.tiles: len(end.p) for end in ends}
    found_seams = seams(
        ends, rules.residual_threshold, rules.neighbors_distance, rules.min_cluster_size
    )
    return {
        "seams": [seam.report() for seam in found_seams],
        "disconnected_groups": disconnected_groups(section.tile_ids, counts)[1:],
        "unusable_pairs": unusable,
    }


def named_tiles(section: Section) -> dict[Tile, TileTransforms]:
    """Tiles of a section by (groupId, tileId)."""
    return {
        (
            group_of((tile.get("layout") or {}).get("sectionId"), section.z),
            str(tile["tileId"]),
        ): TileTransforms(tile, section.transforms)
        for tile in section.tiles
    }


def matches_within(
    render: renderapi.Render, owner: str, collection: str, section: Section
) -> list[PairMatches]:
    """Matches between tiles of a section, whatever sectionIds they have."""
    tiles: Mapping[Tile, Any] = named_tiles(section)
    groups = sorted({group for group, _ in tiles})
    pairs = [
        PairMatches.from_document(document)
        for document in _documents(render, owner, collection, groups)
    ]
    return [pair for pair in pairs if pair.p_tile in tiles and pair.q_tile in tiles]


def _documents(
    render: renderapi.Render, owner: str, collection: str, groups: list[str]
) -> Iterator[Json]:
    where: dict[str, Any] = {"owner": owner, "render": render}
    for group in groups:
        try:
            yield from renderapi.pointmatch.get_matches_within_group(collection, group, **where)
        except NotFoundError:
            continue
    for one, other in combinations(groups, 2):
        try:
            yield from renderapi.pointmatch.get_matches_from_group_to_group(
                collection, one, other, **where
            )
        except NotFoundError:
            continue
