"""Turn the present placement of two stacks into point matches between their tiles.

When one of the stacks is aligned later, the other one follows by these matches
(fit_transforms_by_point_match).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from argschema.fields import InputFile, Int
from marshmallow.validate import Range

import renderapi
from renderapi.errors import RenderError
from renderapi.matching.cross_stack_pairs import CrossStackPair, read_cross_stack_pairs
from renderapi.matching.neighbours import group_of
from renderapi.tilespec import TileSpec
from renderapi.transform.slices import TileTransforms
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    parameter,
)
from renderapps.module.fitting import grid_points
from renderapps.module.section_table import section_table
from renderapps.pointmatch.made_matches import (
    MadeMatchesParameters,
    collection_field,
    filled,
)
from renderapps.pointmatch.match_collection import owner_of_matches
from renderapps.pointmatch.match_points import GroupTiles
from renderapps.pointmatch.pair_matches import Floats, PairMatches, Tile

Json = dict[str, Any]
AnyTile = TileSpec | Mapping[str, Any]


class MakeSyntheticCrossStackPointMatchesParameters(
    MadeMatchesParameters, ParallelParameters, RenderParameters
):
    """Parameters of make_synthetic_cross_stack_point_matches."""

    tile_pair_file = parameter(
        InputFile,
        "cross-stack pair file (find_principal_tile_overlaps writes one)",
        aliases=["tilepair_file", "tilepair_output"],
    )
    matchcollection = collection_field("matchCollection")
    grid_size = parameter(
        Int, "points of each tile of pstack along each side", default=8, validate=Range(2, 256)
    )


class MakeSyntheticCrossStackPointMatches(RenderModule):
    """A grid on each tile of pstack, and the pixels of the tile of qstack at the same places.

    Points that lie off the image of the tile of qstack are left out, pairs without any are named.
    """

    default_schema = MakeSyntheticCrossStackPointMatchesParameters

    def run(self) -> None:
        """Read the file, make the matches of each p group, report."""
        content = read_cross_stack_pairs(self.args["tile_pair_file"])
        self.p_tiles, self.q_tiles = (
            GroupTiles(self.render, stack, section_table(self.render, stack))
            for stack in (content.p_stack, content.q_stack)
        )
        groups: dict[str, list[CrossStackPair]] = {}
        for pair in content.pairs:
            groups.setdefault(pair.p_group, []).append(pair)
        report: Json = {"matchcollection": self.args["matchcollection"]}
        with filled(
            self.render,
            owner_of_matches(self),
            self.args["matchcollection"],
            self.args["existing"],
            self.args["local_transforms"],
            self.module_name(),
        ) as self.target:
            found = self.map_tasks(
                partial(_make, self), list(groups.values()), "making matches", also_here=True
            )
            done = [entry for entry in found if not isinstance(entry, TaskFailure)]
            failed = [entry for entry in found if isinstance(entry, TaskFailure)]
            report |= {
                "pairs": sum(entry["pairs"] for entry in done),
                "points": sum(entry["points"] for entry in done),
                "dropped_pairs": [pair for entry in done for pair in entry["dropped_pairs"]],
                "failed_groups": [
                    {"groupId": entry.item[0].p_group, "reason": entry.reason} for entry in failed
                ],
            }
            self.output(report)
            if failed:
                raise RenderModuleException(
                    f"{len(failed)} of {len(groups)} groups failed; "
                    f"{failed[0].item[0].p_group}: {failed[0].reason}"
                )
            if not report["pairs"]:
                first = report["dropped_pairs"][0]["reason"] if report["dropped_pairs"] else ""
                raise RenderModuleException(f"no pair has a match: {first or 'the file has none'}")

    def make(self, pairs: Sequence[CrossStackPair]) -> Json:
        """Make and store the matches of the pairs of one p group."""
        made: list[PairMatches] = []
        dropped: list[Json] = []
        p_tiles = self.p_tiles.of(pairs[0].p_group)
        by_q: dict[str, list[CrossStackPair]] = {}
        for pair in pairs:
            by_q.setdefault(pair.q_group, []).append(pair)
        for group, some in by_q.items():  # the tiles of two sections are held at a time
            q_tiles = self.q_tiles.of(group)
            for pair in some:
                result = self.matches_of(pair, p_tiles, q_tiles)
                if isinstance(result, PairMatches):
                    made.append(result)
                else:
                    keys = ("pGroupId", "pId", "qGroupId", "qId")
                    dropped.append(dict(zip(keys, pair, strict=True)) | {"reason": result})
        self.target.write(made)
        points = sum(len(pair.w) for pair in made)
        return {"pairs": len(made), "points": points, "dropped_pairs": dropped}

    def matches_of(
        self,
        pair: CrossStackPair,
        p_tiles: Mapping[Tile, TileTransforms],
        q_tiles: Mapping[Tile, TileTransforms],
    ) -> PairMatches | str:
        """Matches of a pair, or why there are none."""
        one, other = (pair.p_group, pair.p_id), (pair.q_group, pair.q_id)
        for tile, tiles, groups in (
            (one, p_tiles, self.p_tiles),
            (other, q_tiles, self.q_tiles),
        ):
            if tile not in tiles:
                return f"stack {groups.stack} has no tile {tile[1]} in section {tile[0]}"
        size, local = self.args["grid_size"], self.args["local_transforms"]
        try:
            p, q = grid_matches(p_tiles[one], q_tiles[other], size, local)
        except RenderError as error:
            return str(error)
        if not len(p):
            return "no point of the grid lies on the tile of the other stack"
        return PairMatches.of(one, other, p, q, np.ones(len(p)))


def _make(module: MakeSyntheticCrossStackPointMatches, pairs: Sequence[CrossStackPair]) -> Json:
    return module.make(pairs)


def grid_matches(
    p_tile: TileTransforms, q_tile: TileTransforms, grid_size: int = 8, local_transforms: int = 0
) -> tuple[Floats, Floats]:
    """Places that two tiles of one space have in common.

    Parameters
    ----------
    p_tile, q_tile : TileTransforms
    grid_size : int
        Points along each side of the image of p, from the first pixel to the last.
    local_transforms : int
        Number of leading transforms of each tile that the points are given after.

    Returns
    -------
    p, q : (N, 2)
        Points whose raw pixel in q lies within its image: 0 < x < width, 0 < y < height.
    """
    width, height = (p_tile.tile[side] for side in ("width", "height"))
    raw = grid_points(width, height, grid_size)
    stored = p_tile.forward(raw, 0, local_transforms)
    there = q_tile.backward(p_tile.forward(raw), local_transforms)
    pixel = q_tile.backward(there, 0, local_transforms)
    size = [q_tile.tile[side] for side in ("width", "height")]
    with np.errstate(invalid="ignore"):
        inside = ((pixel > 0) & (pixel < size)).all(axis=1)
    good = inside & np.isfinite(there).all(axis=1) & np.isfinite(stored).all(axis=1)
    return stored[good], there[good]


def define_local_grid(ts: AnyTile, num_points: int) -> Floats:
    """Raw local grid of a tile, (num_points^2, 2), x fastest, 0 to size - 1 in both directions."""
    tile = _document(ts)
    return grid_points(tile["width"], tile["height"], num_points)


def define_synthetic_point_matches(
    tsp: AnyTile, tsq: AnyTile, grid_size: int = 8, local_transforms: int = 0
) -> Json:
    """Match document of two tiles (transforms resolved) of one space; p is the first."""
    p_tile, q_tile = _document(tsp), _document(tsq)
    p, q = grid_matches(TileTransforms(p_tile), TileTransforms(q_tile), grid_size, local_transforms)
    names = (("p", p_tile), ("q", q_tile))
    ids = {f"{side}GroupId": _group(tile) for side, tile in names}
    ids |= {f"{side}Id": tile["tileId"] for side, tile in names}
    return ids | {"matches": {"p": p.T.tolist(), "q": q.T.tolist(), "w": [1.0] * len(p)}}


def make_synthetic_cross_stack_point_matches(
    render: renderapi.Render,
    p_stack: str,
    q_stack: str,
    pairs: Sequence[Mapping[str, Any]],
    matchcollection: str,
    grid_size: int = 8,
    local_transforms: int = 0,
) -> list[PairMatches]:
    """Make and add the matches of pairs (objects with p and q); those that were stored."""
    from renderapps.module.tiles_by_id import tiles_with_ids

    tiles = [
        tiles_with_ids(render, stack, sorted({str(pair[side]["id"]) for pair in pairs}))
        for stack, side in ((p_stack, "p"), (q_stack, "q"))
    ]
    made = []
    for pair in pairs:
        p_tile, q_tile = (
            TileTransforms(some[str(pair[side]["id"])])
            for some, side in zip(tiles, "pq", strict=True)
        )
        p, q = grid_matches(p_tile, q_tile, grid_size, local_transforms)
        if len(p):
            ends = (_group(tile.tile) for tile in (p_tile, q_tile))
            one, other = ((g, str(pair[s]["id"])) for g, s in zip(ends, "pq", strict=True))
            made.append(PairMatches.of(one, other, p, q, np.ones(len(p))))
    owner = str(render.DEFAULT_OWNER)
    with filled(render, owner, matchcollection, "append", local_transforms, __name__) as target:
        target.write(made)
    return made


def _document(ts: AnyTile) -> Mapping[str, Any]:
    return ts.to_dict() if isinstance(ts, TileSpec) else ts


def _group(tile: Mapping[str, Any]) -> str:
    return group_of((tile.get("layout") or {}).get("sectionId"), float(tile["z"]))


if __name__ == "__main__":
    MakeSyntheticCrossStackPointMatches.main()
