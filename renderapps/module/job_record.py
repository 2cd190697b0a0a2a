"""Let others see that a module runs, how far it is, and how it ended."""

from __future__ import annotations

import getpass
import logging
import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from renderapi.processes import process
from renderapi.render import Render, format_baseurl
from renderapi.tokens import token_for
from renderapps.module.hidden import hiding, secrets_in, shortened, without_secrets
from renderapps.module.job import COMPLETE, FAILED, STOPPED, Job, current_job, going_on
from renderapps.module.job_log import LogTail, log_kept
from renderapps.module.job_sender import Sender
from renderapps.module.summary import summary
from renderapps.module.tasks import one_line

SWITCH = "RENDER_JOBS"
"""Environment variable; "off": runs are not recorded."""
Json = dict[str, Any]
_LOG = logging.getLogger(__name__)


class Recorded(Protocol):
    """What of a module is recorded."""

    args: Json
    result: Json | None

    def module_name(self) -> str:
        """Dotted name of its file."""

    def service(self) -> Render | None:
        """The connection by which it is told that the module runs."""


@contextmanager
def recorded(module: Recorded) -> Iterator[None]:
    """Within it a module runs, and others can see it.

    Nothing is recorded without a connection, of a dry run, and where RENDER_JOBS is "off".
    """
    name = module.module_name().removeprefix("renderapps.")
    if name == "__main__":  # a script of the user
        name = type(module).__name__
    outer = current_job()
    if outer is not None:
        with outer.step(name):
            yield
        return
    with log_kept() as tail:
        sender = _started(name, module, tail)
        if sender is None:
            yield
            return
        job = sender.job
        try:
            with going_on(job):
                yield
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            text = "stopped by the keyboard" if stopped else one_line(error)
            job.end(STOPPED if stopped else FAILED, error=text)
            raise
        else:
            job.end(COMPLETE, summary=summary(module.result or {}, module.args))
        finally:
            sender.finish()


def _started(name: str, module: Recorded, tail: LogTail) -> Sender | None:
    """The thread that tells how the run stands; None where nobody is told."""
    render = module.service()
    if render is None or module.args.get("dry_run") or os.environ.get(SWITCH) == "off":
        return None
    try:
        job = _new_job(name, module.args, render, tail)
        sender = Sender(job, str(render.DEFAULT_HOST), render.DEFAULT_PORT)
        sender.start()
    except Exception as error:  # nothing that happens here may disturb the run
        _LOG.debug("the run is not recorded: %s", error)
        return None
    return sender


def _new_job(name: str, args: Mapping[str, Any], render: Render, tail: LogTail) -> Job:
    token = token_for(format_baseurl(render.DEFAULT_HOST, render.DEFAULT_PORT)) or ""
    hide = hiding(iter([*secrets_in(args), token]))
    report = args.get("output_json")
    head = {
        "module": name,
        "owner": render.DEFAULT_OWNER or None,
        "project": render.DEFAULT_PROJECT or None,
        "user": _user(),
        "host": platform.node(),
        "process": process(),
        "report": hide(os.path.abspath(report)) if report and report != "-" else None,
        "parameters": shortened(without_secrets(args), hide),
    }
    return Job(head, hide, tail)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # an account without a name, as in containers
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
