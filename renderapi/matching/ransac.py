"""Largest set of matches that one model explains, found by RANSAC and a trust filter.

Method: M. A. Fischler and R. C. Bolles, "Random sample consensus", Communications of the ACM 24(6),
1981; refits while the set grows; the trust filter drops what lies beyond a multiple of the median
residual until nothing more drops, as render's match clients do. All minimal sets are tried at once
(vectorised). The same seed gives the same result.

Where the area of the picture is known, sets compete by significance instead of size: a wide epsilon
lets a large set take in strangers, and the tight part of it is the better one (L. Moisan and
B. Stival, IJCV 57(3), 2004, see `significance.py`). A set that chance explains is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.models import Matrix, Model, Points, distances
from renderapi.matching.significance import BELIEVABLE, FLOOR, log_false_alarms

REFITTED = 32
"""Minimal sets with the most inliers that are refitted."""
SIMPLER = ("translation", "similarity")
"""Models that also start sets where the area is known: among few true matches a minimal set of one
or two is drawn far more often than one of three."""
PURE_DRAWS = 20
"""Minimal sets without strangers, expected, that make those starts needless."""
TIGHTER = (1.0, 1 / 4, 1 / 16)
"""Shares of the epsilon at which minimal sets compete where the area of the picture is known."""
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
    area : float, optional
        Of q's picture, square pixels: sets are judged by significance.
    """

    iterations: int = 1000
    max_epsilon: float = 20.0
    min_inlier_ratio: float = 0.0
    min_inliers: int = 4
    max_trust: float = 3.0
    trust_floor: float = 0.0
    seed: int = 0
    area: float | None = None


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
    best = _best_set(p, q, w, model, parameters)
    if best.sum() < max(parameters.min_inliers, model.minimal_set):
        return None
    if best.mean() <= parameters.min_inlier_ratio:
        return None
    found = _trusted(p, q, w, model, parameters, np.flatnonzero(best))
    if found is not None and _accidental(found, len(p), model, parameters):
        return None
    return found


def _best_set(
    p: Points, q: Points, w: NDArray, model: Model, parameters: RansacParameters
) -> NDArray[np.bool_]:
    """Inliers of the largest set, or of the most significant one where the area is known."""
    nothing = np.zeros(len(p), bool)
    if parameters.area is None:
        sets = _promising_sets(p, q, w, model, parameters, (1.0,))
        grown = [_grow(p, q, w, model, parameters, found) for found in sets]
        return max(grown, key=lambda found: int(found.sum()), default=nothing)
    best, least = nothing, np.inf
    for start in (model, *(Model(name) for name in SIMPLER)):
        pure = best.mean() ** model.minimal_set * parameters.iterations
        if start is not model and (start.minimal_set >= model.minimal_set or pure >= PURE_DRAWS):
            continue
        for inside in _promising_sets(p, q, w, start, parameters, TIGHTER):
            if inside.sum() >= model.minimal_set:
                found, alarms = _most_significant(p, q, w, model, parameters, inside)
                best, least = (found, alarms) if alarms < least else (best, least)
    return _widened(p, q, w, model, parameters, best) if best.any() else best


def _widened(
    p: Points,
    q: Points,
    w: NDArray,
    model: Model,
    parameters: RansacParameters,
    inside: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """A set and what lies as near to its model as the trust filter allows."""
    away = distances(model.fit(p[inside], q[inside], w[inside]), p, q)
    near = away <= reach(away[inside], parameters.max_trust)
    return inside | (near & (away < parameters.max_epsilon))


def reach(residuals: NDArray[np.float64], trust: float) -> float:
    """Distance from its model up to which matches may belong to a set of the residuals given."""
    return trust * max(float(np.median(residuals)), FLOOR)


def _most_significant(
    p: Points,
    q: Points,
    w: NDArray,
    model: Model,
    parameters: RansacParameters,
    inside: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], float]:
    """The part of a set that chance explains least, refitted while that improves it."""
    best, least = inside, np.inf
    while True:
        away = distances(model.fit(p[inside], q[inside], w[inside]), p, q)
        order = np.argsort(away, kind="stable")
        sizes = np.arange(model.minimal_set + 1, int((away < parameters.max_epsilon).sum()) + 1)
        if not len(sizes):
            return best, least
        alarms = log_false_alarms(
            len(p), sizes, model.minimal_set, away[order[sizes - 1]], parameters.area or 0.0
        )
        at = int(alarms.argmin())
        if alarms[at] >= least:
            return best, least
        least = float(alarms[at])
        inside = np.zeros(len(p), bool)
        inside[order[: sizes[at]]] = True
        best = inside


def _accidental(
    found: Consensus, candidates: int, model: Model, parameters: RansacParameters
) -> bool:
    """Whether a set as large and as tight is to be expected among random matches."""
    if parameters.area is None:
        return False
    residual, size = float(found.residuals.max()), len(found.inliers)
    alarms = log_false_alarms(candidates, size, model.minimal_set, residual, parameters.area)
    return bool(alarms >= BELIEVABLE)


def _promising_sets(
    p: Points,
    q: Points,
    w: NDArray,
    model: Model,
    parameters: RansacParameters,
    shares: tuple[float, ...],
) -> list[NDArray[np.bool_]]:
    """Inliers of the minimal sets that have the most of them, distinct ones only.

    `shares` of the epsilon are tried; each gives its part of `REFITTED` sets.
    """
    rng = np.random.default_rng(parameters.seed)
    n, k = len(p), model.minimal_set
    picks = _distinct_picks(rng, n, k, parameters.iterations)
    most = -(-REFITTED // len(shares))
    found: list[dict[bytes, NDArray[np.bool_]]] = [{} for _ in shares]
    step = max(1, CHUNK // n)
    for start in range(0, len(picks), step):
        pick = picks[start : start + step]
        matrices = model.fit(p[pick], q[pick], w[pick])
        with np.errstate(invalid="ignore"):
            away = distances(matrices, p[None], q[None])
        for sets, share in zip(found, shares, strict=True):
            inside = away < share * parameters.max_epsilon
            for row in np.argsort(-inside.sum(1), kind="stable")[:most]:
                sets[inside[row].tobytes()] = inside[row]
    best: dict[bytes, NDArray[np.bool_]] = {}
    for sets in found:
        best |= dict(sorted(sets.items(), key=lambda item: -int(item[1].sum()))[:most])
    return [inside for inside in best.values() if inside.sum() >= k]


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
