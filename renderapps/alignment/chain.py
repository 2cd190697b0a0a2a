"""A chain of modules that can be stopped and run again: a ledger says which steps are finished.

Every step is a module run as its users run it, from a JSON file that stays in the folder of the
chain beside the output JSON of the run. A step is finished when its module succeeded with the same
parameters after the same steps, and what it made is still there. Everything after a step that has
changed is run again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import renderapi
from renderapi.errors import RenderError
from renderapi.files import atomic_write
from renderapps.module.errors import ParameterError, RenderModuleException
from renderapps.module.file_lock import locked_file
from renderapps.module.result import to_json
from renderapps.module.tasks import one_line
from renderapps.pointmatch.polygon_files import polygons_stamp

Json = dict[str, Any]

LEDGER = "ledger.json"
LOCK = "ledger.lock"
_NO_MATTER = ("pool_size", "dask_scheduler", "log_level")  # how, not what


def alone(folder: Path) -> AbstractContextManager[None]:
    """Lock the ledger of a folder, before it is read, for as long as steps are run.

    Raises
    ------
    RenderModuleException
        Another chain is running there.
    """
    return locked_file(
        folder / LOCK,
        f"another run is at work in {folder}: wait until it is over, or give another "
        "working_directory",
    )


@dataclass(frozen=True)
class Step:
    """One run of a module.

    Attributes
    ----------
    name : str
        Unique in the chain; overriding parameters are given by it.
    module : str
        Dotted name below renderapps.
    parameters : dict
        Without connection and output_json.
    stacks, files : sequence
        What must be there for the step to count as finished: stacks with tiles, and paths.
    pooled : bool
        Whether the module takes pool_size.
    sources : object
        State of what is read from outside of the chain: when it changes the step is run again.
    collections : sequence of str
        Match collections of the chain that only the step fills: emptied before it is run, so that
        no pair of an earlier run stays.
    """

    name: str
    module: str
    parameters: Json
    stacks: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    pooled: bool = True
    sources: Any = None
    collections: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """A finished step: its output JSON, how long it took, and whether it had been run before."""

    step: Step
    input_json: Path
    output: Json
    seconds: float
    kept: bool


class Chain:
    """Runs steps in a folder, skipping those that the ledger has as finished.

    Parameters
    ----------
    folder : Path
        Of the ledger, and in `json/` of the files of the steps.
    connection : dict
        The group `render` of the modules.
    tell : callable
        Gets a line for each step.
    how : dict
        pool_size or dask_scheduler, for the modules that take them.
    keep : bool
        Whether there is a ledger; without one every step is run each time.
    """

    def __init__(
        self,
        folder: Path,
        connection: Json,
        tell: Callable[[str], None],
        how: Json | None = None,
        keep: bool = True,
    ) -> None:
        self.folder = folder
        self.connection = connection
        self.tell = tell
        self.how = how or {}
        self.done: list[Done] = []
        self.keep = keep
        self._ledger = _read(folder / LEDGER) if keep else {}
        self._before = ""

    @property
    def render(self) -> renderapi.Render:
        """Connection to the service of the chain."""
        return renderapi.connect(**self.connection)

    def run(self, step: Step) -> Done:
        """Run a step, or take what it made before.

        Raises
        ------
        RenderModuleException
            The module failed.
        ParameterError
            It does not take these parameters.
        """
        mark = self._mark(step)
        changed = any(not before.kept for before in self.done)  # all that follows is made anew
        done = (None if changed else self._finished(step, mark)) or self._run(step, mark)
        self._before = mark
        self.done.append(done)
        return done

    def output_of(self, name: str) -> Json:
        """Output JSON of a step that was run or kept."""
        return next(done.output for done in self.done if done.step.name == name)

    def _files(self, step: Step) -> tuple[Path, Path]:
        folder = self.folder / "json"
        return folder / f"{step.name}.json", folder / f"{step.name}_output.json"

    def _mark(self, step: Step) -> str:
        """What decides about the result: the module, its parameters, and the steps before."""
        counted = {k: v for k, v in step.parameters.items() if k not in _NO_MATTER}
        parts = [self._before, step.module, self.connection, counted, step.sources]
        if outlines := step.parameters.get("polygon_dir"):
            parts.append(polygons_stamp(Path(outlines)))
        return hashlib.sha256(to_json(parts)).hexdigest()

    def _finished(self, step: Step, mark: str) -> Done | None:
        entry = self._ledger.get(step.name)
        if not entry or entry["mark"] != mark or not self._there(step):
            return None
        input_json, output_json = self._files(step)
        output = _read(output_json)
        if output.get("status") != "complete":
            return None
        self.tell(f"{step.name}: finished before")
        return Done(step, input_json, output, entry["seconds"], True)

    def _there(self, step: Step) -> bool:
        """Whether what a step made still is."""
        if not all(Path(path).exists() for path in step.files):
            return False
        try:
            return all(
                renderapi.stack.get_full_stack_metadata(stack, render=self.render)["state"]
                in ("COMPLETE", "READ_ONLY")
                for stack in step.stacks
            )
        except RenderError:
            return False

    def _write_ledger(self) -> None:
        if self.keep:
            atomic_write(self.folder / LEDGER, json.dumps(self._ledger, indent=1))

    def _empty(self, collections: tuple[str, ...]) -> None:
        if not collections:
            return
        owner = {"owner": self.connection["owner"], "render": self.render}
        there = renderapi.pointmatch.get_matchcollections(**owner)
        for collection in sorted({c["collectionId"]["name"] for c in there} & set(collections)):
            renderapi.pointmatch.delete_collection(collection, **owner)

    def _run(self, step: Step, mark: str) -> Done:
        from renderapps.module.catalogue import find

        input_json, output_json = self._files(step)
        how = self.how if step.pooled else {}
        document = {"render": self.connection} | step.parameters | how
        atomic_write(input_json, to_json(document | {"output_json": output_json}))
        self.tell(f"{step.name}: {step.module}")
        # what the step made before is about to change: a run that is killed leaves no claim to it
        if self._ledger.pop(step.name, None):
            self._write_ledger()
        self._empty(step.collections)
        start = time.monotonic()
        try:
            find(step.module).load()(args=["--input_json", str(input_json)]).run()
        except ParameterError as error:
            raise ParameterError([f"step {step.name}: {one}" for one in error.problems]) from None
        except (RenderError, OSError, ValueError) as error:
            raise RenderModuleException(
                f"step {step.name} ({step.module}, parameters in {input_json}): {one_line(error)}"
                + ("; finished steps are kept when this is run again" if self.keep else "")
            ) from error
        seconds = round(time.monotonic() - start, 2)
        self._ledger[step.name] = {"mark": mark, "seconds": seconds, "module": step.module}
        self._write_ledger()
        return Done(step, input_json, _read(output_json), seconds, False)


def with_overrides(steps: Iterable[Step], overrides: Json) -> list[Step]:
    """Steps with parameters that the user gave by the name of the step.

    Raises
    ------
    RenderModuleException
        There is no step of that name.
    """
    listed = list(steps)
    unknown = sorted(set(overrides) - {step.name for step in listed})
    if unknown:
        names = ", ".join(step.name for step in listed)
        raise RenderModuleException(f"step_parameters: no step {unknown[0]}; there are: {names}")
    return [
        replace(step, parameters=step.parameters | overrides.get(step.name, {})) for step in listed
    ]


def _read(path: Path) -> Json:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
