"""The least squares problem of the places of tiles, and one step towards its solution.

What is minimised is written down in `solving.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from renderapi.matching.pairs import USUAL_ERROR

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


def apply_changes(changes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply one 3 x 3 affine per point: (N, 3, 3) and (N, 2) -> (N, 2)."""
    return np.einsum("nij,nj->ni", changes[:, :2, :2], points) + changes[:, :2, 2]


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(part, float) for part in parts]) if parts else np.zeros(0)


def _inverses(matrices: np.ndarray) -> np.ndarray:
    """(L, 2, 2) pseudo-inverses: points on a line determine no affine across it."""
    return np.linalg.pinv(matrices, rcond=1e-9, hermitian=True)


class Problem:
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
        self.p = _joined([link.p for link in self.links]).reshape(-1, 2)
        self.q = _joined([link.q for link in self.links]).reshape(-1, 2)
        weights = _joined([link.w for link in self.links])
        totals = self._sums(weights)
        self.w = weights / (totals + HALF_TRUST)[self.owner]
        self.totals = totals / (totals + HALF_TRUST)
        self.shifts = self._sums(self.w * (self.p - self.q).T).T / self.totals[:, None]
        self.scatters = self._scatters()
        by_scatter = self.scatters * np.sqrt(self.unknowns / 2 / np.maximum(lengths, 1))
        shares = np.clip(totals / np.maximum(lengths, 1), 1e-6, 1.0)
        by_weight = USUAL_ERROR * np.sqrt(1 / shares - 1)  # as `shift_weight` gives weights
        self.shift_errors = np.hypot(by_scatter, by_weight)

    def _sums(self, values: np.ndarray) -> np.ndarray:
        """Sums over the points of each link, along the last axis."""
        if not self.links:
            return np.zeros((*values.shape[:-1], 0))
        return np.add.reduceat(values, self.starts, axis=-1)

    def _scatters(self) -> np.ndarray:
        """(L,) root mean squared distance of the points of each link from their best own fit.

        The fit is a translation, a similarity (also for the rigid model) or an affine of p to q.
        """
        one, two = self._centred(self.p), self._centred(self.q)
        if self.model == "translation":
            return np.sqrt(self._sums(self.w * ((one - two) ** 2).sum(1)) / self.totals)
        if self.model in ("rigid", "similarity"):
            z, t = one @ [1, 1j], two @ [1, 1j]
            cross, power = self._sums(self.w * z.conj() * t), self._sums(self.w * abs(z) ** 2)
            explained = np.abs(cross) ** 2 / np.maximum(power, 1e-12)
            left = self._sums(self.w * abs(t) ** 2) - explained
            return np.sqrt(np.maximum(left, 0) / self.totals)
        outer = np.einsum("nk,nl->kln", one, np.concatenate([one, two], axis=1) * self.w[:, None])
        moments = self._sums(outer).transpose(2, 0, 1)
        cross = moments[:, :, 2:]
        explained = np.einsum("lab,lac,lcb->l", cross, _inverses(moments[:, :, :2]), cross)
        left = self._sums(self.w * (two**2).sum(1)) - explained
        return np.sqrt(np.maximum(left, 0) / self.totals)

    def _centred(self, points: np.ndarray) -> np.ndarray:
        means = self._sums(self.w * points.T).T / self.totals[:, None]
        return points - means[self.owner]

    def solve_with(self, accepted: np.ndarray) -> None:
        """Set the changes to those of the accepted links alone, from the present places."""
        self.changes = np.tile(np.eye(3), (len(self.corners), 1, 1))
        self.converge(accepted.astype(float))

    def moves(self) -> np.ndarray:
        """(T, 2) how far the centre of each tile goes, pixels."""
        return apply_changes(self.changes, self.centres) - self.centres

    def misfits(self) -> np.ndarray:
        """(L,) how far the two sides of each link are apart in common, pixels."""
        return np.sqrt(np.maximum(self.residuals() ** 2 - self.scatters**2, 0))

    def converge(self, trust: np.ndarray) -> None:
        """Gauss-Newton steps until no corner moves by a thousandth of a pixel; one, when linear."""
        if not len(self.corners):
            return
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
