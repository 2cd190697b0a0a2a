"""Could so many matches agree with one model by chance?

L. Moisan and B. Stival, "A probabilistic criterion to detect rigid point matches between two images
and estimate the fundamental matrix", IJCV 57(3), 2004: the number of false alarms is how often a
set as large and as tight is expected among random matches. Below 1 a set is significant.
"""

from __future__ import annotations

from math import lgamma, log, log10, pi

FLOOR = 0.5
"""Residuals below this many pixels count as this: features are placed no better."""


def log_false_alarms(
    candidates: int, inliers: int, minimal_set: int, residual: float, area: float
) -> float:
    """Decimal logarithm of the number of false alarms of a set of matches.

    Parameters
    ----------
    candidates : int
        Matches among which the set was found.
    inliers : int
        Size of the set.
    minimal_set : int
        Matches that determine the model.
    residual : float
        Largest distance of the set from the model, pixels.
    area : float
        Of the picture that the points were free to lie in, square pixels.
    """
    free = inliers - minimal_set
    if free <= 0:
        return float("inf")
    chance = min(1.0, pi * max(residual, FLOOR) ** 2 / max(area, 1.0))
    ways = _log_choose(candidates, inliers) + _log_choose(inliers, minimal_set)
    return log10(max(candidates - minimal_set, 1)) + (ways + free * log(chance)) / log(10)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
