"""Could so many matches agree with one model by chance?

L. Moisan and B. Stival, "A probabilistic criterion to detect rigid point matches between two images
and estimate the fundamental matrix", IJCV 57(3), 2004: the number of false alarms is how often a
set as large and as tight is expected among random matches.
"""

from __future__ import annotations

from math import log, pi

import numpy as np
from numpy.typing import ArrayLike, NDArray

FLOOR = 0.5
"""Residuals below this many pixels count as this: features are placed no better."""
BELIEVABLE = -3.0
"""Decimal logarithm of the number of false alarms below which a set is no accident: among the many
pairs of a stack, one in a thousand unrelated ones is too many already."""


def log_false_alarms(
    candidates: int, inliers: ArrayLike, minimal_set: int, residual: ArrayLike, area: float
) -> NDArray[np.float64]:
    """Decimal logarithm of the number of false alarms of sets of matches.

    Parameters
    ----------
    candidates : int
        Matches among which the sets were found.
    inliers : (...) integer array or int
        Size of each set.
    minimal_set : int
        Matches that determine the model.
    residual : (...) array or float
        Largest distance of each set from its model, pixels.
    area : float
        Of the picture that the points were free to lie in, square pixels.

    Returns
    -------
    (...) array; infinite for sets no larger than the minimal one.
    """
    size = np.asarray(inliers, np.intp)
    free = size - minimal_set
    share = pi * np.maximum(np.asarray(residual, float), FLOOR) ** 2 / max(area, 1.0)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, candidates + 1)))])
    bounded = np.maximum(size, minimal_set)
    ways = _log_choose(logs, candidates, bounded) + _log_choose(logs, bounded, minimal_set)
    alarms = np.log10(max(candidates - minimal_set, 1)) + (
        ways + free * np.log(np.minimum(share, 1.0))
    ) / log(10)
    return np.where(free > 0, alarms, np.inf)


def _log_choose(
    logs: NDArray[np.float64], n: int | NDArray[np.intp], k: int | NDArray[np.intp]
) -> NDArray[np.float64]:
    """Logarithm of the ways to choose k of n, from the logarithms of the factorials."""
    return np.asarray(logs[n] - logs[k] - logs[n - k])
