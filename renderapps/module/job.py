"""The run that goes on in this process: how it stands, for those who look at it from elsewhere.

There is one at a time in a context: a module that a module runs is a step of it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson

from renderapps.module.hidden import cut
from renderapps.module.job_log import LogTail

Json = dict[str, Any]

RUNNING, COMPLETE, FAILED, STOPPED = "running", "complete", "failed", "stopped"
MOST_STEPS, MOST_OUTPUTS = 100, 20
MOST_BYTES = 60_000  # a service takes 64 kB
_current: ContextVar[Job | None] = ContextVar("job", default=None)


class Job:
    """What is said of a run. The run changes it, the thread that sends it reads it.

    Parameters
    ----------
    head : dict
        What does not change: module, owner, project, user, host, process, report, parameters.
    hide : callable
        Takes secrets out of a text.
    log : LogTail
        What the run logs.
    """

    def __init__(self, head: Json, hide: Callable[[str], str], log: LogTail) -> None:
        self.id = secrets.token_hex(6)
        self.hide = hide
        self.log = log
        self._head = head
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._number = 0
        self._progress: tuple[str, int, int] | None = None
        self._steps: deque[Json] = deque(maxlen=MOST_STEPS)
        self._outputs: dict[str, Json] = {}
        self._state: Json = {"state": RUNNING}

    def advance(self, description: str, done: int, total: int) -> None:
        """So many of a piece of work are done."""
        self._progress = (description, done, total)

    def writes(self, kind: str, owner: str | None, project: str | None, name: str) -> None:
        """The run writes a stack or a match collection."""
        output = {"kind": kind, "owner": owner, "project": project, "name": name}
        with self._lock:
            if len(self._outputs) < MOST_OUTPUTS:
                self._outputs["/".join(map(str, output.values()))] = output

    @contextmanager
    def step(self, module: str) -> Iterator[None]:
        """Within it another module runs as a step of this run."""
        began, state = time.monotonic(), FAILED
        entry: Json = {"module": module, "state": RUNNING}
        with self._lock:
            self._steps.append(entry)
        try:
            yield
            state = COMPLETE
        finally:
            seconds = round(time.monotonic() - began, 3)
            with self._lock:
                entry |= {"state": state, "seconds": seconds}
            self._progress = None

    def end(self, state: str, **said: str) -> None:
        """The run is over: `summary` or `error`."""
        texts = {key: cut(self.hide(text), 1000) for key, text in said.items()}
        with self._lock:
            self._state = {"state": state, **texts}

    def mark(self) -> object:
        """Something that is another one when there is something new to say."""
        with self._lock:
            steps = len(self._steps), self._steps and self._steps[-1]["state"]
            return self._state, self._progress, steps, len(self._outputs), self.log.count

    def said(self, silence: float) -> bytes:
        """All there is to say now, as JSON; the next thing is not due before so many seconds."""
        with self._lock:
            self._number += 1
            document = {
                **self._head,
                **self._state,
                "number": self._number,
                "elapsed": round(time.monotonic() - self._began, 3),
                "silence": silence,
                "steps": list(self._steps),
                "outputs": list(self._outputs.values()),
            }
            if (progress := self._progress) is not None:
                keys = ("description", "done", "total")
                document["progress"] = dict(zip(keys, progress, strict=True))
            return _body(document, [self.hide(line) for line in list(self.log.lines)])


def _body(document: Json, log: list[str]) -> bytes:
    """JSON that is not too long: the log, then the parameters, are shortened where it is."""
    body = orjson.dumps(document | {"log": log})
    if len(body) > MOST_BYTES:
        body = orjson.dumps(document | {"log": log[-10:]})
    if len(body) > MOST_BYTES:
        brief = {"...": "too long to be shown"}
        body = orjson.dumps(document | {"log": log[-10:], "parameters": brief})
    return body


def current_job() -> Job | None:
    """The run that goes on, where it is recorded."""
    return _current.get()


@contextmanager
def going_on(job: Job) -> Iterator[None]:
    """Within it `job` is the run that goes on."""
    token = _current.set(job)
    try:
        yield
    finally:
        _current.reset(token)


def note_output(kind: str, owner: str | None, project: str | None, name: str) -> None:
    """Let others know that the run writes a stack or a match collection."""
    job = current_job()
    if job is not None:
        job.writes(kind, owner, project, name)
