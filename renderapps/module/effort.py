"""When it pays to start worker processes: starting them takes about a second."""

from __future__ import annotations

from collections.abc import Mapping

from renderapi.render import Render
from renderapps.module.stacks import stack_metadata

DOCUMENTS_WORTH_WORKERS = 50_000  # so many tile specs one process edits as fast as two
IMAGES_WORTH_WORKERS = 16  # so many images are read and written in that time


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


def worth_workers(count: float | None, few: int) -> bool:
    """Whether workers are of use for `count` tiles, of which `few` are done without them."""
    return few == 0 or count is None or count > few
