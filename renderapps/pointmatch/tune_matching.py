"""Try settings of point matching on a sample of pairs, and recommend one.

The same matching as that of generate_point_matches, of the same pairs, with every combination of
the search radii, scales and methods given. Nothing is stored. A long run then starts with a radius
that is large enough, at the scale that is exact enough, and takes no longer than it must. Where
features were needed, the best setting is tried with fewer of `feature_scales` as well.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from argschema.fields import Float, Int, List, Str
from marshmallow.validate import Length, OneOf, Range

from renderapps.module import (
    ParallelParameters,
    RenderModuleException,
    RenderParameters,
    parameter,
)
from renderapps.pointmatch.matching_parameters import MatchingParameters
from renderapps.pointmatch.pair_search import PairSearch, TilePairParameters

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome
    from renderapi.matching.neighbours import Pair

AGREE = 1.0  # settings whose offsets of a pair differ by more pixels than this contradict
LOSS = 0.02  # share of the pairs that a cheaper setting may lose
LESS_EXACT, EXACT = 1.5, 0.02  # residual: so many times the best one, or so many pixels
ROOM = 0.8  # share of the search radius that offsets may reach

SETTING = ("search_radius", "scale", "method")

Json = dict[str, Any]


class TuneMatchingParameters(
    MatchingParameters, TilePairParameters, ParallelParameters, RenderParameters
):
    """Parameters of tune_matching."""

    sample_pairs = parameter(
        Int, "pairs that are tried, spread over the stack", default=24, validate=Range(min=1)
    )
    search_radii = parameter(
        List,
        "search radii to try, full-scale pixels",
        Float(validate=Range(min=0, min_inclusive=False)),
        default=None,
        default_text="half of search_radius, itself, and twice as much",
        validate=Length(min=1),
    )
    scales = parameter(
        List,
        "scales to try",
        Float(validate=Range(min=0, max=1, min_inclusive=False)),
        default=None,
        default_text="scale, and half of it",
        validate=Length(min=1),
    )
    methods = parameter(
        List,
        "methods to try",
        Str(validate=OneOf(("auto", "correlation", "features"))),
        default=None,
        default_text="method",
        validate=Length(min=1),
    )


class TuneMatching(PairSearch):
    """Try settings of point matching on a sample of pairs, and recommend one."""

    default_schema = TuneMatchingParameters

    def run(self) -> None:
        """Match the sample with every setting, compare, report."""
        from renderapi.matching.batches import PairTask
        from renderapi.matching.tilepairs import read_tile_pairs
        from renderapps.pointmatch.pair_matching import evenly, in_order

        pairs = read_tile_pairs(self.args["tilepair_file"]).pairs
        places = self.places()
        present = [p for p in pairs if p.p_id in places.z and p.q_id in places.z]
        if not present:
            raise RenderModuleException(
                f"none of the {len(pairs)} pairs of {self.args['tilepair_file']} is of tiles that "
                f"stack {self.args['stack']} has: was it made from another stack?"
            )
        tasks = in_order([PairTask(pair) for pair in present], places)
        sample = [task.pair for task in evenly(tasks, self.args["sample_pairs"])]
        self.find_outlines(sample, places)
        rows: list[Json] = []
        offsets: list[dict[tuple[str, str], np.ndarray]] = []
        best, reason = self.compared(
            self.settings(sample, places.boxes), rows, offsets, sample, places
        )
        fewer = fewer_scales(best, rows)
        if fewer:
            best, reason = self.compared(fewer, rows, offsets, sample, places)
        self.output(
            {
                "stack": self.args["stack"],
                "pairs_total": len(pairs),
                "pairs_sampled": len(sample),
                "settings": rows,
                "recommended": best,
                "reason": reason,
                "ignored_masks": [self.ignored_masks[key] for key in sorted(self.ignored_masks)],
            }
        )
        if best is None:
            raise RenderModuleException(reason)

    def compared(
        self,
        settings: Sequence[Json],
        rows: list[Json],
        offsets: list[dict[tuple[str, str], np.ndarray]],
        sample: list[Pair],
        places: Any,
    ) -> tuple[Json | None, str]:
        """Try settings, add to rows and offsets, and say which of all tried is best, and why."""
        for setting in settings:
            row, found = self.tried(setting, sample, places)
            rows.append(row)
            offsets.append(found)
        for row, count in zip(rows, contradictions(offsets), strict=True):
            row["contradicting"] = count
        return recommended(rows)

    def settings(self, sample: Sequence[Pair], boxes: Mapping[str, np.ndarray]) -> list[Json]:
        """Every combination that is to be tried."""
        args = self.args
        sides = [boxes[tile][2:] - boxes[tile][:2] for p in sample for tile in (p.p_id, p.q_id)]
        radius = args["search_radius"] or 0.1 * float(np.min(sides))
        radii = args["search_radii"] or [radius / 2, radius, radius * 2]
        scales = args["scales"] or [args["scale"], args["scale"] / 2]
        return [
            {
                "search_radius": round(float(r), 2),
                "scale": s,
                "method": m,
                "feature_scales": args["feature_scales"],
            }
            for r, s, m in product(radii, scales, args["methods"] or [args["method"]])
        ]

    def tried(
        self, setting: Json, sample: list[Pair], places: Any
    ) -> tuple[Json, dict[tuple[str, str], np.ndarray]]:
        """What a setting makes of the sample, and the offsets by pair."""
        self.logger.info("trying %s", setting)
        self.args |= setting | {"coarse_links": False}  # a sample hardly hangs together
        start = time.perf_counter()
        outcomes, failures = self.match(sample, places)
        seconds = time.perf_counter() - start
        failures += [
            {"pId": o.pair.p_id, "qId": o.pair.q_id, "reason": o.match.reason}
            for o in outcomes
            if o.failed
        ]
        if failures:
            raise RenderModuleException(
                f"{len(failures)} of {len(sample)} pairs could not be tried; {failures[0]['pId']} "
                f"- {failures[0]['qId']}: {failures[0]['reason']}"
            )
        good = [o for o in outcomes if o.match.accepted]
        offsets = {
            (o.pair.p_id, o.pair.q_id): np.array(o.match.offset)
            for o in good
            if o.match.offset is not None
        }
        tried = {"tried_feature_scales": setting["feature_scales"]}
        return setting | tried | summary(outcomes, seconds), offsets


def fewer_scales(best: Json | None, rows: Sequence[Json]) -> list[Json]:
    """The best setting with the scales alone at which its pairs were accepted, and with each one.

    Pairs stop at the first scale that will do: no other one is needed. None where features decided
    no pair.
    """
    if best is None:
        return []
    row = next(row for row in rows if all(row[key] == best[key] for key in SETTING))
    given = row["tried_feature_scales"]
    used = [scale for scale in given if f"{scale:g}" in row["feature_scales"]]
    choices = [used, *([scale] for scale in used)]
    unlike = [c for n, c in enumerate(choices) if c and c != given and c not in choices[:n]]
    return [best | {"feature_scales": choice} for choice in unlike]


def summary(outcomes: Sequence[PairOutcome], seconds: float) -> Json:
    """Counts and figures of the outcomes of one setting."""
    from renderapps.pointmatch.match_report import scale_counts

    good = [o for o in outcomes if o.match.accepted]
    stages = [o.stage for o in good]
    offsets = [np.abs(o.match.offset).max() for o in good if o.match.offset is not None]

    def median(values: list[float]) -> float | None:
        return round(float(np.median(values)), 4) if values else None

    return {
        "pairs": len(outcomes),
        "accepted": len(good),
        "stages": {stage: stages.count(stage) for stage in sorted(set(stages))},
        "feature_scales": scale_counts(outcomes),
        "median_residual": median([o.match.residual for o in good]),
        "median_coverage": median([o.match.coverage for o in good]),
        "largest_offset": round(float(max(offsets)), 2) if offsets else None,
        "seconds": round(seconds, 2),
    }


def contradictions(offsets: Sequence[Mapping[Any, np.ndarray]]) -> list[int]:
    """By setting: pairs whose offset is not that of most settings."""
    pairs = {pair for found in offsets for pair in found}
    middle = {
        pair: np.median([found[pair] for found in offsets if pair in found], axis=0)
        for pair in pairs
    }
    return [
        sum(bool(np.abs(offset - middle[pair]).max() > AGREE) for pair, offset in found.items())
        for found in offsets
    ]


def setting_of(row: Json) -> Json:
    """The parameters of generate_point_matches that a row was tried with."""
    return {key: row[key] for key in SETTING} | {"feature_scales": row["tried_feature_scales"]}


def recommended(rows: Sequence[Json]) -> tuple[Json | None, str]:
    """The fastest setting that loses no pairs and no exactness, and why.

    Parameters
    ----------
    rows : sequence of dict
        As `summary` makes them, with `contradicting` and the setting.
    """
    matched = [row for row in rows if row["accepted"]]
    if not matched:
        return None, f"no setting matched any of {rows[0]['pairs']} pairs"
    right = [row for row in matched if not row["contradicting"]]
    if not right:
        return None, "every setting contradicts the others in some pair: look at these pairs first"
    most = max(row["accepted"] for row in right)
    kept = [row for row in right if row["accepted"] >= most - LOSS * row["pairs"]]
    roomy = [
        row
        for row in kept
        if row["largest_offset"] is None or row["largest_offset"] <= ROOM * row["search_radius"]
    ]
    finest = min(row["median_residual"] for row in kept)
    exact = [
        row for row in roomy or kept if row["median_residual"] <= max(LESS_EXACT * finest, EXACT)
    ]
    best = min(exact or roomy or kept, key=lambda row: row["seconds"])
    reason = (
        f"{best['accepted']} of {best['pairs']} pairs in {best['seconds']:g} s, residual "
        f"{best['median_residual']:g} px, offsets up to {best['largest_offset']} px"
    )
    if not roomy:
        reason += "; offsets reach the edge of every search radius that was tried: try larger ones"
    return setting_of(best), reason


if __name__ == "__main__":
    TuneMatching.main()
