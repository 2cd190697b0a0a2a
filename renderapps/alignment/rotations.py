"""Where rigid units begin: turned as their links say, however far that is.

Gauss-Newton steps converge to the right rotations only from near by; sections that were picked up
by hand lie at any angle. The angle of every link is known by itself (Procrustes); the angles of the
units follow from linear least squares on complex numbers of which the argument is the angle
(rotation averaging by chordal relaxation), re-weighted towards least absolute residuals, so that a
few wrong links do not turn the others. Nothing is scaled here, so nothing can shrink.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import cg, splu

from renderapps.alignment.models import Floats
from renderapps.alignment.moments import Moments

LITTLE = 0.2
"""Radians that need no such start."""
ROUNDS = 6


def link_angles(moments: Moments, sizes: Floats) -> Floats:
    """(L,) angle by which the points of each link's first side turn to those of the second."""
    totals = moments.totals
    middle = moments.pp[:, 0, 1:3] / totals[:, None]
    spread = moments.pp[:, 1:3, 1:3] - totals[:, None, None] * middle[:, :, None] * middle[:, None]
    cross = moments.pd[:, 1:3] - middle[:, :, None] * moments.pd[:, None, 0]
    power = (spread[:, 0, 0] + spread[:, 1, 1]) * sizes[moments.first]
    along = power - cross[:, 0, 0] - cross[:, 1, 1]
    across = cross[:, 1, 0] - cross[:, 0, 1]
    return np.asarray(np.arctan2(across, along))


def start_turned(
    moments: Moments,
    sizes: Floats,
    held: Floats,
    free: NDArray[np.bool_],
    trust: Floats | None = None,
    kind: str = "direct",
) -> Floats:
    """(T, 3, 2) terms of rotations about the centres; as they are held, where they hardly turn.

    Parameters
    ----------
    sizes : (T,) float64
        Of the units.
    held : (T, 3, 2) float64
        Terms of the units as they are held.
    free : (T,) bool
        Units that may move.
    trust : (L,) float64, optional
        In the links.
    kind : {"direct", "iterative"}
        How the linear systems are solved.
    """
    if not len(moments.counts):
        return held
    linear = np.eye(2) + np.swapaxes(held[:, 1:3], 1, 2) / sizes[:, None, None]
    now = np.arctan2(linear[:, 1, 0], linear[:, 0, 0])
    weights = moments.totals / (1 + moments.scatters**2)
    good = weights * (1.0 if trust is None else trust) > 0
    turns = unit_angles(
        moments.first[good],
        moments.second[good],
        link_angles(moments, sizes)[good],
        weights[good],
        now,
        free,
        kind,
    )
    if np.abs(np.angle(np.exp(1j * (turns - now)))).max() < LITTLE:
        return held
    result = held.copy()
    turned = np.stack([np.cos(turns) - 1, np.sin(turns), -np.sin(turns), np.cos(turns) - 1], 1)
    result[free, 1:3] = (turned.reshape(-1, 2, 2) * sizes[:, None, None])[free]
    return result


def unit_angles(
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    angles: Floats,
    weights: Floats,
    now: Floats,
    free: NDArray[np.bool_],
    kind: str = "direct",
) -> Floats:
    """(T,) angles of units that agree best with those of the links between them.

    A group that hangs on nothing fixed is turned as a whole to where it turns least from `now`.
    """
    count = len(now)
    graph = sparse.coo_matrix((np.ones(len(i)), (i, j)), shape=(count, count))
    groups = csgraph.connected_components(graph, directed=False)[1]
    pinned = _pinned(groups, i, j, free)
    known = np.where(pinned, np.exp(1j * now), 0.0)
    turn, values, trust = np.exp(-1j * angles), known, np.ones(len(i))
    for _ in range(ROUNDS):
        values = _relaxed(i, j, turn, weights * trust, pinned, known, kind)
        units = np.exp(1j * np.angle(values))
        missed = np.abs(units[i] * turn - units[j])
        if missed.max(initial=0) < 1e-6:
            break
        trust = 0.01 / np.maximum(missed, 0.01)
    units = np.exp(1j * np.angle(values))
    off = units * np.exp(-1j * now)
    at, across = (np.bincount(groups, part) for part in (off.real, off.imag))
    held = np.bincount(groups, ~free) > 0
    common = np.where(held, 0.0, np.arctan2(across, at))
    return np.asarray(np.angle(units * np.exp(-1j * common[groups])))


def _pinned(
    groups: NDArray[np.int64], i: NDArray[np.int64], j: NDArray[np.int64], free: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """One unit of each group, that with most links; those that do not move besides."""
    degrees = np.bincount(np.concatenate([i, j]), minlength=len(groups)) + ~free * (2 * len(i) + 1)
    order = np.lexsort((-degrees, groups))
    first = np.unique(groups[order], return_index=True)[1]
    pinned = ~free
    pinned[order[first]] = True
    return pinned


def _relaxed(
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    turn: NDArray[np.complex128],
    weights: Floats,
    pinned: NDArray[np.bool_],
    known: NDArray[np.complex128],
    kind: str,
) -> NDArray[np.complex128]:
    """(T,) complex numbers that minimise the sum of weights |a_i turn - a_j|^2."""
    count = len(pinned)
    rows, columns = np.concatenate([i, j]), np.concatenate([j, i])
    between = np.concatenate([-weights * np.conj(turn), -weights * turn])
    own = np.bincount(i, weights, minlength=count) + np.bincount(j, weights, minlength=count)
    matrix = sparse.coo_matrix((between, (rows, columns)), shape=(count, count)).tocsr()
    matrix = matrix + sparse.diags(own)
    free = np.flatnonzero(~pinned)
    values = known.astype(complex)
    if not len(free):
        return values
    right = -(matrix @ values)[free]
    inner = matrix[free][:, free]
    if kind == "direct":
        values[free] = splu(inner.tocsc(), permc_spec="MMD_AT_PLUS_A").solve(right)
    else:
        values[free] = cg(inner, right, M=sparse.diags(1 / own[free]), rtol=1e-6)[0]
    return values
