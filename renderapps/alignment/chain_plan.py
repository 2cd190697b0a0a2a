"""What a chain will take before it is run: tasks, seconds, memory and disk of each step.

The rates are of one core of a server processor of 2024, in processor time: of steps of a chain on
enlarged real sections, cut into tiles of 2048 pixels and 8 bits, on a disk in memory
(`python -m benchmarks chain_plan`), and of 3,600 tiles of 40 pixels where the number of tiles
counts. Packed or 16-bit images, disks and networks take longer, as do images in which hardly
anything is found: a plan is right within a factor of two, which is enough to choose a machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from renderapps.alignment.chain import Step
from renderapps.alignment.series_parameters import FINE_ROUNDS

DRAWN, REDUCED = 40e6, 300e6  # pixels drawn, and pixels read and averaged, in a second
MATCHED = 25.0  # pairs of tiles in a second
ROUGH_PAIR, ROUGH_PIXEL = 0.35, 1.35e-6
"""Seconds of two reduced sections, and of each pixel of one: fitted to 32 pairs of real sections of
0.26 to 1.05 million pixels (means of 0.65 to 1.7 s, drawing included). Where features do not do it
is twice as much and more."""
COMPARED = 0.55e6  # pixels of drawn sections compared in a second, relaxation included
SOLVED = 4500.0  # pairs in a second, matches read and tiles written
LISTED = 25_000.0  # pairs of tiles found in a second
IMPORTED, FOLLOWING, COPIED = 1000.0, 8000.0, 30_000.0  # tiles in a second
PICTURE, OF_TILE = 0.1, 2e-3  # seconds of a reduced section, and of each tile drawn on it
LOOKED_AT, SEAM = 0.2, 2.6e-3  # seconds of a section, and of a pair of tiles, in a report
BEGUN = 0.1  # seconds of a step however little it does
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
    cost = costs(size, {step.name: step.parameters for step in steps}, side)
    entries = []
    for step in steps:
        seconds, disk, memory = cost[step.name]
        shared = processes if step.pooled and "solve" not in step.module else 1
        entries.append(
            {
                "step": step.name,
                "module": step.module,
                "core_seconds": round(BEGUN + seconds, 1),
                "seconds": round(BEGUN + seconds / shared, 1),
                "memory_bytes": int(shared * PROCESS + (shared if memory == CACHE else 1) * memory),
                "disk_bytes": int(disk),
            }
        )
    return entries


def costs(
    size: Size, parameters: Mapping[str, Mapping[str, Any]], side: float
) -> dict[str, tuple[float, float, float]]:
    """Seconds of a core, bytes of disk and bytes of memory of each step, by its parameters."""
    pairs = grid_pairs(size)
    rough, fine, reduced = (parameters.get(n, {}) for n in ("rough_matches", "fine", "reduced"))
    rough_links, fine_links = _links(size.sections, rough), _links(size.sections, fine)
    rough_pixels, fine_pixels = ((side * p.get("scale", 1.0)) ** 2 for p in (reduced, fine))
    rounds = fine.get("rounds", FINE_ROUNDS)
    raw = size.pixels * size.bytes_per_pixel
    return {
        "import": (size.tiles / IMPORTED, 0.0, 0.0),
        "mipmaps": (size.pixels / REDUCED, raw / 3, CACHE),
        "pairs": (pairs / LISTED, pairs * 230, 0.0),
        "matches": (pairs / MATCHED, pairs * 3000, CACHE),
        "montage": (pairs / SOLVED, 0.0, pairs * 5000),
        "reduced": (
            size.sections * PICTURE
            + size.tiles * OF_TILE
            + (0.0 if "mipmaps" in parameters else size.pixels / REDUCED),
            size.sections * 1e6,
            CACHE,
        ),
        "rough_matches": (
            rough_links * (ROUGH_PAIR + rough_pixels * ROUGH_PIXEL),
            rough_links * 20e3,
            CACHE,
        ),
        "rough_solve": (rough_links / SOLVED, 0.0, 0.0),
        "rough": (size.tiles / FOLLOWING, size.tiles * 1500.0, 0.0),
        "places": (size.tiles / COPIED, 0.0, 0.0),
        "fine": (
            rounds * (size.pixels / DRAWN + fine_links * fine_pixels / COMPARED),
            rounds * fine_links * fine_pixels / 30,
            CACHE,
        ),
        "result": (size.tiles / COPIED, 0.0, 0.0),
        "report": (size.sections * LOOKED_AT + pairs * SEAM, size.sections * 0.2e6, CACHE),
        "volume": (size.pixels / DRAWN, raw * PACKED * 4 / 3, CACHE),
    }


def grid_pairs(size: Size) -> float:
    """Pairs of neighbours of square grids: each tile has one to the right and one below, but for
    those at these borders.
    """
    return 2 * (size.tiles - (size.tiles * size.sections) ** 0.5)


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
