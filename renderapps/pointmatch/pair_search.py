"""Pairs of tiles matched step by step: what is clear first, the rest looked at more closely.

What is common to the modules that match the pairs of a tile-pair file. Outcomes that an earlier run
has left are taken instead of being made again (see `kept_outcomes.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Int, Str
from marshmallow.validate import Range

import renderapi
from renderapps.module import RenderModule, TaskFailure, parameter
from renderapps.module.stacks import stack_zs
from renderapps.pointmatch.section_outlines import SectionOutlineParameters, read_outlines

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome, PairTask
    from renderapi.matching.candidates import TranslationLimits
    from renderapi.matching.chance import Chance
    from renderapi.matching.neighbours import Pair
    from renderapi.matching.stage import StageRule
    from renderapps.pointmatch.kept_outcomes import KeptOutcomes
    from renderapps.pointmatch.pair_matching import MatchSettings, TilePlaces
    from renderapps.pointmatch.relocation import Relocation

STAGES = {
    "clear": "matching",
    "search": "matching what is not clear",
    "stage": "looking again",
    "cycle": "looking where others say",
    "coarse": "looking at coarse content",
    "elsewhere": "looking elsewhere",
}  # in their order
SAMPLED_PAIRS = 8  # pairs that unrelated ones are made out of, nine of each


class TilePairParameters(SectionOutlineParameters):
    """Which pairs, and what is done about those that fail. Add to a schema."""

    stack = parameter(Str, "stack the tiles are read from", aliases=["input_stack"])
    tilepair_file = parameter(
        Str,
        "tile-pair file, or the name that its numbered files were made from",
        aliases=["pairJson", "tilepair_output", "tile_pair_file"],
    )
    learn_stage = parameter(
        Boolean,
        "look for pairs where others of their direction were found: of many that are not clear, "
        "after some have been searched, before the rest is; and again for those that failed",
        default=True,
    )
    coarse_links = parameter(
        Boolean,
        "link tiles that nothing else links by coarse content alone, where it tells their shift to "
        "2.5 pixels; such matches have little weight. Not where min_significance is given",
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


class PairSearch(RenderModule):
    """Matches the pairs of a stack's tiles; the parameters are those of the schemas named for it.

    A subclass has `MatchingParameters`, `TilePairParameters` and `ParallelParameters`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ignored_masks: dict[tuple[str, str], dict[str, Any]] = {}
        self.kept: KeptOutcomes | None = None
        self.outlines: dict[float, bytes] = {}
        self.refusals: dict[Any, dict[str, str]] = {}

    def find_outlines(self, pairs: list[Pair], places: TilePlaces) -> list[float]:
        """Read the outlines of the sections of some pairs; the sections that have none."""
        zs = {places.z[tile] for pair in pairs for tile in (pair.p_id, pair.q_id)}
        self.outlines, missing = read_outlines(self.args, zs)
        return missing

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
        asked only where something is left that is not. Before much of that is searched, a few
        pairs teach where the stage has the others.
        """
        from renderapi.matching.batches import PairTask

        self.relocated: list[Relocation] = []
        self.chance: dict[Any, Any] = {}
        self.learnt: dict[str, StageRule] = {}
        self.refusals = {}
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
        if self.args["learn_stage"] and self.args["method"] != "features":
            failures += self.match_as_learnt(rest, places, found)
            rest = [task for task in rest if task.pair not in found]
        more, failed = self.map_pairs(rest, places, "search", self.limits(self.chance))
        found |= more
        failures += failed
        if self.args["method"] != "features":
            failures += self.look_further(found, places)
        return [found[pair] for pair in pairs if pair in found], failures

    def look_further(
        self, found: dict[Pair, PairOutcome], places: TilePlaces
    ) -> list[dict[str, Any]]:
        """Look where other pairs say that those are which were not found; puts outcomes into
        `found`. The failures of whole chunks.
        """
        from renderapps.pointmatch.loose_tiles import unlinked
        from renderapps.pointmatch.pair_matching import confirmed, second_look

        failures: list[dict[str, Any]] = []
        if self.args["learn_stage"]:
            again = second_look(found.values(), places)
            limits = self.limits(self.chance_limits(again, places))
            failures += self.look_again(again, places, "stage", limits, found)
        limits = replace(self.limits({}), significance=0.0, second=1.0)
        failures += self.look_again(
            confirmed(found.values(), places), places, "cycle", limits, found
        )
        if self.args["coarse_links"] and self.args["min_significance"] is None:
            loose = unlinked(found.values())
            failures += self.look_again(loose, places, "coarse", self.limits({}), found)
        if self.args["relocate_tiles"]:
            failures += self.relocate(found, places)
        return failures

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

    def match_as_learnt(
        self, tasks: list[PairTask], places: TilePlaces, found: dict[Pair, PairOutcome]
    ) -> list[dict[str, Any]]:
        """Where many pairs are not clear, search some, and look for the others where these say.

        Puts outcomes into `found`; the failures of whole chunks.
        """
        from renderapps.pointmatch.stage_lessons import MANY, lessons, near_lessons, taught

        if sum(task.pair.delta_z is None for task in tasks) < MANY:
            return []
        sample = lessons(tasks, found.values(), places)
        searched, failures = self.map_pairs(sample, places, "search", self.limits(self.chance))
        found |= searched
        self.learnt = taught(found.values(), places)
        near = near_lessons(tasks, self.learnt, found, places)
        limits = self.limits(self.chance_limits(near, places))
        looked, failed = self.map_pairs(near, places, "stage", limits, features=False)
        found.update({pair: o for pair, o in looked.items() if o.match.accepted})
        return failures + failed

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
        from renderapps.pointmatch.pair_matching import evenly

        within = [task for task in tasks if task.pair.delta_z is None]
        if self.args["min_significance"] is not None or self.args["method"] == "features":
            return {}
        return chance_limits(self.samples(evenly(within, SAMPLED_PAIRS), places))

    def samples(self, tasks: list[PairTask], places: TilePlaces) -> list[dict[Any, Any]]:
        """What unrelated pairs reach that are made out of those of the tasks."""
        from renderapps.pointmatch.pair_matching import sample_chunk

        settings, zs = self.settings_for(self.limits({})), zs_of(tasks, places)
        known = self.kept.known_samples(tasks, settings, zs) if self.kept else None
        if known is not None:
            return known
        results = self.run_chunks(sample_chunk, tasks, places, "unrelated pairs", settings)
        good = [found for _, found in results if not isinstance(found, TaskFailure)]
        samples = [entry for found in good for entry in found]
        if self.kept and len(good) == len(results):
            self.kept.keep_samples(samples, tasks, settings, zs)
        return samples

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
        from renderapps.pointmatch.pair_matching import in_order

        settings = self.settings_for(limits, features, stage == "coarse")
        zs = zs_of(tasks, places)
        found: dict[PairTask, PairOutcome] = {}
        if self.kept:
            found, masks = self.kept.known(tasks, settings, zs)
            self.note_masks(masks)
        failures: list[dict[str, Any]] = []
        rest = [task for task in tasks if task not in found]
        while rest:
            done, failed = self.map_piece(rest, places, STAGES[stage], settings)
            found |= done
            failures += [
                {"pId": task.pair.p_id, "qId": task.pair.q_id, "reason": reason}
                for task, reason in failed.items()
            ]
            rest = [task for task in rest if task not in done and task not in failed]
        ordered = [task for task in in_order(tasks, places) if task in found]
        outcomes = [replace(found[task], stage=stage) for task in ordered]
        self.note_refusals(outcomes, stage)
        return outcomes, failures

    def note_refusals(self, outcomes: list[PairOutcome], stage: str) -> None:
        """Remember why a stage refused pairs, for the report on those that a later one accepts."""
        for outcome in outcomes:
            if not outcome.match.accepted and not outcome.failed:
                self.refusals.setdefault(outcome.pair.key, {})[stage] = outcome.match.reason

    def map_piece(
        self, tasks: list[PairTask], places: TilePlaces, what: str, settings: MatchSettings
    ) -> tuple[dict[PairTask, PairOutcome], dict[PairTask, str]]:
        """What workers find of the tasks until they hand over, and why some could not be tried."""
        from renderapps.pointmatch.pair_matching import match_chunk

        done: dict[PairTask, PairOutcome] = {}
        failed: dict[PairTask, str] = {}
        kept, zs = self.kept, zs_of(tasks, places)

        def keep(result: Any) -> None:
            if kept and not isinstance(result, TaskFailure):
                kept.keep(result, settings, zs)

        for chunk, result in self.run_chunks(match_chunk, tasks, places, what, settings, keep):
            if isinstance(result, TaskFailure):
                self.logger.debug(result.details)
                failed |= dict.fromkeys(chunk, result.reason)
            else:
                done |= dict(zip(result.tasks, result.outcomes, strict=True))
                self.note_masks(result.ignored_masks)
        return done, failed

    def note_masks(self, entries: list[dict[str, Any]]) -> None:
        """Remember masks that were not used, for the report."""
        for entry in entries:
            self.ignored_masks[entry["tileId"], entry["mask"]] = entry

    def settings_for(
        self, limits: TranslationLimits, features: bool = True, coarse: bool = False
    ) -> MatchSettings:
        """What all pairs of a step have in common."""
        from renderapps.pointmatch.matching_parameters import pair_parameters
        from renderapps.pointmatch.pair_matching import MatchSettings

        parameters = replace(pair_parameters(self.args, limits), coarse=coarse)
        return MatchSettings(
            self.args["stack"],
            parameters if features else replace(parameters, use_features=False),
            self.args["local_transforms"],
            self.args["scale"],
            self.args["channel"],
            self.args["search_radius"],
            self.args["cache_mb"] * 1_000_000,
            self.outlines,
        )

    def run_chunks(
        self,
        function: Callable[..., Any],
        tasks: list[PairTask],
        places: TilePlaces,
        what: str,
        settings: MatchSettings,
        arrived: Callable[[Any], object] | None = None,
    ) -> list[tuple[list[PairTask], Any]]:
        """Chunks of the tasks and what the function made of each."""
        from renderapps.pointmatch.pair_matching import chunks_of

        if not tasks:
            return []
        chunks = chunks_of(tasks, places, self.at_once())
        work = partial(function, self.render, settings, places.spots(tasks))
        results = self.map_tasks(work, chunks, what, arrived=arrived)
        return list(zip(chunks, results, strict=True))


def zs_of(tasks: list[PairTask], places: TilePlaces) -> dict[str, float]:
    """z of the tiles of some tasks."""
    tiles = {tile for task in tasks for tile in (task.pair.p_id, task.pair.q_id)}
    return {tile: places.z[tile] for tile in tiles}
