"""What is measured of a running service with a very large store, and how it is told."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks._processor_time import family, used, used_now
from benchmarks._second_client import SecondClient
from benchmarks._sections import LARGE as SECTION
from benchmarks._server import Connection, peak_memory
from renderws.store.opening import open_store
from renderws.store.pieces import in_pieces


class Figure(NamedTuple):
    """A figure of one step."""

    name: str
    value: float
    unit: str


@dataclass
class Subject:
    """A running service and its store: where it is and how many tiles and pairs are wanted."""

    store: str
    tiles: int
    port: int
    process: int
    ask: Connection
    database: int = 0
    """Process of PostgreSQL's server, which starts those that work."""
    at_most: float = math.inf
    """Seconds after which a step begins nothing more, where a part of it tells what all takes."""

    @property
    def sections(self) -> int:
        """Sections of the large stack."""
        return self.tiles // SECTION

    @property
    def processes(self) -> list[int]:
        """The service, and the database server where there is one."""
        return [process for process in (self.process, self.database) if process]

    def cores(self) -> float:
        """Seconds of a core that the service and its database have used so far."""
        return sum(map(used, self.processes))

    def timed(self, name: str, work: Callable[[], object]) -> Iterator[Figure]:
        """Seconds of some work, by the clock and of cores."""
        before = self.cores()
        seconds = seconds_of(work)
        yield Figure(name, seconds, "s")
        yield Figure(f"{name}, core", self.cores() - before, "s")

    def watched(self, name: str, work: Callable[[], object]) -> Iterator[Figure]:
        """The same, and how a second client fares meanwhile."""
        with SecondClient(self.port) as other:
            figures = list(self.timed(name, work))
        yield from figures
        for which, value in other.figures().items():
            yield Figure(f"{name}: import of a second client, {which}", value, "ms")


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds of some work by the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def filled(name: str, unit: str, took: list[float], cores: float) -> Iterator[Figure]:
    """Figures of a store that was filled section by section: seconds of each request, and of cores
    of all.
    """
    if not took:
        return
    part, count = max(1, len(took) // 10), len(took) * SECTION
    yield Figure(f"{name}, number", count, unit.removesuffix("/s"))
    yield Figure(f"{name}, seconds", sum(took), "s")
    yield Figure(f"{name}, core seconds", cores, "s")
    yield Figure(name, count / sum(took), unit)
    yield Figure(f"{name}, first tenth", part * SECTION / sum(took[:part]), unit)
    yield Figure(f"{name}, last tenth", part * SECTION / sum(took[-part:]), unit)
    yield Figure(f"{name}, longest request", max(took), "s")


def median(name: str, subject: Subject, paths: list[str]) -> Iterator[Figure]:
    """Milliseconds of a question: the median by the clock, and the mean of cores."""
    processes = [one for process in subject.processes for one in family(process)]
    before = used_now(processes)
    times = [seconds_of(partial(subject.ask, "GET", path)) for path in paths]
    yield Figure(name, 1000 * float(np.median(times)), "ms")
    cores = (used_now(processes) - before) / len(paths)
    yield Figure(f"{name}, core", 1000 * cores, "ms")


def memory(subject: Subject, what: str) -> Figure:
    """What the service has needed at most, so far."""
    return Figure(f"peak memory of the server, after {what}", peak_memory(subject.process), "MB")


def reclaimed(subject: Subject, what: str) -> Iterator[Figure]:
    """Remove all rows of what was deleted as the service does, from another process."""
    pieces: list[float] = []
    rows: list[int] = []

    def remove() -> None:
        store = open_store(subject.store)

        def piece() -> int:
            if sum(pieces) > subject.at_most:
                return 0
            pieces.append(seconds_of(lambda: rows.append(store.reclaim())))
            return rows[-1]

        in_pieces(piece)
        store.close()

    own, of_database = time.process_time(), used(subject.database) if subject.database else 0.0
    yield from subject.watched(f"remove the rows of deleted {what}", remove)
    own = time.process_time() - own
    of_database = (used(subject.database) if subject.database else 0.0) - of_database
    yield Figure(f"remove the rows of deleted {what}, core of it", own + of_database, "s")
    yield Figure(f"remove the rows of deleted {what}, pieces", len(pieces), "")
    yield Figure(f"remove the rows of deleted {what}, longest piece", max(pieces), "s")
    late = float(np.percentile(pieces, 99))
    yield Figure(f"remove the rows of deleted {what}, 99 % of pieces at most", late, "s")
    yield Figure(f"remove the rows of deleted {what}, rows", sum(rows), "")
