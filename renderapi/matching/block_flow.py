"""Displacements on a regular grid between two pictures of one frame, coarse to fine.

At every level the second picture is first resampled by what coarser levels found, so that blocks
are compared after turns and bends are taken out; all but the finest level are compared twice, as
what is found depends on how well the picture was resampled before. A block is looked for around
where it is expected; its place is believed when it fits better than blocks fit the mirrored
picture, in which nothing corresponds, and when neighbouring blocks agree. Across a crack or a fold
neighbours of one side only have to agree, so that the jump there stays. Where a finer level finds
nothing, what a coarser one found is kept, with less weight: fine detail often differs from one
section to the next.

Pictures are 2-D arrays (rows y, columns x). A displacement (dx, dy) says that the place (x, y) of p
is at (x + dx, y + dy) of q. Grids are arrays (rows, columns, 2), x first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.chance import FEWEST_SAMPLES, extreme_limit
from renderapi.matching.contrast import FloatImage, Mask, normalised
from renderapi.matching.flow_grids import Grid, agreeing, filled, smoothed_grid
from renderapi.matching.repeats import without_repeats
from renderapi.matching.window_search import Found, best_shifts

WINDOW = 0.29
"""Standard deviation of the weights of a block, a share of its side: as of a square with edges."""
FEWEST_PIXELS = 256
"""That two pictures must have in common for their fine detail to be compared."""
HOPELESS = 2
"""Pictures of which nothing is found at the coarsest level and so many more are given up."""
SMALLEST = 1.5
"""Pictures are reduced no further than to so many blocks along the shorter side."""


@dataclass(frozen=True, slots=True)
class FlowParameters:
    """Which blocks are looked for, and what one must reach.

    Attributes
    ----------
    spacing : int
        Distance between the centres of blocks, pixels of the pictures.
    size : int
        Side of a block, pixels of each level; it has no edges, but weights that fall like a
        Gaussian as wide as such a square.
    radius : int
        How far blocks are looked for at the coarsest level, pixels of that level.
    fine_radius : int
        The same at the other levels, about what the coarser level found.
    again : int
        The same when a level, other than the finest, is compared a second time; 0: it is not.
    levels : int
        The coarsest level has a scale of 1 / 2**levels; small pictures are reduced less, and looked
        through as far.
    correlation : float
        Least correlation of a block, besides what chance reaches.
    false_alarm : float
        Share of unrelated blocks that correlate as well as those that are believed.
    content : float
        Least share of a block that must show something, on both pictures.
    sigma : float
        Of the high-pass (see `contrast.normalised`), pixels of each level.
    detail : float
        It is half of that where pictures correlate so by at least this share of what they do
        otherwise, as they lie by what the coarser level found; 0: never.
    tolerance : float
        Neighbours agree when their displacements differ by no more than this, pixels of the level,
        or by a tenth of their distance.
    """

    spacing: int = 32
    size: int = 64
    radius: int = 16
    fine_radius: int = 6
    again: int = 3
    levels: int = 3
    correlation: float = 0.1
    false_alarm: float = 0.02
    content: float = 0.4
    sigma: float = 6.0
    detail: float = 0.9
    tolerance: float = 2.0


class Flow(NamedTuple):
    """Displacements found.

    Attributes
    ----------
    x, y : (columns,), (rows,) float64
        Centres of the blocks, pixels of p.
    shift : (rows, columns, 2) float64
        NaN where no block was found.
    correlation : (rows, columns) float64
        Of the blocks found; NaN elsewhere.
    level : (rows, columns) int
        Where each was found: its place is known to about a pixel of a scale of 1 / 2**level.
    tried : (rows, columns) bool
        Whether there is enough to see on p.
    smooth : (rows, columns, 2) float64
        Displacements filled in where none were found; NaN where none were found at all.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    shift: Grid
    correlation: NDArray[np.float64]
    level: NDArray[np.intp]
    tried: NDArray[np.bool_]
    smooth: Grid

    @property
    def found(self) -> NDArray[np.bool_]:
        """Which blocks were found."""
        return np.isfinite(self.shift[..., 0])

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weights (rows, columns) of the blocks, 0 to 1, by how exactly they are placed."""
        return np.where(self.found, np.nan_to_num(self.correlation) / 2.0**self.level, 0.0)

    def points(self) -> tuple[NDArray, NDArray, NDArray]:
        """N x 2 places on p, those on q, and N weights, of the blocks found."""
        here = np.stack(np.meshgrid(self.x, self.y), axis=-1)
        found = self.found
        return here[found], (here + self.shift)[found], self.weight[found]


def grid_axis(length: int, spacing: int) -> NDArray[np.float64]:
    """Centres of blocks along a side: `spacing` apart, as far from one end as from the other."""
    count = max(2, int(np.ceil((length - 1) / spacing)) + 1)
    return np.asarray((length - 1) / 2 + spacing * (np.arange(count) - (count - 1) / 2), np.float64)


def find_flow(
    p: NDArray, p_mask: Mask, q: NDArray, q_mask: Mask, parameters: FlowParameters | None = None
) -> Flow:
    """Displacements from p to q on a grid over p.

    Parameters
    ----------
    p, q : (H, W) arrays of any number type, of one shape
    p_mask, q_mask : (H, W) boolean arrays
        Pixels that count.
    parameters : FlowParameters, optional

    Raises
    ------
    ValueError
        The pictures differ in shape.
    """
    if p.shape != q.shape:
        raise ValueError(f"pictures of {p.shape} and {q.shape} pixels are not of one frame")
    parameters = parameters or FlowParameters()
    x, y = (grid_axis(side, parameters.spacing) for side in p.shape[1::-1])
    shape = (len(y), len(x))
    nothing = np.full((*shape, 2), np.nan)
    never = np.zeros(shape, bool)
    flow = Flow(x, y, nothing, np.full(shape, np.nan), np.zeros(shape, np.intp), never, nothing)
    most = int(np.log2(max(1.0, min(p.shape) / (SMALLEST * parameters.size))))
    levels = min(parameters.levels, most)
    reach = max(parameters.fine_radius, parameters.radius * 2 ** (parameters.levels - levels))
    images = _pyramid(p, p_mask, levels), _pyramid(q, q_mask, levels)
    for level in range(levels, -1, -1):
        first = reach if level == levels else parameters.fine_radius
        for radius in (first, parameters.again) if level and parameters.again else (first,):
            near = replace(parameters, radius=radius)
            flow = _matched(images[0][level], images[1][level], level, flow, near)
        if levels - level >= HOPELESS and not flow.found.any():
            break
    return flow


def _pyramid(image: NDArray, mask: Mask, levels: int) -> list[tuple[NDArray, Mask]]:
    """The picture at 1, 1/2, 1/4, ... of its scale, at each without what repeats all over it."""
    import cv2

    found: list[tuple[NDArray, Mask]] = [(without_repeats(image, mask), mask)]
    for _ in range(levels):
        values, counted = found[-1]
        size = tuple(-(-side // 2) for side in values.shape[1::-1])
        weight = cv2.resize(counted.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        weighted = cv2.resize(values * counted, size, interpolation=cv2.INTER_AREA)
        small, shown = weighted / np.maximum(weight, 1e-6), np.asarray(weight > 0.5)
        found.append((without_repeats(small, shown), shown))
    return found


def _matched(
    one: tuple[NDArray, Mask],
    other: tuple[NDArray, Mask],
    level: int,
    before: Flow,
    parameters: FlowParameters,
) -> Flow:
    """Displacements found at one level, given those of the coarser one."""
    (p, p_mask), (q, q_mask) = one, other
    factor = 2.0**level
    known = bool(np.isfinite(before.smooth).all())
    guess = before.smooth / factor if known else np.zeros(before.smooth.shape)
    # pixel centres: full-scale x is (x + 0.5) / factor - 0.5 of the level
    x, y = ((axis + 0.5) / factor - 0.5 for axis in (before.x, before.y))
    if known:
        q, q_mask = warped(q, q_mask, x, y, guess)
    pictures = _high_passed((p, p_mask), (q, q_mask), parameters, known)
    a, b = zip(pictures, (p_mask, q_mask), strict=True)
    step = max(
        1,
        min(
            int(parameters.size / 4 * factor / parameters.spacing),
            *(n - 1 for n in (len(x), len(y))),
        ),
    )
    some_x, some_y = x[::step], y[::step]
    rest, correlation, tried = _search(a, b, some_x, some_y, parameters)
    limit = max(parameters.correlation, _chance(a, b, some_x, some_y, parameters))
    rest[~(correlation >= limit)] = np.nan
    here = np.stack(np.meshgrid(some_x, some_y), axis=-1)
    # q was resampled: what lies at x + rest there came from x + rest + guess(x + rest)
    shift = rest + interpolated(x, y, guess, here + np.nan_to_num(rest))
    shift[~agreeing(shift, step * parameters.spacing / factor, parameters.tolerance)] = np.nan
    if step > 1:
        here = np.stack(np.meshgrid(x, y), axis=-1)
        values = np.stack([correlation, tried.astype(float)], axis=-1)
        shift = interpolated(some_x, some_y, shift, here)
        values = interpolated(some_x, some_y, values, here)
        correlation, tried = values[..., 0], values[..., 1] > 0.5
    kept = np.isfinite(before.shift[..., 0]) & ~np.isfinite(shift[..., 0])
    finest = np.where(kept, before.level, level)
    shift[kept] = before.shift[kept] / factor
    shift[~agreeing(shift, parameters.spacing / factor, parameters.tolerance)] = np.nan
    found = np.isfinite(shift[..., 0])
    correlation = np.where(found, np.where(kept, before.correlation, correlation), np.nan)
    smooth = smoothed_grid(filled(shift), parameters.tolerance)
    if not found.any() and known:
        smooth = guess
    return Flow(
        before.x,
        before.y,
        shift * factor,
        correlation,
        np.where(found, finest, level),
        tried,
        smooth * factor,
    )


def _high_passed(
    one: tuple[NDArray, Mask], other: tuple[NDArray, Mask], parameters: FlowParameters, near: bool
) -> tuple[FloatImage, FloatImage]:
    """Both pictures without what changes slowly; by half the width where that agrees as well.

    Fine detail tells places more exactly than coarse, if it is in both; where it differs from one
    section to the next, it only hides what is coarser. Pictures that are not `near` each other yet
    cannot tell.
    """

    def filtered(sigma: float) -> tuple[FloatImage, FloatImage]:
        return normalised(*one, sigma), normalised(*other, sigma)

    usual, both = filtered(parameters.sigma), one[1] & other[1]
    if not near or parameters.detail <= 0 or both.sum() < FEWEST_PIXELS:
        return usual
    fine = filtered(parameters.sigma / 2)
    agree, finely = (_cosine(a[both], b[both]) for a, b in (usual, fine))
    return fine if finely >= parameters.detail * agree > 0 else usual


def _cosine(a: FloatImage, b: FloatImage) -> float:
    """Correlation of grey levels of mean 0; 0 where there are none."""
    power = float(np.dot(a, a)) * float(np.dot(b, b))
    return float(np.dot(a, b)) / power**0.5 if power > 0 else 0.0


def _chance(
    one: tuple[FloatImage, Mask],
    other: tuple[FloatImage, Mask],
    x: NDArray,
    y: NDArray,
    parameters: FlowParameters,
) -> float:
    """Correlation that blocks reach by chance: those of p on q mirrored; 0 where few are there."""
    left_to_right = np.ascontiguousarray(other[0][:, ::-1]), other[1][:, ::-1]
    values = _search(one, left_to_right, x, y, parameters).correlation
    values = values[np.isfinite(values)]
    return extreme_limit(values, parameters.false_alarm) if len(values) >= FEWEST_SAMPLES else 0.0


def warped(
    image: NDArray, mask: Mask, x: NDArray, y: NDArray, shift: Grid
) -> tuple[NDArray[np.float32], Mask]:
    """Picture whose pixel (i, j) shows what `image` shows at (i, j) + shift.

    Parameters
    ----------
    x, y : (columns,), (rows,) arrays, evenly spaced
        Where the displacements (rows, columns, 2) are given, pixels; linear between them.
    """
    import cv2

    rows, columns = image.shape
    i, j = np.meshgrid(
        _index(np.arange(columns), x).astype(np.float32),
        _index(np.arange(rows), y).astype(np.float32),
    )
    u, v = (
        cv2.remap(
            np.ascontiguousarray(shift[..., k], np.float32),
            i,
            j,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for k in (0, 1)
    )
    at_x = u + np.arange(columns, dtype=np.float32)[None, :]
    at_y = v + np.arange(rows, dtype=np.float32)[:, None]
    values = cv2.remap(np.ascontiguousarray(image, np.float32), at_x, at_y, cv2.INTER_CUBIC)
    shown = cv2.remap(mask.astype(np.float32), at_x, at_y, cv2.INTER_LINEAR) > 0.99
    return np.asarray(values, np.float32), shown


def _index(places: NDArray, axis: NDArray) -> NDArray[np.float64]:
    return (places - axis[0]) / (axis[1] - axis[0])


def interpolated(x: NDArray, y: NDArray, grid: Grid, points: NDArray) -> NDArray[np.float64]:
    """Bilinear values (..., 2) of a grid at points (..., 2); beyond its border that of the border.

    Parameters
    ----------
    x, y : (columns,), (rows,) arrays, evenly spaced
    grid : (rows, columns, 2) array
    """
    i = np.clip(_index(points[..., 0], x), 0, len(x) - 1)
    j = np.clip(_index(points[..., 1], y), 0, len(y) - 1)
    i0, j0 = (np.minimum(np.floor(v), n - 2).astype(np.intp) for v, n in ((i, len(x)), (j, len(y))))
    fi, fj = (i - i0)[..., None], (j - j0)[..., None]
    upper = grid[j0, i0] * (1 - fi) + grid[j0, i0 + 1] * fi
    lower = grid[j0 + 1, i0] * (1 - fi) + grid[j0 + 1, i0 + 1] * fi
    return upper * (1 - fj) + lower * fj


def _search(
    one: tuple[FloatImage, Mask],
    other: tuple[FloatImage, Mask],
    x: NDArray,
    y: NDArray,
    parameters: FlowParameters,
) -> Found:
    """Rests, correlations, and which blocks show enough."""
    sigma = parameters.size * WINDOW
    return best_shifts(one, other, x, y, parameters.radius, sigma, parameters.content)
