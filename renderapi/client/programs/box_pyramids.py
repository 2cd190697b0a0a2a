"""Pyramids of boxes (CATMAID tiles) of a layer: where they lie, and how a level is made.

Level 0 boxes are drawn; a box of a higher level is made of the 2 x 2 boxes below it. Box (row,
column) of level 0 shows x = column * width, y = row * height and so on. Files are written whole or
not at all, so a run that was killed goes on where it stopped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError
from renderapi.files import atomic_path
from renderapi.rendering.pyramid import downsample

log = logging.getLogger(__name__)
Pixels = NDArray[np.generic]


@dataclass(frozen=True)
class BoxGrid:
    """The boxes of a layer.

    Attributes
    ----------
    width, height : int
        Of a box, pixels.
    rows, columns : (first, last)
        Of level 0.
    """

    width: int
    height: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    @classmethod
    def of_bounds(cls, bounds: dict[str, float], width: int, height: int) -> BoxGrid:
        """Boxes that a layer's bounds touch; negative coordinates are left out."""

        def span(low: float, high: float, size: int) -> tuple[int, int]:
            return (int(low / size) if low > 0 else 0), int(high / size)

        return cls(
            width,
            height,
            span(bounds["minY"], bounds["maxY"], height),
            span(bounds["minX"], bounds["maxX"], width),
        )

    def boxes(self, level: int) -> Iterator[tuple[int, int]]:
        """Row and column of the boxes of a level."""
        for row in range(self.rows[0] >> level, (self.rows[1] >> level) + 1):
            for column in range(self.columns[0] >> level, (self.columns[1] >> level) + 1):
                yield row, column

    def holds(self, level: int, row: int, column: int) -> bool:
        """Whether a level has a box."""
        return (
            self.rows[0] >> level <= row <= self.rows[1] >> level
            and self.columns[0] >> level <= column <= self.columns[1] >> level
        )

    def extent(self, level: int, row: int, column: int) -> tuple[int, int, int, int]:
        """World box (minX, minY, maxX, maxY) of a box of a level."""
        width, height = self.width << level, self.height << level
        x, y = column * width, row * height
        return x, y, x + width, y + height

    @property
    def top_level(self) -> int:
        """First level of which box (0, 0) is the only one."""
        return max(self.rows[1].bit_length(), self.columns[1].bit_length())


class Drawing(Protocol):
    """What is drawn in boxes, and how levels are made of it."""

    def draw(self, row: int, column: int) -> Pixels | None:
        """Pixels (height, width, ...) of a level 0 box; None where no tile is."""
        ...

    def blank(self, height: int, width: int) -> Pixels:
        """Pixels where no box is."""
        ...

    def halve(self, pixels: Pixels) -> Pixels:
        """Pixels at half the scale."""
        ...

    def write(self, path: Path, pixels: Pixels) -> None:
        """Write a box."""
        ...

    def read(self, path: Path) -> Pixels:
        """Read a box that was written."""
        ...


@dataclass
class BoxPyramid:
    """The pyramid of one layer.

    Attributes
    ----------
    grid : BoxGrid
    drawing : Drawing
    path_of : callable
        File of (level, row, column).
    max_level : int
        Highest level that is written.
    force : bool
        Make files anew that are there.
    """

    grid: BoxGrid
    drawing: Drawing
    path_of: Callable[[int, int, int], Path]
    max_level: int
    force: bool = False
    drawn: int = 0

    def make(self, level: int, row: int, column: int) -> Pixels | None:
        """A box, read where its file is there, else made with all below it; None if empty."""
        if not self.grid.holds(level, row, column):
            return None
        path = self.path_of(level, row, column) if level <= self.max_level else None
        if path is not None and path.exists() and not self.force:
            try:
                return self.drawing.read(path)
            except (ImageError, OSError, ValueError) as error:
                log.warning("%s is made again: %s", path, error)
        pixels = self._level_0(row, column) if level == 0 else self._above(level, row, column)
        if pixels is not None and path is not None:
            with atomic_path(path) as temporary:
                self.drawing.write(temporary, pixels)
        return pixels

    def is_there(self, level: int, row: int, column: int) -> bool:
        """Whether nothing is left to do for a box."""
        return not self.force and self.path_of(level, row, column).exists()

    def _level_0(self, row: int, column: int) -> Pixels | None:
        self.drawn += 1
        return self.drawing.draw(row, column)

    def _above(self, level: int, row: int, column: int) -> Pixels | None:
        """The 2 x 2 boxes below, side by side, at half the scale."""
        height, width = self.grid.height, self.grid.width
        whole: Pixels | None = None
        for down in (0, 1):
            for right in (0, 1):
                part = self.make(level - 1, 2 * row + down, 2 * column + right)
                if part is None:
                    continue
                if whole is None:
                    whole = self.drawing.blank(2 * height, 2 * width)
                rows = slice(down * height, (down + 1) * height)
                whole[rows, right * width : (right + 1) * width] = part
        return None if whole is None else self.drawing.halve(whole)


def mean_halved(pixels: Pixels) -> Pixels:
    """Means of 2 x 2 pixels; sides of one pixel stay."""
    return downsample(pixels) if min(pixels.shape[:2]) > 1 else pixels[:1, :1]
