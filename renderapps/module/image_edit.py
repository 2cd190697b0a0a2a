"""Modules that give the tiles of a stack new images: write `edit_tile(tile)`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from renderapi.errors import RenderError
from renderapps.module.effort import IMAGES
from renderapps.module.errors import RenderModuleException
from renderapps.module.stack_edit import StackEditModule
from renderapps.module.tasks import one_line
from renderapps.module.tile_documents import Json, Section

LISTED = 5


class ImageEditModule(StackEditModule):
    """Sections in processes, the tiles of each in threads: `pool_size` images at a time.

    The images are made before the section that shows them is written. A section fails as a whole,
    naming its tiles; what was made of it is found again by the next run.
    """

    effort = IMAGES
    moves_tiles = False

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Make the images of a tile and let it show them, in place.

        Numbers and lists given here are added up over the section for the report.
        """
        raise NotImplementedError(f"{type(self).__name__} has no edit_tile()")

    def prepare(self) -> None:
        """Share the threads of the machine among the sections that are worked on at once."""
        if self.args["dask_scheduler"]:
            self.threads = 1  # a worker has a thread for each section
            return
        zs = self.select_zs()
        self.threads = max(1, self.args["pool_size"] // min(len(zs), self.processes_for(zs)))

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with its new images."""
        (section,) = sections
        with ThreadPoolExecutor(self.threads) as pool:
            results = list(pool.map(self._attempt, section.tiles))
        both = zip(section.tiles, results, strict=True)
        bad = {tile["tileId"]: reason for tile, reason in both if isinstance(reason, str)}
        if bad:
            reasons, rest = list(bad.values()), list(bad)[LISTED:]
            more = f"; also tiles {', '.join(rest)}" if rest else ""
            raise RenderModuleException(
                f"images of {len(reasons)} of {len(section.tiles)} tiles cannot be made: "
                f"{'; '.join(reasons[:LISTED])}{more}"
            )
        return section, summed(result for result in results if not isinstance(result, str))

    def _attempt(self, tile: Json) -> dict[str, Any] | str:
        try:
            return self.edit_tile(tile)
        except (RenderError, RenderModuleException, OSError) as error:
            return f"tile {tile['tileId']}: {one_line(error)}"


def holders(tile: Json) -> Iterator[Json]:
    """What of a tile has images: itself, then its channels."""
    yield from (h for h in (tile, *(tile.get("channels") or ())) if h.get("mipmapLevels"))


def summed(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Reports added up key by key: numbers as numbers, lists end to end."""
    total: dict[str, Any] = {}
    for report in reports:
        for key, value in report.items():
            total[key] = total[key] + value if key in total else value
    return total
