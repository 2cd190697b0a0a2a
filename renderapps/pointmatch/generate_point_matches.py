"""Find point matches between the tiles of a tile-pair file and store them.

Pairs within a z: correlation of the overlap over all shifts within the search radius, then of small
blocks where the model is more than a translation; SIFT features with RANSAC where that fails. What
is clear at first sight is done first, only the rest is looked at more closely.
Pairs across z: features first. What agreement is no accident is told by unrelated pairs, made out
of the tiles themselves. Pairs with several possible shifts are decided by the cycles of pairs they
are in. Tiles without any match are looked for elsewhere in their section. Blank, ambiguous or
contradictory overlaps are rejected, not guessed; the output JSON tells of every pair what was
found, or why not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Int, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import Range

import renderapi
from renderapi.errors import NotFoundError
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    parameter,
)
from renderapps.module.fields import NewFile
from renderapps.module.stacks import stack_zs
from renderapps.pointmatch.match_collection import (
    MatchCollectionParameters,
    import_in_batches,
    owner_of_matches,
    record_metadata,
)
from renderapps.pointmatch.matching_parameters import MatchingParameters

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome, PairTask
    from renderapi.matching.candidates import TranslationLimits
    from renderapi.matching.chance import Chance
    from renderapi.matching.neighbours import Pair
    from renderapps.pointmatch.pair_matching import TilePlaces
    from renderapps.pointmatch.relocation import Relocation

STAGES = {
    "clear": "matching",
    "search": "matching what is not clear",
    "stage": "looking again",
    "cycle": "looking where others say",
    "elsewhere": "looking elsewhere",
}  # in their order
SAMPLED_PAIRS = 8  # pairs that unrelated ones are made out of, nine of each


class TilePairParameters(DefaultSchema):
    """Which pairs, and what is done about those that fail. Add to a schema."""

    stack = parameter(Str, "stack the tiles are read from", aliases=["input_stack"])
    tilepair_file = parameter(
        Str,
        "tile-pair file, or the name that its numbered files were made from",
        aliases=["pairJson", "tilepair_output", "tile_pair_file"],
    )
    learn_stage = parameter(
        Boolean,
        "look again for failed pairs where the other pairs of their direction were found",
        default=True,
    )
    relocate_tiles = parameter(
        Boolean,
        "look for tiles without any match elsewhere in their section, where exchanged tiles are "
        "found",
        default=True,
    )
    cache_mb = parameter(
        Int, "memory for drawn tiles per process, MB", default=1000, validate=Range(min=1)
    )


class GeneratePointMatchesParameters(
    MatchingParameters,
    TilePairParameters,
    MatchCollectionParameters,
    ParallelParameters,
    RenderParameters,
):
    """Parameters of the point-match module."""

    report_file = parameter(
        NewFile, "file to write the report to, besides the output JSON", default=None
    )


class GeneratePointMatches(RenderModule):
    """Find point matches between the tiles of a tile-pair file and store them."""

    default_schema = GeneratePointMatchesParameters

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ignored_masks: dict[tuple[str, str], dict[str, Any]] = {}

    def run(self) -> None:
        """Match all pairs, look again for those that failed, store and report."""
        from renderapi.matching.tilepairs import read_tile_pairs

        self.owner = owner_of_matches(self)
        pairs = read_tile_pairs(self.args["tilepair_file"]).pairs
        self.check_collection()
        places = self.places()
        present = [p for p in pairs if p.p_id in places.z and p.q_id in places.z]
        outcomes, failures = self.match(present, places)
        self.record_coordinates()
        moved = [outcome for found in self.relocated for outcome in found.outcomes]
        emptied = self.store([*outcomes, *moved])
        report = self.report(pairs, places, outcomes, failures, emptied)
        self.output(report)
        if self.args["report_file"]:
            self.write_report(report)
        self.fail_if_incomplete(report)

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

    def places(self) -> TilePlaces:
        """Where the tiles of the stack lie."""
        from renderapi.matching.neighbours import layer_of_bounds
        from renderapps.pointmatch.pair_matching import TilePlaces

        stack = self.args["stack"]
        return TilePlaces.of_layers(
            layer_of_bounds(z, renderapi.stack.get_tilebounds_for_z(stack, z, render=self.render))
            for z in stack_zs(self.render, stack)
        )

    def match(
        self, pairs: list[Pair], places: TilePlaces
    ) -> tuple[list[PairOutcome], list[dict[str, Any]]]:
        """Outcomes of the pairs in their order, and the pairs of chunks that failed as a whole.

        What is clear at first sight costs least and is done first. What unrelated pairs reach is
        asked only where something is left that is not.
        """
        from renderapi.matching.batches import PairTask
        from renderapps.pointmatch.pair_matching import confirmed, second_look

        self.relocated: list[Relocation] = []
        self.chance: dict[Any, Any] = {}
        first = [PairTask(pair) for pair in pairs]
        found, failures = self.match_clear(first, places)
        tried = {(failure["pId"], failure["qId"]) for failure in failures}
        rest = [
            task
            for task in first
            if task.pair not in found and (task.pair.p_id, task.pair.q_id) not in tried
        ]
        if rest:
            self.chance = self.chance_limits(first, places)
        more, failed = self.map_pairs(rest, places, "search", self.limits(self.chance))
        found |= more
        failures += failed
        if self.args["method"] == "features":
            return [found[pair] for pair in pairs if pair in found], failures
        if self.args["learn_stage"]:
            again = second_look(found.values(), places)
            limits = self.limits(self.chance_limits(again, places))
            failures += self.look_again(again, places, "stage", limits, found)
        limits = replace(self.limits({}), significance=0.0, second=1.0)
        failures += self.look_again(
            confirmed(found.values(), places), places, "cycle", limits, found
        )
        if self.args["relocate_tiles"]:
            failures += self.relocate(found, places)
        return [found[pair] for pair in pairs if pair in found], failures

    def match_clear(
        self, tasks: list[PairTask], places: TilePlaces
    ) -> tuple[dict[Pair, PairOutcome], list[dict[str, Any]]]:
        """Pairs of one z that leave no doubt, and those that cannot be tried."""
        from renderapps.pointmatch.matching_parameters import clear_limits

        within = [task for task in tasks if task.pair.delta_z is None]
        if self.args["method"] == "features" or not within:
            return {}, []
        limits = clear_limits(self.args)
        outcomes, failures = self.map_pairs(within, places, "clear", limits, features=False)
        sure = {pair: o for pair, o in outcomes.items() if o.match.accepted or o.failed}
        return sure, failures

    def limits(self, chance: dict[Any, Any]) -> TranslationLimits:
        """What a shift must reach to be believed."""
        from renderapps.pointmatch.matching_parameters import translation_limits

        return translation_limits(self.args, chance)

    def look_again(
        self,
        tasks: list[PairTask],
        places: TilePlaces,
        stage: str,
        limits: TranslationLimits,
        found: dict[Pair, PairOutcome],
    ) -> list[dict[str, Any]]:
        """Put the outcomes of tasks that succeed into `found`; the failures of whole chunks."""
        second, failures = self.map_pairs(tasks, places, stage, limits)
        found.update({pair: o for pair, o in second.items() if o.match.accepted})
        return failures

    def relocate(self, found: dict[Pair, PairOutcome], places: TilePlaces) -> list[dict[str, Any]]:
        """Look elsewhere for tiles without matches; the failures of whole chunks."""
        from renderapps.pointmatch.relocation import (
            completed,
            completions,
            lost_tiles,
            neighbour_steps,
            relocations,
            trials,
        )

        outcomes = list(found.values())
        groups = {o.pair.p_id: o.pair.p_group for o in outcomes}
        groups |= {o.pair.q_id: o.pair.q_group for o in outcomes}
        limits, failures = self.limits(self.chance), []
        for z, lost in lost_tiles(outcomes, places).items():
            radius = max(o.search_radius for o in outcomes if places.z[o.pair.p_id] == z)
            steps = neighbour_steps(outcomes, places, z)
            tasks = trials(z, lost, steps, places, groups, radius)
            tried, more = self.map_tries(tasks, places, "elsewhere", limits, False)
            failures += more
            elsewhere = relocations(tried, lost, places, limits)
            tasks = completions(elsewhere, outcomes, places, groups, radius)
            tried, more = self.map_tries(tasks, places, "elsewhere", limits, False)
            failures += more
            self.relocated += completed(elsewhere, tried)
        return failures

    def chance_limits(self, tasks: list[PairTask], places: TilePlaces) -> dict[Any, Chance]:
        """What unrelated pairs reach; nothing where the user's limit holds."""
        from renderapi.matching.chance import chance_limits
        from renderapps.pointmatch.pair_matching import evenly, sample_chunk

        within = [task for task in tasks if task.pair.delta_z is None]
        if self.args["min_significance"] is not None or self.args["method"] == "features":
            return {}
        sample = evenly(within, SAMPLED_PAIRS)
        results = self.run_chunks(sample_chunk, sample, places, "unrelated pairs", self.limits({}))
        return chance_limits(
            entry
            for _, result in results
            if not isinstance(result, TaskFailure)
            for entry in result
        )

    def map_pairs(
        self,
        tasks: list[PairTask],
        places: TilePlaces,
        stage: str,
        limits: TranslationLimits,
        features: bool = True,
    ) -> tuple[dict[Pair, PairOutcome], list[dict[str, Any]]]:
        """Outcomes by pair, and the reason for chunks that failed."""
        outcomes, failures = self.map_tries(tasks, places, stage, limits, features)
        return {outcome.pair: outcome for outcome in outcomes}, failures

    def map_tries(
        self,
        tasks: list[PairTask],
        places: TilePlaces,
        stage: str,
        limits: TranslationLimits,
        features: bool = True,
    ) -> tuple[list[PairOutcome], list[dict[str, Any]]]:
        """Outcomes of all tasks, and the reason for chunks that failed."""
        from renderapps.pointmatch.pair_matching import match_chunk

        outcomes: list[PairOutcome] = []
        failures = []
        found = self.run_chunks(match_chunk, tasks, places, STAGES[stage], limits, features)
        for chunk, result in found:
            if isinstance(result, TaskFailure):
                self.logger.debug(result.details)
                failures += [
                    {"pId": task.pair.p_id, "qId": task.pair.q_id, "reason": result.reason}
                    for task in chunk
                ]
            else:
                outcomes += [replace(outcome, stage=stage) for outcome in result.outcomes]
                for entry in result.ignored_masks:
                    self.ignored_masks[entry["tileId"], entry["mask"]] = entry
        return outcomes, failures

    def run_chunks(
        self,
        function: Callable[..., Any],
        tasks: list[PairTask],
        places: TilePlaces,
        what: str,
        limits: TranslationLimits,
        features: bool = True,
    ) -> list[tuple[list[PairTask], Any]]:
        """Chunks of the tasks and what the function made of each."""
        from renderapps.pointmatch.matching_parameters import pair_parameters
        from renderapps.pointmatch.pair_matching import MatchSettings, chunks_of

        if not tasks:
            return []
        parameters = pair_parameters(self.args, limits)
        settings = MatchSettings(
            self.args["stack"],
            parameters if features else replace(parameters, use_features=False),
            self.args["local_transforms"],
            self.args["scale"],
            self.args["channel"],
            self.args["search_radius"],
            self.args["cache_mb"] * 1_000_000,
        )
        chunks = chunks_of(tasks, places, self.args["pool_size"])
        work = partial(function, self.render, settings, places.spots(tasks))
        results = self.map_tasks(work, chunks, what)
        return list(zip(chunks, results, strict=True))

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
        from renderapps.pointmatch.match_report import match_report, match_warnings, pair_row

        report = match_report(pairs, set(places.z), outcomes)
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
            "relocated_tiles": [found.as_json() for found in self.relocated],
            "relocated_pairs": [
                pair_row(outcome) for found in self.relocated for outcome in found.outcomes
            ],
            "chance_limits": [
                {
                    "level": level,
                    "smoothing": smoothing,
                    "significance": round(limit.significance, 2),
                    "correlation": round(limit.correlation, 3),
                }
                for (level, smoothing), limit in self.chance.items()
            ],
            "ignored_masks": ignored,
            "warnings": [*match_warnings(report), *([masks_text(ignored)] if ignored else [])],
            "pairs_emptied": [list(pair.key) for pair in emptied],
        }

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
            self.logger.warning("%s", warning)


if __name__ == "__main__":
    GeneratePointMatches.main()
