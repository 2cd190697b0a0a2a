"""Take the weight from matches within sections that do not agree, or are far from the stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import orjson
from argschema.fields import Boolean, Float, Str
from marshmallow.validate import OneOf, Range

from renderapi.files import atomic_write
from renderapps.module import ParallelParameters, RenderParameters, ZParameters, parameter
from renderapps.module.fields import NewFile
from renderapps.module.section_module import chosen_zs
from renderapps.module.section_table import section_table
from renderapps.pointmatch.match_edit import Edited, MatchEditModule, WrittenMatchesParameters
from renderapps.pointmatch.match_points import Ends, GroupTiles, world_ends
from renderapps.pointmatch.match_residuals import LINEAR, Residuals, counted, residuals
from renderapps.pointmatch.pair_matches import Json, PairMatches


class FilterPointMatchesParameters(
    WrittenMatchesParameters, ZParameters, ParallelParameters, RenderParameters
):
    """Parameters of filter_point_matches."""

    input_stack = parameter(Str, "stack whose tiles lie where the stage says", aliases=["stack"])
    input_match_collection = parameter(
        Str,
        "match collection to read",
        aliases=["input_collection", "matchCollection", "input_matchcollection"],
    )
    output_match_collection = parameter(
        Str,
        "match collection to write; the input's name lets the new one take its place",
        aliases=["output_collection", "output_matchcollection"],
    )
    resmax = parameter(
        Float,
        "largest root mean square residual of the points of a pair, pixels",
        default=5.0,
        aliases=["max_residual"],
        validate=Range(min=0),
    )
    transmax = parameter(
        Float,
        "largest distance of the offset of two tiles from that of the stage, pixels",
        default=500.0,
        aliases=["max_translation"],
        validate=Range(min=0),
    )
    model = parameter(
        Str,
        "model from p to q that the residual is taken from; where the points do not determine it, "
        "the strongest simpler one that they do",
        default="affine",
        validate=OneOf(LINEAR),
    )
    inverse_weighting = parameter(
        Boolean,
        "give each point of a pair that is kept the weight 1 / number of its points, so that all "
        "pairs count alike; by default weights stay",
        default=False,
    )
    filter_output_file = parameter(
        NewFile,
        "JSON file for what was found of each pair, by z, which is in the output JSON too",
        default=None,
    )


class FilterPointMatches(MatchEditModule):
    """Pairs of tiles of one section with a residual above resmax, or farther than transmax from
    where the stage has them, get the weight 0; they stay in the collection.

    The offset is compared in the world, in the middle of the points. A pair that is kept has its
    weights, or 1 where all were 0. Only points with a weight are judged by, or all where none has.
    Pairs across sections, and those of other z, are copied.
    """

    default_schema = FilterPointMatchesParameters
    inputs = ("input_match_collection",)
    output_role = "output_match_collection"
    may_be_input = True

    def output_local_transforms(self, recorded: int | None) -> int | None:
        """Those of the input."""
        self.local_transforms = recorded or 0
        return recorded

    def run(self) -> None:
        """Filter, and write the file once the collection has its name."""
        super().run()
        path = self.args["filter_output_file"]
        if path and self.result:
            found = {"sections": self.result["sections"]}
            atomic_write(path, orjson.dumps(found, option=orjson.OPT_INDENT_2))

    def prepare(self) -> None:
        """Find the sections to filter."""
        args = self.args
        stack = args["input_stack"]
        table = section_table(self.render, stack)
        given = (args["zs"], args["minZ"], args["maxZ"])
        self.zs = set(chosen_zs(table.zs, *given, f"stack {stack}"))
        self.groups = GroupTiles(self.render, stack, table)

    def edit_matches(self, pairs: list[PairMatches]) -> Edited:
        """The pairs of a section with their new weights."""
        zs = self.groups.table.zs_of.get(pairs[0].p_tile[0], []) if pairs else []
        if not self.zs & set(zs):
            return Edited(pairs, [])
        group = pairs[0].p_tile[0]
        inside = [pair for pair in pairs if pair.q_tile[0] == group]
        across = [pair for pair in pairs if pair.q_tile[0] != group]
        ends = world_ends(
            inside, self.groups.of(group), self.args["input_stack"], self.local_transforms
        )
        found = residuals(inside, self.args["model"])
        details = judged(inside, found, ends, self.args)
        weighted = [
            reweighted(pair, entry["weight"]) for pair, entry in zip(inside, details, strict=True)
        ]
        return Edited([*weighted, *across], [], [{"z": min(zs)} | entry for entry in details])

    def more_report(self, details: list[Json]) -> Json:
        """What was found of each pair, by z, and how many are filtered out."""
        by_z: dict[float, list[Json]] = {}
        for entry in details:
            by_z.setdefault(entry.pop("z"), []).append(entry)
        sections = [{"z": z, "pairs": entries} for z, entries in sorted(by_z.items())]
        return {
            "pairs_filtered_out": sum(entry["weight"] == 0 for entry in details),
            "pairs_not_judged": sum(entry["weight"] is None for entry in details),
            "sections": sections,
        }


def judged(
    pairs: Sequence[PairMatches],
    found: Residuals,
    ends: Sequence[Ends | str],
    args: Mapping[str, float],
) -> list[Json]:
    """Entry of each pair: residual, distance from the stage, number of points, and weight.

    Parameters
    ----------
    pairs : sequence of PairMatches
    found : Residuals
    ends : sequence of (p, q) points in the world, or the reason why there are none
        A pair without them is not judged: its weight in the entry is None.
    args : mapping
        resmax, transmax, inverse_weighting.
    """
    entries = []
    for k, (pair, places) in enumerate(zip(pairs, ends, strict=True)):
        keep = counted(pair)
        count = int(np.count_nonzero(keep))
        entry = {"pId": pair.p_tile[1], "qId": pair.q_tile[1], "count": count}
        if isinstance(places, str) or found.models[k] < 0:
            reason = places if isinstance(places, str) else "it has no points"
            entries.append(entry | {"weight": None, "reason": reason})
            continue
        apart = places[0] - places[1]
        translation = float(np.hypot(*(keep @ apart / count)))
        rms = float(found.rms[k])
        reasons = [
            f"{what} {value:.3f} is above {name} {args[name]:g}"
            for what, value, name in (
                ("residual", rms, "resmax"),
                ("distance from the stage", translation, "transmax"),
            )
            if value > args[name]
        ]
        weight = 0.0 if reasons else 1.0 / count if args["inverse_weighting"] else 1.0
        entry |= {"nres": round(rms, 3), "translation": round(translation, 3), "weight": weight}
        entry["model"] = LINEAR[found.models[k]]
        entries.append(entry | ({"reason": "; ".join(reasons)} if reasons else {}))
    return entries


def reweighted(pair: PairMatches, weight: float | None) -> PairMatches:
    """A pair with the weight that it was given: None changes nothing, 1 keeps those it has."""
    if weight is None or (weight == 1.0 and (pair.w > 0).any()):
        return pair
    return replace(pair, w=np.where(counted(pair), weight, 0.0))


if __name__ == "__main__":
    FilterPointMatches.main()
