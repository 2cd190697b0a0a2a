"""The bright straight lines of glue along two edges of a section, found in a small image.

All is done on level lines: vertical ones are found in the transposed image. The image, without what
is thicker than a line, is sheared by each tilt that is possible, and averaged along its rows (a
Radon transform of few angles): lines are the maxima. Each is then fitted to the ridge along it, and
counts when most of its length is brighter than both of its sides, which rows of cells are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LONGEST = 2048  # pixels of the side of an image that lines are looked for in
BLUR = 1.5
TILT_STEP = 0.25  # degrees
CANDIDATES = 12
SHORTEST = 0.3  # part of the image that a line has to cross
CONTRAST = 0.15  # of the range of grey values by which a line is brighter than its sides


@dataclass(frozen=True)
class GlueLine:
    """y = middle + slope (x - centre) of a level line; x and y change places for a vertical one.

    Attributes
    ----------
    slope, middle, centre : float
        Pixels of the image; centre is the middle of the image along the line.
    coverage : float
        Part of its length, 0 to 1, on which it is brighter than both sides.
    strength : float
        Mean brightness along it, 0 to 1.
    """

    slope: float
    middle: float
    centre: float
    coverage: float = 0.0
    strength: float = 0.0

    def at(self, x: NDArray[Any] | float) -> NDArray[np.float64]:
        """Places across the line."""
        return self.middle + self.slope * (np.asarray(x, float) - self.centre)

    @property
    def tilt(self) -> float:
        """Degrees."""
        return float(np.degrees(np.arctan(self.slope)))


@dataclass(frozen=True)
class LineSearch:
    """What counts as a line.

    Attributes
    ----------
    separation : float, optional
        Least distance of the two lines, pixels; 200, but a quarter of the image at most.
    angle_difference : float
        Largest difference of the tilts of the two lines, degrees.
    max_tilt : float
        Degrees.
    line_width : float, optional
        Greatest thickness, pixels; 4 % of the image.
    min_coverage : float
        Part of its length on which a line has to be brighter than both sides.
    """

    separation: float | None = None
    angle_difference: float = 1.0
    max_tilt: float = 18.0
    line_width: float | None = None
    min_coverage: float = 0.6

    def for_image(self, rows: int) -> tuple[float, float]:
        """Separation and line width in an image of so many rows."""
        separation = self.separation if self.separation is not None else min(200.0, rows / 4)
        return separation, self.line_width or max(4.0, 0.04 * rows)


def find_glue_lines(
    image: NDArray, horizontal: bool, search: LineSearch | None = None
) -> list[GlueLine]:
    """The two glue lines of a section, or the one, or none; the clearest first.

    Parameters
    ----------
    image : (h, w) array
        Grey values of any type.
    horizontal : bool
        Whether the lines run from left to right; else from top to bottom.
    """
    import cv2

    search = search or LineSearch()
    grey: NDArray[Any] = np.ascontiguousarray(image if horizontal else image.T, np.float32)
    separation, width = search.for_image(grey.shape[0])
    factor = min(1.0, LONGEST / max(grey.shape))
    if factor < 1:
        size = [max(1, round(side * factor)) for side in grey.shape[::-1]]
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    if min(grey.shape) < 8:
        return []
    ridges = _Ridges.of(grey, max(2.0, width * factor))
    if ridges is None:
        return []
    apart = separation * factor
    found = [ridges.fitted(line) for line in _candidates(ridges, search, apart)]
    clear = [
        line
        for line in found
        if line.coverage >= search.min_coverage and abs(line.tilt) <= search.max_tilt + TILT_STEP
    ]
    chosen = _best(clear, apart, search.angle_difference)
    return [
        replace(line, middle=line.middle / factor, centre=line.centre / factor) for line in chosen
    ]


def _best(lines: list[GlueLine], apart: float, angle: float) -> list[GlueLine]:
    """The clearest two that are parallel and far enough from each other, else the clearest."""

    def clarity(line: GlueLine) -> float:
        return line.strength * line.coverage

    pairs = [
        pair
        for pair in combinations(sorted(lines, key=clarity, reverse=True), 2)
        if abs(pair[0].middle - pair[1].middle) >= apart
        and abs(pair[0].tilt - pair[1].tilt) <= angle
    ]
    if pairs:
        return list(max(pairs, key=lambda pair: sum(map(clarity, pair))))
    return sorted(lines, key=clarity, reverse=True)[:1]


@dataclass(frozen=True)
class _Ridges:
    """A blurred image, and what is left of it without what is thicker than a line."""

    blurred: Floats
    thin: Floats
    width: float
    contrast: float

    @classmethod
    def of(cls, grey: Floats, width: float) -> _Ridges | None:
        """None for an image without any structure that is thin."""
        import cv2

        blurred: NDArray[Any] = cv2.GaussianBlur(
            grey, (0, 0), BLUR, borderType=cv2.BORDER_REPLICATE
        )
        kernel = np.ones((2 * int(np.ceil(width)) + 1, 1), np.uint8)
        thin = blurred - cv2.morphologyEx(blurred, cv2.MORPH_OPEN, kernel)
        cap = float(np.percentile(thin, 99))
        middle, high = np.percentile(blurred, [50, 99.5])
        if cap <= 0 or high <= middle:
            return None
        return cls(blurred, np.minimum(thin / cap, 1), width, CONTRAST * float(high - middle))

    @property
    def centre(self) -> float:
        return (self.thin.shape[1] - 1) / 2

    def fitted(self, line: GlueLine) -> GlueLine:
        """A line moved onto the ridge that it is near."""
        half = self.width + self.centre * np.radians(TILT_STEP) + 2
        for share in (1.0, 0.7, 0.5):
            offsets, values, inside = self._strip(self.thin, line, half * share)
            weights = np.where(inside, values, 0)
            weights = np.maximum(weights - 0.5 * weights.max(axis=0), 0)
            total = weights.sum(axis=0)
            columns = np.flatnonzero(total > 0.1)
            if len(columns) < SHORTEST * self.thin.shape[1]:
                return line
            across = (weights * offsets[:, None]).sum(axis=0)[columns] / total[columns]
            slope, middle = _line_through(columns - self.centre, across)
            line = GlueLine(line.slope + slope, line.middle + middle, self.centre)
        return replace(line, coverage=self._coverage(line), strength=self._strength(line))

    def _strip(
        self, picture: Floats, line: GlueLine, half: float
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Offsets across a line, the values there along it, and which lie within the image."""
        import cv2

        reach = int(np.ceil(half))
        offsets = np.arange(-reach, reach + 1, dtype=np.float32)
        x = np.arange(picture.shape[1], dtype=np.float32)
        y = (line.at(x)[None] + offsets[:, None]).astype(np.float32)
        grid = np.broadcast_to(x, y.shape).astype(np.float32)
        values = cv2.remap(picture, grid, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return offsets, values, (y >= 0) & (y <= picture.shape[0] - 1)

    def _coverage(self, line: GlueLine) -> float:
        """Part of the length of a line on which it is brighter than both sides.

        Brighter by half of what it is in general, at least: glue is as bright everywhere, which
        chance rows of cells are not.
        """
        import cv2

        offsets, values, inside = self._strip(self.blurred, line, 2.5 * self.width + 1)
        along = max(3, values.shape[1] // 100)
        smooth = cv2.blur(values, (along, 1), borderType=cv2.BORDER_REPLICATE)
        there = inside[len(offsets) // 2]
        if there.mean() < SHORTEST:
            return 0.0
        on_line = np.where(np.abs(offsets)[:, None] <= 1, smooth, -np.inf).max(axis=0)
        upper, lower = offsets < -self.width - 1, offsets > self.width + 1
        sides = _beside(smooth, inside, upper), _beside(smooth[::-1], inside[::-1], lower[::-1])
        higher = (on_line - np.maximum(*sides))[there]
        return float((higher > max(self.contrast, float(np.median(higher)) / 2)).mean())

    def _strength(self, line: GlueLine) -> float:
        offsets, values, inside = self._strip(self.thin, line, 1)
        there = inside[len(offsets) // 2]
        return float(values.max(axis=0)[there].mean()) if there.any() else 0.0


def _beside(values: NDArray, inside: NDArray[np.bool_], beyond: NDArray[np.bool_]) -> NDArray:
    """Mean of the rows beyond a line in each column; where they are outside, the outermost row."""
    chosen = inside & beyond[:, None]
    count = chosen.sum(axis=0)
    mean = np.where(chosen, values, 0).sum(axis=0) / np.maximum(count, 1)
    outermost = values[inside.argmax(axis=0), np.arange(values.shape[1])]
    return np.where(count > 0, mean, outermost)


def _line_through(x: NDArray, y: NDArray) -> tuple[float, float]:
    """Slope and height at 0 of a line through most points: those far from it are left out."""
    chosen = np.abs(y - np.median(y)) <= np.inf
    slope = middle = 0.0
    for _ in range(6):
        slope, middle = np.polyfit(x[chosen], y[chosen], 1)
        away = np.abs(y - middle - slope * x)
        chosen = away <= max(1.0, 2.5 * float(np.median(away)))
    return float(slope), float(middle)


def _candidates(ridges: _Ridges, search: LineSearch, apart: float) -> Iterator[GlueLine]:
    """Maxima of the mean along lines, the greatest first; each takes those that cross it along."""
    steps = max(1, round(search.max_tilt / TILT_STEP))
    slopes = np.tan(np.radians(np.linspace(-search.max_tilt, search.max_tilt, 2 * steps + 1)))
    means = np.stack([_mean_along(ridges.thin, slope) for slope in slopes])
    rows = np.arange(means.shape[1])
    own = max(ridges.width, apart / 4)
    for _ in range(CANDIDATES):
        tilt, row = np.unravel_index(np.argmax(means), means.shape)
        if not means[tilt, row] > 0:
            return
        yield GlueLine(float(slopes[tilt]), float(row), ridges.centre)
        crossing = np.abs(slopes - slopes[tilt])[:, None] * ridges.centre
        means[np.abs(rows - row)[None] <= own + crossing] = 0


def _mean_along(thin: Floats, slope: float) -> NDArray[np.float64]:
    """Mean along lines of one slope, by their height at the middle; 0 for those that are short."""
    import cv2

    rows, columns = thin.shape
    centre = (columns - 1) / 2
    matrix = np.array([[1, 0, 0], [slope, 1, -slope * centre]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    level = cv2.warpAffine(thin, matrix, (columns, rows), flags=flags)
    count = _columns_inside(rows, columns, slope)
    long = count >= SHORTEST * columns
    total = level.sum(axis=1, dtype=np.float64)
    share = np.sqrt(count / columns)  # of two that are equally bright the longer is better
    return np.where(long, total / np.maximum(count, 1) * share, 0)


def _columns_inside(rows: int, columns: int, slope: float) -> NDArray[np.float64]:
    """In how many columns a line of a slope is in the image, by its height at the middle."""
    half, height = (columns - 1) / 2, np.arange(rows)
    if abs(slope) < 1e-9:
        return np.full(rows, float(columns))
    ends = np.sort(np.stack([-height / slope, (rows - 1 - height) / slope]), axis=0)
    return np.clip(ends[1], -half, half) - np.clip(ends[0], -half, half) + 1
