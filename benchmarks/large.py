"""Very large stores, SQLite and PostgreSQL: everything that must stay bounded, over HTTP.

Runs only when it is named. `python -m benchmarks large` measures 100,000 and 1,000,000 tiles on
both stores (`LARGE_TILES=100000,10000000` asks for others: 10 million take an hour and 20 GB of the
folder for temporary files for each store). In parts, on a store that stays:

    python -m benchmarks.large --store FILE_OR_ADDRESS --tiles 10000000 --steps fill,complete,size

Steps that fill go on where the last one was stopped (`--until` stops one early). Each figure is
printed as a line of JSON, and appended to `--out`. What they mean for other sizes is computed by
`benchmarks.scaling`; docs/scale.md has the figures.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import orjson

from benchmarks import Row
from benchmarks._large_figures import Figure, Subject
from benchmarks._large_steps import SECTION, STEPS
from benchmarks._server import Connection, peak_memory, server
from benchmarks.postgres import cluster
from renderapi.databases import is_database

SIZES, HOURS = "100000,1000000", 3600.0 * 6
CLUSTER = ("shared_buffers=1GB", "max_wal_size=4GB")
"""Settings of PostgreSQL that a store of this size is given by whoever runs one."""


def run() -> list[Row]:
    """Figures of both stores, each beside that of the next smaller store."""
    sizes = [int(text) for text in os.environ.get("LARGE_TILES", SIZES).split(",")]
    with tempfile.TemporaryDirectory() as folder, cluster(*CLUSTER) as database:
        rows: list[Row] = []
        for kind in ("SQLite", "PostgreSQL"):
            before: dict[str, float] = {}
            for tiles in sizes:
                name = str(Path(folder) / f"{tiles}.db")
                store = name if kind == "SQLite" else database.address(f"large{tiles}")
                found = list(measured(store, tiles, tuple(STEPS)))
                rows += [_row(f"{kind}, {tiles:,} tiles", one, before) for one in found]
                before = {one.name: one.value for one in found}
        return rows


def _row(where: str, figure: Figure, before: dict[str, float]) -> Row:
    """A figure beside that of the smaller store: above 1, ours is no worse than that one."""
    smaller = before.get(figure.name)
    if not smaller or not figure.value:
        return Row(f"{where}: {figure.name}", figure.value, figure.unit)
    ratio = figure.value / smaller if figure.unit.endswith("/s") else smaller / figure.value
    return Row(f"{where}: {figure.name}", figure.value, figure.unit, ratio, f"{smaller:,.4g}")


def measured(
    store: str, tiles: int, steps: Sequence[str], at_most: float = math.inf
) -> Iterator[Figure]:
    """Figures of some steps, each with a server of its own."""
    for step in steps:
        print(f"{store}, {tiles:,} tiles: {step}", file=sys.stderr, flush=True)
        if step == "size":
            yield from STEPS[step](_unserved(store, tiles))
            continue
        with tempfile.TemporaryDirectory() as folder, server(Path(folder), store=store) as made:
            with closing(Connection(made.port, HOURS)) as ask:
                yield from STEPS[step](Subject(store, tiles, *made, ask, _database(store), at_most))
            yield Figure(f"peak memory of the server: {step}", peak_memory(made.process), "MB")


def _database(store: str) -> int:
    """Process of the server of a database on this machine; 0 where the store is a file."""
    if not is_database(store):
        return 0
    import psycopg

    with psycopg.connect(store.split("?")[0]) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        status = Path(f"/proc/{row[0]}/stat").read_text().rpartition(")")[2].split()
        return int(status[1])


def _unserved(store: str, tiles: int) -> Subject:
    return Subject(store, tiles, 0, 0, Connection(0))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure some steps on a store that stays; a line of JSON for each figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large")
    parser.add_argument("--store", required=True, help="file of SQLite, or address of PostgreSQL")
    parser.add_argument("--tiles", type=int, required=True, help=f"a multiple of {SECTION}")
    parser.add_argument("--steps", default=",".join(STEPS), help="some of " + ",".join(STEPS))
    parser.add_argument("--until", type=int, help="fill no further than so many tiles")
    parser.add_argument(
        "--at-most", type=float, default=math.inf, help="seconds for saving and removing pairs"
        " and for removing tiles, of which as many are counted as there were"
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="file that the figures are appended to")
    given = parser.parse_args(arguments)
    steps = given.steps.split(",")
    if given.tiles % SECTION or not set(steps) <= set(STEPS):
        parser.error(f"tiles come in sections of {SECTION:,}, and steps are {', '.join(STEPS)}")
    kind = "postgresql" if is_database(given.store) else "sqlite"
    tiles = min(given.tiles, given.until or given.tiles)
    for figure in measured(given.store, tiles, steps, given.at_most):
        line = orjson.dumps({"store": kind, "tiles": given.tiles, **figure._asdict()})
        print(line.decode(), flush=True)
        if given.out is not None:
            with given.out.open("ab") as file:
                file.write(line + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
