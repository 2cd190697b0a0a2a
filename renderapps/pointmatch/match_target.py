"""The collection that a module writes: built beside the one it replaces, then swapped in.

The new one is `NAME_new_RUN`, the old one `NAME_old_RUN` until it is deleted; RUN is 12 random
digits, so that nobody else's collection has such a name. A run that is killed loses nothing: before
the swap the old collection has its name still, and in the midst of it (between two renamings) the
next run gives the old one its name back. What a killed run leaves behind is reported, not deleted:
it may belong to a run that writes the same collection now.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from renderapi.render import Render
from renderapps.module.errors import RenderModuleException
from renderapps.pointmatch.match_collection import (
    collection_names,
    delete_if_there,
    import_in_batches,
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
    run: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def written(self) -> str:
        """Name of the collection while it is written."""
        return self.name if self.existing == "append" else f"{self.name}_new_{self.run}"

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
        documents = [pair.to_document() for pair in pairs]
        import_in_batches(self.render, self.owner, self.written, documents)

    def record(self, metadata: dict[str, Any]) -> bool:
        """Record metadata with what is written; False where the service cannot."""
        return record_metadata(self.render, self.owner, self.written, metadata)

    def close(self) -> None:
        """Let what was written take its name."""
        if self.written == self.name:
            return
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
        if self.written != self.name:
            self._delete(self.written)

    def _delete(self, name: str) -> None:
        delete_if_there(self.render, self.owner, name)

    def _rename(self, name: str, new_name: str) -> None:
        rename_collection(self.render, self.owner, name, new_name)
