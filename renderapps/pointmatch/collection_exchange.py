"""Two match collections that are replaced together.

New ones are written beside, `NAME_after_swap_RUN`, and take their places in one transaction. Where
the service has none for it, each old one becomes `NAME_before_swap_RUN` and its new one takes the
name, the first collection before the second. RUN is 12 random digits. What is then killed in the
midst of it is undone by the next run; nothing is deleted before both are in place, so nothing is
lost.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

import renderapi
from renderapi import stackchanges
from renderapps.module.errors import RenderModuleException
from renderapps.pointmatch.match_collection import (
    collection_names,
    delete_if_there,
    rename_collection,
)


@dataclass
class CollectionExchange:
    """Two collections of an owner."""

    render: renderapi.Render
    owner: str
    names: tuple[str, str]
    run: str = field(default_factory=lambda: secrets.token_hex(6))

    def new(self, name: str) -> str:
        """What the new form of a collection is called while it is written."""
        return f"{name}_after_swap_{self.run}"

    def old(self, name: str) -> str:
        """What the old form is called until both new ones are in place."""
        return f"{name}_before_swap_{self.run}"

    def exchange(self) -> None:
        """Let both new forms take their names: at once, or one by one where no service can."""
        if "matchChanges" in stackchanges.additions(render=self.render):
            changes = [{"from": self.new(name), "to": name} for name in self.names]
            stackchanges.change_match_collections(changes, owner=self.owner, render=self.render)
            return
        try:
            for name in self.names:
                self._rename(name, self.old(name))
                self._rename(self.new(name), name)
        except BaseException:
            self._undo()
            raise
        for name in self.names:
            self._delete(self.old(name))

    def abandon(self) -> None:
        """Remove what was written beside."""
        for name in self.names:
            self._delete(self.new(name))

    def undo_interrupted(self) -> None:
        """Undo what a killed run has begun.

        Raises
        ------
        RenderModuleException
            It had come to its end, but for removing the second old collection, which is done now.
        """
        first, second = self.names
        pattern = re.compile(
            rf"({re.escape(first)}|{re.escape(second)})_before_swap_([0-9a-f]{{12}})"
        )
        found = [match for name in sorted(self._there()) if (match := pattern.fullmatch(name))]
        for run in sorted({match[2] for match in found}):
            earlier = CollectionExchange(self.render, self.owner, self.names, run)
            names = {match[1] for match in found if match[2] == run}
            if first in names or earlier.new(second) in self._there():
                earlier._undo()
                earlier.abandon()
                continue
            earlier._delete(earlier.old(second))
            raise RenderModuleException(
                f"a run that was stopped had exchanged {first} and {second} already, and is "
                "finished now: run again to exchange them back"
            )

    def _undo(self) -> None:
        """Give the old collections their names back, the second one first."""
        for name in reversed(self.names):
            there = self._there()
            if self.old(name) in there:
                if name in there:
                    self._delete(name)
                self._rename(self.old(name), name)

    def _rename(self, name: str, new_name: str) -> None:
        rename_collection(self.render, self.owner, name, new_name)

    def _delete(self, name: str) -> None:
        delete_if_there(self.render, self.owner, name)

    def _there(self) -> set[str]:
        return collection_names(self.render, self.owner)
