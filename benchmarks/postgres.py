"""The service on PostgreSQL beside the same service on SQLite, in turns, over HTTP; and four
servers on one database.

Uses the programs of Debian's PostgreSQL for a cluster of its own in a temporary folder, with all
that makes it durable. Commits of both wait for the same disk.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks import Row
from benchmarks._sections import LARGE, STEP_X, STEP_Y, TILES, Bodies, body
from benchmarks._server import STACK, Connection, peak_memory, server
from benchmarks.service import IMPORT, READ, Action, _all, _best, _read_section

ROUNDS, BOXES, SERVERS = 10, 100, 4
BUILDER = Path(__file__).parents[1] / "tests" / "builders" / "postgres_server.py"


def run() -> list[Row]:
    """Rates on PostgreSQL, and what they are of those on SQLite."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, database = Path(name), stack.enter_context(cluster())
        both = [
            stack.enter_context(server(folder)),
            stack.enter_context(server(folder, store=database.address("bench"))),
        ]
        asks = [stack.enter_context(closing(Connection(one.port))) for one in both]
        rows = [*_imports(asks), *_reads(asks), *_servers(folder, database)]
        return [*rows, Row("peak memory of the server", peak_memory(both[1].process), "MB")]


@contextmanager
def cluster(*settings: str) -> Iterator[Any]:
    """A durable server of PostgreSQL, with settings of its own."""
    spec = importlib.util.spec_from_file_location("postgres_server", BUILDER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.programs() is None:
        raise SystemExit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    made = module.PostgresServer(*settings)
    try:
        yield made
    finally:
        made.end()


def _row(name: str, count: int, unit: str, seconds: Sequence[float]) -> Row:
    sqlite, postgres = (count / s for s in seconds)
    return Row(name, postgres, unit, postgres / sqlite, f"the same on SQLite {sqlite:,.0f}")


def _imports(asks: Sequence[Connection]) -> list[Row]:
    """A section at a time on one connection."""
    bodies = Bodies()
    for ask in asks:
        ask("POST", f"{STACK}tiles", b"{}")

    def actions(_: int) -> list[Action]:
        section = bodies()
        return [partial(ask, "PUT", IMPORT, section) for ask in asks]

    seconds = _best(map(actions, range(ROUNDS)))
    return [_row("import, one connection", TILES, "tiles/s", seconds)]


def _reads(asks: Sequence[Connection]) -> list[Row]:
    """Boxes of about 13 tiles of a section, and the whole section."""
    for ask in asks:
        ask("POST", f"{STACK}read", b"{}")
        ask("PUT", f"{READ}resolvedTiles?deriveData=true", body(1, LARGE))
        ask("PUT", f"{READ}state/COMPLETE")
    corners = np.random.default_rng(0).uniform(0, (STEP_X * 95, STEP_Y * 45), (BOXES, 2)).round()
    paths = [
        f"{READ}z/1.0/box/{x:.0f},{y:.0f},5000,5000,0.1/render-parameters"
        for x, y in corners.tolist()
    ]
    boxes = _best([partial(_all, ask, paths) for ask in asks] for _ in range(ROUNDS))
    sections = _best([partial(_read_section, ask) for ask in asks] for _ in range(ROUNDS))
    return [
        _row("box render-parameters", BOXES, "/s", boxes),
        _row("read a section of 5,000 tiles", LARGE, "tiles/s", sections),
    ]


def _servers(folder: Path, database: Any) -> list[Row]:
    """Four servers on one database import into one stack, and none of their tiles is lost."""
    with ExitStack() as stack, ThreadPoolExecutor(SERVERS) as pool:
        address = database.address("shared")
        ports = [stack.enter_context(server(folder, store=address)).port for _ in range(SERVERS)]
        asks = [stack.enter_context(closing(Connection(port))) for port in ports]
        asks[0]("POST", f"{STACK}tiles", b"{}")
        bodies, sent = Bodies(), 0

        def actions(_: int) -> list[Action]:
            nonlocal sent
            parts = [bodies() for _ in asks]
            sent += len(parts) * TILES
            return [lambda: list(pool.map(lambda ask, part: ask("PUT", IMPORT, part), asks, parts))]

        (seconds,) = _best(map(actions, range(ROUNDS)))
        found = len(orjson.loads(asks[-1]("GET", f"{STACK}tiles/tileIds")))
        if found != sent:
            raise SystemExit(f"{sent} tiles were acknowledged, {found} are there")
    rate = SERVERS * TILES / seconds
    return [Row(f"import by four servers, {sent:,} tiles and all there", rate, "tiles/s")]
