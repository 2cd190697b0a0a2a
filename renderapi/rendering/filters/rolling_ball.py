"""Background subtraction by a ball rolled under the image, as ImageJ's BackgroundSubtracter.

S. Sternberg, "Biomedical image processing", IEEE Computer 16 (1983). The image is smoothed (3 x 3
maximum against dust, then 3 x 3 mean), shrunk by minima for large balls, opened by the ball's upper
half as a grey structuring element, enlarged again, and what lies above the image is cut. ImageJ's
corner correction concerns its paraboloid only and has no part here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange

Array = NDArray[np.float64]


def subtract_rolling_ball(
    pixels: NDArray,
    values: Values,
    shown: DisplayRange,
    scale: float,
    random: np.random.Generator,
) -> NDArray:
    """Subtract the background of an image whose background is dark."""
    radius = values.positive("radius", 250) * scale
    if pixels.ndim == 3:
        planes = [_subtracted(np.ascontiguousarray(pixels[:, :, k]), radius) for k in range(3)]
        return np.stack(planes, axis=2)
    return _subtracted(pixels, radius)


def _subtracted(pixels: NDArray, radius: float) -> NDArray:
    image = pixels.astype(np.float64)
    result = image - ball_background(image, radius)
    if pixels.dtype.kind == "f":
        return result.astype(pixels.dtype)
    return np.clip(result + 0.5, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


def ball_background(image: Array, radius: float) -> Array:
    """Background under an image: (h, w) float64."""
    import cv2

    square = np.ones((3, 3), dtype=np.uint8)
    dustless = cv2.dilate(image, square, borderType=cv2.BORDER_REPLICATE)
    shift = float((dustless - image).mean())
    smooth = cv2.blur(dustless, (3, 3), borderType=cv2.BORDER_REPLICATE)
    shrink, trim = _shrinkage(radius)
    small = _shrunk(np.asarray(smooth, dtype=np.float64), shrink)
    ball = _ball(radius / shrink, trim)
    background = _opened(small, ball)
    if shrink > 1:
        background = _enlarged(background, image.shape, shrink)
        background = np.minimum(background, smooth)
    return np.minimum(background - shift, image)


def _shrinkage(radius: float) -> tuple[int, int]:
    """How much the image shrinks for a ball, and the percentage trimmed off the ball's sides."""
    for limit, shrink, trim in ((10, 1, 24), (30, 2, 24), (100, 4, 32)):
        if radius <= limit:
            return shrink, trim
    return 8, 40


def _ball(radius: float, trim: int) -> Array:
    """Heights of the upper half of the ball, its rim trimmed: (2 k + 1, 2 k + 1)."""
    radius = max(radius, 1.0)
    half = int(radius - int(trim * radius) / 100 + 0.5)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return np.sqrt(np.maximum(radius * radius - x * x - y * y, 0.0))


def _shrunk(image: Array, factor: int) -> Array:
    """Minima of blocks of factor x factor pixels; blocks at the far border are smaller."""
    if factor == 1:
        return image
    rows, columns = np.arange(0, image.shape[0], factor), np.arange(0, image.shape[1], factor)
    by_row = np.minimum.reduceat(image, rows, axis=0)
    return np.asarray(np.minimum.reduceat(by_row, columns, axis=1))


def _opened(image: Array, ball: Array) -> Array:
    """Highest surface the ball's top reaches everywhere below the image."""
    height, width = image.shape
    half = ball.shape[0] // 2
    padded = np.pad(image, half, constant_values=np.inf)
    contact = np.full(image.shape, np.inf)
    # the ball may be centred outside of the image, as far as it still touches it
    centres = np.pad(contact, half, constant_values=np.inf)
    reach = np.pad(padded, half, constant_values=np.inf)
    rows, columns = centres.shape
    offsets = [(i, j, h) for (i, j), h in np.ndenumerate(ball) if h > 0]
    for i, j, height_of_ball in offsets:
        np.minimum(centres, reach[i : i + rows, j : j + columns] - height_of_ball, out=centres)
    surface = np.full(image.shape, -np.inf)
    for i, j, height_of_ball in offsets:
        part = centres[i : i + height, j : j + width]
        part = np.where(np.isfinite(part), part + height_of_ball, -np.inf)
        np.maximum(surface, part, out=surface)
    return surface


def _enlarged(small: Array, shape: tuple[int, ...], factor: int) -> Array:
    """Linear interpolation between the centres of blocks, constant beyond the outer ones."""
    from numpy import interp

    result = small
    for axis in (0, 1):
        centres = np.arange(result.shape[axis]) * factor + (factor - 1) / 2
        wanted = np.arange(shape[axis])
        result = np.apply_along_axis(lambda line, c=centres, w=wanted: interp(w, c, line), axis,
                                     result)  # fmt: skip
    return result
