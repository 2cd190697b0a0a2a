"""Where the surroundings of places are found again: correlation in Gaussian windows.

For every shift that is tried the two pictures are multiplied, and the products are averaged about
each place with weights that fall like a Gaussian, so that no edge of a block and no direction
counts more than another, and windows may overlap as much as one likes: their number costs nothing.
Products are averaged in small squares first, as finer ones do not matter in a wide window.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import FloatImage, Mask
from renderapi.matching.window_spectra import cheaper_by_spectra, windowed_products

SQUARES = 3.0
"""Sides of the squares to a standard deviation of the window, about."""
FLAT = 1e-6
"""Mean square of grey levels, high-passed and scaled, below which there is nothing to see."""


class Found(NamedTuple):
    """What was found at places (rows, columns).

    Attributes
    ----------
    rest : (rows, columns, 2) float64
        Shift of the best correlation, x first; NaN where there is none within the radius.
    correlation : (rows, columns) float64
        There; NaN where there is none.
    tried : (rows, columns) bool
        Where there is enough to see on the first picture.
    """

    rest: NDArray[np.float64]
    correlation: NDArray[np.float64]
    tried: NDArray[np.bool_]


def best_shifts(
    one: tuple[FloatImage, Mask],
    other: tuple[FloatImage, Mask],
    x: NDArray,
    y: NDArray,
    radius: int,
    sigma: float,
    content: float,
) -> Found:
    """Shifts by which the surroundings of places of one picture are found on the other.

    Parameters
    ----------
    one, other : (H, W) float32 picture of mean 0 everywhere, and (H, W) mask of what counts
    x, y : (columns,), (rows,) arrays
        The places, pixels of the first picture.
    radius : int
        Largest shift along x and y; one beyond is no maximum.
    sigma : float
        Of the window, pixels.
    content : float
        Share of a window that must show something, on both.
    """
    windows = _Windows(one[0].shape, x, y, sigma)
    (a, a_mask), (b, b_mask) = (windows.whole(*picture) for picture in (one, other))
    shares = [windows.means(mask.astype(np.float32)) for mask in (a_mask, b_mask)]
    energies = [windows.means(image * image) for image in (a, b)]
    nothing = np.zeros(2)
    tried = (windows.at_places(shares[0], nothing) >= content) & windows.within
    steps = np.arange(-radius, radius + 1)
    shifts = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    if cheaper_by_spectra(a.shape, int(tried.sum()), radius):
        values = windowed_products(a, b, windows.weights(), tried, radius)
    else:
        values = _shift_by_shift(windows, a, a_mask, b, shifts, radius)
    power = windows.at_places(energies[0], nothing) * windows.at_all(energies[1], steps)
    values = np.where(power > FLAT**2, values / np.sqrt(np.maximum(power, FLAT**2)), 0.0)
    rest, correlation = _highest(values.reshape(len(steps), len(steps), *tried.shape))
    shown = windows.at_places(shares[1], np.nan_to_num(rest)) >= content
    lost = ~(tried & shown & np.isfinite(correlation))
    rest[lost], correlation[lost] = np.nan, np.nan
    return Found(rest, correlation, tried)


def _shift_by_shift(
    windows: _Windows,
    a: NDArray[np.float32],
    a_mask: Mask,
    b: NDArray[np.float32],
    shifts: NDArray[np.intp],
    radius: int,
) -> NDArray[np.float32]:
    """(shifts, rows, columns) products of the pictures, averaged about the places."""
    part, corner = windows.part(a_mask)
    around = np.pad(b, radius)[part[0].start : part[0].stop + 2 * radius]
    around = around[:, part[1].start : part[1].stop + 2 * radius]
    products = (_product(a[part], around, radius, *shift) for shift in shifts)
    return np.stack([windows.at_places(windows.means(product), -corner) for product in products])


class _Windows:
    """Gaussian windows about places of pictures of one shape."""

    def __init__(self, shape: tuple[int, ...], x: NDArray, y: NDArray, sigma: float) -> None:
        self.shape = shape
        self.side = max(1, int(sigma / SQUARES))
        self.sigma = sigma / self.side
        self.places = np.stack(np.meshgrid(x, y), axis=-1)
        low, high = np.zeros(2), np.array(shape[::-1]) - 1
        self.within = ((self.places >= low - 0.5) & (self.places <= high + 0.5)).all(-1)

    def whole(self, image: NDArray, mask: Mask) -> tuple[NDArray[np.float32], Mask]:
        """A picture, 0 where it does not count, and its mask, widened to whole squares."""
        wider = [(0, -n % self.side) for n in self.shape]
        return np.pad(np.where(mask, image, 0).astype(np.float32), wider), np.pad(mask, wider)

    def means(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Means in the squares, and of these in windows; nothing lies beyond the border."""
        import cv2

        rows, columns = (n // self.side for n in image.shape)
        squares = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
        window = (self._reach, self._reach)
        blurred = cv2.GaussianBlur(squares, window, self.sigma, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(blurred, np.float32)

    def at_places(self, means: NDArray[np.float32], shift: NDArray) -> NDArray[np.float32]:
        """Means about the places after a shift of each, (..., 2), linear between the squares."""
        import cv2

        where = (self.places + shift + 0.5) / self.side - 0.5
        i, j = (np.ascontiguousarray(where[..., k], np.float32) for k in (0, 1))
        found = cv2.remap(means, i, j, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(found, np.float32)

    def at_all(self, means: NDArray[np.float32], steps: NDArray) -> NDArray[np.float32]:
        """(shifts, rows, columns) means about the places; all steps along y and along x."""
        x, y = self.places[0, :, 0], self.places[:, 0, 1]
        for places in (y, x):
            low, high, share = self._between((steps[:, None] + places).ravel(), len(means))
            means = (means[low] * (1 - share) + means[high] * share).T
        found = means.reshape(len(steps), len(y), len(steps), len(x))
        return np.swapaxes(found, 1, 2).reshape(-1, len(y), len(x))

    def weights(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights that `at_places(means(...))` has: (columns, W) along x, (rows, H) along y."""
        x, y = self.places[0, :, 0], self.places[:, 0, 1]
        sides = [-(-side // self.side) for side in self.shape[::-1]]
        along_x, along_y = (self._along(v, n) for v, n in zip((x, y), sides, strict=True))
        return along_x, along_y

    def _along(self, at: NDArray, count: int) -> NDArray[np.float32]:
        """Weights (places, pixels) along a side of so many squares."""
        import cv2

        kernel = cv2.getGaussianKernel(self._reach, self.sigma).ravel()
        apart = np.arange(count)[:, None] - np.arange(count) + self._reach // 2
        inside = (apart >= 0) & (apart < self._reach)
        blurred = np.where(inside, kernel[np.clip(apart, 0, self._reach - 1)], 0.0)
        low, high, share = self._between(at, count)
        found = blurred[low] * (1 - share) + blurred[high] * share
        return np.repeat(found / self.side, self.side, axis=1).astype(np.float32)

    def _between(
        self, at: NDArray, count: int
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        """Squares on either side of places, and (places, 1) share of the second; ends hold."""
        squares = np.clip((at + 0.5) / self.side - 0.5, 0, count - 1)
        low = squares.astype(np.intp)
        return low, np.minimum(low + 1, count - 1), (squares - low)[:, None].astype(np.float32)

    @property
    def _reach(self) -> int:
        """Side of the window, squares."""
        return 2 * int(np.ceil(2.5 * self.sigma)) + 1

    def part(self, mask: Mask) -> tuple[tuple[slice, slice], NDArray[np.float64]]:
        """The part of pictures about what counts in one, whole squares, and its corner (x, y)."""
        margin = int(np.ceil(self.sigma)) + 1  # places there may still see enough
        ranges = []
        for axis in (1, 0):
            there = np.flatnonzero(mask.any(axis=axis)) // self.side
            low, high = (there[0], there[-1] + 1) if len(there) else (0, 1)
            end = mask.shape[1 - axis] // self.side
            low, high = max(0, low - margin), min(end, high + margin)
            ranges.append(slice(low * self.side, high * self.side))
        return (ranges[0], ranges[1]), np.array([ranges[1].start, ranges[0].start], float)


def _product(
    a: NDArray[np.float32], around: NDArray[np.float32], radius: int, dx: int, dy: int
) -> NDArray[np.float32]:
    """A picture times one that has a border of the radius, shifted."""
    import cv2

    top, left = radius + dy, radius + dx
    shifted = around[top : top + a.shape[0], left : left + a.shape[1]]
    return np.asarray(cv2.multiply(a, shifted), np.float32)


def _highest(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shifts (rows, columns, 2) and values of the highest of maps (dy, dx, rows, columns).

    NaN where the highest is on the edge of its map. Its place between the shifts is that of the
    quadratic through it and its eight neighbours.
    """
    side, shape = len(values), values.shape[2:]
    best = values.reshape(side * side, *shape).argmax(axis=0)
    j, i = best // side, best % side
    inner = (j > 0) & (j < side - 1) & (i > 0) & (i < side - 1)
    j, i = np.clip(j, 1, side - 2), np.clip(i, 1, side - 2)
    row, column = np.indices(shape)
    near = np.array(
        [[values[j + v, i + u, row, column] for u in (-1, 0, 1)] for v in (-1, 0, 1)], np.float64
    )
    rest = _between(near) + np.stack([i, j], axis=-1) - side // 2
    height = np.where(inner, near[1, 1], np.nan)
    return np.where(inner[..., None], rest, np.nan), height


def _between(v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the quadratics that fit (3, 3, ...) values best have their tops; 0 beyond a step."""
    dx, dy = (v[:, 2] - v[:, 0]).sum(0) / 6, (v[2] - v[0]).sum(0) / 6
    dxx = (v[:, 2] + v[:, 0] - 2 * v[:, 1]).sum(0) / 3
    dyy = (v[2] + v[0] - 2 * v[1]).sum(0) / 3
    dxy = (v[2, 2] + v[0, 0] - v[2, 0] - v[0, 2]) / 4
    determinant = dxx * dyy - dxy**2
    round_top = (determinant > 1e-12) & (dxx < 0)
    divisor = np.where(round_top, determinant, 1.0)
    top = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=-1) / divisor[..., None]
    good = round_top & (np.abs(top) <= 1).all(-1)
    return np.where(good[..., None], top, 0.0)
