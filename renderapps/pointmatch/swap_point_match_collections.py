"""Exchange the matches of some sections between two match collections."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from argschema.fields import Boolean, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

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
from renderapps.module.lists import Numbers
from renderapps.module.section_table import section_table
from renderapps.pointmatch.collection_exchange import CollectionExchange
from renderapps.pointmatch.match_collection import (
    MatchOwnerParameters,
    import_in_batches,
    locked_collection,
    owner_of_matches,
    p_groups_of,
)

Json = dict[str, Any]


class SwapPointMatchCollectionsParameters(
    MatchOwnerParameters, ParallelParameters, RenderParameters
):
    """Parameters of swap_point_match_collections."""

    source_collection = parameter(Str, "one match collection", aliases=["collection1"])
    target_collection = parameter(Str, "the other match collection", aliases=["collection2"])
    zValues = parameter(
        Numbers, "z of the sections to exchange", aliases=["zs"], validate=Length(min=1)
    )
    stack = parameter(
        Str,
        "stack that says which sections are at a z",
        default=None,
        default_text="the section of z=3 has the id 3.0",
    )
    include_across = parameter(
        Boolean,
        "exchange the matches with other sections too; by default those within the sections",
        default=False,
    )

    @validates_schema
    def two_collections(self, data: dict[str, Any], **_: Any) -> None:
        """A collection has nothing to exchange with itself."""
        if data.get("source_collection") == data.get("target_collection"):
            raise ValidationError("is source_collection", "target_collection")


class SwapPointMatchCollections(RenderModule):
    """Both collections are written anew beside the old ones and get their names at the end.

    A z of which one collection has no matches is not exchanged, and named. Running again exchanges
    them back; a run that was killed in the midst of it is undone by the next.
    """

    default_schema = SwapPointMatchCollectionsParameters

    def run(self) -> None:
        """Find what both have, write both collections, exchange their names."""
        self.owner = owner_of_matches(self)
        names = (self.args["source_collection"], self.args["target_collection"])
        with ExitStack() as held:
            for name in sorted(names):
                lock = locked_collection(self.render, self.owner, name, self.module_name())
                held.enter_context(lock)
            self.exchange(names)

    def exchange(self, names: tuple[str, str]) -> None:
        """The same, once nobody else writes to either."""
        exchange = CollectionExchange(self.render, self.owner, names)
        exchange.undo_interrupted()
        self.groups = {name: set(p_groups_of(self.render, self.owner, name)) for name in names}
        metadata = self.checked_metadata(names)
        swapped, left = self.choose(names)
        self.output({"swapped_zs": [], "nonswapped_zs": left})
        if not swapped:
            raise RenderModuleException(f"nothing is exchanged: {left[0]['reason']}")
        selection = Selection(
            frozenset(group for groups in swapped.values() for group in groups),
            self.args["include_across"],
        )
        try:
            pairs = {
                name: self.write(name, other, exchange, selection)
                for name, other in (names, names[::-1])
            }
            for name in names:
                if metadata[name]:
                    renderapi.pointmatch.set_collection_metadata(
                        exchange.new(name), metadata[name], owner=self.owner, render=self.render
                    )
            exchange.exchange()
        except BaseException:
            exchange.abandon()
            raise
        self.output(
            {
                "swapped_zs": sorted(swapped),
                "nonswapped_zs": left,
                "swapped_pairs": {name: counts["received"] for name, counts in pairs.items()},
                "pairs": {name: sum(counts.values()) for name, counts in pairs.items()},
            }
        )

    def checked_metadata(self, names: Iterable[str]) -> dict[str, Json]:
        """What is recorded with each; an error where the coordinates of the points differ."""
        found = {
            name: renderapi.pointmatch.get_collection_metadata(
                name, owner=self.owner, render=self.render
            )
            for name in names
        }
        spaces = {name: entry.get("local_transforms") for name, entry in found.items()}
        known = {space for space in spaces.values() if space is not None}
        if len(known) > 1:
            told = " and ".join(f"{name} after {space}" for name, space in spaces.items())
            raise RenderModuleException(
                f"the points are stored in different coordinates, {told} transforms of each tile: "
                "map_pointmatch_forward brings them together"
            )
        return found

    def choose(self, names: tuple[str, str]) -> tuple[dict[float, set[str]], list[Json]]:
        """Groups of each z that both collections have matches of; the other z with the reason."""
        stack = self.args["stack"]
        table = section_table(self.render, stack) if stack else None
        swapped: dict[float, set[str]] = {}
        left: list[Json] = []
        for z in sorted(set(self.args["zValues"])):
            groups = set(table.sections_at.get(z, ())) if table else {str(float(z))}
            if not groups:
                left.append({"z": z, "reason": f"stack {stack} has no section at z={z:g}"})
                continue
            lacking = [name for name in names if not any(self.has(name, g) for g in groups)]
            if lacking:
                reason = f"collection {lacking[0]} has no matches of section {min(groups)}"
                left.append({"z": z, "reason": reason})
            else:
                swapped[z] = groups
        return swapped, left

    def has(self, collection: str, group: str) -> bool:
        """Whether a collection has matches of a group that would be exchanged."""
        reads = [renderapi.pointmatch.get_matches_within_group]
        if self.args["include_across"]:
            reads.append(renderapi.pointmatch.get_matches_outside_group)
        for read in reads:
            try:
                if read(collection, group, owner=self.owner, render=self.render):
                    return True
            except NotFoundError:
                continue
        return False

    def write(
        self, name: str, other: str, exchange: CollectionExchange, selection: Selection
    ) -> dict[str, int]:
        """Write the new form of a collection; how many pairs stay and how many are received."""
        groups = sorted(self.groups[name] | self.groups[other])
        task = partial(
            _write_group, self.render, self.owner, name, other, exchange.new(name), selection
        )
        results = self.map_tasks(task, groups, f"writing {name}", also_here=True)
        for result in results:
            if isinstance(result, TaskFailure):
                raise RenderModuleException(f"group {result.item} of {name}: {result.reason}")
        kept, received = (sum(column) for column in zip(*results, strict=True))
        return {"kept": kept, "received": received}


@dataclass(frozen=True)
class Selection:
    """Which matches are exchanged: those within some groups, or all that involve one."""

    groups: frozenset[str]
    across: bool

    def has(self, match: Json) -> bool:
        """Whether a match is exchanged."""
        ends = match["pGroupId"], match["qGroupId"]
        inside = [end in self.groups for end in ends]
        return any(inside) if self.across else inside[0] and ends[0] == ends[1]


def _write_group(
    render: renderapi.Render,
    owner: str,
    name: str,
    other: str,
    new: str,
    selection: Selection,
    group: str,
) -> tuple[int, int]:
    """Write the matches of a p group that stay, and those that come from the other collection."""

    def read(collection: str) -> list[Json]:
        try:
            return renderapi.pointmatch.get_matches_with_group(
                collection, group, owner=owner, render=render
            )
        except NotFoundError:
            return []

    kept = [match for match in read(name) if not selection.has(match)]
    received = [match for match in read(other) if selection.has(match)]
    matches = [*kept, *received]
    import_in_batches(render, owner, new, matches)
    return len(kept), len(received)


if __name__ == "__main__":
    SwapPointMatchCollections.main()
