"""Keep the matches whose two ends lie within the outlines of their sections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from argschema.fields import Str
from marshmallow import Schema
from marshmallow.validate import OneOf

import renderapi
from renderapi.errors import RenderError
from renderapps.module import ParallelParameters, RenderModuleException, RenderParameters, parameter
from renderapps.module.section_table import section_table
from renderapps.pointmatch.match_edit import Edited, MatchEditModule, WrittenMatchesParameters
from renderapps.pointmatch.match_points import Ends, GroupTiles, Tiles, edited_pairs, tile_of
from renderapps.pointmatch.pair_matches import Floats, Json, PairMatches, Tile

if TYPE_CHECKING:
    from shapely import Geometry

REMOVE, ZERO_WEIGHT = "remove", "zero_weight"
ERROR, KEEP, DROP = "error", "keep", "drop"
COUNTS = ("points_read", "points_inside", "only_p_outside", "only_q_outside", "both_outside")


class PolygonFilterParameters(WrittenMatchesParameters, ParallelParameters, RenderParameters):
    """Parameters of modules that filter matches by outlines."""

    stack = parameter(Str, "stack in whose world the outlines are", aliases=["input_stack"])
    matchcollection = parameter(
        Str,
        "match collection to read",
        aliases=["input_collection", "matchCollection", "input_matchcollection"],
    )
    targetmatchcollection = parameter(
        Str,
        "match collection to write",
        aliases=["output_collection", "targetMatchCollection", "output_matchcollection"],
    )
    outside = parameter(
        Str,
        "what becomes of points with an end outside: remove leaves them out, "
        "zero_weight keeps them with a weight of 0",
        default=REMOVE,
        validate=OneOf((REMOVE, ZERO_WEIGHT)),
    )
    missing_polygon = parameter(
        Str,
        "what becomes of points in sections without an outline: error stops "
        "before anything is written, keep takes all of the section to be inside, drop leaves "
        "them out",
        default=ERROR,
        validate=OneOf((ERROR, KEEP, DROP)),
    )


def inside(outline: Geometry, points: Floats) -> np.ndarray:
    """Which of (N, 2) points are strictly inside: on the outline is outside, and so is NaN."""
    import shapely

    shapely.prepare(outline)
    return np.asarray(shapely.contains_xy(outline, points[:, 0], points[:, 1]), bool)


class PolygonFilterModule(MatchEditModule):
    """Each end of a match is tested against the outline of its own section, that of its tile's z.

    Points strictly inside at both ends are kept. Points of the input are raw pixels
    (`local_transforms` 0) where nothing else is given or recorded. The counts in the report:
    `filtered` has, for each two sections, how many points were read, inside, and outside at the p
    end only, the q end only, or both.
    """

    default_schema: type[Schema] = PolygonFilterParameters
    inputs = ("matchcollection",)
    output_role = "targetmatchcollection"

    def outlines(self, zs: Iterable[float]) -> dict[float, Geometry]:
        """Outlines by z, in world pixels, of those sections that have one."""
        raise NotImplementedError(f"{type(self).__name__} has no outlines()")

    def source_of_outlines(self) -> str:
        """Where the outlines come from, for messages."""
        raise NotImplementedError(f"{type(self).__name__} has no source_of_outlines()")

    def output_local_transforms(self, recorded: int | None) -> int | None:
        """As they are: points stay where they are."""
        self.local_transforms = recorded or 0
        self.known = recorded is not None
        return recorded

    def prepare(self) -> None:
        """Find the outlines of the sections of all groups."""
        stack, name = self.args["stack"], self.args["matchcollection"]
        table = section_table(self.render, stack)
        self.groups = GroupTiles(self.render, stack, table)
        groups = renderapi.pointmatch.get_match_groupIds(name, owner=self.owner, render=self.render)
        zs = sorted({z for group in groups for z in table.zs_of.get(group, ())})
        if not zs:
            raise RenderModuleException(
                f"stack {stack} has none of the sections of match collection {name}: {groups[:3]}"
            )
        self.outline_of = self.outlines(zs)
        self.missing = [z for z in zs if z not in self.outline_of]
        if self.missing and self.args["missing_polygon"] == ERROR:
            listed = ", ".join(f"{z:g}" for z in self.missing[:10])
            raise RenderModuleException(
                f"{self.source_of_outlines()} has no polygon of {len(self.missing)} of {len(zs)} "
                f"sections (z={listed}{' ...' if self.missing[10:] else ''}): make them, or give "
                "missing_polygon keep or drop"
            )

    def more_report(self, details: list[Json]) -> Json:
        """Counts of each two sections, and of all."""
        return {
            "outside": self.args["outside"],
            "missing_polygon_zs": self.missing,
            "local_transforms_known": self.known,
            "filtered": details,
            "totals": {name: sum(row[name] for row in details) for name in COUNTS},
        }

    def edit_matches(self, pairs: list[PairMatches]) -> Edited:
        """The pairs of one p group without what lies outside."""
        self.filtered: dict[tuple[str, str], Counter[str]] = {}
        kept, dropped = edited_pairs(pairs, self.groups, self.marked, self.filter_pair)
        rows = [
            {"pGroupId": p, "qGroupId": q} | {name: counts[name] for name in COUNTS}
            for (p, q), counts in self.filtered.items()
        ]
        return Edited(kept, dropped, rows)

    def marked(self, tiles: Tiles, name: Tile, points: Floats) -> Floats:
        """World points of a tile, NaN where they are not inside the outline of its section."""
        tile = tile_of(tiles, name, self.args["stack"])
        world = tile.forward(points, self.local_transforms)
        z = float(tile.tile["z"])
        if z in self.outline_of:
            return np.where(inside(self.outline_of[z], world)[:, None], world, np.nan)
        if self.args["missing_polygon"] == DROP:
            raise RenderError(f"section {name[0]} (z={z:g}) has no polygon")
        return np.nan_to_num(world)

    def filter_pair(self, pair: PairMatches, ends: Ends) -> PairMatches | str:
        """A pair without the points outside, or why nothing is left of it."""
        p, q = (np.isfinite(end).all(axis=1).ravel() for end in ends)
        groups = pair.p_tile[0], pair.q_tile[0]
        counts = self.filtered.setdefault(groups, Counter())
        counts.update(
            points_read=len(p),
            points_inside=int((p & q).sum()),
            only_p_outside=int((~p & q).sum()),
            only_q_outside=int((p & ~q).sum()),
            both_outside=int((~p & ~q).sum()),
        )
        if self.args["outside"] == ZERO_WEIGHT:
            return replace(pair, w=np.where(p & q, pair.w, 0.0))
        if (p & q).any() or not len(p):
            return pair.only(p & q)
        return (
            f"none of {len(p)} points is inside at both ends: {(~p).sum()} of p and {(~q).sum()} "
            "of q are outside"
        )
