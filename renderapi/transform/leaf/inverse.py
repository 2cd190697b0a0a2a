"""Numerical inverse of a smooth map of the plane: damped Newton steps on all points at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import EstimationError
from renderapi.transform.leaf.inverse_start import WORTH_A_GRID, improved_guess

Points = NDArray[np.float64]
PointMap = Callable[[Points], Points]

TOLERANCE = 1e-9
RELATIVE_TOLERANCE = 1e-12
ITERATIONS = 60
HALVINGS = 8
BLOCK = 65536


def difference_jacobian(function: PointMap, points: Points) -> NDArray[np.float64]:
    """Derivatives by central differences, N x 2 x 2: [n, i, j] = d out_i / d in_j."""
    step = 1e-5 * np.maximum(1.0, np.abs(points))
    jacobian = np.empty((len(points), 2, 2))
    for axis in range(2):
        offset = np.zeros_like(points)
        offset[:, axis] = step[:, axis]
        high, low = points + offset, points - offset
        width = (high - low)[:, axis, None]
        jacobian[:, :, axis] = (function(high) - function(low)) / width
    return jacobian


def invert(
    function: PointMap,
    targets: Points,
    jacobian: PointMap | None = None,
    start: Points | None = None,
    name: str = "transform",
) -> Points:
    """Points that `function` maps to `targets`.

    Parameters
    ----------
    function : callable
        Maps N x 2 to N x 2.
    targets : ndarray, N x 2
    jacobian : callable, optional
        Derivatives N x 2 x 2; central differences if None.
    start : ndarray, N x 2, optional
        First guess. If None: for many targets the inverse is interpolated on a grid; else the map
        linearised at the origin is inverted. Where that leads nowhere the targets themselves are
        tried.
    name : str
        Name used in the error.

    Returns
    -------
    ndarray, N x 2, float64
        Mapped back to within 1e-9 of the targets (1e-12 of their size where that is more).

    Raises
    ------
    EstimationError
        When some points do not converge.
    """
    derivative = jacobian or (lambda p: difference_jacobian(function, p))
    if start is None and len(targets) >= WORTH_A_GRID:
        start = _grid_start(function, derivative, targets)
    result = np.empty_like(targets)
    for first in range(0, len(targets), BLOCK):
        part = slice(first, first + BLOCK)
        guess = None if start is None else start[part]
        result[part] = _invert_block(function, derivative, targets[part], guess, name)
    return result


def _invert_block(
    function: PointMap, jacobian: PointMap, targets: Points, start: Points | None, name: str
) -> Points:
    with np.errstate(all="ignore"):
        guesses = [targets] if start is None else [start, targets]
        if start is None:
            guesses.insert(0, _linear_guess(function, jacobian, targets))
        result = np.full_like(targets, np.nan)
        missing = np.arange(len(targets))
        for guess in guesses:
            found = _newton(function, jacobian, targets[missing], guess[missing])
            result[missing] = found
            missing = missing[~np.isfinite(found).all(axis=1)]
            if len(missing) == 0:
                return result
    x, y = targets[missing[0]]
    raise EstimationError(
        f"{name}: no inverse found for {len(missing)} of {len(targets)} points, "
        f"the first of them ({x:.6g}, {y:.6g})"
    )


def _grid_start(function: PointMap, jacobian: PointMap, targets: Points) -> Points | None:
    """Guess by way of a grid; None where the map cannot be inverted at its nodes."""

    def invert_nodes(nodes: Points) -> Points:
        return _invert_block(function, jacobian, nodes, None, "grid")

    try:
        with np.errstate(all="ignore"):
            guess = improved_guess(function, invert_nodes, targets, 0.5 * TOLERANCE)
    except EstimationError:
        return None
    return np.where(np.isfinite(guess), guess, targets)


def _linear_guess(function: PointMap, jacobian: PointMap, targets: Points) -> Points:
    origin = np.zeros((1, 2))
    step = _solve(jacobian(origin), targets - function(origin))
    return np.where(np.isfinite(step), step, targets)


def _solve(jacobian: NDArray[np.float64], right: Points) -> Points:
    """Solutions of the 2 x 2 systems; not finite where a system is singular."""
    a, b = jacobian[:, 0, 0], jacobian[:, 0, 1]
    c, d = jacobian[:, 1, 0], jacobian[:, 1, 1]
    determinant = a * d - b * c
    x = (d * right[:, 0] - b * right[:, 1]) / determinant
    y = (a * right[:, 1] - c * right[:, 0]) / determinant
    return np.stack((x, y), axis=1)


def _size(residual: Points) -> NDArray[np.float64]:
    size = np.hypot(residual[:, 0], residual[:, 1])
    return np.where(np.isfinite(size), size, np.inf)


def _newton(function: PointMap, jacobian: PointMap, targets: Points, start: Points) -> Points:
    """Converged points; NaN where the iteration gets stuck."""
    points = start.copy()
    residual = targets - function(points)
    error = _size(residual)
    scale = np.maximum(np.abs(targets).max(axis=1, initial=0.0), np.abs(points).max(axis=1))
    limit = np.maximum(TOLERANCE, RELATIVE_TOLERANCE * scale)
    active = np.flatnonzero(~(error <= limit))
    for _ in range(ITERATIONS):
        if len(active) == 0:
            break
        step = _solve(jacobian(points[active]), residual[active])
        better = _descend(function, targets, points, residual, error, active, step)
        # a point that converged and cannot be improved, or that is stuck, is done
        active = active[better & (error[active] > 0.01 * limit[active])]
    points[~(error <= limit)] = np.nan
    return points


def _descend(
    function: PointMap,
    targets: Points,
    points: Points,
    residual: Points,
    error: NDArray[np.float64],
    active: NDArray[np.intp],
    step: Points,
) -> NDArray[np.bool_]:
    """Move the active points along `step`, halved until the error shrinks; which ones moved."""
    moved = np.zeros(len(active), dtype=bool)
    todo = np.flatnonzero(np.isfinite(step).all(axis=1))
    factor = 1.0
    for _ in range(HALVINGS):
        if len(todo) == 0:
            break
        index = active[todo]
        trial = points[index] + factor * step[todo]
        trial_residual = targets[index] - function(trial)
        trial_error = _size(trial_residual)
        good = trial_error < error[index]
        kept = index[good]
        points[kept], residual[kept] = trial[good], trial_residual[good]
        error[kept] = trial_error[good]
        moved[todo[good]] = True
        todo = todo[~good]
        factor *= 0.5
    return moved
