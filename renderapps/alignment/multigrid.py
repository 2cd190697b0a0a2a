"""A preconditioner for systems of units in three dimensions: smoothed aggregation multigrid.

Units are gathered into groups of neighbours, groups into larger ones, until few are left, which are
solved exactly. What neighbours share are the affine movements of the plane; they are handed from
level to level exactly, so that long waves through many sections cost no more steps than short ones
(Vanek, Mandel, Brezina 1996). On each level the inverses of the units' own blocks smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from renderapps.alignment.conjugate_gradients import Inverse, times
from renderapps.alignment.models import Floats

Ints = NDArray[np.int64]
FEW = 1500
"""Unknowns that are solved exactly."""
SIDE, LAYERS = 2.0, 9.0
"""Units along each side of a group, and its layers: whole tiles overlap across sections and only
their rims within one, so that what lies above each other moves together most. Measured on 9,000
tiles: 75 steps, with 3 and 3 they are 115."""
DAMPING = 1.6
"""Of a smoothing step, relative to the largest eigenvalue."""


@dataclass(frozen=True)
class Nodes:
    """Units, or groups of them: (N, 2) places, (N,) layer numbers, (N,) sizes, in pixels."""

    places: Floats
    layers: Floats
    sizes: Floats

    def gathered(self) -> tuple[Ints, Nodes]:
        """Groups of SIDE in x and y and LAYERS layers, and the nodes that these are."""
        step = SIDE * _spacing(self.places, self.layers)
        cells = np.floor((self.places - self.places.min(axis=0)) / max(step, 1e-9))
        keys = np.column_stack([np.floor(self.layers / LAYERS), cells]).astype(int)
        groups = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
        counts = np.bincount(groups)
        means = [np.bincount(groups, v) / counts for v in self.places.T]
        layers = np.bincount(groups, np.floor(self.layers / LAYERS)) / counts
        sizes = np.full(len(counts), step)
        return groups, Nodes(np.stack(means, axis=1), layers, sizes)


def _spacing(places: Floats, layers: Floats) -> float:
    """About how far nodes of one layer lie from each other."""
    numbers = layers.round().astype(int)
    layer = places[numbers == np.bincount(numbers - numbers.min()).argmax() + numbers.min()]
    extent = np.ptp(layer, axis=0)
    return float(np.sqrt(max(extent[0], 1.0) * max(extent[1], 1.0) / len(layer)))


Blocks = Callable[[Floats, Floats], Floats]
"""(N, B, S) movements of nodes for unit movements of their group, from (N, 2) arms and (N,) sizes,
both relative to the size of the group."""


def separate_blocks(terms: int) -> Blocks:
    """For one axis of affine movements: a constant and two slopes."""

    def blocks(arms: Floats, sizes: Floats) -> Floats:
        affine = min(terms, 3)
        result = np.zeros((len(arms), terms, affine))
        result[:, 0, 0] = 1.0
        if affine == 3:
            result[:, 0, 1:] = arms
            result[:, 1, 1] = result[:, 2, 2] = sizes
        return result

    return blocks


def coupled_blocks(unknowns: int) -> Blocks:
    """For both axes: two shifts, a turn, and growth where there are four unknowns."""

    def blocks(arms: Floats, sizes: Floats) -> Floats:
        result = np.zeros((len(arms), unknowns, unknowns))
        result[:, 0, 0] = result[:, 1, 1] = 1.0
        result[:, 0, 2], result[:, 1, 2] = -arms[:, 1], arms[:, 0]
        result[:, 2, 2] = sizes
        if unknowns == 4:
            result[:, 0, 3], result[:, 1, 3] = arms.T
            result[:, 3, 3] = sizes
        return result

    return blocks


@dataclass
class _Level:
    matrix: sparse.bsr_matrix
    inverse: sparse.bsr_matrix
    spread: sparse.bsr_matrix
    gather: sparse.bsr_matrix

    def smoothed(self, right: Floats, guess: Floats) -> Floats:
        return guess + times(self.inverse, right - times(self.matrix, guess))


def multigrid(matrix: sparse.bsr_matrix, nodes: Nodes, first: Blocks, later: Blocks) -> Inverse:
    """A V-cycle: a symmetric approximate inverse of a positive definite matrix of blocks.

    Parameters
    ----------
    matrix : (N B, N B) in blocks
    nodes : Nodes
        One for each row of blocks.
    first, later : Blocks
        From the units to the first groups, and from groups to larger ones.
    """
    levels: list[_Level] = []
    blocks = first
    while matrix.shape[0] > FEW:
        groups, above = nodes.gathered()
        if len(above.sizes) > 0.7 * len(nodes.sizes):
            break
        scale = above.sizes[groups]
        arms = (nodes.places - above.places[groups]) / scale[:, None]
        level = _level(matrix, groups, blocks(arms, nodes.sizes / scale))
        levels.append(level)
        spread = level.spread.astype(float)
        matrix = spread.T @ (matrix @ spread)
        nodes, blocks = above, later
    exact = splu(
        matrix.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )

    def cycle(right: Floats, depth: int) -> Floats:
        if depth == len(levels):
            return np.asarray(exact.solve(right.T.astype(float)).T, np.float32)
        level = levels[depth]
        guess = times(level.inverse, right)
        rest = times(level.gather, right - times(level.matrix, guess))
        guess += times(level.spread, cycle(rest, depth + 1))
        return level.smoothed(right, guess)

    def apply(right: Floats) -> Floats:
        # single precision: an approximate inverse needs no more, and memory is what takes the time
        lengths = np.abs(right).max(axis=1, keepdims=True)
        lengths[lengths == 0] = 1.0
        return cycle((right / lengths).astype(np.float32), 0).astype(float) * lengths

    return apply


def _level(matrix: sparse.bsr_matrix, groups: Ints, blocks: Floats) -> _Level:
    inverse = _block_inverse(matrix)
    largest = _largest_value(matrix, inverse)
    count, rows, columns = blocks.shape
    shape = (count * rows, (int(groups.max()) + 1) * columns)
    plain = sparse.bsr_matrix((blocks, groups, np.arange(count + 1)), shape=shape)
    smoothed = plain - (4 / 3 / largest) * (inverse @ (matrix @ plain))
    inverse = inverse * (DAMPING / largest)
    single, inverse, spread = (part.astype(np.float32) for part in (matrix, inverse, smoothed))
    return _Level(single, inverse, spread, spread.T.tobsr(copy=True))


def _block_inverse(matrix: sparse.bsr_matrix) -> sparse.bsr_matrix:
    rows = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
    blocks = matrix.data[rows == matrix.indices]
    own = np.arange(len(blocks) + 1)
    return sparse.bsr_matrix((np.linalg.inv(blocks), own[:-1], own), shape=matrix.shape)


def _largest_value(matrix: sparse.bsr_matrix, inverse: sparse.bsr_matrix) -> float:
    """Largest eigenvalue of the product of both, nearly (power method)."""
    vector = np.random.default_rng(0).normal(size=matrix.shape[0])
    length = 1.0
    for _ in range(15):
        vector = inverse @ (matrix @ vector)
        length = float(np.sqrt(np.square(vector).sum()))
        vector /= length
    return 1.05 * length
