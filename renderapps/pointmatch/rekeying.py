"""Modules that give matches other tiles: of another stack, or of another channel.

With other names a pair may come to have p and q exchanged, and so belong to another p group. So it
is the groups of the output that are worked on one by one, each with the pairs of all input groups
that can become one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import renderapi
from renderapi.errors import NotFoundError
from renderapi.matching.neighbours import group_of
from renderapps.module import RenderModuleException
from renderapps.module.correspondence import Rule, correspond
from renderapps.module.section_table import SectionTable, section_table
from renderapps.module.tile_documents import read_section
from renderapps.pointmatch.match_edit import Edited, MatchEditModule
from renderapps.pointmatch.pair_matches import Json, PairMatches, Tile, joined

MOST_GROUPS = 40  # whose names are held at a time
NOWHERE = ""  # the group of what no group of the output comes of


@dataclass
class TileNames:
    """Tiles of one stack and their names in another, a section at a time."""

    render: renderapi.Render
    stack: str
    other: str
    rule: Rule
    table: SectionTable = field(init=False)
    other_table: SectionTable = field(init=False)
    known: dict[str, dict[str, Tile | str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.table = section_table(self.render, self.stack)
        self.other_table = section_table(self.render, self.other)

    def groups(self, group: str) -> set[str]:
        """Groups of the other stack that tiles of a group may come to be in.

        That of the same name, or where there is none those at the same z.
        """
        if group in self.table.zs_of and group in self.other_table.zs_of:
            return {group}
        zs = self.table.zs_of.get(group, ())
        return {name for z in zs for name in self.other_table.sections_at.get(z, ())}

    def rename(self, tile: Tile) -> Tile | str:
        """The tile of the other stack, or why there is none."""
        group, name = tile
        if group not in self.known:
            if len(self.known) >= MOST_GROUPS:
                del self.known[next(iter(self.known))]
            self.known[group] = self._names_of(group)
        return self.known[group].get(name, f"stack {self.stack} has no tile {name} in {group}")

    def _names_of(self, group: str) -> dict[str, Tile | str]:
        tiles = _tiles_of(self.render, self.stack, self.table, {group})
        others = _tiles_of(self.render, self.other, self.other_table, self.groups(group))
        found = correspond(tiles, others, self.rule)
        names: dict[str, Tile | str] = {
            name: f"tile {name} of stack {self.stack}: {reason} ({self.other})"
            for name, reason in found.missing.items()
        }
        for name, other in found.partners.items():
            names[name] = (_group(other), str(other["tileId"]))
        return names


def _tiles_of(
    render: renderapi.Render, stack: str, table: SectionTable, groups: set[str]
) -> list[Json]:
    zs = sorted({z for group in groups for z in table.zs_of.get(group, ())})
    tiles = [tile for z in zs for tile in read_section(render, stack, z).tiles]
    return [tile for tile in tiles if _group(tile) in groups]


def _group(tile: Mapping[str, Any]) -> str:
    return group_of((tile.get("layout") or {}).get("sectionId"), tile["z"])


class RekeyModule(MatchEditModule):
    """Give matches other tiles: write `rename` and `groups_after`.

    Both are asked with the index of the input collection. Pairs that come to have the same tiles
    become one, with the points of all.
    """

    keeps_tiles = False

    def rename(self, collection: int, tile: Tile) -> Tile | str:
        """The other tile, or why there is none."""
        raise NotImplementedError(f"{type(self).__name__} has no rename()")

    def groups_after(self, collection: int, group: str) -> set[str]:
        """The groups that tiles of a group may come to be in."""
        raise NotImplementedError(f"{type(self).__name__} has no groups_after()")

    def finished(self, pairs: list[PairMatches]) -> list[PairMatches]:
        """The pairs to write, from all that have got their new tiles."""
        return joined(pairs)

    def work_groups(self) -> list[str]:
        """The groups of the output, and that of what becomes of none."""
        self.sources: dict[str, list[tuple[int, str]]] = {}
        for index, name in enumerate(self.input_collections):
            self.groups_of(name)  # refuses a collection that is not there
            for group in renderapi.pointmatch.get_match_groupIds(
                name, owner=self.owner, render=self.render
            ):
                for after in self.groups_after(index, group) or {NOWHERE}:
                    self.sources.setdefault(after, []).append((index, group))
        return sorted(self.sources)

    def read_and_edit(self, group: str) -> tuple[list[PairMatches], Edited]:
        """The pairs that come to be in a p group, and those that are told of here."""
        read: list[PairMatches] = []
        moved: list[PairMatches] = []
        dropped: list[Json] = []
        came_of: dict[tuple[int, Tile], Tile] = {}
        for index, pair in self._candidates(group):
            ends = [self.rename(index, tile) for tile in (pair.p_tile, pair.q_tile)]
            reasons = [end for end in ends if isinstance(end, str)]
            tiles = [end for end in ends if not isinstance(end, str)]
            if not reasons and tiles[0] == tiles[1]:
                reasons = [f"both its tiles become {tiles[0][1]}"]
            if reasons:
                if group == self._home(index, pair):
                    read.append(pair)
                    entry = {"collection": self.input_collections[index]} | pair.ids
                    dropped.append(entry | {"reason": "; ".join(reasons)})
            elif min(tiles)[0] == group:
                read.append(pair)
                for old, new in zip((pair.p_tile, pair.q_tile), tiles, strict=True):
                    self._refuse_collision(came_of, index, old, new)
                moved.append(PairMatches.of(tiles[0], tiles[1], pair.p, pair.q, pair.w, pair.more))
        return read, Edited(self.finished(moved), dropped)

    def _candidates(self, group: str) -> Iterator[tuple[int, PairMatches]]:
        """Pairs with an end that may come to be in a group, once each."""
        seen: set[tuple[int, int]] = set()
        for index, source in self.sources[group]:
            for pair in self._involving(self.input_collections[index], source):
                if (index, pair.key) not in seen:
                    seen.add((index, pair.key))
                    yield index, pair

    def _involving(self, collection: str, group: str) -> Iterator[PairMatches]:
        for read in (
            renderapi.pointmatch.get_matches_within_group,
            renderapi.pointmatch.get_matches_outside_group,
        ):
            try:
                found = read(collection, group, owner=self.owner, render=self.render)
            except NotFoundError:
                continue
            yield from map(PairMatches.from_document, found)

    def _home(self, index: int, pair: PairMatches) -> str:
        """The group under which a pair is told of that comes to nothing."""
        groups = [self.groups_after(index, tile[0]) for tile in (pair.p_tile, pair.q_tile)]
        return min(set.union(*groups), default=NOWHERE)

    def _refuse_collision(
        self, came_of: dict[tuple[int, Tile], Tile], index: int, old: Tile, new: Tile
    ) -> None:
        first = came_of.setdefault((index, new), old)
        if first != old:
            raise RenderModuleException(
                f"tiles {first[1]} and {old[1]} of collection {self.input_collections[index]} "
                f"would both become {new[1]} of {new[0]}"
            )
