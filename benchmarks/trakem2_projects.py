"""A TrakEM2 project of 50,000 patches written and read, beside what lxml alone takes for it."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from benchmarks import Row
from renderapps.TrakEM2.project import Layer, Patch, Project
from renderapps.TrakEM2.reader import read_project
from renderapps.TrakEM2.writer import write_project

LAYERS, PATCHES = 500, 100
CT = [
    {"className": "mpicbg.trakem2.transform.PolynomialTransform2D", "dataString": "0 1 0 0 0 1"},
    {"className": "mpicbg.trakem2.transform.AffineModel2D", "dataString": "1 0 0 1 2 3"},
]


def run() -> Iterator[Row]:
    """Seconds for all patches, and the memory of the process."""
    project = large_project()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "project.xml"
        seconds = timed(lambda: write_project(project, path))
        yield Row("50,000 patches written", seconds, "s")
        floor = timed(lambda: etree.parse(path))
        seconds = timed(lambda: read_project(path))
        yield Row("50,000 patches read", seconds, "s", floor / seconds, "lxml.etree.parse")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Row("peak memory of the process", peak, "MB")


def large_project() -> Project:
    """Patches with a list of transforms each."""
    oids = iter(range(10, 10**7))
    project = Project(layer_width=1e5, layer_height=1e5)
    for z in range(LAYERS):
        layer = Layer(next(oids), float(z))
        for i in range(PATCHES):
            place = (1.0, 0.01, -0.01, 1.0, 1000.0 * i, 0.5)
            name = f"tile_{z}_{i}"
            layer.patches.append(
                Patch(next(oids), name, place, f"/data/{name}.tif", 2048, 2048, 0, 0, 255, ct=CT)
            )
        project.layers.append(layer)
    return project


def timed(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
