"""Matches of a stack's tiles, read section by section and reduced at once to what a solve needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

import renderapi
from renderapi.pointmatch import match_points
from renderapps.alignment.moments import PairPoints
from renderapps.alignment.section_tiles import SectionTiles
from renderapps.module.errors import RenderModuleException

Json = dict[str, Any]


@dataclass(frozen=True)
class Collection:
    """A match collection that takes part.

    Attributes
    ----------
    name, owner : str
    weight : float
        Factor of the weights of its links.
    after : int
        Number of transforms of each tile that its points were stored after.
    stored : bool
        Whether it holds anything; one may be known without.
    """

    name: str
    owner: str
    weight: float
    after: int
    stored: bool


def find_collection(
    render: renderapi.Render, owner: str, name: str, weight: float, given: int | None
) -> Collection:
    """A collection and the coordinates of its points: given or recorded, never guessed.

    A collection that is recorded and holds nothing is that of a run that found no matches.

    Raises
    ------
    RenderModuleException
        There is none of the name; what is recorded differs from what is given; neither is known.
    """
    where: dict[str, Any] = {"owner": owner, "render": render}
    names = renderapi.pointmatch.get_matchcollections(**where)
    recorded = renderapi.pointmatch.get_collection_metadata(name, **where).get("local_transforms")
    stored = name in {entry["collectionId"]["name"] for entry in names}
    if not stored and recorded is None:
        raise RenderModuleException(
            f"owner {owner} has no match collection {name}; check the name, "
            "or make it with pointmatch.generate_point_matches"
        )
    if given is None and recorded is None:
        raise RenderModuleException(
            f"match collection {name} does not say which coordinates its points are in: "
            "give local_transforms"
        )
    if None not in (given, recorded) and given != recorded:
        raise RenderModuleException(
            f"local_transforms is {given}, but the points of match collection {name} "
            f"were stored after {recorded} transforms"
        )
    after = int(recorded if given is None else given)  # type: ignore[arg-type]
    return Collection(name, owner, weight, after, stored)


def within_section(
    render: renderapi.Render, collection: Collection, groups: Sequence[str]
) -> list[Json]:
    """Stored matches between tiles of one z, whose sections are groups of the collection."""
    where: dict[str, Any] = {"owner": collection.owner, "render": render}
    found: list[Json] = []
    if not collection.stored:
        return found
    for group in groups:
        found += renderapi.pointmatch.get_matches_within_group(collection.name, group, **where)
    for one, other in combinations(groups, 2):
        found += renderapi.pointmatch.get_matches_from_group_to_group(
            collection.name, one, other, **where
        )
    return found


def from_section(
    render: renderapi.Render, collection: Collection, groups: Iterable[str]
) -> Iterator[list[Json]]:
    """Stored matches whose p tile is of a section, with whatever other tile; group by group."""
    if not collection.stored:
        return
    for group in groups:
        yield renderapi.pointmatch.get_matches_with_group(
            collection.name, group, owner=collection.owner, render=render
        )


@dataclass
class TileIndex:
    """All tiles of the sections that are solved together.

    Attributes
    ----------
    sections : list of SectionTiles
    numbers : dict
        Number of each tile, by id.
    section_of, place : (T,) int
        Section of each tile, and its place there.
    """

    sections: list[SectionTiles]

    def __post_init__(self) -> None:
        counts = [len(section.names) for section in self.sections]
        names = [name for section in self.sections for name in section.names]
        self.names = names
        self.numbers = {name: k for k, name in enumerate(names)}
        self.section_of = np.repeat(np.arange(len(counts)), counts)
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
        self.place = np.arange(len(names)) - np.repeat(self.starts[:-1], counts)

    @property
    def corners(self) -> np.ndarray:
        """(T, 4, 2) corners of all tiles in the world."""
        parts = [section.corners for section in self.sections]
        return np.concatenate(parts) if parts else np.zeros((0, 4, 2))

    def corners_of(self, tile: int) -> np.ndarray:
        """(4, 2) corners of a tile in the world."""
        return self.sections[self.section_of[tile]].corners[self.place[tile]]

    def to_world(self, tiles: np.ndarray, points: np.ndarray, after: int) -> np.ndarray:
        """(N, 2) world places of points of tiles (N,), after that many transforms."""
        result = np.empty_like(points)
        sections = self.section_of[tiles]
        for number in np.unique(sections):
            here = sections == number
            places = self.place[tiles[here]]
            result[here] = self.sections[number].to_world(places, points[here], after)
        return result

    def points_of(self, matches: Iterable[Mapping[str, Any]], after: int) -> PairPoints:
        """World points of matches between these tiles; other tiles' matches are left out.

        Pairs are oriented by tile id, since a service returns p and q in string order. Points of
        weight 0 are dropped, and so are pairs that have no others.
        """
        first, second, counts = [], [], []
        parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        for match in matches:
            one, two = self.numbers.get(match["pId"]), self.numbers.get(match["qId"])
            if one is None or two is None or one == two:
                continue
            p, q, w = match_points(match)
            if not (w > 0).all():
                p, q, w = p[w > 0], q[w > 0], w[w > 0]
            if not len(w):
                continue
            first.append(one)
            second.append(two)
            counts.append(len(w))
            parts.append((p, q, w))
        if not parts:
            return PairPoints.of([])
        p, q, w = (np.concatenate([part[k] for part in parts]) for k in range(3))
        ends = [np.array(numbers) for numbers in (first, second)]
        number = np.array(counts)
        world = [
            self.to_world(np.repeat(tiles, number), points, after)
            for tiles, points in zip(ends, (p, q), strict=True)
        ]
        return PairPoints(ends[0], ends[1], number, world[0], world[1], w)
