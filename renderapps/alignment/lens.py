"""One distortion that all tiles share, from what overlapping tiles show twice.

A lens takes a pixel x of the image, with scaled coordinates (u, v) about its middle, to

    L(x) = x + sum over the higher functions f_k  f_k(u, v) l_k

(functions as in `models.py`, l_k in pixels), and each tile has a map A_i after it, a translation or
an affine. Minimised over both together is the sum over pairs of w |A_i(L(p)) - A_j(L(q))|^2, by
Gauss-Newton steps in which the unknowns of the tiles are eliminated (Schur complement).

Gauge: an affine part of the lens could as well be one of all the maps after it; it is left out, so
that the lens has no constant and no linear terms about the middle. With affine tiles second order
terms are free too: a quadratic warp of the whole montage is a quadratic lens followed by an affine
for each tile. They are left out then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from renderapps.alignment.models import Floats, Model
from renderapps.alignment.moments import HALF_TRUST, Moments
from renderapps.alignment.normal_equations import Pattern

PLACE, SHAPE = 1e-9, 1e-6
"""How strongly centres and shapes of tiles are held, against pairs that weigh about 1."""
UNDETERMINED = 1e-7
"""Share of a direction's information that is left when the tiles may move."""
OUTLYING = 4.0
"""A pair that misses by more than this many times the usual distance is left out."""
STEPS, ROUNDS = 20, 6


class UndeterminedLens(ValueError):
    """The matches do not determine the lens; the text says what they leave open."""


@dataclass(frozen=True)
class LensFit:
    """A lens, and the maps of the tiles after it.

    Attributes
    ----------
    model : Model
    middle, size : (2,) float64, float
        Of the scaled coordinates, pixels of the image.
    terms : (K, 2) float64
        Those of 1, u and v are 0.
    linear, shifts : (T, 2, 2), (T, 2) float64
        Maps of the tiles: pixels after the lens to the world.
    before, after : (L,) float64
        Root mean square residual of each pair without a lens and with it, pixels of the world.
    accepted : (L,) bool
        Pairs that took part in the end.
    standard_error : float
        Largest standard error of the lens anywhere in the image, pixels.
    """

    model: Model
    middle: Floats
    size: float
    terms: Floats
    linear: Floats
    shifts: Floats
    before: Floats
    after: Floats
    accepted: NDArray[np.bool_]
    standard_error: float

    def displacements(self, points: Floats) -> Floats:
        """(N, 2) what the lens adds to pixels (N, 2) of the image."""
        return np.asarray(self.model.functions((points - self.middle) / self.size) @ self.terms)

    def world(self, tiles: NDArray[np.int64], points: Floats, lens: bool = True) -> Floats:
        """(N, 2) world places of pixels of tiles (N,)."""
        seen = points + self.displacements(points) if lens else points
        return np.asarray(np.einsum("nij,nj->ni", self.linear[tiles], seen) + self.shifts[tiles])


class _Weighted(NamedTuple):
    """(L, K, K) sums over pairs, those of both ends negative, and (L, K, 2) slopes at each end."""

    pp: Floats
    qq: Floats
    pq: Floats
    p: Floats
    q: Floats


def _form(left: Floats, gram: Floats, right: Floats) -> Floats:
    """(L, U, V) of a gram in terms of the unknowns of its two ends, axes summed."""
    parts = (left[..., a] @ gram @ np.swapaxes(right[..., a], 1, 2) for a in (0, 1))
    return np.asarray(sum(parts))


class _Joint:
    """The unknowns of lens and tiles, and one step of all of them."""

    def __init__(
        self,
        moments: Moments,
        model: Model,
        middle: Floats,
        size: float,
        linear: Floats,
        shifts: Floats,
        affine: bool,
    ) -> None:
        self.moments, self.model, self.affine, self.size = moments, model, affine, size
        self.linear, self.shifts = linear.copy(), shifts.copy()
        self.held = linear
        self.first_shifts = shifts
        k = model.terms
        self.frame = np.zeros((k, 2))
        self.frame[0], self.frame[1, 0], self.frame[2, 1] = middle, size, size
        self.higher = np.arange(6 if affine else 3, k)
        count = len(linear)
        self.pattern = Pattern(moments.first, moments.second, np.ones(count, bool))

    def coefficients(self) -> Floats:
        """(T, K, 2) of the functions, for the way from pixel to world."""
        result = self.frame @ np.swapaxes(self.linear, 1, 2)
        result[:, 0] += self.shifts
        return np.asarray(result)

    def squares(self) -> Floats:
        """(L,) weighted sum of squared distances of each pair."""
        m, c = self.moments, self.coefficients()
        one, two = c[m.first], c[m.second]
        middle = one[:, :1]  # both sides less the same point: no digits are lost
        one, two = one.copy(), two.copy()
        one[:, 0] -= middle[:, 0]
        two[:, 0] -= middle[:, 0]
        total = np.einsum("lka,lkm,lma->l", one, m.pp, one)
        total += np.einsum("lka,lkm,lma->l", two, m.qq, two)
        total -= 2 * np.einsum("lka,lkm,lma->l", one, m.pq, two)
        return np.asarray(np.maximum(total, 0))

    def residuals(self) -> Floats:
        """(L,) root mean square distances, pixels of the world."""
        return np.asarray(np.sqrt(self.squares() / self.moments.totals))

    def _of_tiles(self) -> Floats:
        """(T, U, K, 2): the coefficients that each unknown of a tile moves."""
        count, k = len(self.linear), self.model.terms
        result = np.zeros((count, 6 if self.affine else 2, k, 2))
        result[:, 0, 0, 0] = result[:, 1, 0, 1] = 1.0
        if self.affine:
            arms = self.frame.copy()
            arms[0] = 0.0
            for axis in (0, 1):
                for column in (0, 1):
                    result[:, 2 + 2 * axis + column, :, axis] = arms[:, column] / self.size
        return result

    def _of_lens(self) -> Floats:
        """(T, M, K, 2): the coefficients that each unknown of the lens moves."""
        count, k = len(self.linear), self.model.terms
        result = np.zeros((count, len(self.higher), 2, k, 2))
        for number, term in enumerate(self.higher):
            result[:, number, :, term] = np.swapaxes(self.linear, 1, 2)
        return result.reshape(count, -1, k, 2)

    def step(self, trust: Floats, lens: bool) -> tuple[float, Floats]:
        """Move by one step; how far it went, pixels, and the information on the lens."""
        sums, tiles = self._weighted(trust), self._of_tiles()
        ends = tiles[self.moments.first], tiles[self.moments.second]
        matrix, right = self._tile_system(sums, ends)
        factor = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0)
        if not lens:
            moved = self._moved(factor.solve(right.ravel()).reshape(right.shape))
            return moved, np.zeros((0, 0))
        mixed, whole, of_lens = self._lens_system(sums, ends)
        solved = factor.solve(np.column_stack([mixed, right.ravel()]))
        information = whole - mixed.T @ solved[:, :-1]
        self._require(information, whole)
        lens_step = np.linalg.solve(information, of_lens - mixed.T @ solved[:, -1])
        tile_step = (solved[:, -1] - solved[:, :-1] @ lens_step).reshape(right.shape)
        self.frame[self.higher] += lens_step.reshape(-1, 2)
        return max(self._moved(tile_step), float(np.abs(lens_step).max())), information

    def _weighted(self, trust: Floats) -> _Weighted:
        """Sums over the pairs as far as they are trusted, and the slopes of their squares."""
        m, w, c = self.moments, trust[:, None, None], self.coefficients()
        pp, qq, pq = w * m.pp, w * m.qq, -w * m.pq
        origin = c[m.first][:, :1]
        one, two = c[m.first].copy(), c[m.second].copy()
        one[:, 0] -= origin[:, 0]
        two[:, 0] -= origin[:, 0]
        return _Weighted(pp, qq, pq, pp @ one + pq @ two, np.swapaxes(pq, 1, 2) @ one + qq @ two)

    def _tile_system(
        self, sums: _Weighted, ends: tuple[Floats, Floats]
    ) -> tuple[sparse.bsr_matrix, Floats]:
        """Matrix and (T, U) right sides of the steps of the tiles, the lens as it is."""
        unknowns = ends[0].shape[1]
        hold = np.zeros((unknowns, unknowns))
        hold[[0, 1], [0, 1]] = PLACE
        if self.affine:
            hold[range(2, 6), range(2, 6)] = SHAPE
        matrix = self.pattern.matrix(
            np.zeros((len(self.linear), unknowns, unknowns)) + hold,
            _form(ends[0], sums.pp, ends[0]),
            _form(ends[1], sums.qq, ends[1]),
            _form(ends[0], sums.pq, ends[1]),
        )
        off: Any = np.zeros((len(self.linear), unknowns))
        off[:, :2] = self.shifts - self.first_shifts
        off[:, 2:] = ((self.linear - self.held).reshape(-1, 4) * self.size)[:, : unknowns - 2]
        right = -self.pattern.sums(
            np.einsum("luka,lka->lu", ends[0], sums.p), np.einsum("luka,lka->lu", ends[1], sums.q)
        )
        return matrix, right - off @ hold

    def _lens_system(
        self, sums: _Weighted, ends: tuple[Floats, Floats]
    ) -> tuple[Floats, Floats, Floats]:
        """What couples tiles (T U) and lens (M), the matrix of the lens, and its right side."""
        common = self._of_lens()
        one, two = common[self.moments.first], common[self.moments.second]
        mixed = self.pattern.sums(
            _form(ends[0], sums.pp, one) + _form(ends[0], sums.pq, two),
            _form(ends[1], np.swapaxes(sums.pq, 1, 2), one) + _form(ends[1], sums.qq, two),
        )
        both = _form(one, sums.pq, two).sum(0)
        whole = _form(one, sums.pp, one).sum(0) + _form(two, sums.qq, two).sum(0)
        right = -sum(
            np.einsum("luka,lka->u", side, slope) for side, slope in ((one, sums.p), (two, sums.q))
        )
        unknowns = mixed.shape[0] * mixed.shape[1]
        return mixed.reshape(unknowns, -1), whole + both + both.T, np.asarray(right)

    def _moved(self, step: Floats) -> float:
        self.shifts = self.shifts + step[:, :2]
        if self.affine:
            # the unknowns turn about the middle of the image, not about pixel (0, 0)
            middle = self.frame[0]
            change = step[:, 2:].reshape(-1, 2, 2) / self.size
            self.linear = self.linear + change
            self.shifts = self.shifts - change @ middle
        return float(np.abs(step).max(initial=0))

    def _require(self, information: Floats, whole: Floats) -> None:
        """UndeterminedLens where some direction of the lens is as good as free."""
        scale = 1 / np.sqrt(np.maximum(np.diag(whole), 1e-300))
        values, vectors = np.linalg.eigh(information * scale[:, None] * scale)
        if values[0] > UNDETERMINED and np.diag(whole).min() > 0:
            return
        names = term_names(self.model)
        weakest = np.argsort(-np.abs(vectors[:, 0]))[:3]
        named = dict.fromkeys(names[self.higher[k // 2]] for k in weakest)
        raise UndeterminedLens(
            f"the matches leave terms {', '.join(named)} of the lens open: tiles have to overlap "
            "on all sides, by more than a few pixels; choose a lower order, or take more sections"
        )


def term_names(model: Model) -> list[str]:
    """A name for each function of a model."""
    if model.name == "thin_plate_spline":
        return ["1", "u", "v", *(f"bending mode {k + 1}" for k in range(model.terms - 3))]
    degree = int(model.name[-1])
    names = []
    for total in range(degree + 1):
        for k in range(total + 1):
            powers = [(n, e) for n, e in (("u", total - k), ("v", k)) if e]
            text = " ".join(n if e == 1 else f"{n}^{e}" for n, e in powers)
            names.append(text or "1")
    return names


def fit_lens(
    moments: Moments,
    model: Model,
    middle: Floats,
    size: float,
    linear: Floats,
    shifts: Floats,
    affine: bool = False,
    most_error: float = 0.5,
) -> LensFit:
    """Fit the lens and the maps of the tiles.

    Parameters
    ----------
    moments : Moments
        Of the pairs, of the model's functions of pixels of the images.
    model : Model
    middle, size : (2,) float64, float
        Of the scaled coordinates, pixels of the image.
    linear, shifts : (T, 2, 2), (T, 2) float64
        Present maps of the tiles, from pixels to the world.
    affine : bool
        Tiles may also turn, stretch and shear.
    most_error : float
        Largest standard error of the lens anywhere in the image, pixels, that is accepted.

    Raises
    ------
    UndeterminedLens
        Where the pairs leave it open.
    """
    if not len(moments.counts):
        raise UndeterminedLens("no two tiles have matches: match neighbouring tiles first")
    joint = _Joint(moments, model, middle, size, linear, shifts, affine)
    if not len(joint.higher):
        raise UndeterminedLens(
            "with affine tiles a second order lens cannot be told from the maps of the tiles: "
            "give order 3 or more, or tile_model translation"
        )
    trust, before = _without_lens(joint)
    trust, information = _with_lens(joint, trust)
    after = joint.residuals()
    error = _standard_error(joint, information, after[trust > 0])
    if error > most_error:
        raise UndeterminedLens(
            f"the lens would be uncertain by {error:.2f} px somewhere in the image (accepted: "
            f"{most_error:g}): take more sections, overlaps on all sides, or a lower order"
        )
    terms = joint.frame.copy()
    terms[:3] = 0.0
    return LensFit(
        model, middle, size, terms, joint.linear, joint.shifts, before, after, trust > 0, error
    )


def _without_lens(joint: _Joint) -> tuple[Floats, Floats]:
    """Place the tiles alone: which pairs are not far off then, and the residuals of all."""
    trust = np.ones(len(joint.moments.counts))
    _converge(joint, trust, False)
    trust = _agreeing(joint.residuals(), trust, 20.0)
    _converge(joint, trust, False)
    return trust, joint.residuals()


def _with_lens(joint: _Joint, trust: Floats) -> tuple[Floats, Floats]:
    """Fit lens and tiles to pairs that agree, until these stay; they, and what they tell."""
    information = np.zeros((0, 0))
    for _ in range(ROUNDS):
        information = _converge(joint, trust, True)
        now = _agreeing(joint.residuals(), trust, 0.5)
        if (now == trust).all():
            break
        trust = now
    return trust, information


def require_coverage(model: Model, scaled: Floats) -> None:
    """UndeterminedLens where a spline would have to guess: cells of its grid without any points.

    A polynomial is the same function wherever it was seen; a spline says only what it saw.

    Parameters
    ----------
    scaled : (N, 2) float64
        Scaled coordinates of all matched points.
    """
    if model.name != "thin_plate_spline":
        return
    reach = np.array(model.reach)
    cells = np.floor((scaled / reach + 1) / 2 * (model.grid - 1))
    cells = np.clip(cells, 0, model.grid - 2).astype(int)
    count = len(np.unique(cells, axis=0))
    total = (model.grid - 1) ** 2
    if count < total:
        raise UndeterminedLens(
            f"{total - count} of {total} cells of the spline's grid have no matches, as the middle "
            "of tiles that overlap little: take tiles that overlap by half, a coarser grid, or a "
            "polynomial"
        )


def _converge(joint: _Joint, trust: Floats, lens: bool) -> Floats:
    information = np.zeros((0, 0))
    for _ in range(STEPS):
        moved, information = joint.step(trust, lens)
        if moved < 1e-7:
            break
    return information


def _agreeing(residuals: Floats, trust: Floats, least: float) -> Floats:
    """1 for pairs that miss by no more than is usual, or than `least` pixels."""
    usual = float(np.median(residuals[trust > 0]))
    return np.asarray((residuals <= max(least, OUTLYING * usual)).astype(float))


def _standard_error(joint: _Joint, information: Floats, residuals: Floats) -> float:
    """Largest standard error of the lens over the image, pixels.

    A pair of n points weighs n / (n + 10), so that the covariance is the inverse of the information
    times the variance of a point times its weight, 1 / (n + 10).
    """
    scale = abs(float(np.mean(np.linalg.det(joint.linear))))
    number = float(np.median(joint.moments.given)) + HALF_TRUST
    variance = float(np.mean(residuals**2)) / 2 / max(scale, 1e-12) / number
    covariance = np.linalg.inv(information) * variance * max(scale, 1e-12)
    axes = [np.linspace(-reach, reach, 9) for reach in joint.model.reach]
    scaled = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
    values = joint.model.functions(scaled)[:, joint.higher]
    largest = 0.0
    for axis in (0, 1):
        part = covariance[axis::2, axis::2]
        largest = max(largest, float(np.einsum("nk,km,nm->n", values, part, values).max()))
    return float(np.sqrt(max(largest, 0.0)))
