"""Montages under nasty conditions, cut from one picture at places that are known to a fraction.

Twenty tiles (4 rows of 5) of 256 x 256 pixels, 8 bit. Lengths are pixels of the tiles; a place is
where the first pixel of a tile lies in the picture, (x, y). The stage claims places of its own.
The same condition, picture and seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

ROWS, COLUMNS, SIDE = 4, 5, 256
MARGIN = 40
JITTER = 0.3
"""The stage misses by up to this share of the overlap, in x and in y."""


@dataclass(frozen=True)
class Condition:
    """What is wrong with an acquisition.

    Attributes
    ----------
    overlap : float
        Of neighbours, as a share of a tile.
    turn : float
        Degrees by which the camera is turned against the stage.
    scale : float
        By which the stage's pixel is too large.
    drift : float
        Pixels by which the stage goes astray from tile to tile, in the order of acquisition.
    shading : float
        Share of the light that the corners of a tile lack.
    noise : float
        Standard deviation as a share of the grey range.
    exposure : float
        Tiles are up to this share brighter or darker.
    gain : float
        Brightest tiles are this many times too bright; what is above white is cut off.
    blank, missing, swapped : int
        Tiles of mere noise, tiles that do not exist, tiles (in twos) that have each other's place.
    gap : bool
        The right two columns are further away than the overlap is wide.
    period : float
        Of a lattice that covers most of the picture, pixels; 0: none.
    lens : float
        Pixels by which the lens lets the corners of a tile show what lies further out.
    wrong_links : int
        Pairs of tiles whose matches are replaced by wrong ones before the places are solved.
    """

    overlap: float = 0.1
    turn: float = 0.0
    scale: float = 0.0
    drift: float = 0.0
    shading: float = 0.0
    noise: float = 0.0
    exposure: float = 0.0
    gain: float = 1.0
    blank: int = 0
    missing: int = 0
    swapped: int = 0
    gap: bool = False
    period: float = 0.0
    lens: float = 0.0
    wrong_links: int = 0


CONDITIONS: Mapping[str, Condition] = {
    "base": Condition(),
    "5 % overlap": Condition(overlap=0.05),
    "rotation": Condition(turn=2.0),
    "scale": Condition(scale=0.02),
    "vignetting": Condition(shading=0.4),
    "noise 0.15": Condition(noise=0.15),
    "noise 0.3": Condition(noise=0.3),
    "exposure": Condition(exposure=0.4),
    "drift": Condition(drift=2.0),
    "blank tiles": Condition(turn=2.0, blank=3),
    "missing": Condition(missing=3),
    "halves": Condition(turn=2.0, gap=True),
    "saturation": Condition(gain=1.8),
    "periodic": Condition(period=9.0),
    "swapped": Condition(swapped=2),
    "lens": Condition(overlap=0.2, lens=6.0),
    "wrong links": Condition(wrong_links=5),
    "all at once": Condition(
        turn=1.0, scale=0.01, drift=0.5, shading=0.3, noise=0.03, exposure=0.2, gain=1.3,
        blank=2, missing=1, swapped=2,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Montage:
    """Tiles by name, where they truly lie, where the stage says they lie, and what they are.

    Attributes
    ----------
    blank : set of str
        Tiles that hold noise only.
    swapped : set of str
        Tiles that have each other's claimed place.
    islands : list of set of str
        Tiles that overlaps can connect.
    clean : mapping of name to (256, 256) float32
        What the tiles would be without noise and rounding.
    noise : float
        Standard deviation of noise and rounding together, grey levels.
    lens : float
        Pixels by which the lens lets the corners of a tile show what lies further out.
    wrong_links : dict
        Pairs of tiles whose matches are to be replaced, and by how much they then miss, (x, y).
    """

    images: dict[str, np.ndarray]
    true: dict[str, np.ndarray]
    claimed: dict[str, np.ndarray]
    blank: set[str] = field(default_factory=set)
    swapped: set[str] = field(default_factory=set)
    islands: list[set[str]] = field(default_factory=list)
    clean: dict[str, np.ndarray] = field(default_factory=dict)
    noise: float = 0.0
    lens: float = 0.0
    wrong_links: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)

    def part(self, rows: str, columns: str) -> Montage:
        """The tiles in some rows and columns, each named by its digit."""

        def kept(of: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return {name: of[name] for name in of if name[0] in rows and name[1] in columns}

        names = set(kept(self.images))
        return replace(
            self,
            images=kept(self.images),
            true=kept(self.true),
            claimed=kept(self.claimed),
            clean=kept(self.clean),
            blank=self.blank & names,
            swapped=self.swapped & names,
            islands=[island & names for island in self.islands if island & names],
            wrong_links={pair: off for pair, off in self.wrong_links.items() if {*pair} <= names},
        )

    def truth(self, name: str, pixels: np.ndarray) -> np.ndarray:
        """Where pixels (N, 2) of a tile truly lie in the picture."""
        return self.true[name] + pixels + through_lens(pixels, self.lens)


def through_lens(pixels: np.ndarray, lens: float) -> np.ndarray:
    """By how much further out pixels (..., 2) show the picture: in third order of the radius."""
    middle = (SIDE - 1) / 2
    arms = (pixels - middle) / (middle * np.sqrt(2))
    return np.asarray(lens * arms * (arms**2).sum(axis=-1, keepdims=True))


def _tissue() -> np.ndarray:
    from renderapps.demo.acquisition import specimen_channels

    return specimen_channels()["DAB_1"]


def _cells() -> np.ndarray:
    from skimage.data import cell

    picture = cell()[60:572, :512].astype(float)
    low, high = np.percentile(picture, [0.5, 99.5])
    return np.clip((picture - low) / (high - low), 0, 1)


def _grains() -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(77)
    picture = sum(
        s * gaussian_filter(rng.normal(size=(640, 640)), s, mode="wrap") for s in (0.8, 2.0, 6.0)
    )
    return np.clip(0.5 + 0.18 * picture / np.std(picture), 0, 1)


PICTURES: Mapping[str, Callable[[], np.ndarray]] = {
    "tissue": _tissue,
    "cells": _cells,
    "grains": _grains,
}


def montage(picture: str, condition: Condition, seed: int) -> Montage:
    """Tiles of a picture (a key of `PICTURES`) acquired under a condition."""
    rng = np.random.default_rng([seed, sorted(PICTURES).index(picture)])
    true, commanded, islands = _places(condition, rng)
    names = list(true)
    chosen = rng.permutation([name for name in names if name[1] not in f"0{COLUMNS - 1}"])
    blank = set(chosen[: condition.blank].tolist())
    gone = set(chosen[condition.blank : condition.blank + condition.missing].tolist())
    rest = [name for name in rng.permutation(names).tolist() if name not in blank | gone]
    swapped = rest[: condition.swapped]
    claimed = dict(commanded)
    for one, two in zip(swapped[::2], swapped[1::2], strict=True):
        claimed[one], claimed[two] = commanded[two], commanded[one]
    sample = _sampler(PICTURES[picture](), condition)
    clean = {name: _lit(sample(true[name]), condition, rng, name in blank) for name in names}
    images = {name: _exposed(clean[name], condition, rng, name in blank) for name in names}
    for name in gone:
        del clean[name], images[name], true[name], claimed[name]
    return Montage(
        images,
        true,
        claimed,
        blank,
        set(swapped),
        [island - gone for island in islands],
        clean,
        float(np.hypot(255 * condition.noise, 1 / np.sqrt(12))),
        condition.lens,
        _wrong_links(names, condition.wrong_links, rng),
    )


def _wrong_links(
    names: list[str], count: int, rng: np.random.Generator
) -> dict[tuple[str, str], np.ndarray]:
    """Pairs of neighbours, no tile in two of them, and by how much their matches are to miss.

    A tile in the corner has two links only: where they contradict each other by less than the stage
    errs, nothing tells which of them is wrong. Those are left out.
    """
    corners = {f"{row}{column}" for row in (0, ROWS - 1) for column in (0, COLUMNS - 1)}
    neighbours = [
        (one, two)
        for one in names
        for two in (f"{one[0]}{int(one[1]) + 1}", f"{int(one[0]) + 1}{one[1]}")
        if two in names and not corners & {one, two}
    ]
    found: dict[tuple[str, str], np.ndarray] = {}
    for k in rng.permutation(len(neighbours)) if count else ():
        pair, taken = neighbours[k], {tile for pair in found for tile in pair}
        if len(found) < count and not taken & set(pair):
            turn, size = rng.uniform(0, 2 * np.pi), np.exp(rng.uniform(*np.log([3.0, 40.0])))
            found[pair] = size * np.array([np.cos(turn), np.sin(turn)])
    return found


def _places(
    condition: Condition, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[set[str]]]:
    """True and commanded places of tiles "rc", and the sets that overlaps connect."""
    overlap = condition.overlap * SIDE
    step = SIDE - overlap
    turn = np.deg2rad(condition.turn)
    camera = (1 + condition.scale) * np.array(
        [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    )
    true, commanded = {}, {}
    for row in range(ROWS):
        for column in range(COLUMNS):
            name = f"{row}{column}"
            place = np.array([column, row]) * step
            if condition.gap and column >= COLUMNS - 2:
                place[0] += 1.6 * overlap
            order = row * COLUMNS + (column if row % 2 == 0 else COLUMNS - 1 - column)
            miss = rng.uniform(-JITTER, JITTER, 2) * overlap
            true[name] = place + miss + MARGIN + order * condition.drift * np.array([0.8, -0.6])
            commanded[name] = np.round(camera @ place, 2)
    left = {name for name in true if int(name[1]) < COLUMNS - 2}
    islands = [left, set(true) - left] if condition.gap else [set(true)]
    return true, commanded, islands


def _sampler(picture: np.ndarray, condition: Condition) -> Callable[[np.ndarray], np.ndarray]:
    """Function: place -> what a tile there shows, by a cubic spline through the picture."""
    from scipy.ndimage import map_coordinates, spline_filter

    coefficients = spline_filter(picture, order=3, mode="mirror")
    magnification = 1240 / picture.shape[1]
    pixels = np.arange(SIDE, dtype=float)

    def sample(place: np.ndarray) -> np.ndarray:
        grid = np.stack(np.meshgrid(pixels, pixels), axis=-1)
        x, y = np.moveaxis(place + grid + through_lens(grid, condition.lens), -1, 0)
        seen = map_coordinates(
            coefficients,
            [y / magnification, x / magnification],
            order=3,
            mode="mirror",
            prefilter=False,
        )
        if condition.period:
            waves = np.sin(2 * np.pi * x / condition.period) * np.sin(
                2 * np.pi * y / condition.period
            )
            seen = 0.3 * seen + 0.35 * (1 + waves)
        return np.asarray(seen)

    return sample


def _lit(
    seen: np.ndarray, condition: Condition, rng: np.random.Generator, blank: bool
) -> np.ndarray:
    """(256, 256) float32 grey levels, white cut off."""
    if blank:
        seen = np.full_like(seen, float(seen.mean()))
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    light = 1 - condition.shading * (x * x + y * y) / 2
    light *= 1 + rng.uniform(-condition.exposure, condition.exposure)
    light *= rng.uniform(1.0, condition.gain)
    return np.clip(20 + 200 * seen * light, 0, 255).astype(np.float32)


def _exposed(
    grey: np.ndarray, condition: Condition, rng: np.random.Generator, blank: bool
) -> np.ndarray:
    """(256, 256) uint8."""
    noise = max(condition.noise, 0.02 if blank else 0.0)
    noisy = grey + 255 * noise * rng.normal(size=grey.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
