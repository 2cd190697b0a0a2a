"""Even out the contrast of electron micrographs: invert, stretch, smooth, equalise, flip.

Pixels are (h, w) uint8. Background (0 before the inversion) takes no part in the statistics and is
0 again at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapps.module.errors import RenderModuleException

Gray = NDArray[np.uint8]
MIDDLE = 128


@dataclass(frozen=True)
class ContrastSettings:
    """The steps and their strength.

    Attributes
    ----------
    invert : bool
        White becomes black.
    sat_pix : float
        Percent of the pixels that become black, and as many white.
    contrast_adjust : float
        Contrast about 128 that is left after the stretch.
    bilateral_diameter : int
        Diameter of the bilateral filter in pixels, 0: no filter.
    sigma_color, sigma_space : float
        Its widths, in grey levels and pixels.
    clahe_size : int
        Number of cells of the local equalisation along each side, 0: no equalisation.
    clahe_clip_limit : float
        Its clip limit.
    vert_flip : bool
        Top becomes bottom.
    """

    invert: bool = True
    sat_pix: float = 0.2
    contrast_adjust: float = 0.85
    bilateral_diameter: int = 3
    sigma_color: float = 20.0
    sigma_space: float = 20.0
    clahe_size: int = 90
    clahe_clip_limit: float = 1.5
    vert_flip: bool = True


def even_contrast(pixels: NDArray, settings: ContrastSettings) -> Gray:
    """The image with all steps applied.

    Parameters
    ----------
    pixels : (h, w) uint8 or uint16, or (h, w, 3) uint8
        16 bit is divided by 256, colours are averaged.

    Raises
    ------
    RenderModuleException
        There is nothing to stretch: no pixel but background, or all the same.
    """
    gray = to_gray(pixels)
    inside = gray > 0
    image = 255 - gray if settings.invert else gray
    low, high = stretch_limits(image[inside], settings.sat_pix)
    image = stretched(image, low, high, settings.contrast_adjust)
    image = _smoothed(image, settings)
    image = np.where(inside, image, 0).astype(np.uint8)
    return np.ascontiguousarray(image[::-1]) if settings.vert_flip else image


def to_gray(pixels: NDArray) -> Gray:
    """8 bit grey of an image, whatever its pixel type."""
    if pixels.ndim == 3:
        from renderapi.rendering.intensity import mean_of_components

        return mean_of_components(pixels)
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise RenderModuleException(f"{pixels.dtype} pixels are not supported: convert to 16 bit")
    return pixels


def stretch_limits(values: Gray, sat_pix: float) -> tuple[int, int]:
    """Grey levels that become black and white.

    With c[k] the fraction of values up to k, `low` is the last k with c[k] <= sat_pix %, `high` the
    last k with c[k] < 1 - sat_pix %; 0 where there is none.
    """
    if values.size == 0:
        raise RenderModuleException("the image is all background (0)")
    fraction = np.cumsum(np.bincount(values, minlength=256)) / values.size
    part = sat_pix / 100
    low = max(int(np.searchsorted(fraction, part, side="right")) - 1, 0)
    high = max(int(np.searchsorted(fraction, 1 - part, side="left")) - 1, 0)
    if sat_pix == 0:
        high = int(values.max())
    if high <= low:
        raise RenderModuleException(
            f"the image has no contrast: {100 - 2 * sat_pix:g} % of its pixels are equal"
        )
    return low, high


def stretched(image: Gray, low: int, high: int, contrast: float) -> Gray:
    """`low` to `high` spread over 0 to 255, then drawn together about 128; truncated."""
    spread = 255.0 * (image.astype(np.float64) - low) / (high - low)
    return np.clip((spread - MIDDLE) * contrast + MIDDLE, 0, 255).astype(np.uint8)


def _smoothed(image: NDArray[Any], settings: ContrastSettings) -> NDArray:
    import cv2

    if settings.bilateral_diameter:
        image = cv2.bilateralFilter(
            image, settings.bilateral_diameter, settings.sigma_color, settings.sigma_space
        )
    if settings.clahe_size:
        cells = (settings.clahe_size, settings.clahe_size)
        image = cv2.createCLAHE(settings.clahe_clip_limit, cells).apply(image)
    return image
