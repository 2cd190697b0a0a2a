"""Positions of tiles from matched points: regularised, robust, sparse least squares.

Conventions: points are N x 2 float64 in world pixels *as the tiles lie before solving* (their
transforms already applied). What is solved for is a change of each tile, D_i, applied after those
transforms; its family (translation, rigid, similarity, affine) is the model. Minimised is

    sum over links  s_l * sum_k w_k |D_i(p_k) - D_j(q_k)|^2
    + sum over tiles  a |D_i(c_i) - c_i|^2
                    + b mean over corners |(D_i(e) - D_i(c_i)) - (e - c_i)|^2

with c_i the centre and e the corners of tile i. A link's weights w_k sum to n / (n + 10), so a well
matched pair weighs about 1 however many points it has; `a` settles what the links leave free (a
whole component may slide) and is tiny; `b` is the regularisation of rotation, scale and shear. The
links' trust s_l follows graduated non-convexity with the Geman-McClure loss (Yang, Antonante,
Tzoumas, Carlone 2020): all links count at first, then those that contradict the rest fade out.
Links that end further from agreement than the tolerance are rejected, and the rest is solved once
more without loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu

PARAMETERS = {"translation": 2, "rigid": 3, "similarity": 4, "affine": 6}
HALF_TRUST = 10.0  # points (by weight) at which a link has half the say of a perfectly matched one


@dataclass(frozen=True, slots=True)
class Link:
    """Matched points of two tiles: `p` on tile `first`, `q` on tile `second`, weights `w`."""

    first: int
    second: int
    p: np.ndarray
    q: np.ndarray
    w: np.ndarray


@dataclass(frozen=True, slots=True)
class Solution:
    """Changes of the tiles and what became of the links.

    Attributes
    ----------
    changes : (T, 3, 3) float64
        D_i, to be applied after each tile's present transforms.
    residuals : (L,) float64
        Root of the weighted mean squared distance between the two sides of each link, in pixels.
    accepted : (L,) bool
        Links that took part in the final solve.
    tolerance : float
        Residual in pixels beyond which a link was rejected.
    components : (T,) int
        Tiles with the same number hang together through accepted links.
    """

    changes: np.ndarray
    residuals: np.ndarray
    accepted: np.ndarray
    tolerance: float
    components: np.ndarray

    linked: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        counts = np.bincount(self.components, minlength=len(self.components))
        object.__setattr__(self, "linked", counts[self.components] > 1)


def solve(
    corners: np.ndarray,
    links: Sequence[Link],
    model: str = "translation",
    *,
    regularization: float = 1e-3,
    anchoring: float = 1e-7,
    minimum_tolerance: float = 0.75,
    maximum_tolerance: float = 20.0,
) -> Solution:
    """Solve for the change of every tile.

    Parameters
    ----------
    corners : (T, 4, 2) float64
        Corners of each tile in world pixels as they lie now.
    links : sequence of Link
        A tile without links keeps its place.
    model : {"translation", "rigid", "similarity", "affine"}
    regularization : float
        `b` above; ignored by the translation model.
    anchoring : float
        `a` above.
    minimum_tolerance, maximum_tolerance : float
        Bounds of the residual, in pixels, beyond which a link is rejected; in between it is three
        times the spread of the links that agree.
    """
    if model not in PARAMETERS:
        raise ValueError(f"model {model!r} is not one of {', '.join(PARAMETERS)}")
    problem = _Problem(np.asarray(corners, float), links, model, regularization, anchoring)
    accepted, tolerance = _agreeing_links(problem, minimum_tolerance, maximum_tolerance)
    problem.changes = np.tile(np.eye(3), (len(problem.corners), 1, 1))
    problem.converge(accepted.astype(float))
    return Solution(
        changes=problem.changes,
        residuals=problem.residuals(),
        accepted=accepted,
        tolerance=tolerance,
        components=_components(len(problem.corners), links, accepted),
    )


def _agreeing_links(problem: _Problem, minimum: float, maximum: float) -> tuple[np.ndarray, float]:
    """Anneal the trust in the links; return which agree, and within what tolerance in pixels."""
    count = len(problem.links)
    trust = np.ones(count)
    if not count:
        return trust.astype(bool), minimum
    problem.converge(trust)
    residuals = problem.residuals()
    scale = max(2.0 * float(residuals.max()), minimum)
    tolerance = minimum
    while True:
        trust = (scale**2 / (residuals**2 + scale**2)) ** 2
        problem.converge(trust)
        residuals = problem.residuals()
        spread = 1.4826 * _weighted_median(residuals, trust)
        tolerance = float(np.clip(3.0 * spread, minimum, maximum))
        if scale <= tolerance:
            break
        scale = max(scale / 1.5, tolerance)
    return residuals <= tolerance, tolerance


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def _components(tiles: int, links: Sequence[Link], accepted: np.ndarray) -> np.ndarray:
    used = [link for link, good in zip(links, accepted, strict=True) if good]
    first = [link.first for link in used]
    second = [link.second for link in used]
    graph = sparse.coo_matrix((np.ones(len(used)), (first, second)), shape=(tiles, tiles))
    return csgraph.connected_components(graph, directed=False)[1]


def apply_changes(changes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply one 3 x 3 affine per point: (N, 3, 3) and (N, 2) -> (N, 2)."""
    return np.einsum("nij,nj->ni", changes[:, :2, :2], points) + changes[:, :2, 2]


class _Problem:
    """The current changes of the tiles, and one Gauss-Newton step from them."""

    def __init__(
        self,
        corners: np.ndarray,
        links: Sequence[Link],
        model: str,
        regularization: float,
        anchoring: float,
    ) -> None:
        self.corners = corners
        self.centres = corners.mean(axis=1)
        self.sizes = np.linalg.norm(corners - self.centres[:, None], axis=2).mean(axis=1)
        self.links = links
        self.model = model
        self.unknowns = PARAMETERS[model]
        self.regularization = regularization
        self.anchoring = anchoring
        self.changes = np.tile(np.eye(3), (len(corners), 1, 1))
        self._gather()

    def _gather(self) -> None:
        """Concatenate the links' points; `starts` says where each link's begin."""
        lengths = np.array([len(link.w) for link in self.links], int)
        self.starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(int)
        self.first = np.array([link.first for link in self.links], int)
        self.second = np.array([link.second for link in self.links], int)
        self.owner = np.repeat(np.arange(len(self.links)), lengths)
        if not self.links:
            return
        self.p = np.concatenate([np.asarray(link.p, float) for link in self.links])
        self.q = np.concatenate([np.asarray(link.q, float) for link in self.links])
        weights = np.concatenate([np.asarray(link.w, float) for link in self.links])
        totals = np.add.reduceat(weights, self.starts)
        self.w = weights / (totals + HALF_TRUST)[self.owner]
        self.totals = totals / (totals + HALF_TRUST)

    def converge(self, trust: np.ndarray) -> None:
        """Gauss-Newton steps until no corner moves by a thousandth of a pixel; one, when linear."""
        for _ in range(20):
            before = self.changes
            self.changes = self._composed(self._step(trust))
            moved = np.abs(self.changes - before)
            if self.model != "rigid" or not moved.size:
                return
            reach = moved[:, :2, :2].max(initial=0) * self.sizes.max(initial=1)
            if reach + moved[:, :2, 2].max(initial=0) < 1e-3:
                return

    def residuals(self) -> np.ndarray:
        """(L,) weighted root mean square distance of each link as things are, pixels."""
        if not self.links:
            return np.zeros(0)
        one, two = self._ends()
        gap = one - two
        squared = np.add.reduceat(self.w * np.einsum("nk,nk->n", gap, gap), self.starts)
        return np.sqrt(squared / self.totals)

    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        return (
            apply_changes(self.changes[self.first[self.owner]], self.p),
            apply_changes(self.changes[self.second[self.owner]], self.q),
        )

    def _basis(self, points: np.ndarray, tiles: np.ndarray) -> np.ndarray:
        """(N, 2, U): how each unknown of a tile moves a point; linear parts act per tile radius."""
        n = len(points)
        basis = np.zeros((n, 2, self.unknowns))
        basis[:, 0, 0] = basis[:, 1, 1] = 1.0
        centres = apply_changes(self.changes[tiles], self.centres[tiles])
        u, v = ((points - centres) / self.sizes[tiles][:, None]).T
        if self.model == "affine":
            basis[:, 0, 2], basis[:, 0, 3] = u, v
            basis[:, 1, 4], basis[:, 1, 5] = u, v
        if self.model in ("rigid", "similarity"):
            basis[:, 0, 2], basis[:, 1, 2] = -v, u
        if self.model == "similarity":
            basis[:, 0, 3], basis[:, 1, 3] = u, v
        return basis

    def _step(self, trust: np.ndarray) -> np.ndarray:
        """(T, U) solution of the normal equations around the current changes."""
        tiles, unknowns = len(self.corners), self.unknowns
        blocks, rights = self._prior_blocks()
        rows = cols = np.arange(tiles)
        right = rights
        if self.links:
            i, j, link_blocks, link_rights = self._link_blocks(trust)
            rows, cols = np.concatenate([rows, i]), np.concatenate([cols, j])
            blocks = np.concatenate([blocks, link_blocks])
            for tile, value in link_rights:
                np.add.at(right, tile, value)
        index = np.arange(unknowns)
        shape = (len(rows), unknowns, unknowns)
        row = np.broadcast_to(rows[:, None, None] * unknowns + index[None, :, None], shape)
        col = np.broadcast_to(cols[:, None, None] * unknowns + index[None, None, :], shape)
        normal = sparse.coo_matrix((blocks.ravel(), (row.ravel(), col.ravel()))).tocsc()
        return splu(normal).solve(right.ravel()).reshape(tiles, unknowns)

    def _link_blocks(
        self, trust: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """What the links add to the normal matrix: tile indices, blocks, and right sides."""
        ends = self._ends()
        weight = (self.w * trust[self.owner])[:, None]
        one = self._basis(ends[0], self.first[self.owner])
        two = -self._basis(ends[1], self.second[self.owner])
        gap = ends[1] - ends[0]

        def gram(left: np.ndarray, right: np.ndarray) -> np.ndarray:
            columns = [
                np.add.reduceat(
                    weight[:, 0] * np.einsum("nk,nk->n", left[:, :, a], right[:, :, b]), self.starts
                )
                for a in range(left.shape[2])
                for b in range(right.shape[2])
            ]
            return np.stack(columns, axis=1).reshape(-1, left.shape[2], right.shape[2])

        cross = gram(one, two)
        blocks = np.concatenate([gram(one, one), gram(two, two), cross, cross.transpose(0, 2, 1)])
        rows = np.concatenate([self.first, self.second, self.first, self.second])
        cols = np.concatenate([self.first, self.second, self.second, self.first])
        rights = [
            (tile, gram(basis, gap[:, :, None])[:, :, 0])
            for tile, basis in ((self.first, one), (self.second, two))
        ]
        return rows, cols, blocks, rights

    def _prior_blocks(self) -> tuple[np.ndarray, np.ndarray]:
        """(T, U, U) and (T, U): the pull of each tile towards where and how it lies now."""
        tiles = np.arange(len(self.corners))
        centre = apply_changes(self.changes, self.centres)
        basis = self._basis(centre, tiles)
        blocks = self.anchoring * np.einsum("nka,nkb->nab", basis, basis)
        right = self.anchoring * np.einsum("nka,nk->na", basis, self.centres - centre)
        if self.unknowns == 2:
            return blocks, right
        for k in range(self.corners.shape[1]):
            corner = apply_changes(self.changes, self.corners[:, k])
            arm = self._basis(corner, tiles) - basis
            off = (self.corners[:, k] - self.centres) - (corner - centre)
            weight = self.regularization / self.corners.shape[1]
            blocks += weight * np.einsum("nka,nkb->nab", arm, arm)
            right += weight * np.einsum("nka,nk->na", arm, off)
        return blocks, right

    def _composed(self, step: np.ndarray) -> np.ndarray:
        """Changes after applying a step (about each tile's present centre) to the current ones."""
        linear = np.tile(np.eye(2), (len(step), 1, 1))
        size = self.sizes[:, None]
        if self.model == "affine":
            linear += (step[:, 2:] / size).reshape(-1, 2, 2)
        elif self.model == "rigid":
            angle = step[:, 2] / self.sizes
            linear = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1)
            linear = linear.reshape(-1, 2, 2)
        elif self.model == "similarity":
            turn, grow = (step[:, 2:] / size).T
            linear = np.stack([1 + grow, -turn, turn, 1 + grow], axis=1).reshape(-1, 2, 2)
        centre = apply_changes(self.changes, self.centres)
        update = np.tile(np.eye(3), (len(step), 1, 1))
        update[:, :2, :2] = linear
        update[:, :2, 2] = centre - np.einsum("nij,nj->ni", linear, centre) + step[:, :2]
        return update @ self.changes
