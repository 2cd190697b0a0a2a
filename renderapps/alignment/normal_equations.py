"""Sparse symmetric systems made of small blocks, one row of blocks for each unit that may move.

A block of the matrix belongs to a pair of units that links connect; assembling it anew for other
weights costs no search, since the pattern is found once. Systems in the plane are solved directly:
their factors stay sparse. In three dimensions factors fill up (measured: 20,000 tiles, 108 million
numbers), so that they are solved by preconditioned conjugate gradients (see `multigrid.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

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
AT_ONCE, UNITS = 4000, 1000
"""Links, and units with all their links, whose blocks are worked on together: what that needs stays
in the processor's memory. Arrays of all blocks would cost more to be had than to be filled."""
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
        self._ends = [_Ends.of(ends, count) for ends in (i, j)]
        both = np.flatnonzero((i >= 0) & (j >= 0))
        slots, leads = self._find(i[both], j[both])
        ends = (count, count + len(both))
        self._own, *between = np.split(slots, ends)
        self._between = [
            ((where[lead], both[lead]), (where[~lead], both[~lead]))
            for where, lead in zip(between, np.split(leads, ends)[1:], strict=True)
        ]

    def _find(self, i: Ints, j: Ints) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """The block of each unit, of each link, and of each link turned round; and which are the
        first of their block. Sets where the blocks lie in the matrix.
        """
        count = len(self.free)
        keys = np.concatenate([np.arange(count) * (count + 1), i * count + j, j * count + i])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        new = np.ones(len(keys), bool)
        np.not_equal(keys[1:], keys[:-1], out=new[1:])
        slots, leads = np.empty(len(keys), np.int32), np.empty(len(keys), bool)
        slots[order] = np.cumsum(new, dtype=np.int32) - 1
        leads[order] = new
        rows, columns = np.divmod(keys[new], max(count, 1))
        self.columns = columns.astype(np.int32)
        counts = np.bincount(rows, minlength=count)
        self.pointers = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return slots, leads

    def matrix(
        self,
        own: Floats,
        pp: Floats,
        qq: Floats,
        pq: Floats,
        factors: Sequence[Floats | None] = (None, None, None),
    ) -> sparse.bsr_matrix:
        """Matrix of the blocks (T, B, B) of the units and (L, B, B) of the links.

        `pp` is added to the block of the first unit, `qq` to that of the second, `pq` to that in
        the row of the first and the column of the second, its transpose to the opposite one; each
        times its (L,) factors, if there are any.
        """
        p, q, across = factors
        side = own.shape[1]
        data = np.empty((len(self.columns), side, side))
        data[self._own] = self.sums(pp, qq, (p, q)) + own[self.free]
        for (lead, again), is_turned in zip(self._between, (False, True), strict=True):
            for where, links in _in_parts(*lead):
                data[where] = _chosen(pq, links, across, is_turned)
            for where, links in _in_parts(*again):  # two links between the same units
                np.add.at(data, where, _chosen(pq, links, across, is_turned))
        size = len(self.free) * side
        return sparse.bsr_matrix((data, self.columns, self.pointers), shape=(size, size))

    def sums(self, p: Floats, q: Floats, factors: Sequence[Floats | None] = (None, None)) -> Floats:
        """Sums for each free unit of what the links have for their two ends, (L, ...) each, times
        their (L,) factors, if there are any.
        """
        total = np.zeros((len(self.free), prod(p.shape[1:])))
        for ends, values, by in zip(self._ends, (p, q), factors, strict=True):
            ends.add(total, values, by)
        return total.reshape(len(self.free), *p.shape[1:])


class _Ends(NamedTuple):
    """The links of each unit u at one of their ends: from `pointers[u]` to `pointers[u + 1]`."""

    links: NDArray[np.int32]
    pointers: NDArray[np.int32]

    @classmethod
    def of(cls, units: Ints, count: int) -> _Ends:
        """Of units by link; -1: no unit."""
        links = np.flatnonzero(units >= 0)
        ones = np.ones(len(links), bool)
        rows = sparse.csr_matrix((ones, (units[links], links)), shape=(count, len(units)))
        return cls(rows.indices, rows.indptr)

    def add(self, total: Floats, values: Floats, factors: Floats | None) -> None:
        """Add to (T, N) what the links have."""
        for begin in range(0, len(total), UNITS):
            starts = self.pointers[begin : begin + UNITS + 1]
            chosen = _chosen(values, self.links[starts[0] : starts[-1]], factors)
            flat, number = chosen.reshape(len(chosen), total.shape[1]), np.arange(len(chosen))
            rows = (np.ones(len(chosen)), number, starts - starts[0])
            sums = sparse.csr_matrix(rows, shape=(len(starts) - 1, len(chosen)))
            total[begin : begin + UNITS] += sums @ flat


def _in_parts(*arrays: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
    """Parts of AT_ONCE of arrays that are as long as each other."""
    for begin in range(0, len(arrays[0]), AT_ONCE):
        yield tuple(array[begin : begin + AT_ONCE] for array in arrays)


def _chosen(
    values: Floats, links: NDArray[Any], factors: Floats | None, is_turned: bool = False
) -> Floats:
    """(N, ...) values of some links, times their factors; or the transposes of their blocks."""
    chosen = values.reshape(len(values), prod(values.shape[1:]))[links]
    if factors is not None:
        chosen *= factors[links, None]
    blocks = chosen.reshape(len(chosen), *values.shape[1:])
    return blocks.swapaxes(1, 2) if is_turned else blocks


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
