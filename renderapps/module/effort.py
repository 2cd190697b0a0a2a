"""How many worker processes are worth their start, which takes about as long as a second of work.

Workers that an earlier step of the same process has left waiting cost no start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from renderapi.render import Render
from renderapps.module.processes import workers_wait
from renderapps.module.stacks import stack_metadata


@dataclass(frozen=True)
class Effort:
    """What makes one more process worth while.

    Attributes
    ----------
    each : int
        How much each process should have to do, counted in tiles as a rule; 0: processes as many
        as are allowed, always.
    waiting : int
        The same where workers wait for work.
    also_here : bool
        Whether this process is one of them, and begins while the others start: for what neither
        takes much memory nor could end a process.
    """

    each: int = 0
    waiting: int = 0
    also_here: bool = False

    def processes(self, count: float | None, most: int) -> int:
        """How many processes to do so much with; None where it is not known how much."""
        each = self.waiting if workers_wait() else self.each
        if not each or count is None:
            return most
        return max(1, min(most, int(count // each)))


DOCUMENTS = Effort(16_000, 1_000, also_here=True)
"""Tile specs are read, edited and written."""
IMAGES = Effort(16, 4)
"""The images of the tiles are read, and often written."""
ALWAYS = Effort()


def about_tiles(render: Render, sections: Mapping[str, int]) -> float | None:
    """About how many tiles so many sections of each stack have.

    None where the service does not know, as for a stack that is LOADING.
    """
    count = 0.0
    for stack, number in sections.items():
        stats = stack_metadata(render, stack).get("stats") or {}
        if not stats.get("tileCount") or not stats.get("sectionCount"):
            return None
        count += stats["tileCount"] * min(1.0, number / stats["sectionCount"])
    return count
