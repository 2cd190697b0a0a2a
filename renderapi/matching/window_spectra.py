"""Products of two pictures averaged in windows about places, for all shifts at once, by spectra.

What `window_search.py` averages shift by shift is a correlation of one windowed picture with the
other. Where shifts are many and places few, as when small pictures are looked through as a whole,
a Fourier transform for each place is far less work than a product of the pictures for each shift.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import FloatImage, Mask

PRICE = 15
"""What a pixel of a place's transforms costs, in pixels multiplied and averaged for a shift."""
OVERHEAD = 25_000
"""What a shift costs besides, in such pixels."""


def cheaper_by_spectra(shape: tuple[int, ...], places: int, radius: int) -> bool:
    """Whether spectra are less work than the shifts one by one.

    Parameters
    ----------
    shape : (H, W) of the pictures
    places : int
    radius : int
        Largest shift.
    """
    pixels = int(np.prod(shape))
    padded = int(np.prod([side + radius for side in shape]))
    return PRICE * places * padded < (2 * radius + 1) ** 2 * (pixels + OVERHEAD)


def windowed_products(
    a: FloatImage,
    b: FloatImage,
    windows: tuple[NDArray[np.float32], NDArray[np.float32]],
    wanted: Mask,
    radius: int,
) -> NDArray[np.float32]:
    """Sums of a(x) b(x + shift) in windows about places, by shift.

    Parameters
    ----------
    a, b : (H, W) float32
        0 beyond their borders.
    windows : (columns, W) and (rows, H) float32
        Weights of the window about each place, along x and along y.
    wanted : (rows, columns) bool
        Places of which they are wanted; 0 elsewhere.
    radius : int
        Largest shift along x and y.

    Returns
    -------
    (shifts, rows, columns) float32; shifts by rows of equal y, x running first.
    """
    from scipy import fft

    along_x, along_y = windows
    shape = [fft.next_fast_len(side + radius, True) for side in a.shape]
    other = fft.rfft2(b, shape)
    lags = np.arange(-radius, radius + 1)
    result = np.zeros((*wanted.shape, len(lags), len(lags)), np.float32)
    for row, column in zip(*np.nonzero(wanted), strict=True):
        part = a * along_y[row][:, None] * along_x[column]
        found = fft.irfft2(np.conj(fft.rfft2(part, shape)) * other, shape)
        result[row, column] = found[lags][:, lags]
    return np.moveaxis(result.reshape(*wanted.shape, -1), -1, 0)
