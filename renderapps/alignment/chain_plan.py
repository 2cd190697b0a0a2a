"""What a chain will take before it is run: tasks, seconds, memory and disk of each step.

The rates are of one processor core of 2024, measured by `python -m benchmarks` on micrographs; a
plan is right within a factor of two or three, which is enough to choose a machine and a disk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from renderapps.alignment.chain import Step
from renderapps.alignment.series_parameters import FINE_ROUNDS

PAIRS_PER_TILE = 2.0  # of a grid: one neighbour to the right, one below
DRAWN, REDUCED = 40e6, 60e6  # pixels drawn, and pixels averaged, in a second
MATCHED = 8.0  # pairs of tiles in a second
ROUGH_PAIR = 3.0  # seconds for two reduced sections
COMPARED = 0.25e6  # pixels of drawn sections compared in a second
SOLVED = 10_000.0  # pairs in a second
IMPORTED = 20_000.0  # tiles in a second
PROCESS = 0.35e9  # bytes of a worker process before it holds pixels
CACHE = 1.0e9  # bytes of decoded images that a process keeps
PACKED = 0.7  # share of its pixels that a compressed volume takes


@dataclass(frozen=True)
class Size:
    """What there is to align: tiles, sections, and pixels of all tiles."""

    tiles: int
    sections: int
    pixels: float
    bytes_per_pixel: int = 1


def plan(steps: Sequence[Step], size: Size, processes: int, side: float) -> list[dict[str, Any]]:
    """An entry for each step, with the parameters that it is to be run with.

    Parameters
    ----------
    processes : int
        That share the work.
    side : float
        Of a section, world pixels.

    Returns
    -------
    list of dict
        step, module, core_seconds, seconds, memory_bytes and disk_bytes.
    """
    pairs = PAIRS_PER_TILE * size.tiles
    parameters = {step.name: step.parameters for step in steps}
    rough_links = _links(size.sections, parameters.get("rough_matches", {}))
    fine = parameters.get("fine", {})
    fine_links, fine_pixels = _links(size.sections, fine), (side * fine.get("scale", 1.0)) ** 2
    rounds = fine.get("rounds", FINE_ROUNDS)
    raw = size.pixels * size.bytes_per_pixel
    cost = {
        "import": (size.tiles / IMPORTED + size.tiles * 2e-3, 0.0, 0.0),
        "mipmaps": (size.pixels / REDUCED, raw / 3, CACHE),
        "pairs": (pairs / 50_000, pairs * 200, 0.0),
        "matches": (pairs / MATCHED, pairs * 3000, CACHE),
        "montage": (pairs / SOLVED, 0.0, pairs * 5000),
        "reduced": (size.pixels / DRAWN, size.sections * 1e6, CACHE),
        "rough_matches": (rough_links * ROUGH_PAIR, rough_links * 20e3, CACHE),
        "rough_solve": (rough_links / SOLVED + 1, 0.0, 0.0),
        "rough": (size.tiles / IMPORTED + 1, size.tiles * 1500.0, 0.0),
        "places": (size.tiles / IMPORTED + 1, 0.0, 0.0),
        "fine": (
            rounds * (size.pixels / DRAWN + 2 * fine_links * fine_pixels / COMPARED),
            rounds * fine_links * fine_pixels / 30,
            CACHE,
        ),
        "result": (size.tiles / IMPORTED + 1, 0.0, 0.0),
        "report": (2 * size.pixels / DRAWN + size.sections, size.sections * 0.2e6, CACHE),
        "volume": (size.pixels / DRAWN, raw * PACKED * 4 / 3, CACHE),
    }
    entries = []
    for step in steps:
        seconds, disk, memory = cost[step.name]
        shared = processes if step.pooled and "solve" not in step.module else 1
        entries.append(
            {
                "step": step.name,
                "module": step.module,
                "core_seconds": round(seconds, 1),
                "seconds": round(seconds / shared, 1),
                "memory_bytes": int(shared * PROCESS + (shared if memory == CACHE else 1) * memory),
                "disk_bytes": int(disk),
            }
        )
    return entries


def _links(sections: int, parameters: Mapping[str, Any]) -> int:
    """Pairs of a series that a step compares by its parameters neighbours and long_range."""
    steps = {*range(1, parameters.get("neighbours", 1) + 1), *parameters.get("long_range", [])}
    return sum(max(0, sections - step) for step in steps)


def told(entries: Sequence[dict[str, Any]]) -> list[str]:
    """The plan as lines for a person."""
    lines = [
        f"{e['step']:14} {e['module']:38} {_time(e['seconds']):>9} "
        f"{e['memory_bytes'] / 1e9:6.1f} GB memory {e['disk_bytes'] / 1e9:8.2f} GB disk"
        for e in entries
    ]
    seconds = sum(e["seconds"] for e in entries)
    disk = sum(e["disk_bytes"] for e in entries)
    return [*lines, f"in all {_time(seconds)}, {disk / 1e9:.2f} GB of disk"]


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
