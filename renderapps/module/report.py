"""The report of a run, its output JSON: there in every case that got past the parameters.

A regular file is replaced when the run starts, so that no report of an earlier run looks like one
of this run, and again at the end. A pipe or standard output (`-`) gets one document, at the end.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Protocol

from argschema.fields import Dict, Float, List, Nested, Str
from marshmallow import INCLUDE, Schema, ValidationError
from marshmallow.validate import OneOf

from renderapi.files import atomic_write
from renderapi.render import Render
from renderapps.module.errors import ParameterError, RenderModuleException
from renderapps.module.hidden import without_secrets
from renderapps.module.job_record import recorded
from renderapps.module.result import to_json
from renderapps.module.tasks import one_line

Json = dict[str, Any]


class Reporting(Protocol):
    """What of a module its report is made of."""

    args: Json
    result: Json | None
    full_report: Json | None
    is_reporting: bool
    logger: logging.Logger
    output_schema_type: type[Schema] | None

    def module_name(self) -> str:
        """Dotted name of its file."""

    def service(self) -> Render | None:
        """The connection by which others are told that it runs."""


RUNNING, COMPLETE, FAILED = "running", "complete", "failed"


def _about(text: str) -> Json:
    return {"description": text}


class ReportSchema(Schema):
    """What the report of every module holds; each adds its own entries."""

    class Meta:
        """Entries of modules are let through."""

        unknown = INCLUDE

    module = Str(required=True, metadata=_about("the module"))
    status = Str(
        required=True,
        validate=OneOf((RUNNING, COMPLETE, FAILED)),
        metadata=_about("how the run ended; running: it still does, or was killed"),
    )
    error = Str(allow_none=True, metadata=_about("with status failed: why"))
    started = Str(required=True, metadata=_about("when it started, UTC"))
    duration = Float(metadata=_about("how long it took, seconds"))
    versions = Dict(required=True, metadata=_about("of this software and of Python"))
    parameters = Dict(
        required=True, metadata=_about("parameters with defaults filled in; secrets are ***")
    )


class FailedSection(Schema):
    """A section that failed."""

    class Meta:
        """Modules may say more."""

        unknown = INCLUDE

    z = Float(required=True, metadata=_about("its z"))
    reason = Str(required=True, metadata=_about("why, on one line"))


class SectionEntry(Schema):
    """A section that was worked on."""

    class Meta:
        """Modules say more."""

        unknown = INCLUDE

    z = Float(required=True, metadata=_about("its z"))


class SectionReport(ReportSchema):
    """The report of a module that works section by section."""

    sections = List(
        Nested(SectionEntry), metadata=_about("z and what the module says of each section")
    )
    failed_sections = List(
        Nested(FailedSection), metadata=_about("z and reason of each section that failed")
    )


class StackReport(SectionReport):
    """The report of a module that writes a stack."""

    output_stack = Str(
        required=True,
        allow_none=True,
        metadata=_about("the stack that was written; null where only a report was asked for"),
    )
    kept_zs = List(
        Float(),
        required=True,
        metadata=_about("sections of the output that were there before and stay"),
    )


class Report:
    """The report of one run."""

    def __init__(self, module: Reporting) -> None:
        self.module = module
        self.started = time.monotonic()
        self.head: Json = {
            "module": module.module_name().removeprefix("renderapps."),
            "status": RUNNING,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            "parameters": without_secrets(module.args),
        }

    def start(self) -> None:
        """Replace the report of an earlier run."""
        path = self.module.args.get("output_json")
        if path and is_regular(path):
            atomic_write(path, to_json(self.head))

    def finish(self, error: BaseException | None) -> None:
        """Complete the report and write it."""
        head = self.head | {
            "status": COMPLETE if error is None else FAILED,
            "duration": round(time.monotonic() - self.started, 3),
        }
        if error is not None:
            head["error"] = _text(error)
        document = json.loads(to_json({**head, **(self.module.result or {}), **head}))
        schema = self.module.output_schema_type
        self.module.full_report = document
        if path := self.module.args.get("output_json"):
            atomic_write(path, to_json(document))
        if error is None and schema is not None and issubclass(schema, ReportSchema):
            problems = schema().validate(document)
            if problems:
                raise ValidationError(problems)


def _text(error: BaseException) -> str:
    return "stopped by the keyboard" if isinstance(error, KeyboardInterrupt) else one_line(error)


@contextmanager
def reporting(module: Reporting) -> Iterator[None]:
    """Report what happens within it, unless that is done already further out."""
    if module.is_reporting:
        yield
        return
    report = Report(module)
    module.is_reporting = True
    try:
        with recorded(module):
            report.start()
            try:
                yield
            except BaseException as error:
                _finish_failed(report, error)
                raise
            _finish(report)
    finally:
        module.is_reporting = False


def _finish(report: Report) -> None:
    try:
        report.finish(None)
    except ValidationError as error:
        report.finish(error)
        raise
    except OSError as error:
        raise RenderModuleException(
            f"all is done, but the report cannot be written: {error}"
        ) from error


def _finish_failed(report: Report, error: BaseException) -> None:
    try:
        report.finish(error)
    except OSError as second:  # what made the run fail is what counts
        report.module.logger.error("the report cannot be written: %s", second)


def reported(run: Callable[..., Any]) -> Callable[..., Any]:
    """A `run()` that reports, however it is called, and gives what the module said with `output`.

    What the module's own `run` returns goes first.
    """

    @functools.wraps(run)
    def run_and_report(self: Reporting, *args: Any, **kwargs: Any) -> Any:
        with reporting(self):
            value = run(self, *args, **kwargs)
        return self.result if value is None else value

    return run_and_report


def report_failure(module: Reporting, error: BaseException) -> None:
    """Report a failure before the run, unless it is one of parameters."""
    if not isinstance(error, ParameterError):
        _finish_failed(Report(module), error)


def is_regular(path: str) -> bool:
    """Whether a report is written to a file that can be replaced, and not to a pipe or the like."""
    return path != "-" and (os.path.isfile(path) or not os.path.lexists(path))


def versions() -> dict[str, str]:
    """Of this software and of Python."""
    try:
        own = metadata.version("render-python-apps")
    except metadata.PackageNotFoundError:
        own = "not installed"
    return {"render-python-apps": own, "python": platform.python_version()}
