"""Shifts that a pair may have, what each must reach to be believed, and why it is not.

A *shift* (dx, dy) is where the pixel (0, 0) of q lies in the pixel coordinates of p (see
`shifts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

COARSE_MARGIN = 1.1
"""Low-passed pictures also agree by the rims of their tiles: they must agree better by this."""
CLOSE, MUCH_LESS = 0.9, 0.4
"""Correlation of pictures that are the same, but for noise; one part of what is left unexplained
at another shift."""

Band = tuple[int, float]
"""What a search looks at: the scale 1 / 2**level, and the low-pass at that scale (0: none)."""


class Chance(NamedTuple):
    """What the best shift of unrelated pictures reaches: significance and correlation."""

    significance: float
    correlation: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible shift of q against p.

    Attributes
    ----------
    shift : (dx, dy)
        Where the pixel (0, 0) of q lies in the pixels of p.
    correlation : float
        Pearson's correlation of the two overlaps (high-passed), -1 to 1; 1 for identical pixels;
        at the finest scale at which the shift was refined.
    significance : float
        How far the correlation stands out from that of the other shifts, in standard deviations
        of those; more than 6 does not happen by chance.
    pixels : int
        Number of pixels both images have, at the scale of the search.
    level : int
        The search was made at a scale of 1 / 2**level.
    error : float
        Standard error of the shift in pixels, infinity when the fit did not converge.
    searched : float
        The correlation at the scale of the search: more than `correlation` where noise, or the
        change from one section to the next, hides the detail.
    smoothing : float
        Low-pass of the search, pixels of its scale.
    explained : bool
        At this shift alone each picture explains the other, see `remainder.py`.
    """

    shift: tuple[float, float]
    correlation: float
    significance: float
    pixels: int
    level: int
    error: float
    searched: float
    smoothing: float = 0.0
    explained: bool = False

    @property
    def band(self) -> Band:
        return self.level, self.smoothing


@dataclass(frozen=True, slots=True)
class TranslationLimits:
    """What a shift must reach to be believed.

    Attributes
    ----------
    significance : float
        Least significance of the best candidate, where `chance` does not tell.
    correlation : float
        Least correlation of the two overlaps, at the scale of the search or at a finer one.
    second : float
        The next best candidate may be at most this fraction as far above chance as the best; more
        means that the texture repeats itself.
    error : float
        Most standard error of a shift, pixels.
    pixels : int
        Overlaps of fewer common pixels (at full scale) are not judged.
    chance : mapping of Band to Chance
        What unrelated pairs reach in a band (see `chance.py`): a candidate must exceed either.
    bands : int, optional
        Look at no more bands than this, in the order of `scales.bands_of`.
    """

    significance: float = 6.0
    correlation: float = 0.15
    second: float = 0.8
    error: float = 0.5
    pixels: int = 300
    chance: Mapping[Band, Chance] = field(default_factory=dict)
    bands: int | None = None

    def needed(self, band: Band) -> Chance:
        """What a candidate of a band must exceed."""
        return self.chance.get(band, Chance(self.significance, 1.0))

    def surplus(self, candidate: Candidate) -> float:
        """How far a candidate is above chance: 1 is the limit."""
        needed = self.needed(candidate.band)
        by_correlation = np.arctanh(min(candidate.searched, 0.9999)) / np.arctanh(
            min(needed.correlation, 0.99999)
        )
        if candidate.smoothing:
            by_correlation /= COARSE_MARGIN
        return float(max(candidate.significance / max(needed.significance, 1e-9), by_correlation))


def verdict(candidates: list[Candidate], limits: TranslationLimits | None = None) -> str:
    """Why the first candidate cannot be believed by itself; empty when it can."""
    limits = limits or TranslationLimits()
    if not candidates:
        return (
            "no shift within the search radius stands out and leaves "
            f"{limits.pixels} common pixels with content"
        )
    first = candidates[0]
    needed = limits.needed(first.band)
    if limits.surplus(first) < 1 and not first.explained:
        return (
            f"blank or unrelated overlap: the best shift has a significance of "
            f"{first.significance:.1f}, {needed.significance:.3g} is needed"
        )
    if not np.isfinite(first.error):
        return f"the fit around the shift ({first.shift[0]:.0f}, {first.shift[1]:.0f}) does not end"
    if first.error > limits.error:
        return f"the shift is uncertain by {first.error:.2f} px, {limits.error:g} is tolerable"
    correlation = max(first.correlation, first.searched)
    if correlation < limits.correlation:
        return f"correlation of {correlation:.2f} is below {limits.correlation:g}"
    if has_rival(candidates, limits) and not _explains(first, candidates[1]):
        (x, y), (x2, y2) = first.shift, candidates[1].shift
        return (
            f"ambiguous: shifts ({x:.1f}, {y:.1f}) and ({x2:.1f}, {y2:.1f}) are about equally good"
        )
    return ""


def has_rival(candidates: list[Candidate], limits: TranslationLimits) -> bool:
    """Whether the second candidate is about as far above chance as the first."""
    if len(candidates) < 2:
        return False
    return limits.surplus(candidates[1]) > limits.second * limits.surplus(candidates[0])


def _explains(first: Candidate, second: Candidate) -> bool:
    """Whether one shift leaves clearly less of the pictures unexplained than another."""
    rest = 1 - first.correlation
    return first.correlation > CLOSE and rest < MUCH_LESS * (1 - second.correlation)
