"""What is done with a very large stack, step by step, on a running service.

Each step gives figures. Steps that fill something go on where an earlier one has stopped, so that
the whole can be measured in parts.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import orjson

from benchmarks._index_depth import postgres_pages, sqlite_pages
from benchmarks._large_figures import (
    Figure,
    Subject,
    filled,
    median,
    memory,
    reclaimed,
    seconds_of,
)
from benchmarks._large_pair_steps import PAIR_STEPS
from benchmarks._sections import LARGE, STEP_X, STEP_Y, Bodies, body
from benchmarks._server import OWNER, STACK, Connection
from renderapi.databases import is_database
from renderws.store.opening import open_store

SECTION, CALLS = LARGE, 200
WIDE, ALONE = 50_000, 200_000
"""Tiles of a large section, and of the largest import; limits of the service as they are."""
TILES, WIDE_ONE, COPY = f"{STACK}large", f"{STACK}wide", f"{STACK}copy"
DERIVE = "?deriveData=true"
EXCHANGED = 10
"""Sections whose tiles take the place of others."""
INDEX = {False: ("tile_layer", "tile_identity"), True: ("tile_layer", "tile_box")}


def fill(subject: Subject) -> Iterator[Figure]:
    """Import section by section; figures of what was imported by this call."""
    ask = subject.ask
    ask("POST", TILES, b"{}")
    there = len(orjson.loads(ask("GET", f"{TILES}/zValues")))
    bodies, took, before = Bodies(SECTION, there), [], subject.cores()
    for _ in range(there, subject.sections):
        section = bodies()
        took.append(seconds_of(partial(ask, "PUT", f"{TILES}/resolvedTiles{DERIVE}", section)))
    yield from filled("import", "tiles/s", took, subject.cores() - before)


def complete(subject: Subject) -> Iterator[Figure]:
    """Derive section data and statistics."""
    state = f"{TILES}/state/COMPLETE"
    yield from subject.watched("make COMPLETE", lambda: subject.ask("PUT", state))


def questions(subject: Subject) -> Iterator[Figure]:
    """Medians of what viewers and modules ask, all over the stack."""
    rng = np.random.default_rng(7)
    zs = rng.integers(subject.sections, size=CALLS).tolist()
    xs, ys = (rng.uniform(0, (STEP_X * 95, STEP_Y * 45), (CALLS, 2)).round().T).tolist()
    boxes = [
        f"{TILES}/z/{z}.0/box/{x:.0f},{y:.0f},5000,5000,0.1/render-parameters"
        for z, x, y in zip(zs, xs, ys, strict=True)
    ]
    yield from median("box of about 13 tiles", subject, boxes)
    yield from median("one tile", subject, [f"{TILES}/tile/tile_{z:04d}_00709" for z in zs])
    yield from median(
        "section of 5,000 tiles", subject, [f"{TILES}/z/{z}.0/tile-specs" for z in zs[:20]]
    )
    yield from median("bounds of a section", subject, [f"{TILES}/z/{z}.0/bounds" for z in zs])
    yield from median(
        "section data of one section", subject, [f"{TILES}/z/{z}.0/sectionData" for z in zs]
    )
    ranges = [f"{TILES}/resolvedTiles?minZ={z}&maxZ={z}" for z in zs[:20]]
    yield from median("section of 5,000 tiles by a range of z", subject, ranges)
    yield from median("all z values", subject, [f"{TILES}/zValues"] * 10)
    yield from median("section data of all sections", subject, [f"{TILES}/sectionData"] * 10)
    yield from median(
        "stacks of the project", subject, [STACK.removesuffix("stack/") + "stacks"] * 20
    )


def listing(subject: Subject) -> Iterator[Figure]:
    """Ids of all tiles, in one answer."""
    yield from subject.timed("ids of all tiles", lambda: subject.ask("GET", f"{TILES}/tileIds"))
    yield memory(subject, "all ids")


def wide(subject: Subject) -> Iterator[Figure]:
    """A section of 50,000 tiles: read, and deleted."""
    ask = subject.ask
    _fill_wide(subject)
    answers: list[bytes] = []
    read = f"{WIDE_ONE}/z/0.0/resolvedTiles"
    figures = list(subject.timed("read a section of 50,000 tiles",
                                 lambda: answers.append(ask("GET", read))))  # fmt: skip
    if answers[0].count(b'"tileId"') != WIDE:
        raise SystemExit(f"the answer has not {WIDE:,} tiles")
    yield from figures
    yield memory(subject, "a section of 50,000 tiles")
    delete = f"{WIDE_ONE}/z/0.0"
    yield from subject.watched("delete a section of 50,000", lambda: ask("DELETE", delete))


def renumber(subject: Subject) -> Iterator[Figure]:
    """A section of 50,000 tiles gets another z."""
    _fill_wide(subject)
    change = partial(subject.ask, "PUT", f"{WIDE_ONE}/section/0.0/z", b"7.0")
    yield from subject.watched("give a section of 50,000 another z", change)
    yield memory(subject, "another z of 50,000 tiles")
    if orjson.loads(subject.ask("GET", f"{WIDE_ONE}/zValues")) != [7.0]:
        raise SystemExit("the section has not the other z alone")
    subject.ask("DELETE", WIDE_ONE)


def moving(subject: Subject) -> Iterator[Figure]:
    """Import into a stack of which the rows of 50,000 tiles are still being removed."""
    ask = subject.ask
    _fill_wide(subject)
    with ThreadPoolExecutor(1) as pool, closing(Connection(subject.port)) as deletes:
        deleted = pool.submit(deletes, "DELETE", f"{WIDE_ONE}/z/0.0")
        while orjson.loads(ask("GET", f"{WIDE_ONE}/zValues")):
            continue
        save = partial(ask, "PUT", f"{WIDE_ONE}/resolvedTiles{DERIVE}", body(1, 10))
        yield from subject.watched("import where 50,000 tiles are still being removed", save)
        deleted.result()
    ask("DELETE", WIDE_ONE)


def _fill_wide(subject: Subject) -> None:
    subject.ask("POST", WIDE_ONE, b"{}")
    for part in range(WIDE // SECTION):
        section = body(0, SECTION).replace(b"tile_0000_", b"tile_%04d_" % part)
        subject.ask("PUT", f"{WIDE_ONE}/resolvedTiles{DERIVE}", section)


def alone(subject: Subject) -> Iterator[Figure]:
    """The largest import, in one request and so in one transaction."""
    sections = Bodies(SECTION, 9000)
    first = orjson.loads(sections())
    tiles = first["tileIdToSpecMap"]
    for _ in range(ALONE // SECTION - 1):
        tiles |= orjson.loads(sections())["tileIdToSpecMap"]
    large = orjson.dumps(first)
    yield Figure("largest import, body", len(large) / 1e6, "MB")
    subject.ask("POST", f"{STACK}alone", b"{}")
    path = f"{STACK}alone/resolvedTiles{DERIVE}"
    yield from subject.watched(f"import {ALONE:,} at once", lambda: subject.ask("PUT", path, large))
    yield memory(subject, f"an import of {ALONE:,}")
    subject.ask("DELETE", f"{STACK}alone")


def exchange(subject: Subject) -> Iterator[Figure]:
    """Sections take the place of others of the large stack, which is derived anew."""
    zs = range(min(EXCHANGED, subject.sections))
    subject.ask("POST", f"{STACK}new", b"{}")
    bodies = Bodies(SECTION)
    for _ in zs:
        subject.ask("PUT", f"{STACK}new/resolvedTiles{DERIVE}", bodies())
    source, target = ({"project": "bench", "stack": name} for name in ("new", "large"))
    change = {"changes": [{"from": source, "to": target, "zs": list(zs), "state": "COMPLETE"}]}
    path, body = f"{OWNER}/stackChanges", orjson.dumps(change)
    take = partial(subject.ask, "POST", path, body)
    yield from subject.watched("let 50,000 tiles take the place of others", take)


def clone(subject: Subject) -> Iterator[Figure]:
    """Clone the large stack."""
    path = f"{TILES}/cloneTo/copy"
    yield from subject.watched("clone", lambda: subject.ask("PUT", path, b"{}"))
    yield memory(subject, "a clone")


def delete(subject: Subject) -> Iterator[Figure]:
    """Delete the clone, and remove its rows."""
    yield from subject.watched("delete, request", lambda: subject.ask("DELETE", COPY))
    yield from reclaimed(subject, "tiles")


def export(subject: Subject) -> Iterator[Figure]:
    """Write the stack as an archive, with the module, in a process of its own."""
    with tempfile.TemporaryDirectory(dir=_folder(subject)) as folder:
        archive = Path(folder) / "large.zip"
        given = {
            "render": {"host": "127.0.0.1", "port": subject.port, "owner": "bench",
                       "project": "bench"},
            "archive": archive.as_uri(), "stacks": ["large"], "match_collections": [],
            "output_json": f"{folder}/out.json", "log_level": "WARNING",
        }  # fmt: skip
        parameters = Path(folder) / "export.json"
        parameters.write_bytes(orjson.dumps(given))
        command = [sys.executable, "-m", "renderapps", "run", "transfer.export_project"]
        call = [*command, "--input_json", str(parameters)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        yield from subject.timed("export", lambda: subprocess.run(call, check=True))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        yield Figure("export, core of the module", cores, "s")
        yield Figure("export, archive", archive.stat().st_size / 1e6, "MB")
        if after.ru_maxrss > before.ru_maxrss:
            yield Figure("export, peak memory of the module", after.ru_maxrss / 1024, "MB")


def _folder(subject: Subject) -> str | None:
    return None if is_database(subject.store) else str(Path(subject.store).parent)


def size(subject: Subject) -> Iterator[Figure]:
    """Bytes and depth of the store; no server has it open."""
    is_postgres = is_database(subject.store)
    with_log = open_store(subject.store)
    info = with_log.info()
    with_log.close()
    yield Figure("bytes of the store", info["bytes"], "B")
    yield Figure("tiles in the store", info["tiles"] + info["droppedTiles"], "")
    for index in INDEX[is_postgres]:
        if is_postgres:
            pages = postgres_pages(subject.store, info["schema"], index)
        else:
            pages = sqlite_pages(Path(subject.store), index)
        for name, value in pages._asdict().items():
            yield Figure(f"index {index}, {name}", value, "" if name == "depth" else "pages")


STEPS: dict[str, Callable[[Subject], Iterator[Figure]]] = {
    "fill": fill, "complete": complete, "questions": questions, "listing": listing,
    "size": size, "wide": wide, "moving": moving, "renumber": renumber, "alone": alone,
    "exchange": exchange, "export": export, "clone": clone, "delete": delete, **PAIR_STEPS,
}  # fmt: skip
