"""What figures at a few sizes say about sizes that nobody has measured.

A figure is a sum of terms of the number of tiles n, each with a coefficient that is not negative:
`1` (what is always there), `log n` (a search in an index), `n`, and `n log n` (n entries put into
an index). The coefficients are those with the least squares of relative errors (Lawson and Hanson,
Solving Least Squares Problems, 1974, chapter 23: non-negative least squares), so that the small
sizes count as much as the large ones. `log` is to the base of 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

TERMS = {
    "1": lambda n: np.ones_like(n),
    "log n": np.log2,
    "n": lambda n: n,
    "n log n": lambda n: n * np.log2(n),
}
GROWING, SEARCHED = ("1", "n", "n log n"), ("1", "log n")
"""Terms of what is done with all tiles, and of a question about a few of them."""


@dataclass(frozen=True)
class Fit:
    """A fitted figure.

    Attributes
    ----------
    coefficients : dict of float
        Of each term, in the unit of the figure.
    error : float
        The largest error of the fit at a size that was measured, as a share of the figure there.
    """

    coefficients: dict[str, float]
    error: float

    def at(self, tiles: float) -> float:
        """The figure for so many tiles."""
        return _sum(self.coefficients, np.array([float(tiles)])).item()


def fit(tiles: Sequence[float], figures: Sequence[float], terms: Sequence[str]) -> Fit:
    """The terms that describe figures at some sizes best.

    Raises ValueError for figures that are not positive, and for fewer sizes than two.
    """
    n, wanted = np.array(tiles, float), np.array(figures, float)
    if len(set(tiles)) < 2 or not (wanted > 0).all():
        raise ValueError("a fit needs positive figures at two sizes or more")
    columns = np.array([TERMS[term](n) for term in terms]).T / wanted[:, None]
    scale = np.linalg.norm(columns, axis=0)
    found, _ = nnls(columns / scale, np.ones(len(n)))
    coefficients = dict(zip(terms, (found / scale).tolist(), strict=True))
    return Fit(coefficients, float(np.abs(_sum(coefficients, n) / wanted - 1).max()))


def _sum(coefficients: dict[str, float], n: np.ndarray) -> np.ndarray:
    return np.sum([value * TERMS[term](n) for term, value in coefficients.items()], axis=0)


def depth(entries: float, per_leaf: float, fan_out: float) -> int:
    """Levels of a B-tree with so many entries, of which so many are in a leaf; `fan_out` pages are
    below one that is no leaf. Where the root is nearly full it may be one more than there is.
    """
    pages, levels = math.ceil(entries / per_leaf), 1
    while pages > 1:
        pages, levels = math.ceil(pages / fan_out), levels + 1
    return levels


def core_hours(amount: float, rate: float) -> float:
    """Hours of one core for an amount of work at a rate per second of one core."""
    return amount / rate / 3600


def nodes(core_hours_needed: float, cores: int, days: float, used: float = 1.0) -> int:
    """Machines of so many cores that do the work in so many days, when a share of their time is
    used for it.
    """
    return math.ceil(core_hours_needed / (cores * 24 * days * used))
