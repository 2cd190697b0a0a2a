"""The cells of a mesh at cracks: which nodes are on which side, and what lies there by each.

Grids are arrays (rows, columns, 2), x first. See `crack_sides` for the method and its sources.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
REACHES = 3, 2, 1
"""Sides are looked for among nodes so far around a cell; nearer ones where they meet further on."""
FEWEST = 3
"""Nodes of a side, at least."""
NEAR = 1.5
"""Standard deviation of the weights of nodes that a side is carried on from, cells."""
LEVEL = 0.1
"""Weight, in nodes, of a side's displacement being the same everywhere: for one row of nodes."""
NEARER = 0.1
"""Correlation that a side must be better by for each cell that it is further away."""


class Side(NamedTuple):
    """One side of a crack at a cell.

    Attributes
    ----------
    affine : (3, 2) float64
        Displacement for (1, column, row), counted in cells from the first node of the cell.
    corners : (2, 2, 2) float64
        Displacements of the four nodes of the cell.
    nodes : (N, 2) float64
        Its nodes, column and row, counted in the same way.
    """

    affine: Floats
    corners: Floats
    nodes: Floats

    def at(self, places: Floats) -> Floats:
        """Displacements (..., 2) at places (..., 2), cells from the first node."""
        return self.affine[0] + places @ self.affine[1:]


@dataclass
class CrackCell:
    """A cell of the mesh at a crack, and how well its places fit by each of its sides.

    Attributes
    ----------
    row, column : int
        Its first node.
    sides : list of Side
    scores : (2, sides + 1, n, n) float64
        Sums of weighted correlations at places of the cell, of the sides and, last, of the field
        as it is; with the neighbours, and with these mirrored.
    weights : (2, sides + 1, n, n) float64
    """

    row: int
    column: int
    sides: list[Side]
    scores: Floats = field(default_factory=lambda: np.zeros(0))
    weights: Floats = field(default_factory=lambda: np.zeros(0))

    def add(self, found: Floats, weight: float) -> None:
        """Correlations with one more neighbour, of the shape of `scores`; NaN: not seen."""
        if not self.scores.size:
            self.scores, self.weights = np.zeros_like(found), np.zeros_like(found)
        known = np.isfinite(found).all(1, keepdims=True)  # sides are compared where all are seen
        self.scores += np.where(known, weight * found, 0.0)
        self.weights += np.where(known, weight, 0.0)

    def choice(self, mirrored: int = 0) -> NDArray[np.intp]:
        """The side (n, n) that each place goes with."""
        n = self.scores.shape[-1]
        axis = np.linspace(0, 1, n)
        places = np.stack(np.meshgrid(axis, axis), axis=-1)
        away = [
            np.hypot(*np.moveaxis(places[:, :, None] - s.nodes, -1, 0)).min(-1) for s in self.sides
        ]
        return np.asarray((self.means()[mirrored, :-1] - NEARER * np.array(away)).argmax(0))

    def means(self) -> Floats:
        """Correlations, of the shape of `scores`; 0 where nothing is seen."""
        return np.where(self.weights > 0, self.scores / np.maximum(self.weights, 1e-9), 0.0)

    def fits(self) -> Floats:
        """Mean correlations: by the sides that places go with, the same mirrored, without sides."""
        means = self.means()
        chosen = [np.take_along_axis(means[k, :-1], self.choice(k)[None], 0).mean() for k in (0, 1)]
        return np.array([*chosen, means[0, -1].mean()])

    def displacements(self) -> Floats:
        """Of the places (n, n, 2), each by the side that it goes with."""
        f = np.linspace(0, 1, self.scores.shape[-1])
        choices = [
            (1 - f)[:, None, None] * ((1 - f)[:, None] * c[0, 0] + f[:, None] * c[0, 1])
            + f[:, None, None] * ((1 - f)[:, None] * c[1, 0] + f[:, None] * c[1, 1])
            for c in (side.corners for side in self.sides)
        ]
        which = self.choice()
        return np.asarray(np.take_along_axis(np.array(choices), which[None, ..., None], 0)[0])


def crack_cells(shift: Floats, cracked: Bools, jump: float) -> list[CrackCell]:
    """Cells at cracks, with sides whose displacements differ by more than `jump`.

    Parameters
    ----------
    shift : (rows, columns, 2) array
    cracked : (rows, columns) boolean array
        Nodes from which a spring gave way.
    jump : float
    """
    from scipy.ndimage import binary_dilation

    at = cracked[:-1, :-1] | cracked[1:, :-1] | cracked[:-1, 1:] | cracked[1:, 1:]
    cracks = cracked, binary_dilation(cracked, np.ones((3, 3)))
    cells = []
    for row, column in np.argwhere(at):
        sides = _sides(shift, cracks, int(row), int(column), jump)
        if sides:
            cells.append(CrackCell(int(row), int(column), sides))
    return cells


def _sides(
    shift: Floats, cracks: tuple[Bools, Bools], row: int, column: int, jump: float
) -> list[Side]:
    """The sides at a cell; none where there are not two, or where they hardly differ.

    They are looked for on either side of the first cracks; of the second, which are longer, where
    sides meet around the ends of the first.
    """
    from scipy.ndimage import label

    for crack, reach in product(cracks, REACHES):
        top, left = max(0, row - reach), max(0, column - reach)
        part = np.s_[top : row + 2 + reach, left : column + 2 + reach]
        labels, count = label(~crack[part])
        names = [n for n in range(1, count + 1) if (labels == n).sum() >= FEWEST]
        if len(names) > 1:
            break
    else:
        return []
    nodes = np.stack(np.meshgrid(*(np.arange(n) for n in labels.shape[::-1])), axis=-1)
    nodes = nodes + np.array([left - column, top - row], float)
    values = shift[part]
    # a node at a crack counts to the side whose displacement it has
    away = [_fitted(nodes[labels == n], values[labels == n]).of(nodes, values) for n in names]
    nearest, others = np.argmin(away, axis=0), np.sort(away, axis=0)
    joins = (labels == 0) & (others[0] < jump / 2) & (others[1] > jump)
    labels[joins] = np.array(names)[nearest[joins]]
    sides = [_side(nodes, values, labels == n, row - top, column - left) for n in names]
    middle = np.array([s.at(np.full(2, 0.5)) for s in sides])
    if np.hypot(*(middle[:, None] - middle[None]).reshape(-1, 2).T).max() <= jump:
        return []
    return sides


class _Affine(NamedTuple):
    matrix: Floats

    def of(self, nodes: Floats, values: Floats) -> Floats:
        """How far values are from this map at nodes."""
        rest = values - self.matrix[0] - nodes @ self.matrix[1:]
        return np.asarray(np.hypot(*np.moveaxis(rest, -1, 0)))


def _fitted(nodes: Floats, values: Floats) -> _Affine:
    """Affine map of displacements of nodes (N, 2), those near the middle of the cell above all."""
    weights = np.exp(-((nodes - 0.5) ** 2).sum(-1) / (2 * NEAR**2))
    weights /= weights.max()
    table = np.column_stack([np.ones(len(nodes)), nodes])
    normal = table.T @ (weights[:, None] * table) + LEVEL * np.diag([0.0, 1, 1])
    return _Affine(np.linalg.solve(normal, table.T @ (weights[:, None] * values)))


def _side(nodes: Floats, values: Floats, mine: Bools, row: int, column: int) -> Side:
    """A side of which these nodes are; the cell begins at a row and column of the patch."""
    affine = _fitted(nodes[mine], values[mine]).matrix
    cell = np.s_[row : row + 2, column : column + 2]
    carried = affine[0] + nodes[cell] @ affine[1:]
    corners = np.where(mine[cell][..., None], values[cell], carried)
    return Side(affine, corners, nodes[mine])
