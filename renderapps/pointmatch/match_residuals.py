"""How well the points of pairs agree with a model, many pairs at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.models import distances
from renderapps.module.fitting import LINEAR, FitRules, fit_linear_models
from renderapps.pointmatch.pair_matches import Floats, PairMatches

_AT_ONCE = 1_000_000  # points held at once, those of the longest pair for each


@dataclass(frozen=True)
class Residuals:
    """Of T pairs.

    Attributes
    ----------
    rms : (T,) float64
        Root mean square distance of q from the model's image of p, pixels; NaN without points.
    models : (T,) int
        Index into LINEAR of the model that was fitted: the one asked for, or the strongest simpler
        one that the points determine; -1 where there is none.
    """

    rms: Floats
    models: NDArray[np.intp]


def counted(pair: PairMatches) -> NDArray[np.bool_]:
    """Which points of a pair count: those with a weight, or all where none has one."""
    positive = pair.w > 0
    return positive if positive.any() else np.ones(len(pair.w), bool)


def residuals(pairs: Sequence[PairMatches], model: str = "affine") -> Residuals:
    """Fit a model from p to q to the points that count of each pair, all of the same weight."""
    rms = np.full(len(pairs), np.nan)
    models = np.full(len(pairs), -1, np.intp)
    sizes = np.array([len(pair.w) for pair in pairs], int)
    for index in _blocks(sizes):
        p, q, w = _padded([pairs[i] for i in index])
        found, used = np.full((len(index), 3, 3), np.nan), np.full(len(index), -1, np.intp)
        for number in range(LINEAR.index(model), -1, -1):
            open_ = np.flatnonzero(used < 0)
            if not len(open_):
                break
            matrices, _ = fit_linear_models(
                p[open_], q[open_], w[open_], FitRules(model=LINEAR[number])
            )
            known = np.isfinite(matrices).all((-1, -2))
            found[open_[known]] = matrices[known]
            used[open_[known]] = number
        off = np.where(w > 0, distances(found, p, q), 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            rms[index] = np.sqrt((off**2).sum(1) / w.sum(1))
        models[index] = used
    return Residuals(np.where(models < 0, np.nan, rms), models)


def _blocks(sizes: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Indices of pairs of like length, so many that padding them takes bounded memory."""
    order = np.argsort(sizes, kind="stable")
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (last - first + 1) * sizes[order[last]] <= _AT_ONCE:
            last += 1
        yield order[first:last]
        first = last


def _padded(pairs: Sequence[PairMatches]) -> tuple[Floats, Floats, Floats]:
    """Points (T, N, 2) of p and q, and weights (T, N), 1 for those that count and 0 for others."""
    longest = max([len(pair.w) for pair in pairs] + [1])
    p, q = np.zeros((2, len(pairs), longest, 2))
    w = np.zeros((len(pairs), longest))
    for k, pair in enumerate(pairs):
        size = len(pair.w)
        p[k, :size], q[k, :size], w[k, :size] = pair.p, pair.q, counted(pair)
    return p, q, w
