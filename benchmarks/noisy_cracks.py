"""Sections whose displacements are noisy: what each cell of the mesh at a crack costs.

Displacements that differ from patch to patch, as wrong matches give them, so that nearly half of
all cells are at a crack. What a cell takes must not grow with the section: that of four times the
cells and pixels is the ratio. Processor times.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks import Row

SPACING, PATCH, JUMP, SIGMA, FACTOR = 32, 8, 6.0, 9.3, 16
COMPARED = 400
"""So many of the cells are compared."""


def run() -> list[Row]:
    """Rows for finding cells with their sides, and for comparing them with a neighbour."""
    from renderapi.matching.cv2_threads import cv2_threads

    with cv2_threads(1):
        small, large = measured(64), measured(128)
    rows = []
    for what in ("sides of a cell", "a cell compared with a neighbour"):
        ratio = small[what] / large[what]
        rows.append(Row(what, 1e3 * large[what], "ms", ratio, "in a section a quarter as large"))
    return rows


def measured(nodes: int) -> dict[str, float]:
    """Seconds of a cell of a section with so many nodes along each side."""
    from renderapps.alignment.crack_cells import crack_cells
    from renderapps.alignment.crack_sides import compare

    shift, cracked = noisy(nodes)
    begin = time.process_time()
    cells = crack_cells(shift, cracked, JUMP)
    found = time.process_time() - begin
    axis = np.arange(nodes) * float(SPACING)
    side = SPACING * (nodes - 1) + 1
    picture = np.random.default_rng(1).normal(size=(side, side)).astype(np.float32)
    shown = picture, np.ones(picture.shape, bool)
    some = cells[:: max(1, len(cells) // COMPARED)][:COMPARED]
    begin = time.process_time()
    compare(some, (axis, axis), shift, shown, shown, 1.0, SIGMA, FACTOR)
    return {
        "sides of a cell": found / len(cells),
        "a cell compared with a neighbour": (time.process_time() - begin) / len(some),
    }


def noisy(nodes: int) -> tuple[Any, Any]:
    """Displacements (nodes, nodes, 2), and nodes from which a spring gave way."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    patches = rng.normal(0, 9, (nodes // PATCH + 1,) * 2 + (2,))
    shift = np.kron(patches, np.ones((PATCH, PATCH, 1)))[:nodes, :nodes]
    shift += gaussian_filter(rng.normal(size=shift.shape), (1, 1, 0))
    cracked = np.zeros(shift.shape[:2], bool)
    for axis in (0, 1):
        apart = np.hypot(*np.moveaxis(np.diff(shift, axis=axis), -1, 0)) > JUMP
        for ends in (np.s_[:-1], np.s_[1:]):
            cracked[(ends, slice(None)) if axis == 0 else (slice(None), ends)] |= apart
    return shift, cracked
