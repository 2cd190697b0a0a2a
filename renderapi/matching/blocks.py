"""Corresponding points on a grid of blocks of the overlap, each found by correlation.

Once the shift between two images is known roughly, every block of the overlap is looked for in its
neighbourhood on the other image. That follows the distortions a single shift cannot, and works in
overlaps too thin or too plain for features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import FloatImage, Mask, normalised
from renderapi.matching.coverage import overlap_mask
from renderapi.matching.models import Matrix, Points, apply
from renderapi.matching.shifts import Window
from renderapi.matching.subpixel import refine


@dataclass(frozen=True, slots=True)
class BlockParameters:
    """Size and spacing of the blocks and what one must reach.

    Attributes
    ----------
    size : int
        Side of a block, pixels. Where the overlap is thinner, blocks are long and narrow.
    spacing : int
        Distance between block centres at most this, pixels.
    radius : int
        A block is looked for within this distance of where the rough map puts it, pixels.
    correlation : float
        Least correlation of a block.
    second : float
        The second best place may reach at most this fraction of the best correlation.
    content : float
        Least share of a block's pixels that must count, on both images.
    thinnest : int
        An overlap of fewer pixels across has no blocks.
    sigma : float
        Of the high-pass (see `contrast.normalised`), pixels.
    level : int
        Blocks are matched at a scale of 1 / 2**level first; the sizes above are pixels of that.
    max_blocks : int
        The spacing grows until there are no more blocks than this.
    inset : int
        Blocks keep so far from the rim of the overlap, pixels (at most an eighth of its width): one
        at the rim of q cannot be looked for on that side, and is none.
    """

    size: int = 64
    spacing: int = 48
    radius: int = 12
    correlation: float = 0.35
    second: float = 0.85
    content: float = 0.9
    thinnest: int = 12
    sigma: float = 3.0
    level: int = 0
    max_blocks: int = 200
    inset: int = 0


class BlockMatches(NamedTuple):
    """Corresponding points.

    Attributes
    ----------
    p, q : (N, 2) arrays
        Centres of the blocks on p, and where they were found on q; pixels of each image.
    weights : (N,) array
        Correlation of each block, 0 to 1.
    tried : int
        Number of blocks with enough content on both images.
    """

    p: Points
    q: Points
    weights: NDArray[np.float64]
    tried: int


def match_blocks(
    p_image: NDArray,
    q_image: NDArray,
    p_mask: Mask,
    q_mask: Mask,
    p_to_q: Matrix,
    parameters: BlockParameters | None = None,
) -> BlockMatches:
    """Match a grid of blocks of the overlap.

    Parameters
    ----------
    p_image, q_image : (H, W) arrays
    p_mask, q_mask : boolean arrays of the same shapes
        Pixels that count.
    p_to_q : (3, 3) array
        Rough map from pixels of p to pixels of q; its linear part should be near 1, since blocks
        are compared without turning them.
    parameters : BlockParameters, optional
        Their `level` is the business of the caller, who reduces the images.
    """
    parameters = parameters or BlockParameters()
    centres, shape = block_grid(overlap_mask(p_mask, q_mask, p_to_q), parameters)
    if not len(centres):
        return BlockMatches(np.empty((0, 2)), np.empty((0, 2)), np.empty(0), 0)
    reach = (shape[0] // 2 + parameters.radius + 16, shape[1] // 2 + parameters.radius + 16)
    p_near = _surroundings(centres, p_image.shape, reach)
    q_near = _surroundings(np.rint(apply(p_to_q, centres)), q_image.shape, reach)
    images = _Images(p_image, q_image, p_mask, q_mask, p_near, q_near, parameters.sigma)
    found = [images.match(centre, shape, p_to_q, parameters) for centre in centres]
    tried = sum(result is not None for result in found)
    good = [result for result in found if result is not None and result[4] > 0]
    table = np.array(good, float).reshape(-1, 5)
    return BlockMatches(table[:, :2], table[:, 2:4], table[:, 4], tried)


def block_grid(common: Mask, parameters: BlockParameters) -> tuple[Points, tuple[int, int]]:
    """Centres (x, y) of a grid of blocks that fill an area, and their size (rows, columns).

    Parameters
    ----------
    common : (H, W) boolean array
        The overlap in pixels of p.
    parameters : BlockParameters
    """
    columns, rows = np.flatnonzero(common.any(0)), np.flatnonzero(common.any(1))
    nowhere = np.empty((0, 2)), (0, 0)
    if not len(columns):
        return nowhere
    low = np.array([columns[0], rows[0]], float)
    high = np.array([columns[-1], rows[-1]], float)
    inset = np.minimum(parameters.inset, (high - low + 1) // 8)
    low, high = low + inset, high - inset
    extent = high - low + 1
    if extent.min() < parameters.thinnest:
        return nowhere
    width, height = _block_shape(extent, parameters)
    half = np.array([width, height]) / 2
    low, high = low + half, high + 1 - half
    spacing = np.array([width, height]) * parameters.spacing / parameters.size
    while np.prod(np.floor((high - low) / spacing) + 1) > parameters.max_blocks:
        spacing *= 1.15
    axes = [_ticks(*ends) for ends in zip(low, high, spacing, strict=True)]
    x, y = np.meshgrid(*axes)
    return np.rint(np.stack([x.ravel(), y.ravel()], axis=1)), (height, width)


def _block_shape(extent: NDArray[np.float64], parameters: BlockParameters) -> tuple[int, int]:
    """Width and height: square, or of about the same area along a thin overlap."""
    size = float(parameters.size)
    short = min(size, float(extent.min()) * (0.75 if extent.min() < 1.5 * size else 1.0))
    long = min(size * size / short, 4 * size, float(extent.max()))
    width, height = (short, long) if extent[0] < extent[1] else (long, short)
    return int(width) // 2 * 2, int(height) // 2 * 2


def _ticks(low: float, high: float, spacing: float) -> NDArray[np.float64]:
    """Evenly spread places from `low` to `high`, no further apart than `spacing`."""
    count = int(np.ceil((high - low) / spacing)) + 1
    return np.linspace(low, high, count) if count > 1 else np.array([(low + high) / 2])


def _surroundings(centres: Points, shape: tuple[int, ...], reach: tuple[int, int]) -> Window:
    """Part of an image in which all blocks and their neighbourhoods lie."""
    around = np.array(reach[::-1])
    x0, y0 = np.clip(centres.min(0) - around, 0, shape[1::-1]).astype(int)
    x1, y1 = np.clip(centres.max(0) + around + 1, 0, shape[1::-1]).astype(int)
    return Window(int(x0), int(y0), int(x1), int(y1))


class _Images:
    """Both images cut to the surroundings of the overlap, normalised once for all blocks."""

    def __init__(
        self,
        p: NDArray,
        q: NDArray,
        p_mask: Mask,
        q_mask: Mask,
        p_near: Window,
        q_near: Window,
        sigma: float,
    ) -> None:
        self.p, self.p_mask = p[p_near.slices], p_mask[p_near.slices]
        self.q, self.q_mask = q[q_near.slices], q_mask[q_near.slices]
        self.p_flat: FloatImage = normalised(self.p, self.p_mask, sigma)
        self.q_flat: FloatImage = normalised(self.q, self.q_mask, sigma)
        self.p_origin = np.array([p_near.x0, p_near.y0], float)
        self.q_origin = np.array([q_near.x0, q_near.y0], float)
        self.sigma = sigma

    def match(
        self,
        centre: NDArray[np.float64],
        shape: tuple[int, int],
        p_to_q: Matrix,
        parameters: BlockParameters,
    ) -> tuple[float, float, float, float, float] | None:
        """x, y on p, x, y on q, weight; weight 0: not found; None: too little content."""
        height, width = shape
        target = apply(p_to_q, centre[None])[0]
        p_corner = _corner(centre - self.p_origin, shape)
        q_corner = _corner(target - self.q_origin, shape)
        block = _window(p_corner, shape)
        reach = _reach(self.q.shape, q_corner, shape, parameters.radius)
        if not _fits(self.p.shape, block) or reach is None:
            return None
        if self.p_mask[block.slices].mean() < parameters.content:
            return None
        place = self._best_place(block, q_corner, reach, parameters)
        nothing = (float(centre[0]), float(centre[1]), np.nan, np.nan, 0.0)
        if place is None:
            return nothing
        found = _window(place, shape)
        both = self.p_mask[block.slices] & self.q_mask[found.slices]
        if both.mean() < parameters.content:
            return None
        fit = refine(self.q[found.slices], self.p[block.slices], both, self.sigma)
        if fit.correlation < parameters.correlation:
            return nothing
        middle = np.array([width - 1, height - 1]) / 2
        p_point = self.p_origin + p_corner + middle
        q_point = self.q_origin + place + np.array(fit.rest) + middle
        return (*p_point.tolist(), *q_point.tolist(), fit.correlation)

    def _best_place(
        self,
        block: Window,
        corner: NDArray[np.intp],
        reach: tuple[int, int, int, int],
        parameters: BlockParameters,
    ) -> NDArray[np.intp] | None:
        """Corner on q at which the block fits best; None when no place stands out."""
        import cv2

        left, up, right, down = reach
        x, y = int(corner[0]), int(corner[1])
        area = Window(x - left, y - up, x + block.width + right, y + block.height + down)
        surface = cv2.matchTemplate(
            self.q_flat[area.slices], self.p_flat[block.slices], cv2.TM_CCOEFF_NORMED
        )
        peak = _unique_peak(surface.astype(np.float64), parameters)
        return None if peak is None else np.array([area.x0 + peak[0], area.y0 + peak[1]])


def _corner(centre: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.intp]:
    return (np.rint(centre) - np.array([shape[1] // 2, shape[0] // 2])).astype(np.intp)


def _window(corner: NDArray[np.intp], shape: tuple[int, int]) -> Window:
    x, y = int(corner[0]), int(corner[1])
    return Window(x, y, x + shape[1], y + shape[0])


def _fits(shape: tuple[int, ...], window: Window) -> bool:
    return window.x0 >= 0 and window.y0 >= 0 and window.x1 <= shape[1] and window.y1 <= shape[0]


def _reach(
    shape: tuple[int, ...], corner: NDArray[np.intp], block: tuple[int, int], radius: int
) -> tuple[int, int, int, int] | None:
    """How far (left, up, right, down) a block may be moved; None when there is no room."""
    x, y = int(corner[0]), int(corner[1])
    room = (x, y, shape[1] - block[1] - x, shape[0] - block[0] - y)
    reach = tuple(min(radius, side) for side in room)
    return (reach[0], reach[1], reach[2], reach[3]) if min(reach) >= 2 else None


def _unique_peak(
    surface: NDArray[np.float64], parameters: BlockParameters
) -> tuple[int, int] | None:
    """Column and row of the peak; None when it is low, on the edge, or not the only one."""
    surface = np.where(np.isfinite(surface), surface, -1.0)
    j, i = np.unravel_index(int(np.argmax(surface)), surface.shape)
    best = surface[j, i]
    edge = j in (0, surface.shape[0] - 1) or i in (0, surface.shape[1] - 1)
    if edge or best < parameters.correlation:
        return None
    if _second_peak(surface, int(j), int(i)) > parameters.second * best:
        return None
    return int(i), int(j)


def _second_peak(surface: NDArray[np.float64], j: int, i: int) -> float:
    """Highest local maximum other than the one at row j, column i."""
    from scipy.ndimage import maximum_filter

    maxima = surface == maximum_filter(surface, size=3, mode="nearest")
    maxima[max(0, j - 2) : j + 3, max(0, i - 2) : i + 3] = False
    return float(surface[maxima].max()) if maxima.any() else -1.0
