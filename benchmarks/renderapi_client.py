"""Our client beside the published one, render-python 2.4.2, each run by its own interpreter.

The published client is installed into a virtual environment of its own, in the user's cache folder
(XDG_CACHE_HOME), or run by the interpreter that RENDERAPI_PUBLISHED_PYTHON names. It is never
imported here. Where it cannot be installed, the figures stand alone.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import renderapi
from benchmarks import Row
from benchmarks._client_cases import tile_documents
from renderapi.resolvedtiles import ResolvedTiles, put_tilespecs

PUBLISHED = "render-python==2.4.2"
CASES = Path(__file__).with_name("_client_cases.py")
ROUNDS, REPEATS = 5, 1
STACK, Z, TILES = "section", 1.0, 2000


def run() -> list[Row]:
    """Processor seconds of each piece of work (least of all rounds) and the median of the ratios.

    The two clients take turns; a ratio is that of one round, and the spread is said beside it.
    """
    published, why_not = _published_interpreter()
    interpreters = [sys.executable] if published is None else [sys.executable, published]
    with _service() as service:
        # taking turns, so that a busy minute of the machine slows both
        rounds = [[_measure(one, service) for one in interpreters] for _ in range(ROUNDS)]
    if published is None:
        return [
            Row(name, min(ours[name] for (ours,) in rounds), "s", against=why_not)
            for name in rounds[0][0]
        ]
    return _compared(rounds)


def _compared(rounds: list[list[dict[str, float]]]) -> list[Row]:
    """Rows of `[ours, theirs]` of each round."""
    rows, ratios = [], []
    for name in rounds[0][0]:
        each = sorted(theirs[name] / ours[name] for ours, theirs in rounds)
        ratios.append(statistics.median(each))
        ours = min(measured[name] for measured, _ in rounds)
        theirs = min(measured[name] for _, measured in rounds)
        against = f"{PUBLISHED} {theirs:.3g} s, {each[0]:.2f} to {each[-1]:.2f}"
        rows.append(Row(name, ours, "s", ratios[-1], against))
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return [
        *rows,
        Row("geometric mean of the ratios", mean, "times", mean, PUBLISHED),
        Row("least of the ratios", min(ratios), "times", min(ratios), PUBLISHED),
    ]


def _measure(interpreter: str, service: list[str]) -> dict[str, float]:
    one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
    with tempfile.TemporaryDirectory() as elsewhere:  # so that it imports what is installed
        done = subprocess.run(
            [interpreter, "-P", str(CASES), str(REPEATS), *service],
            env={**os.environ, **one_thread, "no_proxy": "127.0.0.1"},
            cwd=elsewhere,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    return json.loads(done.stdout)


def _published_interpreter() -> tuple[str | None, str]:
    """Interpreter that has the published client; else None and the reason."""
    given = os.environ.get("RENDERAPI_PUBLISHED_PYTHON")
    if given:
        return given, ""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "render-python-apps" / PUBLISHED.replace("==", "-")
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    ready = folder / "ready"
    try:
        if not ready.exists():
            _quietly([sys.executable, "-m", "venv", "--clear", str(folder)])
            _quietly([str(python), "-m", "pip", "install", "--quiet", PUBLISHED])
            ready.touch()
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{PUBLISHED} cannot be installed ({type(error).__name__})"
    return str(python), ""


def _quietly(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=600)


@contextlib.contextmanager
def _service() -> Iterator[list[str]]:
    """Host, port, stack and z of a section that a service of another process holds."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "render.db"
        render = renderapi.connect("local", store=store, owner="bench", project="bench")
        renderapi.stack.create_stack(STACK, render=render)
        documents = {tile["tileId"]: tile for tile in tile_documents(TILES, Z)}
        section = ResolvedTiles(json={"transformIdToSpecMap": {}, "tileIdToSpecMap": documents})
        put_tilespecs(STACK, section, render=render)
        renderapi.stack.set_stack_state(STACK, "COMPLETE", render=render)
        command = [
            sys.executable,
            "-m",
            "renderapps",
            "serve",
            "--store",
            str(store),
            "--port",
            "0",
        ]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
            try:
                line = server.stdout.readline() if server.stdout else ""
                host, _, port = line.split()[4].rstrip("/").rpartition(":")
                yield [host, port, STACK, str(Z)]
            finally:
                server.terminate()
