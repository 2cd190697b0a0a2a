"""Largest set of matches that one model explains, found by RANSAC and a trust filter.

Method: M. A. Fischler and R. C. Bolles, "Random sample consensus", Communications of the ACM 24(6),
1981; refits while the set grows; the trust filter drops what lies beyond a multiple of the median
residual until nothing more drops, as render's match clients do. All minimal sets are tried at once
(vectorised). The same seed gives the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.models import Matrix, Model, Points, distances

REFITTED = 32
"""Minimal sets with the most inliers that are refitted."""
CHUNK = 2_000_000
"""Distances computed at once."""


@dataclass(frozen=True, slots=True)
class RansacParameters:
    """How RANSAC searches and what it accepts.

    Attributes
    ----------
    iterations : int
        Number of minimal sets tried.
    max_epsilon : float
        A match within this distance (pixels of q) of the model is an inlier.
    min_inlier_ratio : float
        Least share of inliers among all matches.
    min_inliers : int
        Least number of inliers.
    max_trust : float
        Inliers beyond this multiple of the median residual are dropped.
    trust_floor : float
        Inliers within this distance are not dropped, however small the median residual is.
    seed : int
        Of the random numbers.
    """

    iterations: int = 1000
    max_epsilon: float = 20.0
    min_inlier_ratio: float = 0.0
    min_inliers: int = 4
    max_trust: float = 3.0
    trust_floor: float = 0.0
    seed: int = 0


class Consensus(NamedTuple):
    """A model and the matches that agree with it.

    Attributes
    ----------
    matrix : (3, 3) array
        Maps p to q, fitted to the inliers.
    inliers : (K,) integer array
        Indices of the matches, ascending.
    residuals : (K,) array
        Distances of the inliers, pixels of q.
    """

    matrix: Matrix
    inliers: NDArray[np.intp]
    residuals: NDArray[np.float64]


def find_consensus(
    p: Points,
    q: Points,
    model: Model,
    parameters: RansacParameters,
    weights: NDArray[np.float64] | None = None,
) -> Consensus | None:
    """Largest consistent set of the matches (p[i], q[i]); None when there is none.

    Parameters
    ----------
    p, q : (N, 2) arrays
    model : Model
    parameters : RansacParameters
    weights : (N,) array, optional
        Weights of the matches in the fits.
    """
    if len(p) < max(model.minimal_set, parameters.min_inliers, 1):
        return None
    w = np.ones(len(p)) if weights is None else np.asarray(weights, float)
    best = np.zeros(len(p), bool)
    for inside in _promising_sets(p, q, w, model, parameters):
        grown = _grow(p, q, w, model, parameters, inside)
        if grown.sum() > best.sum():
            best = grown
    if best.sum() < max(parameters.min_inliers, model.minimal_set):
        return None
    if best.mean() <= parameters.min_inlier_ratio:
        return None
    return _trusted(p, q, w, model, parameters, np.flatnonzero(best))


def _promising_sets(
    p: Points, q: Points, w: NDArray, model: Model, parameters: RansacParameters
) -> list[NDArray[np.bool_]]:
    """Inliers of the minimal sets that have the most of them, distinct ones only."""
    rng = np.random.default_rng(parameters.seed)
    n, k = len(p), model.minimal_set
    picks = _distinct_picks(rng, n, k, parameters.iterations)
    found: dict[bytes, NDArray[np.bool_]] = {}
    counts: dict[bytes, int] = {}
    step = max(1, CHUNK // n)
    for start in range(0, len(picks), step):
        pick = picks[start : start + step]
        matrices = model.fit(p[pick], q[pick], w[pick])
        with np.errstate(invalid="ignore"):
            inside = distances(matrices, p[None], q[None]) < parameters.max_epsilon
        number = inside.sum(1)
        for row in np.argsort(-number, kind="stable")[:REFITTED]:
            key = inside[row].tobytes()
            found[key], counts[key] = inside[row], int(number[row])
    keys = sorted(found, key=lambda key: -counts[key])[:REFITTED]
    return [found[key] for key in keys if counts[key] >= k]


def _distinct_picks(rng: np.random.Generator, n: int, k: int, iterations: int) -> NDArray[np.intp]:
    """Rows of k distinct indices below n; every index once when k is 1 and n is small."""
    if k == 1 and n <= iterations:
        return np.arange(n)[:, None]
    picks = rng.integers(0, n, (iterations, k))
    ordered = np.sort(picks, axis=1)
    return picks[(np.diff(ordered, axis=1) > 0).all(1)]


def _grow(
    p: Points,
    q: Points,
    w: NDArray,
    model: Model,
    parameters: RansacParameters,
    inside: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Inliers after refitting to them for as long as their number grows."""
    while True:
        matrix = model.fit(p[inside], q[inside], w[inside])
        if not np.isfinite(matrix).all():
            return inside
        again = distances(matrix, p, q) < parameters.max_epsilon
        if again.sum() <= inside.sum():
            return inside
        inside = again


def _trusted(
    p: Points,
    q: Points,
    w: NDArray,
    model: Model,
    parameters: RansacParameters,
    inliers: NDArray[np.intp],
) -> Consensus | None:
    """Inliers within `max_trust` times their median residual, again until none drops."""
    while len(inliers) >= max(parameters.min_inliers, model.minimal_set):
        matrix = model.fit(p[inliers], q[inliers], w[inliers])
        if not np.isfinite(matrix).all():
            return None
        residuals = distances(matrix, p[inliers], q[inliers])
        limit = max(
            parameters.max_trust * float(np.median(residuals)), parameters.trust_floor, 1e-6
        )
        keep = residuals <= limit
        if keep.all():
            return Consensus(matrix, inliers, residuals)
        inliers = inliers[keep]
    return None
