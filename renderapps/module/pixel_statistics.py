"""Statistics over many images, pixel by pixel or of all values, with bounded memory.

For correction images (the median of all images of a section or stack) and display ranges. Both
kinds can be made in parts, a section each, and put together: what sections have in common is found
without holding their images.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from renderapps.module.errors import RenderModuleException

Statistic = Callable[[NDArray], NDArray]
MAX_BYTES = 256_000_000


def median(values: NDArray) -> NDArray:
    """Median over the first axis, float64."""
    return np.median(values, axis=0)


def percentile(share: float) -> Statistic:
    """The statistic that is a percentile (0 to 100) over the first axis, float64."""
    return lambda values: np.percentile(values, share, axis=0)


def across_images(
    images: Iterable[NDArray], statistic: Statistic = median, max_bytes: int = MAX_BYTES
) -> NDArray:
    """A statistic of every pixel over images of one size.

    The images are read once, into a temporary file; rows are then taken from all of them, as many
    as fit into `max_bytes`.

    Parameters
    ----------
    images : iterable of (h, w) or (h, w, components) arrays of one shape and type
    statistic : function of an (n, rows, w, ...) array over its first axis
    max_bytes : int
        Memory for the rows that are held at once.

    Returns
    -------
    (h, w, ...) array as the statistic gives it

    Raises
    ------
    RenderModuleException
        There is no image, or one is of another shape or type than the first.
    """
    with tempfile.TemporaryFile() as file:
        first, count = None, 0
        for image in images:
            first = image if first is None else first
            if (image.shape, image.dtype) != (first.shape, first.dtype):
                raise RenderModuleException(
                    f"image {count + 1} is {image.shape} {image.dtype}, the first one "
                    f"{first.shape} {first.dtype}: they have no pixels in common"
                )
            file.write(np.ascontiguousarray(image).data)
            count += 1
        if first is None:
            raise RenderModuleException("there is no image to take a statistic of")
        file.flush()
        held = np.memmap(file, first.dtype, "r", shape=(count, *first.shape))
        rows = max(1, max_bytes // (count * held[0, :1].nbytes))
        parts = [
            statistic(np.array(held[:, start : start + rows]))
            for start in range(0, len(first), rows)
        ]
        del held
    return np.concatenate(parts)


@dataclass
class PixelMean:
    """Mean and variance of every pixel, image by image (Welford 1962, Chan et al. 1979)."""

    count: int = 0
    mean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(()))
    spread: NDArray[np.float64] = field(default_factory=lambda: np.zeros(()))

    def add(self, image: NDArray) -> PixelMean:
        """Take an image into account."""
        return self.join(PixelMean(1, image.astype(np.float64), np.zeros(image.shape)))

    def join(self, other: PixelMean) -> PixelMean:
        """Take into account all images that another one has; images of one shape."""
        if self.count and other.count and self.mean.shape != other.mean.shape:
            raise RenderModuleException(
                f"images of {self.mean.shape} and {other.mean.shape} have no pixels in common"
            )
        total = self.count + other.count
        if other.count:
            away = other.mean - self.mean
            self.spread = self.spread + other.spread + away**2 * self.count * other.count / total
            self.mean = self.mean + away * (other.count / total)
            self.count = total
        return self

    @property
    def variance(self) -> NDArray[np.float64]:
        """Variance of the images themselves (not of what they are samples of)."""
        return self.spread / max(self.count, 1)


@dataclass
class ValueCounts:
    """How often each value of 8 or 16 bit images occurs: exact percentiles in 512 kB."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(65536, np.int64))

    def add(self, values: NDArray) -> ValueCounts:
        """Take the values of an image into account."""
        if values.dtype not in (np.uint8, np.uint16):
            raise RenderModuleException(f"{values.dtype} values cannot be counted: convert them")
        self.counts += np.bincount(values.ravel(), minlength=65536)
        return self

    def join(self, other: ValueCounts) -> ValueCounts:
        """Take into account all that another one has."""
        self.counts += other.counts
        return self

    def percentile(self, share: float) -> float:
        """The least value that at least `share` percent (0 to 100) of all do not exceed."""
        total = np.cumsum(self.counts)
        if not total[-1]:
            raise RenderModuleException("there are no values to take a percentile of")
        wanted = max(share / 100 * total[-1], 1)
        return float(np.searchsorted(total, wanted * (1 - 1e-12)))
