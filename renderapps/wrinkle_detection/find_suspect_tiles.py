"""Find tiles that a wrinkle may cross: their matches with other sections follow no one transform.

The first step before point_match_based_tile_splitting, which splits one of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from argschema.fields import Dict, Float, List, Str
from marshmallow.validate import Range

from renderapi.errors import RenderError
from renderapi.matching.models import Model
from renderapi.transform.slices import TileTransforms
from renderapps.module import SectionModule, SectionParameters, parameter
from renderapps.module.report import SectionReport
from renderapps.module.section_table import section_table
from renderapps.module.tile_documents import Json, read_section
from renderapps.pointmatch.match_collection import (
    MatchCollectionParameters,
    PointSpaceParameters,
    owner_of_matches,
    p_groups_of,
    recorded_transforms,
)
from renderapps.registration.cross_matches import CrossMatches, Targets
from renderapps.wrinkle_detection.piece_parameters import RULES, PieceParameters
from renderapps.wrinkle_detection.pieces import SplitRules, label_matches, sizes
from renderapps.wrinkle_detection.residuals import section_residuals

ONE_SIDE = "seen from one section only: the wrinkle may be in the tile that it is matched with"
ONE_PIECE = "its matches lie on one piece: bent, or matched wrongly, rather than folded"


class FindSuspectTilesParameters(
    PieceParameters, MatchCollectionParameters, PointSpaceParameters, SectionParameters
):
    """Parameters of find_suspect_tiles."""

    stack = parameter(
        Str,
        "stack of the tiles; its sections are aligned roughly, or not at all",
        aliases=["input_stack"],
    )
    max_residual = parameter(
        Float,
        "tiles whose matches with another section are farther than this off one transform (root "
        "mean square, world pixels) are suspect",
        default=None,
        default_text="half of max_epsilon: what a jump of twice max_epsilon leaves",
        validate=Range(min=0, min_inclusive=False),
    )


class SuspectTilesReport(SectionReport):
    """What find_suspect_tiles says."""

    suspects = parameter(
        List, "suspect tiles, the largest residual first: where, how far off, into what", Dict()
    )
    tiles_to_split = parameter(
        List, "those that are folded themselves, for point_match_based_tile_splitting", Str()
    )


class FindSuspectTiles(SectionModule):
    """One transform is fitted to the matches of each tile with each other section.

    A suspect tile is looked at as point_match_based_tile_splitting would: it is to be split where
    its matches fall into pieces, as seen from two other sections or more. Nothing is written but
    the report; tiles with too few matches to tell are named in it.
    """

    default_schema = FindSuspectTilesParameters
    default_output_schema = SuspectTilesReport
    stack = "stack"

    def prepare(self) -> None:
        """Where matches and tiles come from, and the rules."""
        owner, collection = owner_of_matches(self), self.args["matchCollection"]
        p_groups_of(self.render, owner, collection)
        self.local, _ = recorded_transforms(
            self.render, owner, collection, self.args["local_transforms"]
        )
        table = section_table(self.render, self.z_stack)
        self.matches = CrossMatches(self.render, owner, collection, self.z_stack, table, self.local)
        self.rules = SplitRules(*(self.args[name] for name in RULES))
        given = self.args["max_residual"]
        self.limit = self.rules.max_epsilon / 2 if given is None else float(given)

    def process_section(self, z: float) -> Json:
        """The suspect tiles of a section."""
        section = read_section(self.render, self.z_stack, z)
        found, missing = self.matches.of(section)
        suspects: list[Json] = []
        unchecked: list[Json] = []
        for document in section.tiles:
            tile = TileTransforms(document, section.transforms)
            entry = self.judged(tile, found[document["tileId"]], z)
            if isinstance(entry, str):
                unchecked.append({"tileId": document["tileId"], "reason": entry})
            elif entry["residual"] > self.limit:
                suspects.append(entry)
        return {
            "tiles": len(section.tiles),
            "suspects": suspects,
            "unchecked_tiles": unchecked,
            "missing_tiles": [{"tileId": t, "reason": r} for t, r in sorted(missing.items())],
        }

    def judged(self, tile: TileTransforms, targets: Targets, z: float) -> Json | str:
        """How far a tile's matches are off one transform; or why nobody can tell."""
        other = targets.zs != z
        world, zs, weights = targets.world[other], targets.zs[other], targets.weights[other]
        try:
            points = tile.backward(targets.points[other], 0, self.local)
        except RenderError as error:
            return str(error)
        good = np.isfinite(points).all(axis=1)
        points, world, zs, weights = points[good], world[good], zs[good], weights[good]
        least = self.rules.min_inliers
        residuals = section_residuals(points, world, zs, weights, Model(self.rules.model), least)
        if not residuals:
            return f"fewer than {least} matches with any one other section"
        worst = max(residuals, key=lambda residual: residual.rms)
        entry: Json = {
            "tileId": tile.tile["tileId"],
            "z": z,
            "residual": round(worst.rms, 3),
            "at_z": worst.z,
            "sections": len(residuals),
            "sections_off": sum(residual.rms > self.limit for residual in residuals),
            "matches": sum(residual.matches for residual in residuals),
        }
        if worst.rms <= self.limit:
            return entry
        labels = label_matches(points, world, zs.astype(str), self.rules)
        entry["pieces"] = len(sizes(labels))
        if entry["pieces"] < 2:
            entry["note"] = ONE_PIECE
        elif entry["sections"] < 2:
            entry["note"] = ONE_SIDE
        return entry

    def finish(self, sections: list[dict[str, Any]]) -> Json:
        """All suspects, and which are to be split."""
        suspects = [entry for section in sections for entry in section["suspects"]]
        suspects.sort(key=lambda entry: -entry["residual"])
        split = [entry["tileId"] for entry in suspects if "note" not in entry]
        return {"suspects": suspects, "tiles_to_split": split}


if __name__ == "__main__":
    FindSuspectTiles.main()
