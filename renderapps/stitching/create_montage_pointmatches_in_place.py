"""Make point matches that reproduce a montage: points of its overlaps, led back to both tiles.

With them a montage of any stitcher can be given to a solver that works on matches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Boolean, Float, Int, OutputDir, Str
from marshmallow.validate import Range

from renderapi.errors import RenderError
from renderapi.matching.neighbours import Pair, group_of
from renderapi.matching.tilepairs import template_url, write_tile_pairs
from renderapi.transform.slices import TileTransforms
from renderapps.module import RenderModuleException, SectionModule, SectionParameters, parameter
from renderapps.module.tile_documents import Section, read_section
from renderapps.pointmatch.made_matches import MadeMatchesParameters, collection_field, filled
from renderapps.pointmatch.match_collection import owner_of_matches
from renderapps.pointmatch.pair_matches import Floats, PairMatches

Json = dict[str, Any]


class CreateMontagePointMatchParameters(MadeMatchesParameters, SectionParameters):
    """Parameters of create_montage_pointmatches_in_place."""

    stack = parameter(Str, "montaged stack", aliases=["input_stack"])
    matchCollection = collection_field("matchcollection")
    dataRoot = parameter(
        OutputDir,
        "folder below which the pairs of each section are also written, as "
        "PROJECT/processed/point_match_in_place/in_section_pairs_STACK_zZZZZ.json",
        default=None,
        default_text="no files",
    )
    delta = parameter(
        Float,
        "distance of the points, world pixels; less in small overlaps",
        default=150.0,
        validate=Range(min=0, min_inclusive=False),
    )
    margin = parameter(
        Float,
        "points keep so far from the border of an overlap, world pixels",
        default=10.0,
        validate=Range(min=0),
    )
    min_points_per_axis = parameter(
        Int, "fewest points along each side of an overlap", default=3, validate=Range(min=2)
    )
    max_points = parameter(Int, "most points of a pair", default=1000, validate=Range(min=4))
    exclude_corner_neighbors = parameter(
        Boolean,
        "leave out tiles that overlap at a corner only",
        default=True,
        aliases=["excludeCornerNeighbors"],
    )


class CreateMontagePointMatch(SectionModule):
    """Tiles that overlap in a section are matched at the places that they have now.

    Pairs whose overlap is narrower than twice the margin are named, as are tiles without a pair.
    Points are raw pixels of the tiles unless local_transforms says otherwise.
    """

    default_schema = CreateMontagePointMatchParameters
    stack = "stack"

    def run(self) -> None:
        """Match section by section; the collection changes when all have succeeded."""
        name = self.args["matchCollection"]
        zs = self.select_zs()
        with filled(
            self.render,
            owner_of_matches(self),
            name,
            self.args["existing"],
            self.args["local_transforms"],
            self.module_name(),
        ) as self.target:
            sections, failed = self.map_sections(zs)
            counts = {key: sum(entry[key] for entry in sections) for key in ("pairs", "points")}
            report = {"matchCollection": name} | counts
            self.output(report | self.report_of(sections, failed))
            self.raise_failures(failed, len(zs))
            if not counts["pairs"]:
                raise RenderModuleException(
                    f"no tiles of stack {self.z_stack} overlap by more than twice the margin"
                )

    def process_section(self, z: float) -> Json:
        """Make and store the matches of a section."""
        section = read_section(self.render, self.z_stack, z)
        made, dropped, skipped = self.matches_of(section)
        self.target.write(made)
        with_pairs = {tile[1] for pair in made for tile in (pair.p_tile, pair.q_tile)}
        entry: Json = {
            "tiles": len(section.tiles),
            "pairs": len(made),
            "points": sum(len(pair.w) for pair in made),
            "dropped_pairs": dropped,
            "tiles_without_pairs": [t for t in section.tile_ids if t not in with_pairs],
            "skipped_tiles": [{"tileId": t, "reason": r} for t, r in skipped.items()],
        }
        if self.args["dataRoot"]:
            entry["file"] = str(self.write_pairs(z, made))
        return entry

    def matches_of(self, section: Section) -> tuple[list[PairMatches], list[Json], dict[str, str]]:
        """Matches of a section, pairs without any, and tiles without an outline."""
        from renderapps.alignment.placed_outlines import outlines_of
        from renderapps.alignment.rim import overlapping_tiles
        from renderapps.stitching.overlap_points import Spread, overlap_points

        placed = outlines_of(section)
        tiles = {tile["tileId"]: TileTransforms(tile, section.transforms) for tile in section.tiles}
        names = {
            name: (group_of((t.tile.get("layout") or {}).get("sectionId"), section.z), name)
            for name, t in tiles.items()
        }
        spread = Spread(
            self.args["delta"], self.args["min_points_per_axis"], self.args["max_points"]
        )
        made, dropped = [], []
        corners = not self.args["exclude_corner_neighbors"]
        for one, other in overlapping_tiles(placed.polygons, placed.corners, corners):
            overlap = placed.polygons[one].intersection(placed.polygons[other])
            world = overlap_points(overlap.buffer(-self.args["margin"]), spread)
            result: PairMatches | str = "their overlap is narrower than twice the margin"
            if len(world):
                try:
                    p, q = self.led_back(world, tiles[one], tiles[other])
                    result = PairMatches.of(names[one], names[other], p, q, np.ones(len(p)))
                except RenderError as error:
                    result = str(error)
            if isinstance(result, PairMatches) and len(result.w):
                made.append(result)
            else:
                reason = result if isinstance(result, str) else "no point leads back to both tiles"
                pair = PairMatches.of(names[one], names[other], [], [], [])
                dropped.append(pair.ids | {"reason": reason})
        return made, dropped, placed.skipped

    def led_back(
        self, world: Floats, one: TileTransforms, other: TileTransforms
    ) -> tuple[Floats, Floats]:
        """Points on both tiles, of those that lie on the images of both."""
        local = self.args["local_transforms"]
        ends, good = [], np.ones(len(world), bool)
        for tile in (one, other):
            stored = tile.backward(world, local)
            pixel = tile.backward(stored, 0, local)
            size = [tile.tile["width"], tile.tile["height"]]
            with np.errstate(invalid="ignore"):
                good &= ((pixel >= 0) & (pixel <= size)).all(axis=1)
            ends.append(stored)
        return ends[0][good], ends[1][good]

    def write_pairs(self, z: float, made: list[PairMatches]) -> Path:
        """Write the tile-pair file of a section."""
        owner, project = self.render.DEFAULT_OWNER, self.render.DEFAULT_PROJECT
        exact = f"{z:04.0f}" if z == int(z) else repr(z)
        folder = Path(self.args["dataRoot"]) / project / "processed" / "point_match_in_place"
        path = folder / f"in_section_pairs_{self.z_stack}_z{exact}.json"
        pairs = [Pair(*pair.p_tile, "", *pair.q_tile, "", None) for pair in made]
        template = template_url(owner, project, self.z_stack)
        write_tile_pairs(path, template, [pairs], max(1, len(pairs)), write_empty=True)
        return path


if __name__ == "__main__":
    CreateMontagePointMatch.main()
