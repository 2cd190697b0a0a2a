"""The collection that a module writes: built beside the one it replaces, then swapped in.

The new one is `NAME_new_RUN`; RUN is 12 random digits, so that nobody else's collection has such a
name. The service lets it take its place, or its pairs come into the collection, in one transaction.
What a killed run leaves behind is reported, not deleted: it may belong to a run that writes the
same collection now.

A service that cannot do so (the Java service) is told to rename instead: the old collection is
`NAME_old_RUN` until it is deleted. A run that is killed loses nothing then either: before the swap
the old collection has its name still, and in the midst of it (between two renamings) the next run
gives the old one its name back. Pairs are appended there one request after the other.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from renderapi import stackchanges
from renderapi.errors import NotFoundError
from renderapi.render import Render
from renderapps.module.errors import RenderModuleException
from renderapps.pointmatch.match_collection import (
    Json,
    collection_names,
    delete_if_there,
    import_in_batches,
    is_recorded,
    record_metadata,
    rename_collection,
)
from renderapps.pointmatch.pair_matches import PairMatches

EXISTING = ("replace", "append", "fail")


@dataclass
class MatchTarget:
    """An output collection of an owner, treated as `existing` says when it is there."""

    render: Render
    owner: str
    name: str
    existing: str
    lock: Json | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(6))
    at_once: bool = field(init=False)

    def __post_init__(self) -> None:
        self.at_once = "matchChanges" in stackchanges.additions(render=self.render)

    @property
    def written(self) -> str:
        """Name of the collection while it is written."""
        return f"{self.name}_new_{self.run}" if self.is_beside else self.name

    @property
    def is_beside(self) -> bool:
        """Whether nobody sees what is written before it is complete."""
        return self.at_once or self.existing != "append"

    def recover(self) -> None:
        """Give a collection its name back that a killed run left without."""
        left = self.left_behind("old")
        if left and self.name not in collection_names(self.render, self.owner):
            self._rename(left[-1], self.name)

    def left_behind(self, kind: str = "old|new") -> list[str]:
        """Collections of other runs: killed ones, or some that write the same one now."""
        pattern = re.compile(rf"{re.escape(self.name)}_({kind})_[0-9a-f]{{12}}")
        found = {
            name for name in collection_names(self.render, self.owner) if pattern.fullmatch(name)
        }
        return sorted(found - {self.written})

    def open(self) -> None:
        """Refuse a collection that is there, where `existing` says so."""
        if self.existing == "fail" and self.name in collection_names(self.render, self.owner):
            raise RenderModuleException(
                f"match collection {self.name} of owner {self.owner} is there already: "
                "name another one, or give existing"
            )

    def write(self, pairs: Sequence[PairMatches]) -> None:
        """Store pairs, a batch at a time."""
        self.write_documents([pair.to_document() for pair in pairs])

    def write_documents(self, documents: Sequence[Json]) -> None:
        """The same, as the service has them."""
        import_in_batches(self.render, self.owner, self.written, documents)

    def record(self, metadata: dict[str, Any]) -> bool:
        """Record metadata with what is written; False where the service cannot."""
        return record_metadata(self.render, self.owner, self.written, metadata)

    def close(self) -> None:
        """Let what was written take its name, or come into the collection."""
        if self.at_once:
            self._change()
        elif self.is_beside:
            self._swap()

    def _change(self) -> None:
        where = (self.render, self.owner)
        if self.existing == "append" and not is_recorded(*where, self.written):
            return
        change = {"from": self.written, "to": self.name, "keep": self.existing == "append"}
        locks = [] if self.lock is None else [self.lock]
        try:
            stackchanges.change_match_collections(
                [change], locks, owner=self.owner, render=self.render
            )
        except NotFoundError as error:
            raise RenderModuleException(str(error)) from error

    def _swap(self) -> None:
        old = f"{self.name}_old_{self.run}"
        is_there = self.name in collection_names(self.render, self.owner)
        if is_there:
            self._rename(self.name, old)
        try:
            self._rename(self.written, self.name)
        except BaseException:
            if is_there:
                self._rename(old, self.name)
            raise
        if is_there:
            self._delete(old)

    def abandon(self) -> None:
        """Remove what was written beside."""
        if self.is_beside:
            self._delete(self.written)

    def _delete(self, name: str) -> None:
        delete_if_there(self.render, self.owner, name)

    def _rename(self, name: str, new_name: str) -> None:
        rename_collection(self.render, self.owner, name, new_name)
