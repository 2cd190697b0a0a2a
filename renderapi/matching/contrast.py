"""Which pixels of an image count, and their values freed of shading and contrast.

Images are 2-D arrays (rows y, columns x); masks are boolean arrays of the same shape, True where
the pixel counts.
"""

from __future__ import annotations

from functools import lru_cache, reduce
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

FLAT_WINDOW = 5
"""Side of the window (pixels) in which a dead border has not a single grey level of variation."""


SATURATED = (0.003, 0.5)
"""Shares of the pixels that may be taken for cut off."""
DEGREE = 2
TERMS = [(i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)]
TERMS_I, TERMS_J = zip(*TERMS, strict=True)
FITTED = 64
"""A trend is fitted to so many rows and columns, about."""
FILTERED = (np.uint8, np.uint16, np.int16, np.float32)
"""Types of pixels that OpenCV finds the extremes of as they are."""
MOST_FILLED = 100
"""Regions at the edge that are filled one by one."""
STEP = 2
"""Plateaus of a smooth picture are so many of its grey levels from what lies around, at most."""
AROUND = 0.9
"""Share of what lies around a plateau of which that has to be true."""
TOP_WINDOW, TOP_SHARE = 5, 0.35
"""Light is cut off where the top grey level takes such a share of a window of so many pixels."""
HEAPED = 4
"""Light is cut off where the top grey level is this many times as frequent as the next one."""
ROWS = 32
"""Rows of a picture whose pixels are counted at a time."""


def content_mask(image: NDArray, mask: NDArray | None = None, margin: int = 3) -> Mask:
    """Pixels that carry picture: unmasked, not cut off, and not part of a dead border.

    A dead border is a connected region of constant value that touches the edge of the image, as
    left by a camera's frame or by an earlier correction of distortion. A plateau that rounding has
    left of a smooth picture is none.

    Parameters
    ----------
    image : (H, W) array of any number type
    mask : (H, W) array, optional
        Mask of the tile in its own type: boolean, or 8-bit where 255 is fully visible. Pixels
        that are less than fully visible do not count.
    margin : int
        Pixels next to a dead border or a masked area that do not count either, since resampling
        has mixed them.

    Returns
    -------
    (H, W) boolean array, a new one.
    """
    import cv2

    top = _saturated(image)
    found = (_dead_border(image), None if top is None else _cut_off(top), _hidden(mask))
    parts = [part for part in found if part is not None]
    if not parts:
        return np.ones(image.shape, bool) if top is None else ~top
    dead = reduce(np.logical_or, parts)
    if margin and dead.any():
        kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
        dead = cv2.dilate(dead.view(np.uint8), kernel).view(np.bool_)
    return ~dead if top is None else ~(dead | top)


def _cut_off(top: Mask) -> Mask:
    """Pixels of regions of which the top grey level takes a large share: there the light was cut
    off, and what lies beside them is mixed with it. Where noise reaches it now and then it was not.
    """
    import cv2

    share = cv2.blur(top.astype(np.float32), (TOP_WINDOW, TOP_WINDOW))
    return np.asarray(top & (share >= TOP_SHARE))


def _hidden(mask: NDArray | None) -> Mask | None:
    """Pixels that the mask of a tile does not show fully; None without a mask."""
    if mask is None:
        return None
    full = True if mask.dtype == np.bool_ else min(255, np.iinfo(mask.dtype).max)
    return np.asarray(mask < full)


def _saturated(image: NDArray) -> Mask | None:
    """Pixels at the top grey level, where so many are that the light was cut off; None: nowhere.

    What is cut off differs between two exposures of one place. A picture whose other pixels show
    nothing (of two grey levels, for example) is not taken for cut off.
    """
    if not image.size:
        return None
    top = image.max()
    count = _number_of(image, top)
    if not SATURATED[0] <= count / image.size <= SATURATED[1]:
        return None
    at, lowest, below = np.asarray(image == top), image.min(), image.copy()
    np.copyto(below, lowest, where=at)
    next_one = below.max()
    if next_one == lowest or count < HEAPED * _number_of(image, next_one):
        return None
    return at


def _number_of(image: NDArray, value: Any) -> int:
    """How many pixels have a value; some rows at a time: fresh memory would cost more than that."""
    rows = range(0, len(image), ROWS)
    return sum(int(np.count_nonzero(image[row : row + ROWS] == value)) for row in rows)


def _dead_border(image: NDArray) -> Mask | None:
    """Constant regions connected to the edge of the image, plateaus of a smooth picture apart.

    None without any.
    """
    import cv2

    values = np.ascontiguousarray(image, image.dtype if image.dtype in FILTERED else np.float32)
    if not _flat_at_edge(values):  # as a rule: the whole picture need not be looked at
        return None
    kernel = np.ones((FLAT_WINDOW, FLAT_WINDOW), np.uint8)
    flat = cv2.dilate(values, kernel) == cv2.erode(values, kernel)
    core = _touching_edge(flat)
    constant = cv2.dilate(core.view(np.uint8), kernel).view(np.bool_)
    box = _box_around(core, FLAT_WINDOW)
    limits = float(values.min()), float(values.max())
    constant[box] &= ~_plateaus(values[box], core[box], limits, _grey_step(values))
    return constant


def _box_around(core: Mask, margin: int) -> tuple[slice, slice]:
    """Rows and columns of a mask that has some pixels, with a margin."""
    found = (np.flatnonzero(core.any(axis)) for axis in (1, 0))
    rows, columns = (slice(max(0, at[0] - margin), at[-1] + margin + 1) for at in found)
    return rows, columns


def _plateaus(values: NDArray, core: Mask, limits: tuple[float, float], step: float) -> Mask:
    """Constant regions that are steps of a smooth picture: what lies around them is hardly another.

    A picture that changes by less than a grey level over some pixels has such regions wherever it
    was rounded, at another place in every exposure. Those of the lowest and the highest grey level
    are not taken for any: there the picture was cut off, or is none.
    """
    import cv2

    count, labels = cv2.connectedComponents(core.view(np.uint8), connectivity=8)
    grey = np.zeros(count, np.float64)
    grey[labels[core]] = values[core]
    kernel = np.ones((FLAT_WINDOW, FLAT_WINDOW), np.uint8)
    spread = cv2.dilate(labels.astype(np.float32), kernel)  # over all of their regions
    sides, near = np.zeros(count), np.zeros(count)
    for turned in (spread, np.where(spread > 0, count - spread, 0)):  # each has a higher neighbour
        wider = cv2.dilate(turned.astype(np.float32), np.ones((3, 3), np.uint8))
        around = wider != turned
        whose = wider[around].astype(np.intp)
        whose = whose if turned is spread else count - whose
        away = np.abs(values[around].astype(np.float64) - grey[whose])
        sides += np.bincount(whose, minlength=count)
        near += np.bincount(whose, away <= STEP * step, minlength=count)
    smooth = (sides > 0) & (near >= AROUND * sides)
    smooth &= (grey > limits[0]) & (grey < limits[1])
    smooth[0] = False
    return np.asarray(smooth[spread.astype(np.intp)])


def _grey_step(values: NDArray) -> float:
    """Smallest difference between pixels side by side: a grey level of the picture."""
    least = np.inf
    for row in range(0, len(values), ROWS):
        steps = np.abs(np.diff(values[row : row + ROWS].astype(np.float64), axis=1))
        least = float(np.min(steps[steps > 0], initial=least))
        if least == 1 and values.dtype.kind in "iu":  # there is none that is smaller
            break
    return least if np.isfinite(least) else 1.0


def _flat_at_edge(values: NDArray) -> bool:
    """Whether the window about any of the outermost pixels, where it lies in the image, is flat."""
    import cv2

    near, along = FLAT_WINDOW // 2 + 1, np.ones((1, FLAT_WINDOW), np.uint8)
    for strip in (values[:near], values[-near:], values[:, :near].T, values[:, -near:].T):
        highest, lowest = (np.ascontiguousarray(v(strip, axis=0)[None]) for v in (np.max, np.min))
        if (cv2.dilate(highest, along) == cv2.erode(lowest, along)).any():
            return True
    return False


def _touching_edge(flat: Mask) -> Mask:
    """Connected regions that reach the edge of the image.

    As a rule there are few, which are filled; labels of all regions cost far more.
    """
    import cv2

    regions = flat.astype(np.uint8)
    for _ in range(MOST_FILLED):
        seed = _edge_pixel(regions)
        if seed is None:
            return np.asarray(regions == 2)
        cv2.floodFill(regions, None, seed, 2, flags=4)
    _, labels = cv2.connectedComponents(flat.view(np.uint8), connectivity=4)
    edges = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    touching = np.zeros(labels.max() + 1, bool)
    touching[edges] = True
    touching[0] = False
    return np.asarray(touching[labels])


def _edge_pixel(regions: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Column and row of a pixel at the edge whose value is 1; None without any."""
    rows, columns = regions.shape
    for row in (0, rows - 1):
        found = np.flatnonzero(regions[row] == 1)
        if len(found):
            return int(found[0]), row
    for column in (0, columns - 1):
        found = np.flatnonzero(regions[:, column] == 1)
        if len(found):
            return column, int(found[0])
    return None


def normalised(image: NDArray, mask: Mask, sigma: float = 3.0, clip: float = 4.0) -> FloatImage:
    """High-passed image with evened-out contrast: what is compared between two tiles.

    The local mean (Gaussian, counting unmasked pixels only) is subtracted and the result divided
    by the geometric mean of the local and the overall contrast, so that brightness, vignetting
    and slow changes of contrast between cameras drop out while blank areas are not blown up to
    the rank of structure.

    Parameters
    ----------
    image : (H, W) array
    mask : (H, W) boolean array
    sigma : float
        Standard deviation of the Gaussian, pixels.
    clip : float
        Values beyond this many times the overall contrast are clipped: dust does not decide.

    Returns
    -------
    (H, W) float32, 0 where masked.
    """
    import cv2

    detail: FloatImage = detrended(image, mask)
    if mask.all():
        detail -= _blur(detail, sigma)
        local = _blur(detail * detail, sigma)
    else:
        weight = mask.astype(np.float32)
        inside = np.maximum(_blur(weight, sigma), 1e-6)
        detail = (detail - _blur(detail, sigma) / inside) * weight
        local = np.maximum(_blur(detail * detail, sigma) / inside, 0)
    overall = float(cv2.norm(detail)) / float(np.count_nonzero(mask) or 1) ** 0.5
    if overall == 0:
        return detail
    local = np.sqrt(local)
    local += np.float32(0.05 * overall)
    local *= np.float32(overall)
    detail /= np.sqrt(local)
    return np.clip(detail, -clip, clip)


def band_passed(
    image: NDArray, mask: Mask, sigma: float = 3.0, smoothing: float = 0.0
) -> FloatImage:
    """`normalised` of the image, and low-passed: what noise of single pixels leaves visible.

    Parameters
    ----------
    sigma : float
        Standard deviation of the high-pass, pixels; it is widened where the low-pass is wide.
    smoothing : float
        Standard deviation of the low-pass, pixels; 0: none.
    """
    if not smoothing:
        return normalised(image, mask, sigma)
    weight = mask.astype(np.float32)
    inside = np.maximum(_blur(weight, smoothing), 1e-6)
    return normalised(
        _blur(detrended(image, mask), smoothing) / inside, mask, sigma * (1 + smoothing)
    )


def detrended(image: NDArray, mask: Mask) -> NDArray[np.float32]:
    """The image less the polynomial in x and y that fits it best, 0 where masked.

    Light that falls off towards the edges of every tile is the same in all tiles. Near the edges
    of a tile a high-pass leaves of a slope what looks like a picture, and tiles would agree in it.

    Parameters
    ----------
    image : (H, W) array
    mask : (H, W) boolean array
    """
    values = image.astype(np.float32)
    trend = _trend(image.shape)
    counted = mask[trend.some].ravel()
    if counted.sum() < 4 * len(TERMS):
        mean = values[mask].mean(dtype=np.float64) if mask.any() else 0.0
        return np.where(mask, values - np.float32(mean), np.float32(0))
    sampled = values[trend.some].ravel()[counted].astype(np.float64)
    table = trend.table if counted.all() else trend.table[:, counted]
    normal = table @ table.T
    normal += 1e-9 * np.trace(normal) * np.eye(len(TERMS))
    matrix = np.zeros((DEGREE + 1, DEGREE + 1))
    matrix[TERMS_I, TERMS_J] = np.linalg.solve(normal, table @ sampled)
    values -= (trend.rows @ matrix.astype(np.float32)) @ trend.columns
    return values if mask.all() else values * mask


class _Trend(NamedTuple):
    """Powers of y by row and of x by column, the pixels fitted, and the terms there."""

    rows: NDArray[np.float32]
    columns: NDArray[np.float32]
    some: tuple[slice, ...]
    table: NDArray[np.float64]


@lru_cache(maxsize=32)
def _trend(shape: tuple[int, ...]) -> _Trend:
    rows, columns = (
        np.vander(np.linspace(-1, 1, side), DEGREE + 1, increasing=True) for side in shape
    )
    steps = [max(1, side // FITTED) for side in shape]
    some = tuple(slice(step // 2, None, step) for step in steps)
    table = np.stack([np.outer(rows[some[0], i], columns[some[1], j]).ravel() for i, j in TERMS])
    return _Trend(rows.astype(np.float32), np.ascontiguousarray(columns.T, np.float32), some, table)


def _blur(image: FloatImage, sigma: float) -> FloatImage:
    import cv2

    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32
    )


def halved(image: FloatImage, mask: Mask) -> tuple[FloatImage, Mask]:
    """Image at half the scale (means of 2 x 2 pixels); a pixel counts when all four did."""
    import cv2

    rows, columns = image.shape[0] // 2 * 2, image.shape[1] // 2 * 2
    if not rows or not columns:
        return np.empty((rows // 2, columns // 2), np.float32), mask[: rows // 2, : columns // 2]
    blocks = image[:rows, :columns].astype(np.float32, copy=False)
    half = (columns // 2, rows // 2)
    small = np.asarray(cv2.resize(blocks, half, interpolation=cv2.INTER_AREA), np.float32)
    m = mask[:rows, :columns]
    if m.all():
        return small, np.ones(small.shape, bool)
    return small, m[0::2, 0::2] & m[1::2, 0::2] & m[0::2, 1::2] & m[1::2, 1::2]
