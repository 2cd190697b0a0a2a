"""Sparse symmetric systems made of small blocks, one row of blocks for each unit that may move.

A block of the matrix belongs to a pair of units that links connect; assembling it anew for other
weights costs no search, since the pattern is found once. Systems in the plane are solved directly:
their factors stay sparse. In three dimensions factors fill up (measured: 20,000 tiles, 108 million
numbers), so that they are solved by preconditioned conjugate gradients (see `multigrid.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from renderapi.errors import EstimationError
from renderapps.alignment.conjugate_gradients import Inverse, conjugate_gradients
from renderapps.alignment.models import Floats
from renderapps.alignment.multigrid import Blocks, Nodes, multigrid

Ints = NDArray[np.int64]

DIRECT, ITERATIVE = "direct", "iterative"
SMALL = 60_000
"""Unknowns up to which a factor is made anew whenever weights change."""
ACCURACY = 1e-8
"""Of the residual of an iterative solution, relative to the right side."""
STEPS = 3000
QUICK = 40
"""Steps with an inverse made for other weights, before one is made for these."""


class Pattern:
    """Where the blocks of the links between units lie in the matrix.

    Parameters
    ----------
    first, second : (L,) int
        Units of each link.
    free : (T,) bool
        Units that have unknowns; the others stay as they are.
    """

    def __init__(self, first: Ints, second: Ints, free: NDArray[np.bool_]) -> None:
        self.free = np.flatnonzero(free)
        number = np.full(len(free), -1)
        number[self.free] = np.arange(len(self.free))
        i, j = number[first], number[second]
        count = len(self.free)
        self._sums = [_sums_by(ends, count) for ends in (i, j)]
        both = np.flatnonzero((i >= 0) & (j >= 0))
        own, i, j = np.arange(count), i[both], j[both]
        keys = np.concatenate([own, i, j]) * count + np.concatenate([own, j, i])
        order = np.argsort(keys, kind="stable")
        new = np.diff(keys[order], prepend=-1) != 0
        slots, leads = np.empty(len(keys), int), np.empty(len(keys), bool)
        slots[order], leads[order] = np.cumsum(new) - 1, new
        keys = keys[order[new]]
        self.columns = keys % max(count, 1)
        counts = np.bincount(keys // max(count, 1), minlength=count)
        self.pointers = np.concatenate([[0], np.cumsum(counts)])
        ends = (count, count + len(both))
        self._own, *between = np.split(slots, ends)
        self._between = [
            ((where[lead], both[lead]), (where[~lead], both[~lead]))
            for where, lead in zip(between, np.split(leads, ends)[1:], strict=True)
        ]

    def matrix(self, own: Floats, pp: Floats, qq: Floats, pq: Floats) -> sparse.bsr_matrix:
        """Matrix of the blocks (T, B, B) of the units and (L, B, B) of the links.

        `pp` is added to the block of the first unit, `qq` to that of the second, `pq` to that in
        the row of the first and the column of the second, its transpose to the opposite one.
        """
        side = own.shape[1]
        data = np.empty((len(self.columns), side, side))
        data[self._own] = own[self.free] + self.sums(pp, qq)
        for (lead, again), blocks in zip(self._between, (pq, pq.swapaxes(1, 2)), strict=True):
            data[lead[0]] = blocks[lead[1]]
            np.add.at(data, again[0], blocks[again[1]])  # two links between the same units
        size = len(self.free) * side
        return sparse.bsr_matrix((data, self.columns, self.pointers), shape=(size, size))

    def sums(self, p: Floats, q: Floats) -> Floats:
        """Sums for each free unit of what the links have for their two ends, (L, ...) each."""
        size = int(np.prod(p.shape[1:]))
        flat = (values.reshape(len(values), size) for values in (p, q))
        total = sum(sums @ values for sums, values in zip(self._sums, flat, strict=True))
        return np.asarray(total).reshape(len(self.free), *p.shape[1:])


def _sums_by(units: Ints, count: int) -> sparse.csr_matrix:
    """Matrix (count, L) whose product with (L, ...) values has their sums by unit; -1: no unit."""
    links = np.flatnonzero(units >= 0)
    ones = np.ones(len(links))
    return sparse.csr_matrix((ones, (units[links], links)), shape=(count, len(units)))


@dataclass
class Solver:
    """Solves systems that differ little from each other, one after the other.

    Attributes
    ----------
    kind : {"direct", "iterative"}
    nodes : Nodes, optional
    first, later : Blocks, optional
        Where the units lie and how groups of them move (see `multigrid.py`), if iterative.
    steps : int
        Steps of conjugate gradients made in all.
    """

    kind: str = DIRECT
    nodes: Nodes | None = None
    first: Blocks | None = None
    later: Blocks | None = None
    steps: int = 0
    _known: Inverse | None = field(default=None, repr=False)

    def solve(self, matrix: sparse.bsr_matrix, right: Floats, start: Floats) -> Floats:
        """(n, R) solution for (n, R) right sides; `start` is a guess."""
        if not right.size:
            return right.copy()
        if self._known is not None:  # the inverse of a system with other weights, nearly this one's
            try:
                return self._iterated(matrix, right, start, self._known, QUICK)
            except EstimationError:
                self._known = None
        if self.kind == DIRECT or self.nodes is None or self.first is None or self.later is None:
            return self._direct(matrix, right)
        self._known = multigrid(matrix, self.nodes, self.first, self.later)
        return self._iterated(matrix, right, start, self._known)

    def forget(self) -> None:
        """The next system differs much from those before."""
        self._known = None

    def _direct(self, matrix: sparse.bsr_matrix, right: Floats) -> Floats:
        factor = splu(
            matrix.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        if matrix.shape[0] > SMALL:
            self._known = lambda rows: factor.solve(rows.T).T
        return np.asarray(factor.solve(right))

    def _iterated(
        self,
        matrix: sparse.bsr_matrix,
        right: Floats,
        start: Floats,
        inverse: Inverse,
        most: int = STEPS,
    ) -> Floats:
        result, steps = conjugate_gradients(matrix, right, start, inverse, ACCURACY, most)
        self.steps += steps
        if result is None:
            raise EstimationError(
                f"the solution has not converged within {most} steps: make the regularization "
                "stronger, or solve fewer sections at once"
            )
        return result
