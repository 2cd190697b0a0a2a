"""Matches between the tiles of a section and those of another stack, led to the world of that one.

Points on the tiles of the section stay as they are stored (after the first k transforms of their
tile); points on tiles of the other stack go through the transforms after its first k' ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

import renderapi
from renderapi.errors import NotFoundError, RenderError
from renderapi.matching.neighbours import group_of
from renderapi.transform.slices import TileTransforms
from renderapps.module.errors import RenderModuleException
from renderapps.module.section_table import SectionTable
from renderapps.module.tile_documents import Json, Section
from renderapps.module.tiles_by_id import tiles_with_ids
from renderapps.pointmatch.match_points import GroupTiles
from renderapps.pointmatch.pair_matches import Floats, PairMatches, Tile


@dataclass
class Targets:
    """Corresponding points of one tile.

    Attributes
    ----------
    points : (N, 2)
        On the tile, as they are stored.
    world : (N, 2)
        World pixels of the other stack.
    weights : (N,), positive
    zs : (N,)
        z of the other stack's tile of each point.
    """

    points: Floats = field(default_factory=lambda: np.empty((0, 2)))
    world: Floats = field(default_factory=lambda: np.empty((0, 2)))
    weights: Floats = field(default_factory=lambda: np.empty(0))
    zs: Floats = field(default_factory=lambda: np.empty(0))

    def add(self, points: Floats, world: Floats, weights: Floats, z: float) -> None:
        """Append points; those without weight or place take no part."""
        good = (weights > 0) & np.isfinite(world).all(axis=1) & np.isfinite(points).all(axis=1)
        self.points = np.concatenate([self.points, points[good]])
        self.world = np.concatenate([self.world, world[good]])
        self.weights = np.concatenate([self.weights, weights[good]])
        self.zs = np.concatenate([self.zs, np.full(int(good.sum()), z)])

    def z(self, own: float) -> float:
        """z that most points lie at; of equals the nearest to `own`, then the lowest."""
        values, counts = np.unique(self.zs, return_counts=True)
        best = values[counts == counts.max()]
        return float(best[np.argmin(np.abs(best - own))])


@dataclass(frozen=True)
class CrossMatches:
    """Where matches and the other stack's tiles come from.

    Attributes
    ----------
    owner, collection : str
    stack : str
        The other stack.
    table : SectionTable
        Of the other stack.
    local_transforms : int
        Number of leading transforms of the other stack's tiles that its points are stored after.
    zs : collection of float, optional
        Only tiles of the other stack at these z count.
    """

    render: renderapi.Render
    owner: str
    collection: str
    stack: str
    table: SectionTable
    local_transforms: int
    zs: frozenset[float] | None = None

    def of(self, section: Section) -> tuple[dict[str, Targets], dict[str, str]]:
        """Targets of each tile of a section, and tiles of the other side without a place.

        A pair of two tiles of the section counts for both.
        """
        own = {tile["tileId"] for tile in section.tiles}
        found: dict[str, Targets] = {name: Targets() for name in own}
        missing: dict[str, str] = {}
        by_group: dict[str, list[tuple[str, Tile, Floats, Floats, Floats]]] = {}
        for pair in self.pairs(section):
            for here, there, p, q in _both_ways(pair):
                if here[1] in own:
                    by_group.setdefault(there[0], []).append((here[1], there, p, q, pair.w))
        for group, ends in by_group.items():  # the tiles of one section are held at a time
            tiles = self.tiles(group, {there[1] for _, there, *_ in ends})
            for name, there, points, stored, weights in ends:
                if there[1] not in tiles:
                    if there[1] not in own:
                        missing[there[1]] = f"stack {self.stack} has no tile of this id"
                    continue
                tile = tiles[there[1]]
                if self.zs is not None and float(tile.tile["z"]) not in self.zs:
                    continue
                try:
                    world = tile.forward(stored, self.local_transforms)
                except RenderError as error:
                    missing[there[1]] = str(error)
                    continue
                found[name].add(points, world, weights, float(tile.tile["z"]))
        return found, missing

    def pairs(self, section: Section) -> Iterable[PairMatches]:
        """Matches with a tile of the section's groups on either side, each once."""
        groups = {
            group_of((tile.get("layout") or {}).get("sectionId"), section.z)
            for tile in section.tiles
        }
        seen: set[tuple[Tile, Tile]] = set()
        for group in sorted(groups):
            for document in self.documents(group):
                pair = PairMatches.from_document(document)
                if (pair.p_tile, pair.q_tile) not in seen:
                    seen.add((pair.p_tile, pair.q_tile))
                    yield pair

    def documents(self, group: str) -> list[Json]:
        """Match documents of a group with itself and all others."""
        calls = (
            renderapi.pointmatch.get_matches_within_group,
            renderapi.pointmatch.get_matches_outside_group,
        )
        found: list[Json] = []
        for call in calls:
            try:
                found += call(self.collection, group, owner=self.owner, render=self.render)
            except NotFoundError:
                continue
        return found

    def tiles(self, group: str, names: set[str]) -> dict[str, TileTransforms]:
        """Tiles of the other stack by id, wherever their sections are now."""
        by_group = GroupTiles(self.render, self.stack, self.table).of(group)
        found = {tile[1]: t for tile, t in by_group.items() if tile[1] in names}
        elsewhere = sorted(names - set(found))
        if elsewhere:
            more = tiles_with_ids(self.render, self.stack, elsewhere)
            found |= {name: TileTransforms(tile) for name, tile in more.items()}
        return found


def require_matches(targets: Mapping[str, Targets], collection: str, stack: str) -> None:
    """Refuse sections none of whose tiles has a match with the other stack."""
    if not any(len(each.weights) for each in targets.values()):
        raise RenderModuleException(
            f"match collection {collection} has no matches between them and stack {stack}"
        )


def _both_ways(pair: PairMatches) -> Iterable[tuple[Tile, Tile, Floats, Floats]]:
    yield pair.p_tile, pair.q_tile, pair.p, pair.q
    if pair.p_tile != pair.q_tile:  # a tile matched with its namesake: p is the tile itself
        yield pair.q_tile, pair.p_tile, pair.q, pair.p
