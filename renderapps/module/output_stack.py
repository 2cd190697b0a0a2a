"""One life of an output stack, whoever writes it: an edit, an import, a copy.

    check -> lock -> build beside -> take its place, or be dropped

Sections are written to a stack `NAME_unfinished_RUN` that only this run knows, so that whatever
happens meanwhile, the output is what it was. At the end it takes the place of the output, or its
sections do, all outputs of a run in one transaction of the service. Where only some sections are
written, no more than these are copied, locked and exchanged: runs on other sections may go on side
by side. What a run that was killed has left behind is removed by the next one.

Services that know neither locks nor exchanges (the Java service) get the same result by names, see
`exchange_by_names`: an output with sections that stay is then copied as a whole first.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field

import renderapi
from renderapi import stackchanges
from renderapi.errors import ConflictError, NotFoundError, RenderError
from renderapi.session import ServiceTimeout, ServiceUnreachable
from renderapps.module.errors import RenderModuleException
from renderapps.module.exchange_by_names import exchange_names, settle
from renderapps.module.job import note_output
from renderapps.module.running import Run
from renderapps.module.stack_lock import all_locked
from renderapps.module.stacks import KeptVersion, stack_metadata, stack_state, zs_there
from renderapps.module.tile_documents import (
    Json,
    Section,
    put_section,
    same_transform,
    shared_transform,
    tile_ids_at,
)

ADVICE = "write to another stack, or give existing replace"
_LOG = logging.getLogger(__name__)


def check_writable(render: renderapi.Render, stack: str) -> str | None:
    """State of a stack that is to be written, None where it is not there; READ_ONLY is refused."""
    state = stack_state(render, stack)
    if state in ("READ_ONLY", "OFFLINE"):
        raise RenderModuleException(
            f"stack {stack} is {state}: set it to COMPLETE first, or name another output"
        )
    return state


@dataclass
class OutputStack:
    """A stack that a run writes: describe it, then `write` within `written([...])`.

    Attributes
    ----------
    zs : sequence of float
        Sections that will be written, by the z they will have.
    version : dict
        Version record of the output where it is made or replaced: resolution, notes, ...
    existing : str
        What becomes of an output that has tiles: overwrite_z, append, replace or fail. The version
        record of one that stays is not changed.
    edits : sequence of float, optional
        The output is edited in place: these sections of it go, and `existing` has no meaning.
    state : str
        State of the output when it is done.
    may_be_empty : bool
        Whether an output without any tile is no error.
    tiles : int
        How many tiles were written; who writes in worker processes sets it.
    kept_zs : list of float
        When the output is open: its sections that stay as they are.
    """

    render: renderapi.Render
    stack: str
    zs: Sequence[float]
    version: Json
    existing: str = "overwrite_z"
    edits: Sequence[float] | None = None
    state: str = "COMPLETE"
    may_be_empty: bool = False
    tiles: int = field(default=0, init=False)
    kept_zs: list[float] = field(default_factory=list, init=False)
    name: str = field(default="", init=False)
    offered: frozenset[str] = field(default_factory=frozenset, init=False)
    _kept_ids: set[str] = field(default_factory=set, init=False)
    _checked: dict[str, Json | None] = field(default_factory=dict, init=False)

    def check(self) -> list[float]:
        """Refuse an output that must not be written; the z values that it has."""
        state = check_writable(self.render, self.stack)
        there = [] if state is None else zs_there(self.render, self.stack)
        if there and self.existing == "fail" and self.edits is None:
            raise RenderModuleException(
                f"stack {self.stack} has tiles: name another one, "
                "or give existing overwrite_z or replace"
            )
        if self.edits is not None:
            lost = sorted((set(there) - set(self.edits)) & set(self.zs))
            if lost:
                raise RenderModuleException(
                    f"section z={lost[0]:g} of stack {self.stack} would be overwritten: "
                    "choose a z that is free, or move that section too"
                )
        return there

    def scope(self) -> list[float] | None:
        """The z values to lock; None: the whole stack."""
        if self.edits is not None:
            whole = set(self.edits).issuperset(zs_there(self.render, self.stack))
            return None if whole else sorted({*self.edits, *self.zs})
        return None if self.existing in ("replace", "fail") else sorted(set(self.zs))

    def open(self, run: Run) -> None:
        """Make the stack that is built beside the output, and find what the output keeps."""
        there = self.check()
        self.name = run.unfinished(self.stack)
        if stack_state(self.render, self.name) is not None:
            raise RenderModuleException(f"there is a stack {self.name} already: run again")
        gone = set(self.gone(there))
        self.kept_zs = [z for z in there if z not in gone]
        appends = self.existing == "append" and self.edits is None
        if self.kept_zs:
            ids = set(renderapi.stack.get_stack_tileIds(self.stack, render=self.render))
            self._kept_ids = ids - set(tile_ids_at(self.render, self.stack, gone & set(there)))
        if there and (self.kept_zs or appends) and "stackChanges" not in self.offered:
            self._clone([] if appends else sorted(gone & set(there)))
        else:
            version = KeptVersion(**self.version)
            renderapi.stack.set_stack_metadata(self.name, version, render=self.render)

    def gone(self, there: Sequence[float]) -> Sequence[float]:
        """The sections of the output that do not stay as they are."""
        if self.edits is not None:
            return self.edits
        return there if self.existing in ("replace", "fail") else self.zs

    def write(self, section: Section, moved: bool = True) -> int:
        """Let `section` be what this run has at its z, in one step; how many tiles there are.

        `moved` says that transforms, sizes or tiles are new, so that the boxes of the tiles have to
        be derived from them; else the boxes that the tiles carry are kept.

        Raises
        ------
        RenderModuleException
            Tiles or transforms would change sections that the output keeps.
        """
        self.refuse_kept(section)
        appended = self.existing == "append" and "stackChanges" not in self.offered
        how = None if appended else "replaceLayer" in self.offered
        put_section(self.render, self.name, section, moved, how, self.stack)
        self.tiles += len(section.tiles)
        return len(section.tiles)

    def refuse_kept(self, section: Section) -> None:
        """Refuse a section that would change one which the output keeps."""
        if not self.kept_zs:
            return
        self.refuse_kept_ids(section.tile_ids)
        for key, spec in section.transforms.items():
            if key not in self._checked:
                self._checked[key] = shared_transform(self.render, self.stack, key)
            there = self._checked[key]
            if there is not None and not same_transform(there, spec):
                raise RenderModuleException(
                    f"stack {self.stack} keeps sections that share another transform {key}: "
                    f"{ADVICE}"
                )

    def refuse_kept_ids(self, tile_ids: Iterable[str]) -> None:
        """Refuse tile ids that a section which the output keeps has."""
        taken = next((tile for tile in tile_ids if tile in self._kept_ids), None)
        if taken is not None:
            there = renderapi.tilespec.get_tile_spec_raw(self.stack, taken, render=self.render)
            raise RenderModuleException(
                f"tile {taken} is already in section z={there.z:g} of stack {self.stack}: {ADVICE}"
            )

    def clone(self, source: renderapi.Render, stack: str, zs: Sequence[float] | None) -> None:
        """Let the service itself copy a stack, or some sections of it, to be the output."""
        renderapi.stack.clone_stack(
            stack,
            self.name,
            toProject=self.render.DEFAULT_PROJECT,
            zs=zs,
            close_stack=False,
            render=source,
        )
        version = KeptVersion(**self.version)  # a clone takes what is known to the client
        renderapi.stack.set_stack_metadata(self.name, version, render=self.render)
        self.tiles = len(renderapi.stack.get_stack_tileIds(self.name, render=self.render))

    def finish(self) -> None:
        """Refuse what is not complete; called before the output changes."""
        if not self.tiles and not self.may_be_empty and not (self.edits and self.kept_zs):
            raise RenderModuleException(f"no tiles are left to write to stack {self.stack}")
        if "stackChanges" not in self.offered:
            there = len(renderapi.stack.get_stack_tileIds(self.name, render=self.render))
            wanted = self.tiles + len(self._kept_ids)
            if there < wanted or (there > wanted and self.existing != "append"):
                raise RenderModuleException(
                    f"{wanted} tiles were written for stack {self.stack}, {there} arrived: "
                    "a tileId is in two sections"
                )

    def change(self) -> Json:
        """What the service is to do at the end."""
        whole = self.edits is None and self.existing in ("replace", "fail")
        change: Json = {
            "from": self._id(self.name),
            "to": self._id(self.stack),
            "state": self.state,
            "tiles": self.tiles,
        }
        if not whole:
            change["zs"] = sorted(set(self.zs if self.edits is None else self.edits))
            change["keep"] = self.existing == "append" and self.edits is None
        if self.edits is not None:
            change["version"] = KeptVersion(**self.version).to_dict()
        return change

    def lock(self, run: Run) -> Json:
        """The lock that is given back with the change."""
        return {"stackId": self._id(self.stack), "id": run.id}

    def report(self) -> Json:
        """Entries of the output JSON about this output."""
        return {"output_stack": self.stack, "kept_zs": self.kept_zs}

    def drop(self) -> None:
        """Remove what was built; the output is as it was."""
        try:
            if self.name:
                renderapi.stack.delete_stack(self.name, render=self.render)
        except RenderError as error:
            _LOG.warning("stack %s is left over: %s", self.name, error)

    def _id(self, stack: str) -> Json:
        return {"project": self.render.DEFAULT_PROJECT, "stack": stack}

    def _clone(self, leave_out: Sequence[float]) -> None:
        """A copy of the output with the sections that stay."""
        renderapi.stack.clone_stack(self.stack, self.name, close_stack=False, render=self.render)
        record = self.version
        if self.edits is None:
            record = stack_metadata(self.render, self.stack).get("currentVersion") or {}
        renderapi.stack.set_stack_metadata(self.name, KeptVersion(**record), render=self.render)
        for z in leave_out:
            renderapi.stack.delete_section(self.name, z, render=self.render)


@contextmanager
def written(outputs: Sequence[OutputStack], module: str) -> Iterator[Run]:
    """Within it outputs are written; at its end all of them change, or none does on an error.

    Parameters
    ----------
    outputs : sequence of OutputStack
        Of one owner of one service.
    module : str
        Name of the module, which others are told while it runs.

    Raises
    ------
    RenderModuleException
        An output must not be written, or another run is writing there.
    """
    run = Run(module.removeprefix("renderapps."))
    names = [(o.render.DEFAULT_PROJECT, o.stack) for o in outputs]
    if double := next((stack for p, stack in names if names.count((p, stack)) > 1), None):
        raise RenderModuleException(f"stack {double} is the output twice: name two stacks")
    offered = stackchanges.additions(render=outputs[0].render)
    for output in outputs:
        if "stackChanges" not in offered:
            settle(output.render, [output.stack])
        output.check()
    for output in outputs:
        output.offered = offered
        where = output.render
        note_output("stack", where.DEFAULT_OWNER, where.DEFAULT_PROJECT, output.stack)
    locks: AbstractContextManager[None] = nullcontext()
    if "stackLocks" in offered:
        locks = all_locked(run, [(o.render, o.stack, o.scope()) for o in outputs])
    with locks:
        try:
            for output in outputs:
                output.open(run)
            yield run
            for output in outputs:
                output.finish()
            _change(outputs, run)
        except BaseException:
            for output in outputs:
                output.drop()
            raise


def _change(outputs: Sequence[OutputStack], run: Run) -> None:
    """Let what was built take its place."""
    render, offered = outputs[0].render, outputs[0].offered
    if "stackChanges" not in offered:
        for output in outputs:
            if output.tiles or output.kept_zs:
                renderapi.stack.set_stack_state(output.name, "COMPLETE", render=output.render)
        pairs = [(output.name, output.stack) for output in outputs]
        exchange_names(render, run.id, pairs, [output.state for output in outputs])
        return
    locks = [output.lock(run) for output in outputs] if "stackLocks" in offered else []
    try:
        stackchanges.change_stacks([o.change() for o in outputs], locks, render=render)
    except (ServiceUnreachable, ServiceTimeout):
        if not locks or not _was_changed(outputs[0], run):
            raise
    except (ConflictError, NotFoundError) as error:
        raise RenderModuleException(str(error)) from error


def _was_changed(output: OutputStack, run: Run) -> bool:
    """Whether a change was made whose answer was lost: it gives the locks back."""
    with suppress(RenderError):
        locks = stackchanges.get_stack_locks(output.stack, render=output.render)
        there = stack_state(output.render, output.name) is not None
        return not there and run.id not in {lock["id"] for lock in locks}
    return False
