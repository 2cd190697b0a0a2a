"""Displacements of all sections at once: elastic meshes, tied to their neighbours by matches.

Every section has a grid of nodes with displacements u (pixels): a place x of the section goes to
x + u(x), bilinear between nodes. Minimised is the sum of

* matches: w |x + u_p(x) - y - u_q(y)|^2 for the place x of p found at y of q;
* bending: `bending` times the squared second differences of u along rows and columns, and
  `stretching` times the squared first differences; less where a section is compared with fewer
  others than most are, as at the ends of a series, so that it follows what each says as closely;
* drift: `anchor` |u|^2, which pulls every section towards where it was.

Weights of matches fall with their distance (S. Geman and D. McClure, 1987), so that what several
neighbours agree on wins, and a torn section does not bend those beside it. Springs across which
displacements jump give way (weak membrane: A. Blake and A. Zisserman, "Visual Reconstruction",
1987), so that cracks are not smoothed over. Elastic alignment of sections by springs: S. Saalfeld,
R. Fetter, A. Cardona and P. Tomancak, Nature Methods 9, 2012.

The decay of a shift of one section against `L` links of weight 1 on either side is that of a chain:
exp(-|z| / L) for anchor = 1 / L^2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapps.alignment.conjugate_gradients import conjugate_gradients

Floats = NDArray[np.float64]
DIRECT = 1_500
"""Nodes up to which the equations are factored; above, conjugate gradients."""
ROUNDS = 10
TOLERANCE = 1e-6
GIVING_WAY = 1e-3
"""Least weight of a spring."""
STEPS = 2000
"""Of conjugate gradients."""


class Matches(NamedTuple):
    """What was found of a section on another one.

    Attributes
    ----------
    p, q : int
        Places of the sections in the series.
    here, there : (N, 2) float64
        Nodes of p, and where they were found on q, pixels of the common frame.
    weights : (N,) float64
    vote : float
        How much q has a say where p lies, and p where q lies; it is part of the weights already.
    """

    p: int
    q: int
    here: Floats
    there: Floats
    weights: Floats
    vote: float = 1.0


@dataclass(frozen=True, slots=True)
class RelaxationParameters:
    """Stiffness of the meshes and how matches are doubted.

    Attributes
    ----------
    bending, stretching : float
        Against the mean weight of the matches of a node, 1.
    anchor_sections : float
        A shift of one section has decayed to 1 / e after so many sections.
    jump : float
        Springs across which displacements differ by more than this, pixels, give way.
    residual : float
        Matches further off than this count little, pixels; at least 3 times their median residual.
    """

    bending: float = 2.0
    stretching: float = 0.02
    anchor_sections: float = 20.0
    jump: float = 6.0
    residual: float = 8.0


class Relaxed(NamedTuple):
    """Displacements, and what is left of the matches.

    Attributes
    ----------
    shift : (sections, rows, columns, 2) float64
    residuals : list of (N,) float64
        Distances of each set of matches, pixels.
    trust : list of (N,) float64
        How much each match counts in the end, 0 to 1.
    springs : (sections, rows, columns) float64
        Least weight of the springs at a node: small at a crack.
    """

    shift: Floats
    residuals: list[Floats]
    trust: list[Floats]
    springs: Floats


def relax(
    x: Floats,
    y: Floats,
    sections: int,
    matches: Sequence[Matches],
    parameters: RelaxationParameters | None = None,
    cuts: NDArray[np.bool_] | None = None,
) -> Relaxed:
    """Displacements that fit the matches best.

    Parameters
    ----------
    x, y : (columns,), (rows,) arrays, evenly spaced
        Nodes of the meshes, pixels of the common frame.
    sections : int
    matches : sequence of Matches
    parameters : RelaxationParameters, optional
    cuts : (sections, rows, columns, 2) boolean array, optional
        Springs that gave way before: from a node to the next of its row, and of its column.
    """
    parameters = parameters or RelaxationParameters()
    mesh = _Mesh(x, y, sections)
    if not any(len(m.weights) for m in matches):
        shape = (sections, len(y), len(x))
        nothing = [np.empty(0) for _ in matches]
        return Relaxed(np.zeros((*shape, 2)), nothing, list(nothing), np.ones(shape))
    rows, wanted, weights = mesh.links(matches)
    weights = weights / (weights.sum() / max(1, len(np.unique(mesh.nodes_of(matches)))))
    first, second, ends = mesh.springs()
    stiff = _stiffness(mesh, matches)[ends[:, 0] // mesh.nodes]
    told = _jumps(mesh, matches, ends, parameters.jump)
    if cuts is not None:
        told[np.concatenate([cuts[:, :, :-1, 0].ravel(), cuts[:, :-1, :, 1].ravel()])] = GIVING_WAY
    gives = told
    shift = np.zeros((mesh.count, 2))
    trust = np.ones(len(weights))
    for turn in range(ROUNDS):
        shift = _solved(
            mesh, rows, wanted, weights * trust, first, second, gives, stiff, parameters, shift
        )
        away = np.hypot(*(rows @ shift - wanted).T)
        limit = max(parameters.residual, 3 * float(np.median(away)))
        limit *= max(1.0, 4.0 - turn)  # doubted by and by, so that good matches are not lost
        trust = 1 / (1 + (away / limit) ** 2) ** 2
        gives = np.minimum(told, _weak(first @ shift, parameters.jump))
    ends_at = np.cumsum([len(m.weights) for m in matches])[:-1]
    return Relaxed(
        shift.reshape(sections, len(y), len(x), 2),
        np.split(away, ends_at),
        np.split(trust, ends_at),
        mesh.least(gives, ends),
    )


def _stiffness(mesh: _Mesh, matches: Sequence[Matches]) -> Floats:
    """Of each section, 1 where it has as many votes as any: so each vote bends a mesh as much."""
    votes = np.zeros(mesh.sections)
    for m in matches:
        if len(m.weights):
            votes[[m.p, m.q]] += m.vote
    return np.where(votes > 0, votes / max(votes.max(), 1e-9), 1.0)


def _weak(difference: Floats, jump: float) -> Floats:
    """Weights of springs by the difference of the displacements at their ends."""
    squares = (difference**2).sum(1) / jump**2
    return np.maximum(GIVING_WAY, 1 / (1 + squares**2))


def _solved(
    mesh: _Mesh,
    rows: Any,
    wanted: Floats,
    weights: Floats,
    first: Any,
    second: tuple[Any, NDArray[np.intp]],
    gives: Floats,
    stiff: Floats,
    parameters: RelaxationParameters,
    start: Floats,
) -> Floats:
    """Solution of the normal equations, (nodes, 2)."""
    from scipy import sparse

    curved, edges = second
    bends = stiff[edges[:, 0]] * np.minimum(gives[edges[:, 0]], gives[edges[:, 1]])
    anchor = 2.0 / parameters.anchor_sections**2
    normal = (
        rows.T @ sparse.diags(weights) @ rows
        + parameters.stretching * (first.T @ sparse.diags(stiff * gives) @ first)
        + parameters.bending * (curved.T @ sparse.diags(bends) @ curved)
        + anchor * sparse.identity(mesh.count)
    ).tocsc()
    right = rows.T @ (weights[:, None] * wanted)
    if mesh.count <= DIRECT:
        return np.asarray(sparse.linalg.splu(normal).solve(right))
    return _by_gradients(normal, right, start, mesh.nodes)


def _by_gradients(normal: Any, right: Floats, start: Floats, block: int) -> Floats:
    """Conjugate gradients; the equations of each section alone, solved exactly, lead them."""
    from scipy.sparse import linalg

    ends = range(0, normal.shape[0], block)
    solvers = [linalg.splu(normal[k : k + block, k : k + block].tocsc()) for k in ends]

    def apart(rows: Floats) -> Floats:
        columns = rows.T
        parts = [
            solver.solve(columns[k : k + block]) for k, solver in zip(ends, solvers, strict=True)
        ]
        return np.concatenate(parts).T

    found, _ = conjugate_gradients(normal.tocsr(), right, start, apart, TOLERANCE, STEPS)
    return np.asarray(linalg.splu(normal).solve(right)) if found is None else found


class _Mesh:
    """The nodes of all sections: number of section, row, column."""

    def __init__(self, x: Floats, y: Floats, sections: int) -> None:
        self.x, self.y, self.sections = x, y, sections
        self.shape = (len(y), len(x))
        self.nodes = len(y) * len(x)
        self.count = self.nodes * sections

    def corners(self, section: int, points: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Nodes (N, 4) around points, and their bilinear weights; the border holds outside."""
        rows, columns = self.shape
        i = np.clip((points[:, 0] - self.x[0]) / (self.x[1] - self.x[0]), 0, columns - 1)
        j = np.clip((points[:, 1] - self.y[0]) / (self.y[1] - self.y[0]), 0, rows - 1)
        i0 = np.minimum(i.astype(np.intp), columns - 2)
        j0 = np.minimum(j.astype(np.intp), rows - 2)
        fi, fj = i - i0, j - j0
        base = section * self.nodes + j0 * columns + i0
        nodes = np.stack([base, base + 1, base + columns, base + columns + 1], axis=1)
        weights = [(1 - fi) * (1 - fj), fi * (1 - fj), (1 - fi) * fj, fi * fj]
        return nodes, np.stack(weights, axis=1)

    def nodes_of(self, matches: Sequence[Matches]) -> NDArray[np.intp]:
        """Node nearest to each match, on either section."""
        found = []
        for m in matches:
            for section, points in ((m.p, m.here), (m.q, m.there)):
                nodes, weights = self.corners(section, points)
                found.append(nodes[np.arange(len(nodes)), weights.argmax(1)])
        return np.concatenate(found)

    def links(self, matches: Sequence[Matches]) -> tuple[Any, Floats, Floats]:
        """Matrix that takes u to u_p(x) - u_q(y), what it should give (y - x), and weights."""
        from scipy import sparse

        nodes, factors = [], []
        for m in matches:
            at_p, of_p = self.corners(m.p, m.here)
            at_q, of_q = self.corners(m.q, m.there)
            nodes.append(np.concatenate([at_p, at_q], axis=1))
            factors.append(np.concatenate([of_p, -of_q], axis=1))
        columns, values = np.concatenate(nodes), np.concatenate(factors)
        lines = np.repeat(np.arange(len(columns)), columns.shape[1])
        matrix = sparse.csr_matrix(
            (values.ravel(), (lines, columns.ravel())), (len(columns), self.count)
        )
        wanted = np.concatenate([m.there - m.here for m in matches])
        return matrix, wanted, np.concatenate([m.weights for m in matches])

    def springs(self) -> tuple[Any, tuple[Any, NDArray[np.intp]], NDArray[np.intp]]:
        """First differences, second differences with the two springs each spans, ends of springs.

        Second differences are along rows and along columns.
        """
        index = np.arange(self.count).reshape(self.sections, *self.shape)
        along, down = index[:, :, :-1], index[:, :-1, :]
        ends = np.concatenate(
            [
                np.stack([along.ravel(), index[:, :, 1:].ravel()], axis=1),
                np.stack([down.ravel(), index[:, 1:, :].ravel()], axis=1),
            ]
        )
        numbers = np.arange(along.size).reshape(along.shape)
        others = along.size + np.arange(down.size).reshape(down.shape)
        pairs = np.concatenate(
            [
                np.stack([numbers[:, :, :-1].ravel(), numbers[:, :, 1:].ravel()], axis=1),
                np.stack([others[:, :-1, :].ravel(), others[:, 1:, :].ravel()], axis=1),
            ]
        )
        first = _differences(ends, self.count)
        return first, (_differences(pairs, len(ends)) @ first, pairs), ends

    def least(self, gives: Floats, ends: NDArray[np.intp]) -> Floats:
        """The least weight of the springs at each node."""
        weights = np.ones(self.count)
        for side in (0, 1):
            np.minimum.at(weights, ends[:, side], gives)
        return weights.reshape(self.sections, *self.shape)


def _differences(ends: NDArray[np.intp], count: int) -> Any:
    """Matrix that takes values at nodes to those at the second ends less those at the first."""
    from scipy import sparse

    lines = np.repeat(np.arange(len(ends)), 2)
    values = np.tile([-1.0, 1.0], len(ends))
    return sparse.csr_matrix((values, (lines, ends.ravel())), (len(ends), count))


def _jumps(mesh: _Mesh, matches: Sequence[Matches], ends: NDArray[np.intp], jump: float) -> Floats:
    """Weights of springs by what the matches of a section with most others say of its cracks."""
    seen: dict[int, list[Floats]] = {}
    for m in matches:
        for section, points, shift in (
            (m.p, m.here, m.there - m.here),
            (m.q, m.there, m.here - m.there),
        ):
            nodes, weights = mesh.corners(section, points)
            at = nodes[np.arange(len(nodes)), weights.argmax(1)] - section * mesh.nodes
            known = np.full((mesh.nodes, 2), np.nan)
            known[at] = shift
            seen.setdefault(section, []).append(known)
    result = np.ones(len(ends))
    section_of = ends[:, 0] // mesh.nodes
    for section, views in seen.items():
        mine = np.flatnonzero(section_of == section)
        a, b = (ends[mine] - section * mesh.nodes).T
        sizes = np.stack([np.hypot(*(known[b] - known[a]).T) for known in views])
        told = np.isfinite(sizes).sum(0) >= 2  # one alone may be wrong
        # what the least of them says is in this section: the others' own cracks are elsewhere
        least = np.full(len(mine), 0.0)
        least[told] = np.nanmin(sizes[:, told], axis=0)
        result[mine] = np.maximum(GIVING_WAY, 1 / (1 + (least / jump) ** 4))
    return result
