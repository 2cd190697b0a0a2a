"""Measured point spread functions: small images whose centre is in the middle."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderapps.module.errors import RenderModuleException

Floats = NDArray[np.float64]


def read_psf(path: str) -> Floats:
    """The point spread function in a file, divided by its sum.

    Returns
    -------
    (h, w) float64, or (n, h, w) where the file has n images, each of sum 1

    Raises
    ------
    RenderModuleException
        The file is no image, or its values cannot be light: negative, not finite, all 0.
    """
    psf = np.squeeze(_read(path)).astype(np.float64)
    if psf.ndim not in (2, 3):
        raise RenderModuleException(f"psf_file {path} is {psf.shape}: it must hold 2-D images")
    if not np.isfinite(psf).all() or psf.min() < 0:
        raise RenderModuleException(
            f"psf_file {path} has values that are negative or not finite: subtract its background"
        )
    sums = psf.sum(axis=(-2, -1), keepdims=True)
    if not (sums > 0).all():
        raise RenderModuleException(f"psf_file {path} is black: its sum is 0")
    return psf / sums


def _read(path: str) -> NDArray:
    import tifffile

    from renderapi.rendering.readers import read_image
    from renderapi.urls import path_to_url

    try:
        if Path(path).suffix.lower() in (".tif", ".tiff"):
            return tifffile.imread(path)
        return np.asarray(read_image(path_to_url(path)))
    except Exception as error:  # decoders raise what they like
        raise RenderModuleException(f"psf_file {path} cannot be read: {error}") from error


def fingerprint(values: NDArray | None) -> str | None:
    """What tells an array from others, for the recipe of an image."""
    if values is None:
        return None
    data = np.ascontiguousarray(values)
    return hashlib.sha256(f"{data.dtype}{data.shape}".encode() + data.tobytes()).hexdigest()[:16]
