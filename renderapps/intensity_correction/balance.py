"""Gains and offsets of many tiles, such that they agree where they overlap.

Tile i becomes g_i v + o_i(x, y). First the gains: in every overlap the spread of one tile over that
of the other is the ratio of their gains, and the logarithms of all gains follow by least squares,
of mean 0. Then the offsets, polynomials in x and y of the tile, from the differences that are left,
by least squares with Huber's weights (1964); a penalty, small for the constant part, keeps them
small where no overlap says anything, and the mean of all tiles stays what it is. The spread is
compared, and not value by value, so that gains do not shrink where tiles are not perfectly aligned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from renderapps.intensity_correction.overlaps import Overlap
from renderapps.module.errors import RenderModuleException

Floats = NDArray[np.float64]
ROUNDS = 6
HUBER = 1.345
LEAST_SPREAD = 1e-6
LEAST_ERROR = 0.01  # of logarithms of gains, and of the spread: what is below it is no outlier
CONSTANT_PENALTY, FIELD_PENALTY = 1e-6, 1e-2
ACROSS = 0.3  # weight of overlaps of two sections, which show different things


@dataclass(frozen=True)
class Balance:
    """What becomes of one tile: gain, and coefficients of its offset (see `terms`)."""

    gain: float
    offset: Floats

    @property
    def is_constant(self) -> bool:
        """Whether the offset is the same everywhere."""
        return not self.offset[1:].any()

    def apply(self, pixels: NDArray) -> Floats:
        """The image balanced, float64, (h, w)."""
        degree = degree_of(len(self.offset))
        result = self.gain * pixels.astype(np.float64) + self.offset[0]
        if not self.is_constant:
            sides = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in pixels.shape]
            down, across = (legendre.legvander(side, degree) for side in sides)
            grid = np.zeros((degree + 1, degree + 1))
            for value, (i, j) in zip(self.offset, powers(degree), strict=True):
                grid[j, i] = value
            grid[0, 0] = 0
            result += down @ grid @ across.T
        return result


def powers(degree: int) -> list[tuple[int, int]]:
    """Orders in x and y of the terms, the constant one first.

    >>> powers(1)
    [(0, 0), (1, 0), (0, 1)]
    """
    return [(total - j, j) for total in range(degree + 1) for j in range(total + 1)]


def degree_of(count: int) -> int:
    """The degree that has so many terms."""
    return int((np.sqrt(8 * count + 1) - 3) / 2 + 0.5)


def terms(places: Floats, degree: int) -> Floats:
    """Legendre products at N places from -1 to 1, (N, terms)."""
    x, y = (legendre.legvander(places[:, axis], degree) for axis in (0, 1))
    return np.stack([x[:, i] * y[:, j] for i, j in powers(degree)], axis=1)


def balanced(
    count: int, overlaps: Sequence[Overlap], degree: int, with_gain: bool, levels: Floats
) -> list[Balance]:
    """What becomes of each of `count` tiles.

    Parameters
    ----------
    overlaps : sequence of Overlap
    degree : int
        Of the polynomials of the offsets; 0: constants.
    with_gain : bool
        Whether gains differ from 1.
    levels : (count,)
        Mean value of each tile: what all of them are on average stays.
    """
    gains = _gains(count, overlaps) if with_gain else np.ones(count)
    offsets = _offsets(count, overlaps, gains, degree, levels)
    return [Balance(float(gain), offset) for gain, offset in zip(gains, offsets, strict=True)]


def _gains(count: int, overlaps: Sequence[Overlap]) -> Floats:
    from scipy.sparse import coo_matrix

    told = [(o, *o.spreads) for o in overlaps]
    told = [part for part in told if min(part[1], part[2]) > LEAST_SPREAD]
    if not told:
        return np.ones(count)
    ratios = np.array([np.log(q / p) for _, p, q in told])
    trust = np.array([_trust(o) for o, _, _ in told])
    rows = np.arange(len(told))
    ends = np.array([(o.p, o.q) for o, _, _ in told])
    across = np.array([o.across for o, _, _ in told])
    ones = np.ones(len(told))
    matrix = coo_matrix(
        (np.r_[ones, -ones], (np.r_[rows, rows], ends.T.ravel())), (len(told), count)
    ).tocsr()
    system = _System(matrix, ratios, trust, across)
    penalty = np.full(count, 1e-3 * trust.mean())  # tiles that nothing is known of: gain 1
    logs = system.solved(penalty, np.zeros(count), LEAST_ERROR)
    return np.exp(logs - logs.mean())


def _offsets(
    count: int, overlaps: Sequence[Overlap], gains: Floats, degree: int, levels: Floats
) -> Floats:
    """Coefficients of the offsets, (count, terms)."""
    width = len(powers(degree))
    start = np.zeros((count, width))
    start[:, 0] = levels - gains * levels  # where nothing else is known the level stays
    if not overlaps:
        return start * 0
    system = _differences(count, overlaps, gains, degree)
    told = np.maximum(abs(system.matrix).T @ system.trust, 1.0).reshape(count, width)
    penalty = np.outer(told.max(axis=1), [CONSTANT_PENALTY] + [FIELD_PENALTY] * (width - 1)).ravel()
    least = max(LEAST_ERROR * float(np.median([o.spreads for o in overlaps])), LEAST_SPREAD)
    result = system.solved(penalty, start.ravel(), least).reshape(count, width)
    result[:, 0] += (levels - gains * levels - result[:, 0]).mean()
    return result


def _differences(count: int, overlaps: Sequence[Overlap], gains: Floats, degree: int) -> _System:
    """What offsets have to make up for in each place of an overlap, once gains are applied."""
    from scipy.sparse import coo_matrix

    width = len(powers(degree))
    blocks, rows, columns, wanted, trust, across = [], [], [], [], [], []
    row = 0
    for o in overlaps:
        n = len(o.p_values)
        here = np.repeat(np.arange(row, row + n), width)
        for tile, places, sign in ((o.p, o.p_places, 1.0), (o.q, o.q_places, -1.0)):
            blocks.append(sign * terms(places, degree).ravel())
            rows.append(here)
            columns.append(np.tile(tile * width + np.arange(width), n))
        wanted.append(gains[o.q] * o.q_values - gains[o.p] * o.p_values)
        trust.append(np.full(n, _trust(o)))
        across.append(np.full(n, o.across))
        row += n
    shape = (row, count * width)
    where = (np.concatenate(rows), np.concatenate(columns))
    matrix = coo_matrix((np.concatenate(blocks), where), shape).tocsr()
    return _System(matrix, *map(np.concatenate, (wanted, trust, across)))


class _System(NamedTuple):
    """Equations, each with the trust in it and whether it is across sections."""

    matrix: Any
    target: Floats
    trust: Floats
    across: NDArray[np.bool_]

    def solved(self, penalty: Floats, start: Floats, least: float) -> Floats:
        """Least squares with Huber's weights; the penalty draws each unknown towards its start."""
        from scipy.sparse import diags
        from scipy.sparse.linalg import spsolve

        weights, found = self.trust, start
        for _ in range(ROUNDS):
            weighted = self.matrix.T @ diags(weights)
            left = (weighted @ self.matrix + diags(penalty)).tocsc()
            found = np.atleast_1d(spsolve(left, weighted @ self.target + penalty * start))
            residuals = self.target - self.matrix @ found
            weights = self.trust * _huber(residuals, self.across, least)
        return found


def _trust(overlap: Overlap) -> float:
    return ACROSS / np.sqrt(len(overlap.p_values)) if overlap.across else 1.0


def _huber(residuals: Floats, across: NDArray[np.bool_], least: float) -> Floats:
    """Weights of residuals: those within and across sections have a scale each, or `least`."""
    weights = np.ones_like(residuals)
    for group in (across, ~across):
        if group.any():
            size = np.abs(residuals[group])
            scale = max(float(np.median(size)) / 0.6745, least)
            weights[group] = 1 / np.maximum(size / (HUBER * scale), 1.0)
    return weights


def seams(overlaps: Sequence[Overlap], balances: Sequence[Balance] | None = None) -> Floats:
    """How far the means of two tiles in each overlap are apart, as they are or balanced."""
    return np.array([abs(_step(o, balances)) for o in overlaps])


def _step(overlap: Overlap, balances: Sequence[Balance] | None) -> float:
    p, q = overlap.p_values, overlap.q_values
    if balances is not None:
        p, q = (
            balances[tile].gain * values
            + terms(places, degree_of(len(balances[tile].offset))) @ balances[tile].offset
            for tile, values, places in (
                (overlap.p, overlap.p_values, overlap.p_places),
                (overlap.q, overlap.q_values, overlap.q_places),
            )
        )
    return float(np.mean(p) - np.mean(q))


def require_connected(names: Sequence[str], overlaps: Sequence[Overlap]) -> list[list[str]]:
    """Groups of tiles that no overlap connects, the largest first; an error without any overlap."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not overlaps:
        raise RenderModuleException("no two tiles overlap: there are no seams to balance")
    ends = np.array([(o.p, o.q) for o in overlaps])
    graph = coo_matrix((np.ones(len(ends)), ends.T), (len(names),) * 2)
    _, labels = connected_components(graph, directed=False)
    groups: dict[int, list[str]] = {}
    for name, label in zip(names, labels, strict=True):
        groups.setdefault(int(label), []).append(name)
    return sorted(groups.values(), key=len, reverse=True)
