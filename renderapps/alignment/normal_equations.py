"""Sparse symmetric systems made of small blocks, one row of blocks for each unit that may move.

A block of the matrix belongs to a pair of units that links connect; assembling it anew for other
weights costs no search, since the pattern is found once. Systems in the plane are solved directly:
their factors stay sparse. In three dimensions factors fill up (measured: 20,000 tiles, 108 million
numbers), so that they are solved by preconditioned conjugate gradients (see `multigrid.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
        self.ends = [(np.flatnonzero(i >= 0), i[i >= 0]), (np.flatnonzero(j >= 0), j[j >= 0])]
        self.both = np.flatnonzero((i >= 0) & (j >= 0))
        i, j = i[self.both], j[self.both]
        own = np.arange(len(self.free))
        count = len(self.free)
        rows = np.concatenate([own, self.ends[0][1], self.ends[1][1], i, j])
        columns = np.concatenate([own, self.ends[0][1], self.ends[1][1], j, i])
        keys = rows * count + columns
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        self.columns = keys[starts] % max(count, 1)
        counts = np.bincount(keys[starts] // max(count, 1), minlength=count)
        self.pointers = np.concatenate([[0], np.cumsum(counts)])
        self._blocks = _sums(order, np.append(starts, len(order)), len(order))
        self._ends = [_sums_by(units, links, count, len(first)) for links, units in self.ends]

    def matrix(self, own: Floats, pp: Floats, qq: Floats, pq: Floats) -> sparse.bsr_matrix:
        """Matrix of the blocks (T, B, B) of the units and (L, B, B) of the links.

        `pp` is added to the block of the first unit, `qq` to that of the second, `pq` to that in
        the row of the first and the column of the second, its transpose to the opposite one.
        """
        parts = [own[self.free], pp[self.ends[0][0]], qq[self.ends[1][0]]]
        between = pq[self.both]
        blocks = np.concatenate([*parts, between, np.swapaxes(between, 1, 2)])
        side = own.shape[1]
        data = (self._blocks @ blocks.reshape(len(blocks), side**2)).reshape(-1, side, side)
        size = len(self.free) * side
        return sparse.bsr_matrix((data, self.columns, self.pointers), shape=(size, size))

    def sums(self, p: Floats, q: Floats) -> Floats:
        """Sums for each free unit of what the links have for their two ends, (L, ...) each."""
        size = int(np.prod(p.shape[1:]))
        flat = (values.reshape(len(values), size) for values in (p, q))
        total = sum(sums @ values for sums, values in zip(self._ends, flat, strict=True))
        return np.asarray(total).reshape(len(self.free), *p.shape[1:])


def _sums(columns: Ints, pointers: Ints, count: int) -> sparse.csr_matrix:
    """Matrix whose product with (count, ...) values has the sums of some of them in each row."""
    shape = (len(pointers) - 1, count)
    return sparse.csr_matrix((np.ones(len(columns)), columns, pointers), shape=shape)


def _sums_by(groups: Ints, columns: Ints, rows: int, count: int) -> sparse.csr_matrix:
    """Such a matrix with a row for each group; the values at `columns` belong to `groups`."""
    return sparse.csr_matrix((np.ones(len(columns)), (groups, columns)), shape=(rows, count))


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
    _factor: Any = field(default=None, repr=False)

    def solve(self, matrix: sparse.bsr_matrix, right: Floats, start: Floats) -> Floats:
        """(n, R) solution for (n, R) right sides; `start` is a guess."""
        if not right.size:
            return right.copy()
        if self.kind == DIRECT or self.nodes is None or self.first is None or self.later is None:
            return self._direct(matrix, right, start)
        inverse = multigrid(matrix, self.nodes, self.first, self.later)
        return self._iterated(matrix, right, start, inverse)

    def _direct(self, matrix: sparse.bsr_matrix, right: Floats, start: Floats) -> Floats:
        if self._factor is not None:  # that of a system with other weights: nearly its inverse
            factor = self._factor
            try:
                return self._iterated(matrix, right, start, lambda v: factor.solve(v.T).T, 30)
            except EstimationError:
                self._factor = None
        factor = splu(
            matrix.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        if matrix.shape[0] > SMALL:
            self._factor = factor
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
