"""`renderapps jobs`: which modules run, and how those ended that ran."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from renderapps.commands.services import add_service_options, connected

Json = dict[str, Any]

RUNNING = "running"
SHOWN = 20
WATCH_SECONDS = 2.0
_STYLES = {RUNNING: "cyan", "complete": "green", "failed": "red", "killed": "red"}


def add_jobs(verbs: Any) -> None:
    """Add the verb `jobs`."""
    parser = verbs.add_parser(
        "jobs",
        help="modules that run, and ran, on a store or a render web service",
        description=f"List runs of modules: those that go on and the last {SHOWN}; or show one "
        "with its parameters and the end of its log.",
        allow_abbrev=False,
    )
    parser.add_argument("job", nargs="?", metavar="RUN_ID", help="show this run")
    add_service_options(parser)
    parser.add_argument("--owner", help="runs on stacks of this owner (default: all)")
    parser.add_argument("--project", help="and of this project (default: all)")
    parser.add_argument("--all", action="store_true", help="all that are remembered")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="show it again and again, until interrupted or until the run is over",
    )
    parser.add_argument("--forget", action="store_true", help="forget RUN_ID; it is not stopped")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=show_jobs, error=parser.error)


def show_jobs(options: argparse.Namespace) -> int:
    """Print runs, or one."""
    from renderapi.jobs import delete_job

    if options.watch and (options.json or options.forget):
        options.error("--watch goes neither with --json nor with --forget")
    if options.forget and not options.job:
        options.error("--forget needs the RUN_ID")
    render = connected(options, None, None)
    if options.forget:
        _asked(options, render)
        delete_job(options.job, render=render)
        print(f"run {options.job} is forgotten")
    elif options.watch:
        _watch(options, render)
    else:
        _print(options, render, _asked(options, render))
    return 0


def _asked(options: argparse.Namespace, render: Any) -> Any:
    """The runs that are listed, or the one that is shown.

    Raises
    ------
    ValueError
        There is none of this id, or the service remembers none at all.
    """
    from renderapi.errors import NotFoundError
    from renderapi.jobs import get_job, get_jobs
    from renderapps.module.stack_listing import where_text

    try:
        if options.job:
            return get_job(options.job, render=render)
        found = get_jobs(options.owner, options.project, render=render)
    except NotFoundError:
        where = where_text(render)
        if options.job:
            text = f"no run {options.job} is remembered in {where}; `renderapps jobs` lists them"
            raise ValueError(text) from None
        raise ValueError(f"the {where} does not remember runs of modules") from None
    ended = [run["id"] for run in found if run["state"] != RUNNING]
    hidden = set() if options.all else set(ended[SHOWN:])
    return [run for run in found if run["id"] not in hidden]


def _print(options: argparse.Namespace, render: Any, found: Any) -> None:
    if options.json:
        print(json.dumps(found, indent=2))
        return
    from renderapps.commands.modules import console

    console().print(_shown(options, render, found), highlight=False, soft_wrap=bool(options.job))


def _shown(options: argparse.Namespace, render: Any, found: Any) -> Any:
    from rich.text import Text

    if options.job:
        return Text("\n".join(_details(found)))
    if found:
        return _table(found)
    from renderapps.module.stack_listing import where_text

    asked = {"owner": options.owner, "project": options.project}
    of = "".join(f" of {name} {value}" for name, value in asked.items() if value)
    return Text(f"no runs of modules{of} are remembered in {where_text(render)}")


def _watch(options: argparse.Namespace, render: Any) -> None:
    from rich.live import Live

    from renderapps.commands.modules import console

    with (
        suppress(KeyboardInterrupt),
        Live(console=console(), auto_refresh=False, vertical_overflow="crop") as live,
    ):
        while True:
            found = _asked(options, render)
            live.update(_shown(options, render, found), refresh=True)
            if options.job and found["state"] != RUNNING:
                return
            time.sleep(WATCH_SECONDS)


def _table(runs: list[Json]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("run", "started", "module", "by", "state", "progress", "output", "duration"):
        whole = name in ("run", "started", "duration")
        least = {"state": 8, "module": 10, "output": 6, "duration": 8}.get(name)
        table.add_column(name, no_wrap=whole, overflow="fold", min_width=least)
    for run in runs:
        state = Text(_state(run), style=_STYLES.get(run["state"], "yellow"))
        cells = [run["id"], _local(run["started"])[5:-3], run["module"], _by(run)]
        rest = [_progress(run), _outputs(run), _time(run["duration"])]
        table.add_row(*(Text(_plain(c)) for c in cells), state, *(Text(_plain(c)) for c in rest))
    return table


def _details(run: Json) -> Iterator[str]:
    """Lines about one run."""
    pid = f", process {run['pid']}" if run.get("pid") else ""
    facts = {
        "state": _state(run),
        "started": f"{_local(run['started'])}, {_time(run['duration'])}",
        "by": f"{_by(run)}{pid}",
        "owner": run.get("owner"),
        "project": run.get("project"),
        "progress": _progress(run),
        "output": _outputs(run),
        "summary": run.get("summary"),
        "error": run.get("error"),
        "report": run.get("report"),
    }
    yield _plain(f"run {run['id']}: {run['module']}")
    yield from (_plain(f"  {name:<9} {value}") for name, value in facts.items() if value)
    if run["steps"]:
        yield "steps:"
    for step in run["steps"]:
        seconds = "" if step.get("seconds") is None else f", {_time(step['seconds'])}"
        yield _plain(f"  {step.get('module')}: {step.get('state')}{seconds}")
    yield "parameters:"
    yield from (f"  {_plain(line)}" for line in json.dumps(run["parameters"], indent=1).split("\n"))
    yield "end of its log:" if run["log"] else "nothing was logged (see its parameter log_level)"
    yield from (f"  {_plain(line)}" for line in run["log"])


def _state(run: Json) -> str:
    if run["state"] == "lost":
        return f"no sign of life since {_local(run['seen'])}"
    return str(run["state"])


def _by(run: Json) -> str:
    return " on ".join(run[key] for key in ("user", "host") if run.get(key))


def _progress(run: Json) -> str:
    progress = run.get("progress")
    if not progress:
        return ""
    done, total = progress.get("done") or 0, progress.get("total") or 0
    return f"{progress.get('description') or ''}: {done} of {total}".removeprefix(": ")


def _outputs(run: Json) -> str:
    return ", ".join(str(output.get("name")) for output in run.get("outputs") or [])


def _time(seconds: float) -> str:
    """A duration as people write it.

    >>> _time(7.25), _time(75), _time(7384)
    ('7.2 s', '1:15 min', '2:03 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"


def _local(stamp: str) -> str:
    """A time stamp of a service in local time."""
    moment = datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)
