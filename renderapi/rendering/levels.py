"""Which pyramid level a tile is drawn from, decided as the original renderer decides it.

One affine is fitted to where samples of the tile fall on the canvas; the longer image of a unit
step is the tile's *average scale* a, and the level is floor(log2(floor(1 / a))). At scales of
exactly 1 / 2^n the last bit of the fit decides between two levels, whose pictures differ in most
pixels. So the fit is done in the original's order of operations:

    sums in float64, one sample after the other, rows outer and columns inner;
    centroids by dividing the sums, then the sums of the 2 x 2 normal equations about them;
    the solution by determinants.

There is no tolerance: an a that the rounding makes larger than 1 / 2^n counts as larger.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.rendering.mesh import MOST_CELLS
from renderapi.rendering.parameters import Window

Array = NDArray[np.float64]
# where no number is above _MODEST, rounding moves the fit by far less than this
_SURELY_OFF = 1e-6
_MODEST = 1e9
# from here on it is level 0 whatever the last bits are
_FULL_SCALE = 0.6
_HIGHEST = (1 << 31) - 1


def level_for_scale(average_scale: float) -> int:
    """Level whose pixels are no coarser than the picture's: floor(log2(floor(1 / scale))).

    >>> [level_for_scale(scale) for scale in (2.0, 0.51, 0.5, 0.34, 0.26, 0.25)]
    [0, 0, 1, 1, 1, 2]
    """
    if not average_scale > 0:
        return 0
    return max(int(min(1 / average_scale, _HIGHEST)), 1).bit_length() - 1


def affine_level(
    size: tuple[float, float],
    cell_size: float,
    matrices: Sequence[Array],
    matrix: Array,
    window: Window,
) -> int:
    """Level of a tile whose transforms are all affine.

    Parameters
    ----------
    size : (width, height), full-scale pixels
    cell_size : float
        Spacing of the samples, full-scale pixels.
    matrices : sequence of (3, 3) float64
        Applied first to last; full-scale pixels -> world.
    matrix : (3, 3) float64
        Their product.
    window : Window
        Of the picture.
    """
    if size[0] <= cell_size or size[1] <= cell_size:
        return 0
    (a, b, _), (c, d, _), _ = matrix.tolist()
    estimate = max(math.hypot(a, c), math.hypot(b, d)) * window.scale
    too_many = (size[0] / cell_size) * (size[1] / cell_size) > MOST_CELLS
    if too_many or (_is_off_powers(estimate) and _are_modest(matrices, window)):
        return level_for_scale(estimate)
    from renderapi.rendering import level_kernels

    chain = np.array(matrices, dtype=np.float64).reshape(-1, 3, 3)
    columns, rows = _multiples(size[0], cell_size), _multiples(size[1], cell_size)
    scale = level_kernels.affine_scale(columns, rows, chain, *_to_canvas(window))
    return level_for_scale(scale)


def fitted_level(
    size: tuple[float, float],
    cell_size: float,
    transform: Callable[[Array], Array],
    window: Window,
) -> int:
    """Level of a tile with transforms of any kind.

    Parameters
    ----------
    size, cell_size, window
        As of `affine_level`.
    transform : callable
        (N, 2) full-scale pixels -> (N, 2) world.

    Raises
    ------
    SpecError
        There are too many samples.
    """
    if (size[0] / cell_size) * (size[1] / cell_size) > MOST_CELLS:
        raise SpecError(f"the mesh cells are too small for a tile of {size[0]} x {size[1]} pixels")
    columns, rows = _multiples(size[0], cell_size), _multiples(size[1], cell_size)
    if len(columns) < 2 or len(rows) < 2:
        return 0
    from renderapi.rendering import level_kernels

    x, y = np.meshgrid(columns, rows, indexing="xy")
    scale, *shift = _to_canvas(window)
    with np.errstate(all="ignore"):  # what is not finite gives level 0
        world = transform(np.stack([x, y], axis=-1).reshape(-1, 2))
        u, v = np.ascontiguousarray((world * scale + shift).T)
    return level_for_scale(level_kernels.fitted_scale(columns, rows, u, v))


@lru_cache(maxsize=64)
def _multiples(length: float, step: float) -> Array:
    """Multiples of `step` below `length`, from 0."""
    multiples = np.arange(math.ceil(length / step), dtype=np.float64) * step
    return np.asarray(multiples[multiples < length])


def _to_canvas(window: Window) -> tuple[float, float, float]:
    """Scale and shifts of world -> canvas; shifts of the form -(x * scale), as the original's."""
    return window.scale, -(window.x * window.scale), -(window.y * window.scale)


def _is_off_powers(scale: float) -> bool:
    """Whether 1 / scale lies so far from every power of two that no rounding can matter."""
    if not 1 / _HIGHEST < scale < math.inf:
        return True
    share = math.frexp(1 / scale)[0]  # 0.5 to 1
    return scale > _FULL_SCALE or 0.5 + _SURELY_OFF < share < 1 - _SURELY_OFF


def _are_modest(matrices: Sequence[Array], window: Window) -> bool:
    """Whether all numbers on the way to the canvas are of a size that rounding does not show."""
    numbers = [abs(n) for matrix in matrices for row in matrix.tolist() for n in row]
    return max(abs(window.x), abs(window.y), *numbers) < _MODEST
