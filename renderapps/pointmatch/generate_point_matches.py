"""Find point matches between the tiles of a tile-pair file and store them.

Pairs within a z: correlation of the overlap over all shifts within the search radius, then of small
blocks where the model is more than a translation; SIFT features with RANSAC where that fails, at
rising scales until one is accepted. What is clear at first sight is done first, only the rest is
looked at more closely.
Pairs across z: features first. What agreement is no accident is told by unrelated pairs, made out
of the tiles themselves. Pairs with several possible shifts are decided by the cycles of pairs they
are in. Tiles without any match are looked for elsewhere in their section. Blank, ambiguous or
contradictory overlaps are rejected, not guessed; the output JSON tells of every pair what was
found, or why not, and what refused it before.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import renderapi
from renderapi.errors import NotFoundError
from renderapps.module import (
    ParallelParameters,
    RenderModuleException,
    RenderParameters,
    parameter,
)
from renderapps.module.fields import NewFile
from renderapps.module.job import note_output
from renderapps.pointmatch.match_collection import (
    MatchCollectionParameters,
    import_in_batches,
    owner_of_matches,
    record_metadata,
)
from renderapps.pointmatch.matching_parameters import MatchingParameters
from renderapps.pointmatch.pair_search import PairSearch, TilePairParameters

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome
    from renderapi.matching.neighbours import Pair
    from renderapps.pointmatch.kept_outcomes import KeptOutcomes
    from renderapps.pointmatch.pair_matching import TilePlaces


class GeneratePointMatchesParameters(
    MatchingParameters,
    TilePairParameters,
    MatchCollectionParameters,
    ParallelParameters,
    RenderParameters,
):
    """Parameters of the point-match module."""

    progress_file = parameter(
        NewFile,
        "file in which outcomes of pairs are kept while the run lasts: when it is killed, or some "
        "pairs cannot be tried, the next run takes what is there instead of matching it again, as "
        "far as parameters, tiles and pictures are the same; removed in the end",
        default=None,
        default_text="TILEPAIRFILE_OWNER_COLLECTION.progress beside the tile-pair file",
    )
    report_file = parameter(
        NewFile, "file to write the report to, besides the output JSON", default=None
    )


class GeneratePointMatches(PairSearch):
    """Find point matches between the tiles of a tile-pair file and store them."""

    default_schema = GeneratePointMatchesParameters

    def run(self) -> None:
        """Match all pairs, look again for those that failed, store and report."""
        from renderapi.matching.tilepairs import read_tile_pairs

        self.owner = owner_of_matches(self)
        self.told: list[str] = []
        note_output("collection", self.owner, None, self.args["matchCollection"])
        pairs = read_tile_pairs(self.args["tilepair_file"]).pairs
        self.check_collection()
        places = self.places()
        with self.keeping() as self.kept:
            report = self.matched(pairs, places)
            if self.kept and not report["failed_pairs"]:
                self.kept.remove()
        self.fail_if_incomplete(report)

    def keeping(self) -> AbstractContextManager[KeptOutcomes | None]:
        """What an earlier run has left of these pairs, and where this one keeps what it finds."""
        from renderapps.pointmatch.kept_outcomes import kept_outcomes, progress_file

        given = self.args["progress_file"]
        names = self.args["tilepair_file"], self.owner, self.args["matchCollection"]
        path = Path(given) if given else progress_file(*names)
        return kept_outcomes(path, bool(given), self.render, self.warn)

    def warn(self, text: str) -> None:
        """Tell at once, and in the report."""
        self.logger.warning("%s", text)
        self.told.append(text)

    def matched(self, pairs: list[Pair], places: TilePlaces) -> dict[str, Any]:
        """Match and store the pairs; the report, which is written too."""
        present = [p for p in pairs if p.p_id in places.z and p.q_id in places.z]
        without = self.find_outlines(present, places)
        outcomes, failures = self.match(present, places)
        self.record_coordinates()
        moved = [outcome for found in self.relocated for outcome in found.outcomes]
        emptied = self.store([*outcomes, *moved])
        report = self.report(pairs, places, outcomes, failures, emptied)
        report["missing_polygon_zs"] = without
        self.output(report)
        if self.args["report_file"]:
            self.write_report(report)
        return report

    def check_collection(self) -> None:
        """Points of one collection are in one kind of coordinates."""
        name, k = self.args["matchCollection"], self.args["local_transforms"]
        recorded = renderapi.pointmatch.get_collection_metadata(
            name, owner=self.owner, render=self.render
        ).get("local_transforms")
        if recorded is not None and recorded != k:
            raise RenderModuleException(
                f"match collection {name} holds points after {recorded} transforms of each tile, "
                f"not {k}: give local_transforms {recorded}, or another matchCollection"
            )

    def record_coordinates(self) -> None:
        """Record with the collection which coordinates its points are in."""
        metadata = {"local_transforms": self.args["local_transforms"]}
        name = self.args["matchCollection"]
        self.recorded = record_metadata(self.render, self.owner, name, metadata)
        if not self.recorded:
            self.logger.warning(
                "the service cannot record the coordinates of collection %s: give local_transforms "
                "%d to modules that read it",
                name,
                self.args["local_transforms"],
            )

    def store(self, outcomes: list[PairOutcome]) -> list[Pair]:
        """Store the accepted pairs; empty what an earlier run stored of rejected ones."""
        from renderapi.matching.documents import empty_document, match_document

        rejected = {o.pair.key: o.pair for o in outcomes if not o.match.accepted and not o.failed}
        stale = [rejected[key] for key in sorted(self.stored_keys(rejected))]
        documents = [
            match_document(o.pair, o.match.p, o.match.q, o.match.weights)
            for o in outcomes
            if o.match.accepted
        ]
        documents += [empty_document(pair) for pair in stale]
        import_in_batches(self.render, self.owner, self.args["matchCollection"], documents)
        return stale

    def stored_keys(self, rejected: dict[Any, Pair]) -> set[Any]:
        """Keys of rejected pairs that the collection has matches of."""
        found = set()
        for group in sorted({pair.p_group for pair in rejected.values()}):
            try:
                stored = renderapi.pointmatch.get_matches_with_group(
                    self.args["matchCollection"], group, owner=self.owner, render=self.render
                )
            except NotFoundError:
                return set()
            for match in stored:
                key = (match["pGroupId"], match["pId"], match["qGroupId"], match["qId"])
                if key in rejected and match["matches"]["w"]:
                    found.add(key)
        return found

    def report(
        self,
        pairs: list[Pair],
        places: TilePlaces,
        outcomes: list[PairOutcome],
        failures: list[dict[str, Any]],
        emptied: list[Pair],
    ) -> dict[str, Any]:
        """What was asked for, and what became of every pair."""
        from renderapps.module.mask_check import masks_text
        from renderapps.pointmatch.match_report import (
            chance_rows,
            match_report,
            match_warnings,
            pair_row,
            rule_rows,
        )

        report = match_report(pairs, set(places.z), outcomes, self.refusals)
        report["failed_pairs"] += failures
        ignored = [self.ignored_masks[key] for key in sorted(self.ignored_masks)]
        return {
            "stack": self.args["stack"],
            "matchCollection": self.args["matchCollection"],
            "matchOwner": self.owner,
            "local_transforms": self.args["local_transforms"],
            "coordinates_recorded": self.recorded,
            "model": self.args["model"],
            **report,
            "pairs_kept": self.pairs_kept(outcomes),
            "relocated_tiles": [found.as_json() for found in self.relocated],
            "relocated_pairs": [
                pair_row(outcome) for found in self.relocated for outcome in found.outcomes
            ],
            "stage_learnt": rule_rows(self.learnt),
            "chance_limits": chance_rows(self.chance),
            "ignored_masks": ignored,
            "warnings": [
                *match_warnings(report),
                *([masks_text(ignored)] if ignored else []),
                *self.told,
            ],
            "pairs_emptied": [list(pair.key) for pair in emptied],
        }

    def pairs_kept(self, outcomes: list[PairOutcome]) -> int:
        """Pairs that an earlier run had matched, and this one did not match again."""
        if not self.kept:
            return 0
        kept = len({outcome.pair.key for outcome in outcomes} - self.kept.matched)
        if kept:
            self.logger.info("%d pairs had been matched by an earlier run", kept)
        return kept

    def write_report(self, report: dict[str, Any]) -> None:
        """Write the report to its own file too."""
        from renderapi.files import atomic_write
        from renderapps.module.result import to_json

        atomic_write(self.args["report_file"], to_json(report))

    def fail_if_incomplete(self, report: dict[str, Any]) -> None:
        """Pairs that could not be tried are a failure of the run; no match at all is told."""
        failed, missing = report["failed_pairs"], report["missing_tiles"]
        if failed:
            raise RenderModuleException(
                f"{len(failed)} of {report['pairs_total']} pairs could not be tried; "
                f"{failed[0]['pId']} - {failed[0]['qId']}: {failed[0]['reason']}"
            )
        if missing:
            raise RenderModuleException(
                f"{report['pairs_of_missing_tiles']} of {report['pairs_total']} pairs are of tiles "
                f"that stack {report['stack']} does not have, {missing[0]} for one: was "
                f"{self.args['tilepair_file']} made from another stack?"
            )
        for warning in report["warnings"]:
            if warning in self.told:
                continue
            self.logger.warning("%s", warning)


if __name__ == "__main__":
    GeneratePointMatches.main()
