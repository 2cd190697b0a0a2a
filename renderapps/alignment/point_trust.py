"""How far single points of a pair are believed: less where they depart from what its others say.

The movement that the points of a pair have in common is fitted to them by iteratively re-weighted
least squares: first by the sum of distances, which points that are far off hardly bend, then with
trust. A point within the limit counts by its weight, one at twice the limit and beyond not at all,
and in between less the farther it is. The limit is the tolerance or, where the points of a pair
scatter more, four standard deviations of normally distributed ones.

A pair is judged by its own points alone, before places are solved: what they have in common is
right or wrong as a whole, which only other pairs can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from renderapps.alignment.models import DEGREES, SPLINE, Floats, Model
from renderapps.alignment.moments import Ints, PairPoints

OF_TOLERANCE = 0.5
"""A point is doubted from this share of the misfit on at which a whole pair may be rejected."""
MEDIANS = 3.4
"""Four standard deviations, in medians of the distance of normally distributed points."""
POINTS_PER_TERM = (3, 3, 10, 10, 10, 10)
"""Of a common movement of each degree: one that bends would follow a third of its points."""
SPLINE_DEGREE = 3
ROUNDS = 12
SMALL = 0.1
"""Distances below this share of the tolerance are alike."""
_BLOCK = 200_000


def trusted(points: PairPoints, model: Model, tolerance: float) -> PairPoints:
    """The points with weights by how far they are believed.

    Parameters
    ----------
    points : PairPoints
    model : Model
        Its degree is that of the movement that points of a pair may have in common, at least
        affine; pairs of few points are granted less.
    tolerance : float
        Pixels by which a point may miss in any case.

    Returns
    -------
    PairPoints
        With other weights `w`, and `doubted`: how many points of each pair count by less than half.
    """
    doubted = np.zeros(len(points.counts), int)
    suspects = _spread(points, tolerance)
    if not len(suspects):
        return replace(points, doubted=doubted)
    weights = points.w.copy()
    for pairs, rows in _alike(points, suspects):
        degree = _degree(model, rows.shape[1])
        gaps = points.p[rows] - points.q[rows]
        trust = _trust(_columns(points.p[rows], degree), gaps, points.w[rows], tolerance)
        weights[rows] *= trust
        doubted[pairs] = (trust < 0.5).sum(1)
    return replace(points, w=weights, doubted=doubted)


def _spread(points: PairPoints, tolerance: float) -> Ints:
    """Pairs whose gaps do not all lie within the tolerance of some shift."""
    found = [np.zeros(0, int)]
    ends = np.cumsum(points.counts)
    cuts = np.searchsorted(ends, np.arange(_BLOCK, int(ends[-1]) if len(ends) else 0, _BLOCK))
    for part in np.split(np.arange(len(ends)), np.unique(cuts)):
        if len(part):
            first = ends[part[0]] - points.counts[part[0]]
            gaps = points.p[first : ends[part[-1]]] - points.q[first : ends[part[-1]]]
            starts = ends[part] - points.counts[part] - first
            width = np.maximum.reduceat(gaps, starts) - np.minimum.reduceat(gaps, starts)
            found.append(part[width.max(axis=1) > 2 * tolerance])
    return np.concatenate(found)


def _alike(points: PairPoints, pairs: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Pairs with as many points as each other, and (B, n) rows of their points."""
    ends = np.cumsum(points.counts)
    for count in np.unique(points.counts[pairs]).tolist():
        same = pairs[points.counts[pairs] == count]
        step = max(1, _BLOCK // count)
        for begin in range(0, len(same), step):
            part = same[begin : begin + step]
            yield part, (ends[part] - count)[:, None] + np.arange(count)


def _degree(model: Model, count: int) -> int:
    """Of the common movement that so many points are granted."""
    wanted = SPLINE_DEGREE if model.name == SPLINE else max(1, DEGREES[model.name])
    fitting = [d for d in range(wanted + 1) if POINTS_PER_TERM[d] * _terms(d) <= count]
    return max(fitting, default=0)


def _terms(degree: int) -> int:
    return (degree + 1) * (degree + 2) // 2


def _columns(p: Floats, degree: int) -> Floats:
    """(B, n, K) monomials of points (B, n, 2), scaled to their extent."""
    centred = p - p.mean(axis=1, keepdims=True)
    scaled = centred / np.maximum(np.abs(centred).max(axis=(1, 2), keepdims=True), 1e-9)
    name = ("translation", "affine")[degree] if degree < 2 else f"polynomial{degree}"
    return Model(name).functions(scaled.reshape(-1, 2)).reshape(*p.shape[:2], -1)


def _trust(columns: Floats, gaps: Floats, weights: Floats, tolerance: float) -> Floats:
    """(B, n) trust, 0 to 1, in points with gaps (B, n, 2)."""
    count, terms = columns.shape[1:]
    medians = MEDIANS * np.sqrt(count / max(count - terms, 1))
    away = _distances(columns, gaps, weights)
    for _ in range(ROUNDS):
        away = _distances(columns, gaps, weights / np.maximum(away, SMALL * tolerance))
    trust = np.ones_like(away)
    for _ in range(ROUNDS):
        limit = np.maximum(tolerance, medians * np.median(away, axis=1))
        before, trust = trust, np.clip(2.0 - away / limit[:, None], 0.0, 1.0)
        if (trust == before).all():
            break
        away = _distances(columns, gaps, weights * trust)
    return np.asarray(trust)


def _distances(columns: Floats, gaps: Floats, weights: Floats) -> Floats:
    """(B, n) distances of gaps from the movement that fits them best, each by its weight."""
    weighted = np.swapaxes(columns * weights[..., None], 1, 2)
    matrix = weighted @ columns
    # points on a line say nothing across it
    slack = 1e-9 * np.trace(matrix, axis1=1, axis2=2)[:, None, None]
    matrix = matrix + slack * np.eye(columns.shape[2])
    fitted = columns @ np.linalg.solve(matrix, weighted @ gaps)
    return np.asarray(np.linalg.norm(gaps - fitted, axis=2))
