"""Background subtraction by a ball rolled under the image, as ImageJ's BackgroundSubtracter.

S. Sternberg, "Biomedical image processing", IEEE Computer 16 (1983). The image is smoothed (3 x 3
mean), shrunk by minima for large balls, opened by the patch around the top of the ball, enlarged
again, and subtracted. The background of a smoothed image may lie above single pixels: they become
0. ImageJ's corner correction and its maximum against dust belong to its sliding paraboloid; the
ball, which may roll beyond the border of the image, has neither.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange
from renderapi.rendering.limits import go_on

Array = NDArray[np.float32]


def subtract_rolling_ball(
    pixels: NDArray,
    values: Values,
    shown: DisplayRange,
    scale: float,
    random: np.random.Generator,
) -> NDArray:
    """Subtract the background of an image whose background is dark."""
    radius, check_stop = values.radius("radius", 250, scale), values.check_stop
    if pixels.ndim == 3:
        planes = (np.ascontiguousarray(pixels[:, :, k]) for k in range(3))
        return np.stack([_subtracted(plane, radius, check_stop) for plane in planes], axis=2)
    return _subtracted(pixels, radius, check_stop)


def _subtracted(pixels: NDArray, radius: float, check_stop: Callable[[], None]) -> NDArray:
    image = pixels.astype(np.float32)
    result = image - ball_background(image, radius, check_stop)
    if pixels.dtype.kind == "f":
        return result.astype(pixels.dtype)
    return np.clip(result + np.float32(0.5), 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


def ball_background(image: Array, radius: float, check_stop: Callable[[], None] = go_on) -> Array:
    """Background under an image: (h, w) float32."""
    smooth = _mean_of_three(_mean_of_three(image, 1), 0)
    shrink, trim = _shrinkage(radius)
    background = _opened(_shrunk(smooth, shrink), _ball(radius / shrink, trim), check_stop)
    return _enlarged(background, image.shape, shrink)


def _mean_of_three(image: Array, axis: int) -> Array:
    """Mean of each pixel and its two neighbours on an axis; the border goes on beyond the image."""
    pad = [(1, 1) if k == axis else (0, 0) for k in (0, 1)]
    padded = np.pad(image, pad, mode="edge")
    length = image.shape[axis]
    first, second, third = (padded.take(range(k, k + length), axis) for k in range(3))
    return np.asarray((first + second + third) * np.float32(1 / 3), dtype=np.float32)


def _shrinkage(radius: float) -> tuple[int, int]:
    """How much the image shrinks for a ball, and the percentage trimmed off the ball's sides."""
    for limit, shrink, trim in ((10, 1, 24), (30, 2, 24), (100, 4, 32)):
        if radius <= limit:
            return shrink, trim
    return 8, 40


def _ball(radius: float, trim: int) -> Array:
    """Heights of the patch around the top of the ball, 0 outside of it: (2 k + 1, 2 k + 1)."""
    radius = max(radius, 1.0)
    half = int(radius - int(trim * radius) // 100 + 0.5)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return np.sqrt(np.maximum(radius * radius - x * x - y * y, 0.0)).astype(np.float32)


def _shrunk(image: Array, factor: int) -> Array:
    """Minima of blocks of factor x factor pixels; blocks at the far border are smaller."""
    if factor == 1:
        return image
    rows, columns = np.arange(0, image.shape[0], factor), np.arange(0, image.shape[1], factor)
    by_row = np.minimum.reduceat(image, rows, axis=0)
    return np.asarray(np.minimum.reduceat(by_row, columns, axis=1))


def _opened(image: Array, ball: Array, check_stop: Callable[[], None]) -> Array:
    """Highest surface that the patch of the ball reaches everywhere below the image."""
    height, width = image.shape
    half = ball.shape[0] // 2
    # the ball may be centred outside of the image, as far as it still touches it
    reach = np.pad(image, 2 * half, constant_values=np.inf)
    centres = np.full((height + 2 * half, width + 2 * half), np.inf, dtype=np.float32)
    rows, columns = centres.shape
    for (i, j), rise in np.ndenumerate(ball):
        check_stop()
        np.minimum(centres, reach[i : i + rows, j : j + columns] - rise, out=centres)
    surface = np.full(image.shape, -np.inf, dtype=np.float32)
    for (i, j), rise in np.ndenumerate(ball[::-1, ::-1]):
        check_stop()
        np.maximum(surface, centres[i : i + height, j : j + width] + rise, out=surface)
    return surface


def _enlarged(small: Array, shape: tuple[int, ...], factor: int) -> Array:
    """Linear interpolation between the centres of blocks, continued beyond the outer ones."""
    if factor == 1:
        return small
    for axis in (1, 0):
        wanted = np.arange(shape[axis])
        last = small.shape[axis] - 1
        before = np.clip((wanted - factor // 2) // factor, 0, max(last - 1, 0))
        after = np.minimum(before + 1, last)
        distance = ((wanted + 0.5) / factor - (before + 0.5)).astype(np.float32)
        distance = distance[:, None] if axis == 0 else distance
        small = small.take(before, axis) * (1 - distance) + small.take(after, axis) * distance
    return small
