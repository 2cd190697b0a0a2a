"""The least squares problem of the places of units, and steps towards its solution.

What is minimised is written down in `solving.py` and in docs/alignment.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapps.alignment.models import Floats, Model, changes_of
from renderapps.alignment.moments import Moments
from renderapps.alignment.multigrid import Nodes, coupled_blocks, separate_blocks
from renderapps.alignment.normal_equations import DIRECT, Pattern, Solver
from renderapps.alignment.rotations import start_turned

STIFF = 1.0
"""Of shapes, while links are judged at first: a loose tile would rather bend to a wrong link than
contradict it."""
AT_ONCE = 2000
"""Links whose residuals are worked out together: what they need stays in the processor's memory."""
STILL = 1e-9
"""Of the size of units: a rigid solution that moves by less is found; linear ones take one step."""


@dataclass(frozen=True)
class Stiffness:
    """How strongly units are held at their prior, against links that weigh about 1.

    Attributes
    ----------
    place : float
        Against movements of the centre.
    shape : float
        Against rotation, scale and shear: of the mean squared movement of the corners about the
        centre.
    bending : float
        Against higher terms: of the sum of their squares.
    """

    place: float = 1e-7
    shape: float = 1e-3
    bending: float = 1e-3


def unit_sizes(corners: Floats) -> tuple[Floats, Floats]:
    """Centres (T, 2) and sizes (T,) of (T, 4, 2) corners: their mean, and mean distance from it."""
    centres = corners.mean(axis=1)
    sizes = np.linalg.norm(corners - centres[:, None], axis=2).mean(axis=1)
    return centres, np.where(sizes > 0, sizes, 1.0)


class Problem:
    """The current maps of the units, and one Gauss-Newton step from them.

    Parameters
    ----------
    corners : (T, 4, 2) float64
        Of the units, in world pixels as they lie now.
    moments : Moments
    model : Model
    stiffness : Stiffness
    free : (T,) bool, optional
        Units that may move; all by default.
    prior : (T, K, 2) float64, optional
        Terms that the units are held at; by default they are held where they lie.
    strengths : (L,) float64, optional
        Factors of the weights of the links.
    solver : {"direct", "iterative"}
    sections : (T,) int, optional
        The section of each unit.
    """

    def __init__(
        self,
        corners: Floats,
        moments: Moments,
        model: Model,
        stiffness: Stiffness,
        free: NDArray[np.bool_] | None = None,
        prior: Floats | None = None,
        strengths: Floats | None = None,
        solver: str = DIRECT,
        sections: NDArray[np.int64] | None = None,
    ) -> None:
        count = len(corners)
        self.corners = corners
        self.centres, self.sizes = unit_sizes(corners)
        self.moments = moments
        self.model = model
        self.free = np.ones(count, bool) if free is None else free
        self.prior = np.zeros((count, model.terms, 2)) if prior is None else prior
        self.strengths = np.ones(len(moments.counts)) if strengths is None else strengths
        self.sections = np.zeros(count, int) if sections is None else sections
        self.first, self.second = moments.first, moments.second
        self.shifts, self.scatters = moments.shifts, moments.scatters
        self.shift_errors = moments.shift_errors(model.unknowns)
        self.pattern = Pattern(self.first, self.second, self.free)
        self.hold = self._hold(stiffness)
        self.solver = self._solver(solver)
        self._for: Floats | None = None
        self.start()

    def _solver(self, kind: str) -> Solver:
        if kind == DIRECT:
            return Solver()
        self.terms = self.prior
        terms, unknowns = self.model.terms, self.model.unknowns
        if self.model.coupled:
            blocks = coupled_blocks(unknowns)
            return Solver(kind, self._nodes(), blocks, blocks)
        later = separate_blocks(min(terms, 3))
        return Solver(kind, self._nodes(), separate_blocks(terms), later)

    @contextmanager
    def stiff(self) -> Iterator[None]:
        """Within it shapes are held as strongly as links hold places."""
        held = self.hold
        self.hold = held.copy()
        shapes = np.maximum(np.diagonal(held, axis1=1, axis2=2)[:, 1:], STIFF)
        index = np.arange(1, held.shape[1])
        self.hold[:, index, index] = shapes
        self._for = None
        self.solver.forget()
        try:
            yield
        finally:
            self.hold, self._for = held, None
            self.solver.forget()

    def start(self, trust: Floats | None = None) -> None:
        """Begin where the units are held; a rigid model where the links turn them to."""
        self.terms = np.where(self.free[:, None, None], self.prior, 0.0)
        if self.model.name == "rigid":
            self.terms = start_turned(
                self.moments, self.sizes, self.terms, self.free, trust, self.solver.kind
            )
        self._for = None

    def joined_ends(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(L,) ends of the links, where all units that do not move count as one."""
        nodes = np.arange(len(self.corners))
        if not self.free.all():
            nodes[~self.free] = np.flatnonzero(~self.free)[0]
        return nodes[self.first], nodes[self.second]

    def _hold(self, stiffness: Stiffness) -> Floats:
        """(T, K, K) quadratic forms that hold the terms of each axis at the prior."""
        k = self.model.terms
        hold = np.zeros((len(self.corners), k, k))
        hold[:, 0, 0] = stiffness.place
        if k > 1:
            arms = (self.corners - self.centres[:, None]) / self.sizes[:, None, None]
            moments = np.einsum("nca,ncb->nab", arms, arms) / arms.shape[1]
            hold[:, 1:3, 1:3] = stiffness.shape * moments
            higher = np.arange(3, k)
            hold[:, higher, higher] = stiffness.bending
        return hold

    @property
    def changes(self) -> Floats:
        """(T, 3, 3) affine part of the maps, world to world."""
        return changes_of(self.terms, self.centres, self.sizes)

    def moves(self) -> Floats:
        """(T, 2) how far the centre of each unit goes, pixels.

        That of the affine part; higher terms may move a centre besides.
        """
        return self.terms[:, 0]

    def solve_with(self, accepted: NDArray[np.bool_]) -> None:
        """Set the maps to those of the accepted links alone."""
        trust = accepted.astype(float)
        if self._for is not None and np.array_equal(trust, self._for):
            return
        if self.model.name == "rigid":
            self.start(trust)
        self.converge(trust)

    def converge(self, trust: Floats) -> None:
        """Steps until nothing moves; one, where the model is linear."""
        if not self.free.any():
            return
        if self._for is not None and np.array_equal(trust, self._for):
            return
        for _ in range(50):
            before = self.terms
            self.terms = self._stepped(trust)
            moved = float(np.abs(self.terms - before).max(initial=0))
            if self.model.name != "rigid" or moved < STILL * max(1.0, float(self.sizes.max())):
                break
        self._for = trust.copy()

    def gaps(self) -> Floats:
        """(L,) weighted sum of the squared distances of each link's points as things are."""
        m, dd = self.moments, self.moments.dd
        tables = (m.pp, m.qq, m.pq, m.pd, m.qd)
        total = np.empty(len(dd))
        for begin in range(0, len(dd), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            pp, qq, pq, pd, qd = (table[part] for table in tables)
            one, two = self.terms[self.first[part]], self.terms[self.second[part]]
            at_p, at_q = pp @ one + 2 * (pd - pq @ two), qq @ two - 2 * qd
            squares = np.einsum("lka,lka->l", one, at_p) + np.einsum("lka,lka->l", two, at_q)
            total[part] = squares + dd[part]
        return np.maximum(total, 0)

    def residuals(self) -> Floats:
        """(L,) weighted root mean square distance of each link as things are, pixels."""
        return np.asarray(np.sqrt(self.gaps() / self.moments.totals))

    def misfits(self) -> Floats:
        """(L,) how far the two sides of each link are apart in common, pixels."""
        if self.model.terms == 1:
            gaps = self.shifts + self.terms[self.first, 0] - self.terms[self.second, 0]
            return np.asarray(np.linalg.norm(gaps, axis=1))
        return np.asarray(np.sqrt(np.maximum(self.residuals() ** 2 - self.scatters**2, 0)))

    def _stepped(self, trust: Floats) -> Floats:
        """The terms after one step for links of these weights."""
        weights = trust * self.strengths
        if not self.model.coupled:
            return self._separate(weights)
        return self._coupled(weights)

    def _separate(self, weights: Floats) -> Floats:
        """Both axes have the same matrix, and the solution does not depend on where one is."""
        m, free = self.moments, self.pattern.free
        matrix = self.pattern.matrix(self.hold, m.pp, m.qq, m.pq, (weights, weights, -weights))
        right = self.pattern.sums(m.pd, m.qd, (-weights, weights)) + (self.hold @ self.prior)[free]
        solution = self.solver.solve(matrix, right.reshape(-1, 2), self.terms[free].reshape(-1, 2))
        result = self.terms.copy()
        result[free] = solution.reshape(len(free), self.model.terms, 2)
        return result

    def _coupled(self, weights: Floats) -> Floats:
        m, free = self.moments, self.pattern.free
        tangents = self._tangents()
        one, two = tangents[self.first], tangents[self.second]
        w = weights[:, None, None]

        def form(left: Floats, gram: Floats, right: Floats) -> Floats:
            """(N, U, U) of a gram in terms of the unknowns of its two ends, axes summed."""
            x = left[..., 0] @ gram @ np.swapaxes(right[..., 0], 1, 2)
            return x + left[..., 1] @ gram @ np.swapaxes(right[..., 1], 1, 2)

        matrix = self.pattern.matrix(
            form(tangents, self.hold, tangents),
            form(one, w * m.pp, one),
            form(two, w * m.qq, two),
            form(one, -w * m.pq, two),
        )
        here, there = self.terms[self.first], self.terms[self.second]
        p = w * (m.pd + m.pp @ here - m.pq @ there)
        q = -w * (m.qd + np.swapaxes(m.pq, 1, 2) @ here - m.qq @ there)
        pull = self.hold @ (self.terms - self.prior)
        right = self.pattern.sums(
            -np.einsum("luka,lka->lu", one, p), -np.einsum("luka,lka->lu", two, q)
        )
        right = right - np.einsum("tuka,tka->tu", tangents, pull)[free]
        if self.solver.kind != DIRECT:
            self.solver.nodes = self._nodes()
        size = right.shape[1]
        step = np.zeros((len(self.terms), size))
        solution = self.solver.solve(matrix, right.reshape(-1, 1), np.zeros((right.size, 1)))
        step[free] = solution.reshape(-1, size)
        return self._composed(step, tangents)

    def _linear(self) -> Floats:
        """(T, 2, 2) linear parts of the maps."""
        return np.asarray(
            np.eye(2) + np.swapaxes(self.terms[:, 1:3], 1, 2) / self.sizes[:, None, None]
        )

    def _tangents(self) -> Floats:
        """(T, U, K, 2): the terms that each unknown moves, and how far; in pixels at size 1."""
        linear = self._linear()
        if self.model.name == "similarity":
            linear = np.tile(np.eye(2), (len(linear), 1, 1))
        tangents = np.zeros((len(linear), self.model.unknowns, 3, 2))
        tangents[:, 0, 0, 0] = tangents[:, 1, 0, 1] = 1.0
        turned = np.array([[0.0, -1.0], [1.0, 0.0]]) @ linear
        tangents[:, 2, 1:] = np.swapaxes(turned, 1, 2)
        if self.model.name == "similarity":
            tangents[:, 3, 1:] = np.swapaxes(linear, 1, 2)
        return tangents

    def _composed(self, step: Floats, tangents: Floats) -> Floats:
        """Terms after a step: similarities add up, rotations are composed and stay rotations."""
        if self.model.name == "similarity":
            return self.terms + np.einsum("tu,tuka->tka", step, tangents)
        angle = step[:, 2] / self.sizes
        cos, sin = np.cos(angle), np.sin(angle)
        turn = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)
        result = self.terms.copy()
        result[:, 0] += step[:, :2]
        linear = turn @ self._linear()
        moved = (linear - np.eye(2)) * self.sizes[:, None, None]
        result[self.free, 1:3] = np.swapaxes(moved, 1, 2)[self.free]
        return result

    def _nodes(self) -> Nodes:
        """Where the free units lie now, for an iterative solver."""
        free = self.pattern.free
        layers = np.unique(self.sections[free], return_inverse=True)[1].ravel()
        places = (self.centres + self.terms[:, 0])[free]
        return Nodes(places, layers.astype(float), self.sizes[free])
