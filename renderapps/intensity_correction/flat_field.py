"""Images corrected for uneven illumination by a flat-field, and for an offset by a dark-field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapps.module.errors import RenderModuleException

Floats = NDArray[np.float64]
TINY = 0.0001


def flattened(image: NDArray, flat: NDArray, dark: NDArray | None = None) -> Floats:
    """The image evenly lit, of the same mean.

    With I the image less its dark-field, G = I max(F) / (F + 0.0001) and R = G mean / mean(G). An
    image whose mean is then 0 (a black one) is left as it is.

    Parameters
    ----------
    image : (h, w) or (h, w, 3)
    flat : (h, w), or of the shape of the image
        Its illumination, to any scale.
    dark : (h, w), optional
        What is subtracted first.

    Returns
    -------
    float64, of the shape of the image

    Raises
    ------
    RenderModuleException
        The sizes differ, or the flat-field is black.
    """
    values = image.astype(np.float64)
    field = _like(flat, image, "flat-field")
    if not (np.isfinite(field).all() and field.max() > 0):
        raise RenderModuleException("the flat-field is black, or has values that are not finite")
    lit = values if dark is None else values - _like(dark, image, "dark-field")
    even = lit * (field.max() / (field + TINY))
    mean = even.mean()
    return values if mean == 0 else even * (values.mean() / mean)


def as_type(
    values: Floats, dtype: np.dtype, low: float | None = None, high: float | None = None
) -> NDArray:
    """Values within limits (those of the type by default), whole numbers rounded."""
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        low = info.min if low is None else max(low, info.min)
        high = info.max if high is None else min(high, info.max)
        values = np.rint(values)
    if low is None and high is None:
        return values.astype(dtype)
    return np.clip(values, low, high).astype(dtype)


def _like(field: NDArray, image: NDArray, what: str) -> Floats:
    """A field in the shape of the image, whose components share one of (h, w)."""
    if field.shape[:2] != image.shape[:2] or field.ndim > image.ndim:
        raise RenderModuleException(
            f"its image is {_size(image)} pixels, the {what} {_size(field)}: they must be the same"
        )
    values = field.astype(np.float64)
    return values[..., None] if field.ndim < image.ndim else values


def _size(image: NDArray) -> str:
    return " x ".join(map(str, (image.shape[1], image.shape[0], *image.shape[2:])))
