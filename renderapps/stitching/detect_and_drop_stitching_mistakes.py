"""Drop the tiles that stitching put where their neighbours say they cannot be.

Works on the result of any stitcher: it compares the vector between every two neighbouring tiles
before and after. Tiles are dropped because they are missing after stitching, displaced (every
neighbour vector changed too much) or disconnected (part of a group that hangs together, but whose
vectors to a larger one changed too much). A group that nothing contradicts is kept and listed. The
output JSON lists all dropped tiles with their reasons.
"""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, Float, Int, List, OutputDir, Str
from marshmallow.validate import Range

from renderapps.module import Section, StackEditModule, StackEditParameters, parameter
from renderapps.module.stacks import stack_zs
from renderapps.pointmatch.match_collection import (
    MatchOwnerParameters,
    PointSpaceParameters,
    owner_of_matches,
    p_groups_of,
    recorded_transforms,
)


class DetectAndDropStitchingMistakesParameters(
    MatchOwnerParameters, PointSpaceParameters, StackEditParameters
):
    """Parameters of the search for stitching mistakes."""

    prestitchedStack = parameter(
        Str, "stack with the tiles as acquired", aliases=["prestitched_stack"]
    )
    poststitchedStack = parameter(
        Str, "stack with the tiles as stitched", aliases=["poststitched_stack", "input_stack"]
    )
    outputStack = parameter(
        Str,
        "stack to make: the stitched tiles without the mistakes",
        default=None,
        aliases=["output_stack"],
    )
    jsonDirectory = parameter(
        OutputDir,
        "folder to write the kept tile specs to, one file per section",
        default=None,
        aliases=["json_directory"],
    )
    edge_threshold = parameter(
        Float,
        "neighbours whose centres were further apart than this before stitching are not "
        "considered, pixels",
        default=None,
        default_text="the larger side of the tile",
        validate=Range(min=0, min_inclusive=False),
    )
    distance_threshold = parameter(
        Float,
        "greatest tolerated change of a neighbour vector, pixels",
        default=50.0,
        validate=Range(min=0),
    )
    minimum_group_size = parameter(
        Int,
        "keep every group of at least so many tiles that hang together, and no other",
        default=None,
        default_text="keep every group that no vector to a larger one contradicts",
        validate=Range(min=1),
    )
    largest_group_only = parameter(
        Boolean,
        "keep only the largest group, even where nothing contradicts the others",
        default=False,
    )
    explained_tiles = parameter(
        List,
        "tiles that are kept and not judged by, as it is known why they went far (relocated_tiles "
        "of pointmatch.generate_point_matches, for example)",
        Str(),
        default=[],
    )
    matchCollection = parameter(
        Str,
        "match collection by which seams, and groups that nothing connects, are also reported",
        default=None,
        default_text="only holes, gaps and distortion are",
        aliases=["match_collection", "matchcollection"],
    )
    residual_threshold = parameter(
        Float,
        "matches whose ends lie at least so far apart after stitching belong to a seam, pixels",
        default=4.0,
        validate=Range(min=0),
    )
    neighbors_distance = parameter(
        Float,
        "such matches at most so far from each other are of one seam, pixels",
        default=80.0,
        validate=Range(min=0, min_inclusive=False),
    )
    min_cluster_size = parameter(
        Int,
        "seams of more matches than this are reported",
        default=12,
        validate=Range(min=0),
    )
    report_only = parameter(Boolean, "only report; write neither a stack nor files", default=False)


class DetectAndDropStitchingMistakes(StackEditModule):
    """Drop the tiles whose place after stitching is implausible."""

    default_schema = DetectAndDropStitchingMistakesParameters
    inputs = ("poststitchedStack", "prestitchedStack")
    outputs = ("outputStack",)
    moves_tiles = False
    tile_inputs = 1

    @property
    def z_stack(self) -> str:
        """The stack before stitching, which has every section."""
        return self.args["prestitchedStack"]

    def prepare(self) -> None:
        """Find out which sections the stitcher has lost as a whole."""
        self.stitched_zs = set(stack_zs(self.render, self.args["poststitchedStack"]))
        self.owner, collection = owner_of_matches(self), self.args["matchCollection"]
        if collection:
            p_groups_of(self.render, self.owner, collection)
            given = self.args["local_transforms"]
            self.local, _ = recorded_transforms(self.render, self.owner, collection, given)

    @property
    def dry_run(self) -> bool:
        """Whether only a report is wanted."""
        return self.args["report_only"]

    def input_z(self, stack: str, z: float) -> float | None:
        """A section that the stitcher lost as a whole is empty, not an error."""
        lost = stack == self.args["poststitchedStack"] and z not in self.stitched_zs
        return None if lost else z

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The stitched section without its mistakes, and why each of them is one."""
        from renderapps.stitching.displacements import find_mistakes
        from renderapps.stitching.kept_tiles import write_kept
        from renderapps.stitching.montage import placements

        after, before = (section.resolved() for section in sections)
        verdict = find_mistakes(
            placements(before),
            placements(after),
            self.args["distance_threshold"],
            self.args["edge_threshold"],
            self.args["minimum_group_size"],
            self.args["largest_group_only"],
            self.args["explained_tiles"],
        )
        keep = set(verdict.kept)
        kept = [tile for tile in after.tilespecs if tile.tileId in keep]
        report = {
            "kept": len(kept),
            "dropped": [
                {"tileId": tile, "reason": reason} for tile, reason in verdict.dropped.items()
            ],
            "group_sizes": verdict.group_sizes,
            "separate_groups": verdict.separate,
            "defects": self.defects(*sections),
        }
        if self.args["jsonDirectory"] and not self.args["report_only"]:
            folder = self.args["jsonDirectory"]
            report["file"] = write_kept(folder, self.output_stack, sections[0].z, kept)
        return sections[0].with_tilespecs(kept), report

    def defects(self, after: Section, before: Section) -> dict[str, Any]:
        """Defects of the section as it was stitched, with its mistakes."""
        from renderapps.alignment.defect_report import (
            SeamRules,
            match_defects,
            matches_within,
            shape_defects,
        )

        found = shape_defects(before, after)
        collection = self.args["matchCollection"]
        if collection:
            names = ("residual_threshold", "neighbors_distance", "min_cluster_size")
            rules = SeamRules(**{name: self.args[name] for name in names})
            pairs = matches_within(self.render, self.owner, collection, after)
            found |= match_defects(after, pairs, self.local, rules)
        return found


if __name__ == "__main__":
    DetectAndDropStitchingMistakes.main()
