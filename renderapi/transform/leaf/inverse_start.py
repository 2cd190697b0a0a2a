"""A first guess for the numerical inverse of many points, and its quick improvement.

A smooth map is inverted exactly at the nodes of a coarse grid over the targets. Between the nodes
the inverse is interpolated by cubic convolution (Keys 1981); with its differences from node to node
for derivatives, a step of Newton's method costs one evaluation of the map and none of its slopes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: nodes along each side of the grid, without the two around it that interpolation needs
NODES = 16
#: fewer targets than this are not worth a grid
WORTH_A_GRID = 8 * NODES**2
STEPS = 4
#: what a step divides the distance to the target by, at least, where the map is smooth
GAIN = 1000


def improved_guess(
    function: Callable[[Array], Array],
    invert_nodes: Callable[[Array], Array],
    targets: Array,
    limit: float,
) -> Array:
    """Points that `function` maps close to `targets`.

    Parameters
    ----------
    function : callable
        Maps N x 2 to N x 2.
    invert_nodes : callable
        Its inverse for a few points, exact.
    targets : ndarray, N x 2
    limit : float
        Distance from its target that is wanted, pixels.

    Returns
    -------
    ndarray, N x 2
        Within `limit` where the map is as smooth as the grid demands.
    """
    low, high = targets.min(axis=0), targets.max(axis=0)
    spacing = np.maximum(high - low, 1e-9) / (NODES - 1)
    axes = [low[axis] + spacing[axis] * np.arange(-1, NODES + 1) for axis in range(2)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    inverse = invert_nodes(nodes.reshape(-1, 2)).reshape(nodes.shape)
    places = (targets - low) / spacing
    points, derivatives = _interpolated(inverse, places), _derivatives(inverse, spacing, places)
    active = np.arange(len(targets))
    for _ in range(STEPS):
        rest = targets[active] - function(points[active])
        points[active] += np.einsum("nj,njc->nc", rest, derivatives[active])
        active = active[np.abs(rest).max(axis=1) > GAIN * limit]
        if len(active) == 0:
            break
    return points


def _interpolated(nodes: Array, places: Array) -> Array:
    """Values N x 2 at places N x 2 in units of the grid, by cubic convolution."""
    first = _cell(places)
    along_x, along_y = (_weights(t) for t in (places - first).T)
    side = NODES + 2
    around = np.add.outer(side * np.arange(4), np.arange(4)).ravel()
    # pairs of numbers are fetched as one complex number each, which is twice as fast
    pairs = np.ascontiguousarray(nodes).view(np.complex128).ravel()
    taken = pairs.take((first[:, 0] * side + first[:, 1])[:, None] + around)
    weights = (along_x[:, :, None] * along_y[:, None, :]).reshape(-1, 16)
    return np.einsum("nkc,nk->nc", taken.view(np.float64).reshape(-1, 16, 2), weights)


def _derivatives(nodes: Array, spacing: Array, places: Array) -> Array:
    """Derivatives of the cells that the places lie in, N x 2 x 2: [n, j, c] = d c / d j."""
    inner = nodes[1:-1, 1:-1]
    along_x, along_y = np.diff(inner, axis=0) / spacing[0], np.diff(inner, axis=1) / spacing[1]
    along_x = 0.5 * (along_x[:, 1:] + along_x[:, :-1])
    along_y = 0.5 * (along_y[1:] + along_y[:-1])
    row, column = _cell(places).T
    return np.stack((along_x, along_y), axis=2)[row, column]


def _cell(places: Array) -> NDArray[np.intp]:
    return np.clip(places.astype(np.intp), 0, NODES - 2)


def _weights(t: Array) -> Array:
    """Weights of the nodes at -1, 0, 1, 2 for the place t in [0, 1], N x 4."""
    square, cube = t * t, t * t * t
    return 0.5 * np.stack(
        (
            2 * square - cube - t,
            3 * cube - 5 * square + 2,
            4 * square - 3 * cube + t,
            cube - square,
        ),
        axis=1,
    )
