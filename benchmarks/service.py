"""The service over HTTP, on a small store and on one ten times as large.

Bodies are made before and answers are received but not parsed, so that the service is measured and
not its client; one figure is that of the client in-process, all included. What is compared is
measured in turns, round after round, and each figure is the best of its rounds: what else the
machine does only lengthens them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import orjson

import renderapi
from benchmarks import Row
from benchmarks._sections import LARGE, LENS, STEP_X, STEP_Y, TILES, Bodies, Floor, body, tiles
from benchmarks._server import OWNER, STACK, Connection, peak_memory, server
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec

ROUNDS, ROUNDS_OF_FOUR, CONNECTIONS = 12, 6, 4
FLOOR = 3  # sections that plain SQLite writes in a round
STORED = ROUNDS + CONNECTIONS * ROUNDS_OF_FOUR  # sections in the small store at the end
TIMES = 10  # sections in the large store for one in the small store
BOXES, BOX_ROUNDS = 100, 12
PAIRS, POINTS = 5000, 100
MAPPED = 20_000
IMPORT = f"{STACK}tiles/resolvedTiles?deriveData=true"
READ = f"{STACK}read/"
PAIRS_PATH = f"{OWNER}/matchCollection/matches/matches"
OWN_CONSTANT = "/render-ws/v1/namedFilterSpecLists"
CONSTANT = """
import sys, uvicorn
from renderws.serve import _listen
body = b"x" * int(sys.argv[1])
headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
listener = _listen("127.0.0.1", 0)
print("http://127.0.0.1:%d/" % listener.getsockname()[1], flush=True)
config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
uvicorn.Server(config).run(sockets=[listener])
"""

Action = Callable[[], object]


class _Subject:
    """A server with its store, and connections to it."""

    def __init__(self, port: int, process: int) -> None:
        self.process = process
        self.connections = [Connection(port) for _ in range(CONNECTIONS)]
        self.ask = self.connections[0]
        self.bodies = Bodies()

    def fill(self, sections: int) -> None:
        """Import sections, and one to be read."""
        self.ask("POST", f"{STACK}tiles", b"{}")
        for _ in range(sections):
            self.ask("PUT", IMPORT, self.bodies())
        self.ask("POST", f"{STACK}read", b"{}")
        self.ask("PUT", f"{READ}resolvedTiles?deriveData=true", body(1, LARGE))
        self.ask("PUT", f"{READ}state/COMPLETE")

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


def run() -> list[Row]:
    """In-process import, then everything over HTTP on both stores in turns."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        floor = stack.enter_context(closing(Floor(folder / "raw.db")))
        small, large = subjects = [
            stack.enter_context(_subject(folder / size)) for size in ("small", "large")
        ]
        small.fill(0)
        large.fill((TIMES - 1) * STORED)  # it will hold as many more as the small one
        rows = [
            *_imports(subjects, floor, folder),
            *_imports_of_four(subjects, floor),
            *_boxes(subjects),
            *_others(subjects, floor),
        ]
        peak = max(peak_memory(subject.process) for subject in subjects)
        return [*rows, Row("peak memory of a server", peak, "MB")]


@contextmanager
def _subject(folder: Path) -> Iterator[_Subject]:
    folder.mkdir()
    with server(folder) as service, closing(_Subject(*service)) as subject:
        yield subject


def _best(rounds: Iterable[Sequence[Action]]) -> list[float]:
    """Shortest seconds of each action of a round; the actions take turns."""
    times = [[_seconds(action) for action in actions] for actions in rounds]
    return [min(of_action) for of_action in zip(*times, strict=True)]


def _seconds(action: Action) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _large(name: str, value: float, unit: str, small: float) -> Row:
    title = f"{name}, {(TIMES * STORED * TILES) // 100_000 / 10} million tiles stored"
    return Row(title, value, unit, value / small, "a tenth of them")


def _imports(subjects: Sequence[_Subject], floor: Floor, folder: Path) -> list[Row]:
    """A section at a time: plain SQLite, the client in-process, and one connection."""
    render = renderapi.connect(
        host="local", store=folder / "local.db", owner="bench", project="bench"
    )
    renderapi.stack.create_stack("tiles", render=render)

    def client(section: list[TileSpec]) -> None:
        resolved = ResolvedTiles(section, [LENS])
        renderapi.resolvedtiles.put_tilespecs("tiles", resolved_tiles=resolved, render=render)

    def actions(z: int) -> list[Action]:
        section, bodies = tiles(z), [subject.bodies() for subject in subjects]
        asks = [partial(s.ask, "PUT", IMPORT, b) for s, b in zip(subjects, bodies, strict=True)]
        return [_floor_writes(floor, z), partial(client, section), *asks]

    seconds = _best(map(actions, range(ROUNDS)))
    raw, own, small, large = FLOOR * TILES / seconds[0], *(TILES / s for s in seconds[1:])
    against = f"raw sqlite3 {raw:,.0f}"
    return [
        Row("import by the client, in-process", own, "tiles/s", own / raw, against),
        Row("import, one connection", small, "tiles/s", small / raw, against),
        _large("import, one connection", large, "tiles/s", small),
    ]


def _imports_of_four(subjects: Sequence[_Subject], floor: Floor) -> list[Row]:
    """As many sections at once as there are connections, beside plain SQLite."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:

        def put(subject: _Subject, bodies: list[bytes]) -> None:
            paths = [IMPORT] * CONNECTIONS
            list(pool.map(_put, subject.connections, paths, bodies))

        def actions(z: int) -> list[Action]:
            bodies = [[subject.bodies() for _ in range(CONNECTIONS)] for subject in subjects]
            puts = [partial(put, s, b) for s, b in zip(subjects, bodies, strict=True)]
            return [_floor_writes(floor, z), *puts]

        rounds = range(ROUNDS, ROUNDS + ROUNDS_OF_FOUR)
        seconds = _best(map(actions, rounds))
    raw, small, large = FLOOR * TILES / seconds[0], *(CONNECTIONS * TILES / s for s in seconds[1:])
    against = f"raw sqlite3 {raw:,.0f}"
    return [
        Row("import, four connections", small, "tiles/s", small / raw, against),
        _large("import, four connections", large, "tiles/s", small),
    ]


def _floor_writes(floor: Floor, z: int) -> Action:
    """So many sections, each in a transaction, that it takes about as long as ours do for one."""
    sections = [[tile.document() for tile in tiles(FLOOR * z + n)] for n in range(FLOOR)]

    def write() -> None:
        for section in sections:
            floor.write(section)

    return write


def _put(ask: Connection, path: str, content: bytes) -> None:
    ask("PUT", path, content)


def _boxes(subjects: Sequence[_Subject]) -> list[Row]:
    """Boxes of about 13 tiles beside answers of that size that never change."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, (STEP_X * 95, STEP_Y * 45), (BOXES * BOX_ROUNDS, 2)).round().tolist()
    paths = [f"{READ}z/1.0/box/{x:.0f},{y:.0f},5000,5000,0.1/render-parameters" for x, y in corners]
    size = int(np.mean([len(subjects[0].ask("GET", path)) for path in paths[:BOXES]]))
    with _constant(size) as constant:

        def actions(place: int) -> list[Action]:
            part = paths[place * BOXES : (place + 1) * BOXES]
            asks = [partial(_all, subject.ask, part) for subject in subjects]
            own = partial(_all, subjects[0].ask, [OWN_CONSTANT] * BOXES)
            return [partial(_all, constant, ["/"] * BOXES), own, *asks]

        seconds = _best(map(actions, range(1, BOX_ROUNDS)))
    bare, own, small, large = (BOXES / s for s in seconds)
    name = "box render-parameters"
    return [
        Row(name, small, "/s", small / bare, f"constant answer of bare uvicorn {bare:,.0f}"),
        Row(name, small, "/s", small / own, f"constant answer of the same service {own:,.0f}"),
        _large(name, large, "/s", small),
    ]


def _all(ask: Connection, paths: Sequence[str]) -> None:
    for path in paths:
        ask("GET", path)


@contextmanager
def _constant(size: int) -> Iterator[Connection]:
    """Connection to the same kind of server, which gives the same bytes to whatever is asked."""
    command = [sys.executable, "-c", CONSTANT, str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found is not None
        with closing(Connection(int(found[1]))) as ask:
            yield ask
        process.terminate()


def _others(subjects: Sequence[_Subject], floor: Floor) -> list[Row]:
    """Reading a section, mapping points, saving pairs of points."""
    documents = [tile.document() for tile in tiles(9999, LARGE)]
    floor.write(documents)
    ids = documents[0]["tileId"], documents[-1]["tileId"]
    raw = LARGE / _best([[partial(floor.read, *ids)]] * ROUNDS)[0]
    to_world, to_local = _points(subjects[0].ask)
    figures: list[tuple[str, int, str, Callable[[Connection], object], float | None]] = [
        ("read a section of 5,000 tiles", LARGE, "tiles/s", _read_section, raw),
        ("local-to-world", MAPPED, "points/s", partial(_map, "local-to-world", to_world), None),
        ("world-to-local", MAPPED, "points/s", partial(_map, "world-to-local", to_local), None),
        (f"save pairs of {POINTS} points", PAIRS, "pairs/s", partial(_save, _matches()), None),
    ]
    rows = []
    for name, count, unit, action, against in figures:
        turns = [[partial(action, subject.ask) for subject in subjects]] * ROUNDS_OF_FOUR
        small, large = (count / seconds for seconds in _best(turns))
        if against is None:
            rows.append(Row(name, small, unit))
        else:
            rows.append(Row(name, small, unit, small / against, f"raw sqlite3 {against:,.0f}"))
        rows.append(_large(name, large, unit, small))
    return rows


def _read_section(ask: Connection) -> None:
    ask("GET", f"{READ}z/1.0/tile-specs")


def _map(operation: str, points: bytes, ask: Connection) -> bytes:
    return ask("PUT", f"{READ}z/1.0/{operation}-coordinates", points)


def _save(pairs: bytes, ask: Connection) -> None:
    ask("PUT", PAIRS_PATH, pairs)


def _points(ask: Connection) -> tuple[bytes, bytes]:
    """Bodies that map points of the section to the world and back."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, LARGE, MAPPED).tolist()
    local = rng.uniform(10, 2000, (MAPPED, 2)).round(3).tolist()
    to_world = [
        {"tileId": f"tile_0001_{i:05d}", "local": point}
        for i, point in zip(numbers, local, strict=True)
    ]
    asked = orjson.dumps(to_world)
    world = orjson.loads(_map("local-to-world", asked, ask))
    return asked, orjson.dumps([{"world": element["world"]} for element in world])


def _matches() -> bytes:
    points = np.random.default_rng(0).uniform(0, 2000, (2, POINTS)).round(3).tolist()
    coordinates = {"p": points, "q": points, "w": [1.0] * POINTS}
    ids = {"pGroupId": "0", "qGroupId": "0", "matches": coordinates}
    return orjson.dumps([{"pId": f"a{i}", "qId": f"b{i}", **ids} for i in range(PAIRS)])
