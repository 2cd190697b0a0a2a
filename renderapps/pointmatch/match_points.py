"""All points of many pairs through the transforms of their tiles, a tile at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

import renderapi
from renderapi.errors import RenderError
from renderapi.transform.slices import TileTransforms
from renderapps.module.section_table import SectionTable
from renderapps.module.tile_documents import Json, read_section
from renderapps.pointmatch.pair_matches import Floats, PairMatches, Tile

Ends = tuple[Floats, Floats]
Tiles = Mapping[Tile, TileTransforms]


@dataclass(frozen=True)
class GroupTiles:
    """The tiles of a stack by the groups that matches name."""

    render: renderapi.Render
    stack: str
    table: SectionTable

    def of(self, group: str) -> dict[Tile, TileTransforms]:
        """Tiles of a group by (groupId, tileId); none where the stack has no such section.

        Tiles count by where their group is, whatever sectionId they have themselves.
        """
        found: dict[Tile, TileTransforms] = {}
        for z in self.table.zs_of.get(group, ()):
            section = read_section(self.render, self.stack, z)
            for tile in section.tiles:
                found[group, tile["tileId"]] = TileTransforms(tile, section.transforms)
        return found


def mapped_ends(
    pairs: Sequence[PairMatches], move: Callable[[Tile, Floats], Floats]
) -> list[Ends | str]:
    """Points of each pair after `move`, or why there are none.

    Parameters
    ----------
    pairs : sequence of PairMatches
    move : function (tile, (N, 2) points) -> (N, 2) points
        Called once for each tile with all its points. A RenderError is the reason for all its
        pairs.
    """
    parts: dict[Tile, list[tuple[int, int]]] = {}
    for index, pair in enumerate(pairs):
        parts.setdefault(pair.p_tile, []).append((index, 0))
        parts.setdefault(pair.q_tile, []).append((index, 1))
    ends: list[list[Floats]] = [[pair.p, pair.q] for pair in pairs]
    reasons: dict[int, str] = {}
    for tile, places in parts.items():
        points = [ends[index][side] for index, side in places]
        try:
            moved = move(tile, np.concatenate(points))
        except RenderError as error:
            reasons.update((index, str(error)) for index, _ in places)
            continue
        start = 0
        for (index, side), part in zip(places, points, strict=True):
            ends[index][side] = moved[start : start + len(part)]
            start += len(part)
    return [reasons.get(index, (p, q)) for index, (p, q) in enumerate(ends)]


def edited_pairs(
    pairs: Sequence[PairMatches],
    groups: GroupTiles,
    move: Callable[[Tiles, Tile, Floats], Floats],
    edit: Callable[[PairMatches, Ends], PairMatches | str],
) -> tuple[list[PairMatches], list[Json]]:
    """Pairs of one p group after `edit`, and those dropped, each with its reason.

    The tiles of two sections are held at a time.

    Parameters
    ----------
    move : function (tiles, tile, (N, 2) points) -> (N, 2) points
        Called for each tile with all its points towards one q group, see `mapped_ends`.
    edit : function (pair, moved ends) -> pair, or the reason why there is none
    """
    kept: list[PairMatches] = []
    dropped: list[Json] = []
    by_q: dict[str, list[PairMatches]] = {}
    for pair in pairs:
        by_q.setdefault(pair.q_tile[0], []).append(pair)
    p_tiles = groups.of(pairs[0].p_tile[0]) if pairs else {}
    for group, some in by_q.items():
        tiles = p_tiles if group == pairs[0].p_tile[0] else p_tiles | groups.of(group)
        for pair, ends in zip(some, mapped_ends(some, partial(move, tiles)), strict=True):
            result = ends if isinstance(ends, str) else edit(pair, ends)
            if isinstance(result, str):
                dropped.append(pair.ids | {"reason": result})
            else:
                kept.append(result)
    return kept, dropped


def tile_of(tiles: Tiles, tile: Tile, stack: str) -> TileTransforms:
    """A tile, or a RenderError that says that the stack lacks it."""
    if tile not in tiles:
        raise RenderError(f"stack {stack} has no tile {tile[1]} in section {tile[0]}")
    return tiles[tile]


def world_ends(
    pairs: Sequence[PairMatches], tiles: Tiles, stack: str, local_transforms: int
) -> list[Ends | str]:
    """World points of both ends of each pair, or why there are none.

    Parameters
    ----------
    local_transforms : int
        Number of leading transforms of each tile that the points are stored after.
    """
    return mapped_ends(
        pairs,
        lambda tile, points: tile_of(tiles, tile, stack).forward(points, local_transforms),
    )
