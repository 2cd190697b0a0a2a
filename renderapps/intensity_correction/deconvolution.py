"""An image sharpened: its background removed, deconvolved, scaled to 16 bit.

Images are (rows, columns), of any numeric type. Beyond their borders they go on mirrored, so that
nothing wraps around to the other side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapps.intensity_correction.deconvtools import deconvlucy
from renderapps.intensity_correction.point_spread import fingerprint
from renderapps.module.errors import RenderModuleException

Floats = NDArray[np.float64]
WHITE = 65535


@dataclass(frozen=True)
class DeconvolutionSettings:
    """How an image is deconvolved.

    Attributes
    ----------
    psf : (h, w) float64
        Point spread function of sum 1, its centre at (h // 2, w // 2).
    num_iter : int
        Iterations of Richardson-Lucy.
    bgrd_size : int
        Radius in pixels of the disk of the background removal, 0: none.
    scale_factor : float
        What the result is divided by.
    """

    psf: Floats
    num_iter: int = 20
    bgrd_size: int = 20
    scale_factor: float = 1.0

    @property
    def recipe(self) -> dict[str, object]:
        """All of it, as JSON values."""
        return {
            "made": "deconvolved",
            "psf": fingerprint(self.psf),
            "num_iter": self.num_iter,
            "bgrd_size": self.bgrd_size,
            "scale_factor": self.scale_factor,
        }


def deconvolved_image(pixels: NDArray, settings: DeconvolutionSettings) -> NDArray[np.uint16]:
    """The whole chain for one image, 16 bit."""
    image = without_background(require_grey(pixels), settings.bgrd_size)
    return to_16_bit(deconvolved(image, settings.psf, settings.num_iter), settings.scale_factor)


def require_grey(pixels: NDArray) -> NDArray:
    """The image; colours are refused, for none of them is the light."""
    if pixels.ndim != 2:
        raise RenderModuleException(
            f"its image has {pixels.shape[-1]} components: deconvolution needs grey images"
        )
    return pixels


def without_background(image: NDArray, radius: int) -> Floats:
    """White top-hat: the image less its grey opening with a flat disk (dx^2 + dy^2 <= radius^2).

    8 and 16 bit images are opened as such, which is many times as fast as with floats.
    """
    if not radius:
        return image.astype(np.float64)
    import cv2

    side = np.arange(-radius, radius + 1)
    disk = (side[:, None] ** 2 + side**2 <= radius**2).astype(np.uint8)
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        image = image.astype(np.float64)
    padded = np.pad(image, 2 * radius, mode="symmetric")
    opened = cv2.dilate(cv2.erode(padded, disk), disk)
    inside = slice(2 * radius, -2 * radius)
    return image.astype(np.float64) - opened[inside, inside]


def deconvolved(image: Floats, psf: Floats, num_iter: int) -> Floats:
    """Richardson-Lucy of an image that goes on mirrored by the size of the point spread function.

    Raises
    ------
    RenderModuleException
        The point spread function is larger than the image.
    """
    require_fit(image, psf)
    padded, inside = mirrored(image, psf.shape)
    return deconvlucy(padded, psf, num_iter)[inside]


def mirrored(image: Floats, margin: tuple[int, ...]) -> tuple[Floats, tuple[slice, slice]]:
    """The image with mirrored margins, to sizes that transform fast, and where it is therein."""
    from scipy.fft import next_fast_len

    sizes = [n + 2 * m for n, m in zip(image.shape, margin, strict=True)]
    more = [next_fast_len(size, real=True) - size for size in sizes]
    widths = [(m, m + extra) for m, extra in zip(margin, more, strict=True)]
    inside = (
        slice(margin[0], margin[0] + image.shape[0]),
        slice(margin[1], margin[1] + image.shape[1]),
    )
    return np.pad(image, widths, mode="symmetric"), inside


def require_fit(image: Floats, psf: Floats) -> None:
    """Refuse a point spread function that is larger than the image."""
    if psf.shape[0] > image.shape[0] or psf.shape[1] > image.shape[1]:
        raise RenderModuleException(
            f"the point spread function is {psf.shape[1]} x {psf.shape[0]} pixels, larger than the "
            f"image of {image.shape[1]} x {image.shape[0]}"
        )


def to_16_bit(image: Floats, scale_factor: float) -> NDArray[np.uint16]:
    """Divided by `scale_factor`, rounded, and cut off at 0 and 65535."""
    return np.clip(np.rint(image / scale_factor), 0, WHITE).astype(np.uint16)
