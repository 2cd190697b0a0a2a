"""Put the decisions of a match review in the place of what was matched."""

from __future__ import annotations

from argschema.fields import Int, Str
from marshmallow import Schema

from renderapps.module import ParallelParameters, RenderParameters, parameter
from renderapps.pointmatch.match_edit import (
    Edited,
    Json,
    MatchEditModule,
    MatchReport,
    WrittenMatchesParameters,
)
from renderapps.pointmatch.pair_matches import PairMatches

REJECTED = "it was rejected in the review"


class ApplyMatchEditsParameters(WrittenMatchesParameters, ParallelParameters, RenderParameters):
    """Parameters of apply_match_edits."""

    input_collection = parameter(
        Str,
        "match collection that was reviewed, or matched again since",
        aliases=["input_matchcollection", "matchCollection"],
    )
    edits_collection = parameter(
        Str,
        "match collection of the review: the edited pairs, whose rejected points have weight 0",
        default=None,
        default_text="input_collection with _edits behind",
    )
    output_collection = parameter(
        Str, "match collection to write", aliases=["output_matchcollection"]
    )


class ApplyMatchEditsReport(MatchReport):
    """The report of apply_match_edits."""

    edited_pairs = parameter(Int, "pairs that are as the review left them")
    added_pairs = parameter(Int, "those of them that the input does not have")
    rejected_points = parameter(Int, "points of the review that were rejected, and are left out")


class ApplyMatchEdits(MatchEditModule):
    """A pair that was reviewed is written as the review left it, every other one as it was matched.

    So a review holds when tiles are matched again: run this after generate_point_matches. Neither
    the input nor the edits are changed. Pairs that were rejected altogether are left out, and named
    in the report.
    """

    default_schema = ApplyMatchEditsParameters
    default_output_schema: type[Schema] = ApplyMatchEditsReport

    @property
    def edits(self) -> str:
        """Name of the collection of edits."""
        return str(self.args["edits_collection"] or f"{self.args['input_collection']}_edits")

    @property
    def input_collections(self) -> list[str]:
        """The matches, and the edits."""
        return [self.args["input_collection"], self.edits]

    def read_and_edit(self, group: str) -> tuple[list[PairMatches], Edited]:
        """The matches of a group, with those pairs exchanged that were edited."""
        matched = self.read_group(self.args["input_collection"], group)
        edited = {pair.key: pair for pair in self.read_group(self.edits, group)}
        known = {pair.key for pair in matched}
        kept = [pair for pair in matched if pair.key not in edited]
        dropped: list[Json] = []
        details: list[Json] = []
        for key, pair in edited.items():
            wanted = pair.only(pair.w > 0)
            details.append({"added": key not in known, "rejected": len(pair.w) - len(wanted.w)})
            if len(wanted.w):
                kept.append(wanted)
            else:
                dropped.append(pair.ids | {"reason": REJECTED})
        kept.sort(key=lambda pair: (pair.q_tile[0], pair.p_tile[1], pair.q_tile[1]))
        return matched, Edited(kept, dropped, details)

    def more_report(self, details: list[Json]) -> Json:
        """How much of the output the review has decided."""
        return {
            "edited_pairs": len(details),
            "added_pairs": sum(entry["added"] for entry in details),
            "rejected_points": sum(entry["rejected"] for entry in details),
        }


if __name__ == "__main__":
    ApplyMatchEdits.main()
