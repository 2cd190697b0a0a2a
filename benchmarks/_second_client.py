"""A second client that goes on with small imports while something large is done."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Self

import numpy as np
import orjson

from benchmarks._server import STACK, Connection

TILES, REST = 10, 0.02
OTHER = f"{STACK}other/"


class SecondClient:
    """Imports of ten tiles into a stack of its own, one after the other, from a thread.

    Attributes
    ----------
    seconds : list of float
        How long each import took, from the request to its answer.
    """

    def __init__(self, port: int) -> None:
        self.seconds: list[float] = []
        self._port = port
        self._over = threading.Event()
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self.seconds and self._thread.is_alive():
            time.sleep(REST)
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def figures(self) -> dict[str, float]:
        """Milliseconds: median, the 99th of a hundred, and the most."""
        taken = 1000 * np.array(self.seconds)
        median, late = np.percentile(taken, (50, 99)).tolist()
        return {"median": median, "99 %": late, "most": float(taken.max())}

    def _work(self) -> None:
        try:
            with closing(Connection(self._port)) as ask:
                ask("POST", OTHER.rstrip("/"), b"{}")
                while not self._over.is_set():
                    body = _body(len(self.seconds))
                    start = time.perf_counter()
                    ask("PUT", f"{OTHER}resolvedTiles", body)
                    self.seconds.append(time.perf_counter() - start)
                    self._over.wait(REST)
        except BaseException as error:  # raised again by whoever waits for the thread
            self._failed.append(error)


def _body(number: int) -> bytes:
    """The same ten tiles of one of 100 sections."""
    box = {"minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "z": number % 100}
    return orjson.dumps({"tileIdToSpecMap": {f"{number % 100}_{n}": box for n in range(TILES)}})
