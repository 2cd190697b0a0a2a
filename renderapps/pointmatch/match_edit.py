"""Modules that make a match collection from another: write `edit_matches(pairs)`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from argschema.fields import Dict, Int, List, Str
from argschema.schemas import DefaultSchema
from marshmallow import Schema
from marshmallow.validate import OneOf, Range

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
from renderapps.module.report import ReportSchema
from renderapps.pointmatch.match_collection import locked_collection, p_groups_of
from renderapps.pointmatch.match_target import EXISTING, MatchTarget
from renderapps.pointmatch.pair_matches import Json, PairMatches


class MatchReport(ReportSchema):
    """The report of a module that writes a match collection."""

    output_collection = parameter(Str, "the match collection that was written")
    local_transforms = parameter(
        Int, "number of transforms its points are after; null: not known", allow_none=True
    )
    pairs_written = parameter(Int, "pairs of tiles with matches")
    dropped_pairs = parameter(List, "pairs left out, each with its reason", Dict())
    failed_groups = parameter(List, "groups that failed, each with its reason", Dict())


class Edited(NamedTuple):
    """What became of the pairs of a group: those to write, and an entry for each dropped one.

    `details` are what else there is to say of pairs; see `MatchEditModule.more_report`.
    """

    kept: list[PairMatches]
    dropped: list[Json]
    details: Sequence[Json] = ()


class WrittenMatchesParameters(DefaultSchema):
    """How the output collection is written, and whose the collections are."""

    existing = parameter(
        Str,
        "what to do with an output collection that is there: replace lets the new one take its "
        "place when it is complete, append adds pairs (those of this run replace earlier ones of "
        "the same tiles, all others stay), fail refuses",
        default=EXISTING[0],
        validate=OneOf(EXISTING),
    )
    matchOwner = parameter(
        Str,
        "owner of the match collections",
        default=None,
        default_text="render.owner",
        aliases=["match_owner"],
    )
    local_transforms = parameter(
        Int,
        "number of leading transforms of each tile that the points of the input are stored after "
        "(0: raw pixels)",
        default=None,
        default_text="as recorded with the collection",
        validate=Range(min=0),
    )


class MatchEditParameters(WrittenMatchesParameters, ParallelParameters, RenderParameters):
    """Parameters of a module that makes a collection from one other."""

    input_collection = parameter(
        Str,
        "match collection to read",
        aliases=["input_matchcollection", "src_matchcollection", "matchCollection"],
    )
    output_collection = parameter(
        Str, "match collection to write", aliases=["output_matchcollection", "dst_matchcollection"]
    )


class MatchEditModule(RenderModule):
    """Make a match collection from others, p group by p group.

    Pairs come with p before q in string order. The output has its name only when all groups have
    succeeded, so that nobody sees half of it, and running again gives the same; pairs that are
    appended come into it at once too, where the service can do that. What is dropped, pair by pair
    with its reason, is in the output JSON. The coordinates of the points (`local_transforms`) are
    checked against what is recorded with the collections, and recorded.

    Attributes
    ----------
    inputs : tuple of str
        Names of the parameters that hold the input collections (one name or a list of names).
    output_role : str
        Name of the parameter that holds the output collection.
    keeps_tiles : bool
        Whether pairs keep their tiles: those that are neither kept nor dropped are then noticed.
    may_be_input : bool
        Whether the output may be an input, which is then replaced.
    needs_local_transforms : bool
        Whether the module cannot work on points of unknown coordinates.
    """

    default_schema: type[Schema] = MatchEditParameters
    default_output_schema: type[Schema] = MatchReport
    inputs: tuple[str, ...] = ("input_collection",)
    output_role = "output_collection"
    keeps_tiles = True
    may_be_input = False
    needs_local_transforms = False

    def edit_matches(self, pairs: list[PairMatches]) -> Edited:
        """The pairs to write of one p group, from those of every input; runs in a worker."""
        raise NotImplementedError(f"{type(self).__name__} has no edit_matches()")

    def prepare(self) -> None:
        """What is done once, before the groups are worked on."""

    def output_local_transforms(self, recorded: int | None) -> int | None:
        """In which coordinates the points are that are written; `recorded` are those read."""
        return recorded

    @property
    def owner(self) -> str:
        """Owner of the collections."""
        return str(self.args["matchOwner"] or self.render.DEFAULT_OWNER)

    @property
    def input_collections(self) -> list[str]:
        """Names of the input collections, in the order of the roles."""
        values = [self.args[role] for role in self.inputs]
        return [name for v in values for name in (v if isinstance(v, list) else [v])]

    def run(self) -> None:
        """Edit the collection group by group, report, and fail if a group failed."""
        name = self.args[self.output_role]
        if name in self.input_collections and not self.may_be_input:
            raise RenderModuleException(
                f"{self.output_role}: {name} is also an input; name another collection"
            )
        with locked_collection(self.render, self.owner, name, self.module_name()) as lock:
            self.target = MatchTarget(self.render, self.owner, name, self.args["existing"], lock)
            self.write_collection(name)

    def write_collection(self, name: str) -> None:
        """The same, once nobody else writes to the output."""
        self.target.recover()
        groups = self.work_groups()
        metadata = self.checked_metadata()
        self.target.open()
        self.prepare()
        report: Json = {}
        try:
            report, failed = self.write_groups(groups)
            complete = not failed and report["pairs_written"] > 0
            report["local_transforms"] = metadata.get("local_transforms")
            report["recorded"] = complete and bool(metadata) and self.target.record(metadata)
            if complete:
                self.target.close()
            else:
                self.target.abandon()
        except BaseException:
            self.target.abandon()
            raise
        finally:
            if report:
                self.output(report)
        left = f"; {name} is as it was before" if self.target.is_beside else ""
        if failed:
            first = failed[0]
            raise RenderModuleException(
                f"{len(failed)} of {len(groups)} groups failed; "
                f"{first['groupId']}: {first['reason']}{left}"
            )
        if not complete:
            raise RenderModuleException(f"no pair is left to write{left}")

    def write_groups(self, groups: Sequence[str]) -> tuple[Json, list[Json]]:
        """Edit and write all groups: the report, and the groups that failed."""
        results = self.map_tasks(
            partial(_edit_group, self), groups, "editing matches", also_here=True
        )
        failures = [r for r in results if isinstance(r, TaskFailure)]
        failed = [{"groupId": f.item, "reason": f.reason} for f in failures]
        done = [r for r in results if not isinstance(r, TaskFailure)]
        keys = np.concatenate([np.empty(0, np.uint64), *(r.pop("keys") for r in done)])
        if doubles := keys.size - np.unique(keys).size:
            reason = f"{doubles} pairs come out of two groups: one would take the other's place"
            failed.append({"groupId": "all", "reason": reason})
        counts = ("pairs_read", "pairs_written", "points_read", "points_written")
        report: Json = {
            "input_collections": self.input_collections,
            "output_collection": self.args[self.output_role],
            "groups": len(groups),
            **{count: sum(r[count] for r in done) for count in counts},
            "dropped_pairs": [entry for r in done for entry in r["dropped_pairs"]],
            "failed_groups": failed,
            "left_behind": self.target.left_behind(),
        }
        report |= self.more_report([entry for r in done for entry in r["details"]])
        return report, failed

    def edit_group(self, group: str) -> Json:
        """Edit and write one p group; counts, and what was dropped."""
        pairs, (kept, dropped, details) = self.read_and_edit(group)
        written = [pair for pair in kept if len(pair.w)]
        empty = [pair.ids for pair in kept if not len(pair.w)]
        dropped = [*dropped, *(ids | {"reason": "it has no points"} for ids in empty)]
        keys = [pair.key for pair in written]
        if len(set(keys)) < len(keys):
            double = next(pair for i, pair in enumerate(written) if pair.key in keys[:i])
            raise RenderModuleException(
                f"tiles {double.p_tile[1]} and {double.q_tile[1]} come out twice: merge them"
            )
        if self.keeps_tiles:
            known = {_ids(entry) for entry in (*dropped, *(pair.ids for pair in written))}
            lost = [pair.ids for pair in pairs if _ids(pair.ids) not in known]
            dropped += [ids | {"reason": "left out"} for ids in lost]
        self.target.write(written)
        return {
            "pairs_read": len(pairs),
            "pairs_written": len(written),
            "points_read": sum(len(pair.w) for pair in pairs),
            "points_written": sum(len(pair.w) for pair in written),
            "dropped_pairs": dropped,
            "details": list(details),
            "keys": np.array(keys, np.uint64),
        }

    def more_report(self, details: list[Json]) -> Json:
        """What the report says besides, from the details of all groups."""
        return {}

    def work_groups(self) -> list[str]:
        """The groups that are worked on one by one: all that occur as p in an input."""
        return sorted({g for name in self.input_collections for g in self.groups_of(name)})

    def read_and_edit(self, group: str) -> tuple[list[PairMatches], Edited]:
        """The pairs of a group as they were, and what becomes of them."""
        pairs = [pair for name in self.input_collections for pair in self.read_group(name, group)]
        return pairs, self.edit_matches(pairs)

    def groups_of(self, collection: str) -> list[str]:
        """Group ids that occur as p; an error when there is no such collection."""
        return p_groups_of(self.render, self.owner, collection)

    def read_group(self, collection: str, group: str) -> list[PairMatches]:
        """The pairs of a collection whose p is in a group."""
        try:
            found = renderapi.pointmatch.get_matches_with_group(
                collection, group, owner=self.owner, render=self.render
            )
        except NotFoundError:
            return []
        return [PairMatches.from_document(document) for document in found]

    def checked_metadata(self) -> Json:
        """What to record with the output, once the coordinates of all points are known to agree."""
        given = self.args["local_transforms"]
        metadata = {name: self._metadata(name) for name in self.input_collections}
        for name, found in metadata.items():
            recorded = found.get("local_transforms", given)
            given = recorded if given is None else given
            if recorded != given:
                raise RenderModuleException(
                    f"match collection {name} holds points after {recorded} transforms of each "
                    f"tile, not {given}: give local_transforms {recorded}, or other collections"
                )
        if given is None and self.needs_local_transforms:
            raise RenderModuleException(
                f"it is not recorded with match collection {self.input_collections[0]} how many "
                "transforms its points are stored after: give local_transforms (0: raw pixels)"
            )
        written = self.output_local_transforms(given)
        output = self.args[self.output_role]
        there = self._metadata(output).get("local_transforms", written)
        if self.args["existing"] == "append" and there != written:
            raise RenderModuleException(
                f"match collection {output} holds points after {there} transforms of each tile, "
                f"those to append are after {written}: name another {self.output_role}"
            )
        first = {**metadata[self.input_collections[0]], "local_transforms": written}
        return {key: value for key, value in first.items() if value is not None}

    def _metadata(self, collection: str) -> Json:
        return renderapi.pointmatch.get_collection_metadata(
            collection, owner=self.owner, render=self.render
        )


def _ids(entry: Json) -> tuple[str, ...]:
    return tuple(entry[key] for key in ("pGroupId", "pId", "qGroupId", "qId"))


def _edit_group(module: MatchEditModule, group: str) -> Json:
    return module.edit_group(group)
