"""Matched points of pairs, reduced to sums over their points: all that a solve needs of them.

The size of a problem is then that of its pairs, however many points they have, and points need not
be kept. All sums are of scaled coordinates (see `models.py`) and of the gap d = p - q of the two
points in world pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.one_shift import USUAL_ERROR
from renderapps.alignment.models import Floats, Model, scaled_points

Ints = NDArray[np.int64]

HALF_TRUST = 10.0  # points (by weight) at which a link has half the say of a perfectly matched one
_BLOCK = 100_000  # numbers held at once: so many stay in the processor's own memory


@dataclass(frozen=True, slots=True)
class Link:
    """Matched points of two units: `p` on unit `first`, `q` on unit `second`, weights `w`."""

    first: int
    second: int
    p: Floats
    q: Floats
    w: Floats


@dataclass(frozen=True, slots=True)
class PairPoints:
    """Points of many pairs, one pair after the other.

    Attributes
    ----------
    first, second : (L,) int
        Units of each pair.
    counts : (L,) int
        Points of each pair, at least one.
    p, q : (N, 2) float64
        In world pixels, on the first and on the second unit.
    w : (N,) float64
        Weights, of which each pair has positive ones.
    doubted : (L,) int, optional
        How many points of each pair are hardly believed (see `point_trust.py`); none by default.
    """

    first: Ints
    second: Ints
    counts: Ints
    p: Floats
    q: Floats
    w: Floats
    doubted: Ints | None = None

    @classmethod
    def of(cls, links: Sequence[Link]) -> PairPoints:
        """The points of links."""

        def joined(parts: list[Floats], shape: tuple[int, ...]) -> Floats:
            arrays = [np.asarray(part, float) for part in parts]
            return np.concatenate(arrays) if arrays else np.zeros(shape)

        return cls(
            np.array([link.first for link in links], int),
            np.array([link.second for link in links], int),
            np.array([len(link.w) for link in links], int),
            joined([link.p for link in links], (0, 2)),
            joined([link.q for link in links], (0, 2)),
            joined([link.w for link in links], (0,)),
        )


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the points of each pair.

    The weights of a pair's points are scaled so that they add up to n / (n + 10), n being their sum
    as given: a well matched pair weighs about 1 however many points it has.

    Attributes
    ----------
    first, second, counts : (L,) int
    given : (L,) float64
        Sum of the weights as given.
    pp, qq, pq : (L, K, K) float64
        Weighted sums of the products of the functions at p with each other, of those at q, and of
        those at p (rows) with those at q.
    pd, qd : (L, K, 2) float64
        Those of the functions at p, and at q, with the gap.
    dd : (L,) float64
        Weighted sums of the squared gaps.
    scatters : (L,) float64
        Root mean squared distance of the points from their own best common movement, pixels: a
        shift, a similarity (rigid models too) or an affine of one side to the other.
    doubted : (L,) int
        Points that are hardly believed (see `point_trust.py`).
    """

    first: Ints
    second: Ints
    counts: Ints
    given: Floats
    pp: Floats
    qq: Floats
    pq: Floats
    pd: Floats
    qd: Floats
    dd: Floats
    scatters: Floats
    doubted: Ints

    @property
    def terms(self) -> int:
        """Number K of functions."""
        return self.pp.shape[1]

    @property
    def totals(self) -> Floats:
        """(L,) sums of the scaled weights."""
        return self.given / (self.given + HALF_TRUST)

    @property
    def shifts(self) -> Floats:
        """(L, 2) mean gap of each pair, pixels."""
        return self.pd[:, 0] / self.totals[:, None]

    def with_terms(self, terms: int) -> Moments:
        """Those of the first functions alone."""
        squares = {name: getattr(self, name)[:, :terms, :terms] for name in ("pp", "qq", "pq")}
        return replace(self, **squares, pd=self.pd[:, :terms], qd=self.qd[:, :terms])

    def shift_errors(self, unknowns: int) -> Floats:
        """(L,) standard error of the common movement of each pair, pixels."""
        number = np.maximum(self.counts - self.doubted, 1)
        by_scatter = self.scatters * np.sqrt(unknowns / 2 / number)
        shares = np.clip(self.given / number, 1e-6, 1.0)
        by_weight = USUAL_ERROR * np.sqrt(1 / shares - 1)  # as `shift_weight` gives weights
        return np.hypot(by_scatter, by_weight)


def joined_moments(parts: Sequence[Moments], model: Model) -> Moments:
    """Moments of all parts one after the other; of no pair where there is none."""
    if not parts:
        none, zero = np.zeros(0, int), np.zeros(0)
        pp, qq, pq, pd, qd, dd = _tables(0, model.terms)
        return Moments(none, none, none, zero, pp, qq, pq, pd, qd, dd, zero, none)
    names = Moments.__slots__
    return Moments(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))


def reduced(points: PairPoints, model: Model, centres: Floats, sizes: Floats) -> Moments:
    """Moments of pairs whose units have these centres (T, 2) and sizes (T,), world pixels."""
    if not len(points.counts):
        return joined_moments([], model)
    side = 2 * model.terms + 2
    number = len(points.counts)
    tables = _tables(number, model.terms)
    given, scatters = np.empty(number), np.empty(number)
    ends = np.cumsum(points.counts)
    for count in np.unique(points.counts):
        same = np.flatnonzero(points.counts == count)
        step = max(1, _BLOCK // (side * int(count)))
        for begin in range(0, len(same), step):
            part = same[begin : begin + step]
            rows = (ends[part] - count)[:, None] + np.arange(count)
            total, means, sums = _products(points, part, rows, model, centres, sizes)
            scatters[part] = _scatters(sums, model, sizes[points.first[part]])
            given[part] = total
            for table, found in zip(tables, _parts(_restored(sums, means)), strict=True):
                table[part] = found
    doubted = np.zeros(number, int) if points.doubted is None else points.doubted
    pp, qq, pq, pd, qd, dd = tables
    ids = points.first, points.second, points.counts
    return Moments(*ids, given, pp, qq, pq, pd, qd, dd, scatters, doubted)


def _tables(number: int, terms: int) -> list[Floats]:
    """Room for the sums of so many pairs, as `Moments` has them."""
    squares = [np.empty((number, terms, terms)) for _ in range(3)]
    return [*squares, *(np.empty((number, terms, 2)) for _ in range(2)), np.empty(number)]


def _parts(grams: Floats) -> list[Floats]:
    """The same from sums of the products of all columns with each other."""
    k = (grams.shape[1] - 2) // 2
    p, q, d = slice(0, k), slice(k, -2), slice(-2, None)
    parts = [grams[:, rows, columns] for rows, columns in ((p, p), (q, q), (p, q), (p, d), (q, d))]
    return [*parts, grams[:, -2, -2] + grams[:, -1, -1]]


def _products(
    points: PairPoints, part: Ints, rows: Ints, model: Model, centres: Floats, sizes: Floats
) -> tuple[Floats, Floats, Floats]:
    """Given weights, mean gaps, and grams of pairs with as many points, gaps about their mean."""
    p, q, w = points.p[rows], points.q[rows], points.w[rows]
    total = w.sum(1)
    columns = np.empty((*rows.shape, 2 * model.terms + 2))
    k = model.terms
    for place, ends, unit in ((slice(0, k), p, points.first), (slice(k, -2), q, points.second)):
        owner = unit[part][:, None]
        scaled = scaled_points(ends, centres[owner], sizes[owner])
        columns[..., place] = model.functions(scaled.reshape(-1, 2)).reshape(*rows.shape, k)
    gaps = p - q
    means = np.einsum("ln,lna->la", w, gaps) / total[:, None]
    columns[..., -2:] = gaps - means[:, None]
    weighted = columns * (w / (total + HALF_TRUST)[:, None])[..., None]
    return total, means, np.swapaxes(columns, 1, 2) @ weighted


def _restored(grams: Floats, means: Floats) -> Floats:
    """Grams with the mean gap, which was taken out so that large ones cost no digits."""
    totals = grams[:, 0, 0].copy()
    grams[:, :-2, -2:] += grams[:, :-2, :1] * means[:, None]
    grams[:, -2:, :-2] = np.swapaxes(grams[:, :-2, -2:], 1, 2)
    grams[:, -2:, -2:] += totals[:, None, None] * means[:, :, None] * means[:, None]
    return grams


def _inverses(matrices: Floats) -> Floats:
    """(L, 2, 2) pseudo-inverses of symmetric ones: a line of points tells nothing across it."""
    trace = matrices[:, 0, 0] + matrices[:, 1, 1]
    determinant = matrices[:, 0, 0] * matrices[:, 1, 1] - matrices[:, 0, 1] ** 2
    full = determinant > 1e-9 * trace**2
    adjugate = trace[:, None, None] * np.eye(2) - matrices
    by = np.where(full, determinant, np.maximum(trace, 1e-150) ** 2)
    return np.asarray(np.where(full[:, None, None], adjugate, matrices) / by[:, None, None])


def _scatters(grams: Floats, model: Model, sizes: Floats) -> Floats:
    """(L,) of moments whose gaps have mean 0; a regression of the gap on where p lies."""
    totals = grams[:, 0, 0]
    left = grams[:, -2, -2] + grams[:, -1, -1]
    if model.terms > 1:
        middle = grams[:, 0, 1:3] / totals[:, None]
        spread = grams[:, 1:3, 1:3] - totals[:, None, None] * middle[:, :, None] * middle[:, None]
        cross = grams[:, 1:3, -2:]
        if model.coupled:
            power = np.maximum(spread[:, 0, 0] + spread[:, 1, 1], 1e-12 / sizes**2)
            along = cross[:, 0, 0] + cross[:, 1, 1]
            across = cross[:, 0, 1] - cross[:, 1, 0]
            left = left - (along**2 + across**2) / power
        else:
            left = left - np.einsum("lka,lkm,lma->l", cross, _inverses(spread), cross)
    return np.asarray(np.sqrt(np.maximum(left, 0) / totals))
