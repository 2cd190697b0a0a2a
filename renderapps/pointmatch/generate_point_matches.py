"""Find point matches between the tiles of a tile-pair file and store them.

Pairs within a z: correlation of the overlap over all shifts within the search radius, then of small
blocks where the model is more than a translation; SIFT features with RANSAC where that fails.
Pairs across z: features first. Blank, ambiguous or contradictory overlaps are rejected, not
guessed; the output JSON tells of every pair what was found, or why not.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Float, Int, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf, Range

import renderapi
from renderapi.errors import NotFoundError
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
)
from renderapps.module.fields import NewFile
from renderapps.module.stacks import stack_zs
from renderapps.pointmatch.match_collection import MatchCollectionParameters, owner_of_matches

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome, PairTask
    from renderapi.matching.neighbours import Pair
    from renderapi.matching.pairs import PairParameters
    from renderapps.pointmatch.pair_matching import TilePlaces

MODELS = ("translation", "rigid", "similarity", "affine")
BATCH = 500  # match documents stored at once


class GeneratePointMatchesParameters(
    MatchCollectionParameters, ParallelParameters, RenderParameters
):
    """Parameters of the point-match module."""

    stack = Str(
        required=True,
        metadata={"description": "stack the tiles are read from", "aliases": ["input_stack"]},
    )
    tilepair_file = Str(
        required=True,
        metadata={
            "description": "tile-pair file, or the name that its numbered files were made from",
            "aliases": ["pairJson", "tilepair_output", "tile_pair_file"],
        },
    )
    model = Str(
        load_default="translation",
        validate=OneOf(MODELS),
        metadata={
            "description": "model that the matches of a pair must agree with",
            "aliases": ["matchModelType"],
        },
    )
    search_radius = Float(
        allow_none=True,
        load_default=None,
        validate=Range(min=0, min_inclusive=False),
        metadata={
            "description": "how far tiles may be off their place in the stack, full-scale pixels",
            "default_text": "a tenth of the shorter side of the tiles",
        },
    )
    local_transforms = Int(
        load_default=0,
        validate=Range(min=0),
        metadata={
            "description": "number of leading transforms (lens correction) of a tile that its "
            "points are stored after; 0: points are pixels of the stored image",
        },
    )
    method = Str(
        load_default="auto",
        validate=OneOf(("auto", "correlation", "features")),
        metadata={"description": "auto tries the other where the first way fails"},
    )
    scale = Float(
        load_default=1.0,
        validate=Range(min=0, max=1, min_inclusive=False),
        metadata={
            "description": "scale at which tiles are drawn; stored points are at full scale",
            "aliases": ["renderScale"],
        },
    )
    feature_scale = Float(
        load_default=0.5,
        validate=Range(min=0, max=1, min_inclusive=False),
        metadata={"description": "scale of the drawn tiles at which features are looked for"},
    )
    channel = Str(
        allow_none=True,
        load_default=None,
        metadata={"description": "channel to match", "default_text": "the first"},
    )
    min_significance = Float(
        load_default=6.0,
        validate=Range(min=0, min_inclusive=False),
        metadata={
            "description": "how far the correlation of an overlap must stand out from that of "
            "other shifts, in their standard deviations"
        },
    )
    min_correlation = Float(
        load_default=0.15,
        validate=Range(min=0, max=1),
        metadata={"description": "least correlation of an overlap"},
    )
    min_inliers = Int(
        load_default=12,
        validate=Range(min=1),
        metadata={
            "description": "least number of features that agree with the model",
            "aliases": ["matchMinNumInliers"],
        },
    )
    max_epsilon = Float(
        load_default=5.0,
        validate=Range(min=0, min_inclusive=False),
        metadata={
            "description": "distance from the model up to which a match agrees with it, "
            "full-scale pixels",
            "aliases": ["matchMaxEpsilonFullScale"],
        },
    )
    max_trust = Float(
        load_default=4.0,
        validate=Range(min=1),
        metadata={
            "description": "matches beyond this multiple of the median residual are dropped",
            "aliases": ["matchMaxTrust"],
        },
    )
    min_coverage = Float(
        load_default=20.0,
        validate=Range(min=0, max=100),
        metadata={
            "description": "least percentage of the overlap that matches must cover",
            "aliases": ["matchMinCoveragePercentage"],
        },
    )
    coverage_radius = Float(
        allow_none=True,
        load_default=None,
        validate=Range(min=0, min_inclusive=False),
        metadata={
            "description": "a match covers the overlap this far around, full-scale pixels",
            "default_text": "a tenth of the longer side of a tile",
            "aliases": ["matchFullScaleCoverageRadius"],
        },
    )
    learn_stage = Boolean(
        load_default=True,
        metadata={
            "description": "look again for failed pairs where the other pairs of their direction "
            "were found"
        },
    )
    seed = Int(load_default=0, metadata={"description": "seed of the random numbers of RANSAC"})
    cache_mb = Int(
        load_default=1000,
        validate=Range(min=1),
        metadata={"description": "memory for drawn tiles per process, MB"},
    )
    report_file = NewFile(
        allow_none=True,
        load_default=None,
        metadata={"description": "file to write the report to, besides the output JSON"},
    )

    @validates_schema
    def model_has_points(self, data: dict[str, Any], **_: Any) -> None:
        """Fewer inliers than the model needs would prove nothing."""
        least = 1 + {"translation": 1, "affine": 3}.get(data["model"], 2)
        if data["min_inliers"] < least:
            raise ValidationError(f"at least {least} for model {data['model']}", "min_inliers")


class GeneratePointMatches(RenderModule):
    """Find point matches between the tiles of a tile-pair file and store them."""

    default_schema = GeneratePointMatchesParameters

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
        emptied = self.store(outcomes)
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
        """Outcomes of the pairs in their order, and the pairs of chunks that failed as a whole."""
        from renderapi.matching.batches import PairTask
        from renderapps.pointmatch.pair_matching import second_look

        found, failures = self.map_pairs([PairTask(pair) for pair in pairs], places, "matching")
        if self.args["learn_stage"] and self.args["method"] != "features":
            again = second_look(found.values(), places)
            second, more = self.map_pairs(again, places, "looking again")
            found.update({pair: o for pair, o in second.items() if o.match.accepted})
            failures += more
        return [found[pair] for pair in pairs if pair in found], failures

    def map_pairs(
        self, tasks: list[PairTask], places: TilePlaces, what: str
    ) -> tuple[dict[Pair, PairOutcome], list[dict[str, Any]]]:
        """Outcomes by pair, and the reason for chunks that failed."""
        from renderapps.pointmatch.pair_matching import MatchSettings, chunks_of, match_chunk

        settings = MatchSettings(
            self.args["stack"],
            self.pair_parameters(),
            self.args["local_transforms"],
            self.args["scale"],
            self.args["channel"],
            self.args["search_radius"],
            self.args["cache_mb"] * 1_000_000,
        )
        tiles = {tile for task in tasks for tile in (task.pair.p_id, task.pair.q_id)}
        zs = {tile: places.z[tile] for tile in tiles}
        chunks = chunks_of(tasks, places, self.args["pool_size"])
        results = self.map_tasks(partial(match_chunk, self.render, settings, zs), chunks, what)
        found, failures = {}, []
        for chunk, result in zip(chunks, results, strict=True):
            if isinstance(result, TaskFailure):
                self.logger.debug(result.details)
                failures += [
                    {"pId": task.pair.p_id, "qId": task.pair.q_id, "reason": result.reason}
                    for task in chunk
                ]
            else:
                found.update({outcome.pair: outcome for outcome in result})
        return found, failures

    def pair_parameters(self) -> PairParameters:
        """The engine's parameters, in pixels of the drawn tiles."""
        from renderapi.matching.correlation import TranslationLimits
        from renderapi.matching.features import FeatureParameters
        from renderapi.matching.models import Model
        from renderapi.matching.pairs import PairParameters
        from renderapi.matching.ransac import RansacParameters

        args, scale = self.args, self.args["scale"]
        radius = args["coverage_radius"]
        return PairParameters(
            model=Model(args["model"]),
            translation=TranslationLimits(args["min_significance"], args["min_correlation"]),
            block_consensus=RansacParameters(
                max_epsilon=args["max_epsilon"] * scale,
                min_inliers=6,
                max_trust=args["max_trust"],
                trust_floor=0.5,
                seed=args["seed"],
            ),
            features=FeatureParameters(scale=args["feature_scale"]),
            feature_consensus=RansacParameters(
                max_epsilon=args["max_epsilon"] * scale,
                min_inliers=args["min_inliers"],
                min_inlier_ratio=0.1,
                max_trust=args["max_trust"],
                seed=args["seed"],
            ),
            coverage_radius=None if radius is None else radius * scale,
            min_coverage=args["min_coverage"],
            use_correlation=args["method"] != "features",
            use_features=args["method"] != "correlation",
        )

    def record_coordinates(self) -> None:
        """Record with the collection which coordinates its points are in."""
        metadata = {"local_transforms": self.args["local_transforms"]}
        name = self.args["matchCollection"]
        self.recorded = True
        try:
            renderapi.pointmatch.set_collection_metadata(
                name, metadata, owner=self.owner, render=self.render
            )
        except NotFoundError:
            self.recorded = False
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
        for start in range(0, len(documents), BATCH):
            renderapi.pointmatch.import_matches(
                self.args["matchCollection"],
                documents[start : start + BATCH],
                owner=self.owner,
                render=self.render,
            )
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
        from renderapps.pointmatch.match_report import match_report

        report = match_report(pairs, set(places.z), outcomes)
        report["failed_pairs"] += failures
        return {
            "stack": self.args["stack"],
            "matchCollection": self.args["matchCollection"],
            "matchOwner": self.owner,
            "local_transforms": self.args["local_transforms"],
            "coordinates_recorded": self.recorded,
            "model": self.args["model"],
            **report,
            "pairs_emptied": [list(pair.key) for pair in emptied],
        }

    def write_report(self, report: dict[str, Any]) -> None:
        """Write the report to its own file too."""
        from renderapi.files import atomic_write
        from renderapps.module.result import to_json

        atomic_write(self.args["report_file"], to_json(report))

    def fail_if_incomplete(self, report: dict[str, Any]) -> None:
        """Pairs that could not be tried, or no match at all, are a failure of the run."""
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
        if report["pairs_total"] and not report["pairs_accepted"]:
            first = report["pairs"][0]
            raise RenderModuleException(
                f"none of {report['pairs_total']} pairs could be matched; {first['pId']} - "
                f"{first['qId']}: {first['reason']} (is search_radius large enough?)"
            )


if __name__ == "__main__":
    GeneratePointMatches.main()
