"""The stack that a module writes to: opened, filled section by section, closed or swapped in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import renderapi
from renderapi.errors import NotFoundError
from renderapi.stack import StackVersion
from renderapps.module.errors import RenderModuleException
from renderapps.module.section_module import missing_stack

if TYPE_CHECKING:
    from renderapi.resolvedtiles import ResolvedTiles

EXISTING = ("overwrite_z", "replace", "fail")


class KeptVersion(StackVersion):
    """A version record, newly dated, with whatever entries a service has put into it."""

    def __init__(self, **record: Any) -> None:
        record.pop("createTimestamp", None)
        super().__init__(**record)
        self.record = record

    def to_dict(self) -> dict[str, Any]:
        """JSON object of all entries."""
        return self.record | super().to_dict()


@dataclass
class StackTarget:
    """Where the edited sections of `like` go.

    Out of place they are written to `stack` itself, which is LOADING meanwhile. In place, and where
    a stack is replaced, they are written to a temporary stack, which takes the name of `stack` when
    it is complete; until then nothing that users see has changed. `existing` says what happens to
    an output stack that has tiles. `like_render` is the connection by which `like` is found, where
    it is another one.

    Attributes
    ----------
    name : str
        The stack that sections are written to.
    beside : bool
        Whether that is the temporary stack; known when the target is open.
    left : str
        What has become of `stack` when the target was abandoned.
    """

    render: renderapi.Render
    stack: str
    like: str
    in_place: bool
    existing: str = "overwrite_z"
    notes: str = ""
    like_render: renderapi.Render | None = None
    replacing: bool = field(default=False, init=False)
    made: bool = field(default=False, init=False)
    left: str = field(default="LOADING", init=False)

    @property
    def beside(self) -> bool:
        return self.in_place or self.replacing

    @property
    def name(self) -> str:
        return f"{self.stack}_new_of_this_edit" if self.beside else self.stack

    @property
    def _backup(self) -> str:
        return f"{self.stack}_old_of_this_edit"

    def recover(self) -> None:
        """Undo what a killed run that built a stack beside this one has left behind."""
        if stack_state(self.render, self._backup) is None:
            return
        if stack_state(self.render, self.stack) is None:
            renderapi.stack.rename_stack(self._backup, self.stack, render=self.render)
        else:
            renderapi.stack.delete_stack(self._backup, render=self.render)

    def open(self, zs: Sequence[float], whole_stack: bool) -> None:
        """Make the stack ready for what becomes of the sections at `zs`, maybe of all."""
        state = stack_state(self.render, self.stack)
        if state in ("READ_ONLY", "OFFLINE"):
            raise RenderModuleException(
                f"stack {self.stack} is {state}: set it to COMPLETE first, or name another output"
            )
        if self.in_place:
            renderapi.stack.delete_stack(self.name, render=self.render)
            if whole_stack:
                self._create()
            else:
                self._clone(leave_out=zs)
        elif state is None:
            self.made = True
            self._create()
        else:
            self._reopen(state)

    def close(self, complete: bool = True) -> None:
        """Complete the stack and, in place, let it take the name of the original."""
        if not renderapi.stack.get_z_values_for_stack(self.name, render=self.render):
            self.abandon()
            raise RenderModuleException(f"no tiles are left to write to stack {self.stack}")
        if complete or self.beside:
            renderapi.stack.set_stack_state(self.name, "COMPLETE", render=self.render)
        if self.beside:
            self._swap()
            if not complete:
                renderapi.stack.set_stack_state(self.stack, "LOADING", render=self.render)

    def abandon(self) -> None:
        """After a failure: drop the temporary stack; an output stack stays LOADING.

        One that was made for this run and has no tiles yet is dropped too.
        """
        if self.beside:
            self.left = "as it was"
        elif self.made and not renderapi.stack.get_z_values_for_stack(
            self.name, render=self.render
        ):
            self.left = "absent"
        else:
            return
        renderapi.stack.delete_stack(self.name, render=self.render)

    def _reopen(self, state: str) -> None:
        occupied = bool(renderapi.stack.get_z_values_for_stack(self.stack, render=self.render))
        if occupied and self.existing == "fail":
            raise RenderModuleException(
                f"stack {self.stack} has tiles: name another one, "
                "or give existing overwrite_z or replace"
            )
        if occupied and self.existing == "replace":
            self.replacing = True
            renderapi.stack.delete_stack(self.name, render=self.render)
            self._create()
        elif state != "LOADING":
            renderapi.stack.set_stack_state(self.stack, "LOADING", render=self.render)

    def _version(self) -> KeptVersion:
        render = self.like_render or self.render
        version = stack_metadata(render, self.like).get("currentVersion") or {}
        return KeptVersion(**version | ({"versionNotes": self.notes} if self.notes else {}))

    def _create(self) -> None:
        renderapi.stack.set_stack_metadata(self.name, self._version(), render=self.render)

    def _clone(self, leave_out: Sequence[float]) -> None:
        renderapi.stack.clone_stack(self.stack, self.name, close_stack=False, render=self.render)
        self._create()  # the metadata: a clone takes those that are known to the client
        for z in leave_out:
            renderapi.stack.delete_section(self.name, z, render=self.render)

    def _swap(self) -> None:
        renderapi.stack.rename_stack(self.stack, self._backup, render=self.render)
        try:
            renderapi.stack.rename_stack(self.name, self.stack, render=self.render)
        except Exception:
            renderapi.stack.rename_stack(self._backup, self.stack, render=self.render)
            raise
        renderapi.stack.delete_stack(self._backup, render=self.render)


def open_output(
    render: renderapi.Render, stack: str, version: StackVersion, existing: str = EXISTING[0]
) -> None:
    """Make a stack for new tiles, or open the one there is as `existing` says; it is LOADING.

    Beside `EXISTING`, `append` is known, which keeps what is there as overwrite_z does.
    """
    state = check_output(render, stack, existing)
    if state is not None and existing in ("replace", "fail"):
        renderapi.stack.delete_stack(stack, render=render)
    renderapi.stack.set_stack_metadata(stack, version, render=render)


def check_output(render: renderapi.Render, stack: str, existing: str) -> str | None:
    """State of a stack that may be written to as `existing` says (None: it is to be made)."""
    state = stack_state(render, stack)
    if state in ("READ_ONLY", "OFFLINE"):
        raise RenderModuleException(
            f"stack {stack} is {state}: set it to COMPLETE first, or name another output"
        )
    fail = state is not None and existing == "fail"
    if fail and renderapi.stack.get_z_values_for_stack(stack, render=render):
        raise RenderModuleException(
            f"stack {stack} has tiles: name another one, or give existing overwrite_z or replace"
        )
    return state


def write_section(render: renderapi.Render, stack: str, z: float, tiles: ResolvedTiles) -> None:
    """Let `tiles` be the section at `z` of a LOADING stack, whatever was there before."""
    strangers = sorted({tile.z for tile in tiles.tilespecs if tile.z != z})
    if strangers:
        raise RenderModuleException(
            f"tiles with z={strangers[0]} cannot be written as section z={z:g} of stack {stack}"
        )
    renderapi.stack.delete_section(stack, z, render=render)
    if tiles.tilespecs:
        renderapi.resolvedtiles.put_tilespecs(
            stack, resolved_tiles=tiles, deriveData=True, render=render
        )


def stack_state(render: renderapi.Render, stack: str) -> str | None:
    """State of a stack, None when there is no such stack."""
    try:
        return renderapi.stack.get_full_stack_metadata(stack, render=render)["state"]
    except NotFoundError:
        return None


def stack_metadata(render: renderapi.Render, stack: str) -> dict[str, Any]:
    """Metadata of a stack; an error that names the stack when there is none."""
    try:
        return renderapi.stack.get_full_stack_metadata(stack, render=render)
    except NotFoundError as error:
        raise RenderModuleException(missing_stack(render, stack)) from error
