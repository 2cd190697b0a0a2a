"""Richardson-Lucy deconvolution, with a known and with an unknown point spread function.

Images are 2-D float arrays (rows, columns), periodic: what leaves on one side comes in on the
other, so pad them first (see `renderapps.intensity_correction.deconvolution`). Both methods are
accelerated by vector extrapolation, from the fourth iteration on.

Richardson 1972, Lucy 1974; Biggs & Andrews 1997 (acceleration); Fish et al. 1995 (blind).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapps.module.errors import RenderModuleException

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
_UNACCELERATED = 3


def psf2otf(psf: ArrayLike, otf_size: tuple[int, int]) -> NDArray:
    """Optical transfer function of a point spread function.

    Parameters
    ----------
    psf : (h, w) array
        Its centre is at (h // 2, w // 2).
    otf_size : (rows, columns)

    Returns
    -------
    (rows, columns) complex128, or float64 where the imaginary part is rounding alone

    Raises
    ------
    RenderModuleException
        The point spread function is larger than `otf_size`.
    """
    from scipy import fft

    kernel = _matrix(psf, "point spread function")
    otf = fft.fft2(_at_origin(kernel, otf_size))
    return otf.real if _is_rounding(otf, len(kernel)) else otf


def otf2psf(otf: ArrayLike, psf_size: tuple[int, int]) -> Floats:
    """Point spread function, (h, w) float64, of an optical transfer function."""
    from scipy import fft

    field_ = np.asarray(otf)
    _require_fit(psf_size, field_.shape)
    return _cropped(fft.ifft2(field_).real, psf_size)


def deconvlucy(
    image: ArrayLike,
    psf: ArrayLike,
    num_iter: int,
    weight: ArrayLike | None = None,
    subsmpl: int = 1,
) -> Floats:
    """Deconvolve an image with a known point spread function.

    Parameters
    ----------
    image : (rows, columns) array
    psf : (h, w) array
        Of sum 1; with `subsmpl` on the fine grid.
    num_iter : int
        Number of iterations.
    weight : (rows, columns) array, optional
        Trust in each pixel, or its illumination: 0 marks bad ones. All ones by default.
    subsmpl : int
        The result has so many times as many pixels along each axis.

    Returns
    -------
    (rows * subsmpl, columns * subsmpl) float64, not negative, of the sum of the image
    """
    scene = _Scene.of(image, weight, subsmpl)
    otf = scene.otf(_matrix(psf, "point spread function"))
    norm = scene.back(np.conj(otf) * scene.weight_spectrum) + math.sqrt(EPS)
    estimate = _Accelerated(scene.start)
    for k in range(num_iter):
        guess = estimate.extrapolated(k)
        ratio = scene.ratio(otf, guess)
        estimate.update(np.maximum(guess * scene.back(np.conj(otf) * ratio) / norm, 0.0), guess)
    return estimate.now


def deconvblind(
    image: ArrayLike,
    psf: ArrayLike,
    num_iter: int,
    weight: ArrayLike | None = None,
    subsmpl: int = 1,
) -> tuple[Floats, Floats]:
    """Deconvolve an image and find the point spread function on the way.

    Parameters
    ----------
    image, weight, subsmpl
        As for `deconvlucy`.
    psf : (h, w) array
        Where to start; the result has its size (times `subsmpl`).
    num_iter : int
        Number of iterations.

    Returns
    -------
    estimate : (rows * subsmpl, columns * subsmpl) float64
    psf : (h * subsmpl, w * subsmpl) float64, of sum 1
    """
    scene = _Scene.of(image, weight, subsmpl)
    kernel = _repeated(_matrix(psf, "point spread function"), subsmpl)
    size = kernel.shape
    estimate, spread = _Accelerated(scene.start), _Accelerated(kernel)
    for k in range(num_iter):
        guess = estimate.extrapolated(k)
        kernel_guess = _normalised(spread.extrapolated(k))
        ratio = scene.ratio(scene.otf(kernel_guess), guess)
        otf = np.conj(scene.otf(spread.now))
        spectrum = np.conj(scene.spectrum(estimate.now))
        norm = scene.back(otf * scene.weight_spectrum) + math.sqrt(EPS)
        better = np.maximum(guess * scene.back(otf * ratio) / norm, 0.0)
        kernel_norm = _cropped(scene.back(spectrum * scene.weight_spectrum), size)
        moved = _cropped(scene.back(spectrum * ratio), size) / (kernel_norm + math.sqrt(EPS))
        estimate.update(better, guess)
        spread.update(_normalised(np.maximum(kernel_guess * moved, 0.0)), kernel_guess)
    return estimate.now, spread.now


@dataclass
class _Accelerated:
    """An estimate that is extrapolated along its last steps."""

    now: Floats
    before: Floats = field(init=False)
    steps: tuple[Floats, Floats] | None = field(init=False, default=None)
    last: Floats | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.before = np.zeros_like(self.now)

    def extrapolated(self, iteration: int) -> Floats:
        """Where the next iteration starts."""
        share = 0.0
        if iteration >= _UNACCELERATED and self.steps is not None:
            new, old = (step.ravel() for step in self.steps)
            share = min(max(float(new @ old) / (float(old @ old) + EPS), 0.0), 1.0)
        return np.maximum(self.now + share * (self.now - self.before), 0.0)

    def update(self, estimate: Floats, guess: Floats) -> None:
        """Take the result of an iteration that started from `guess`."""
        step = estimate - guess
        self.steps = None if self.last is None else (step, self.last)
        self.last, self.before, self.now = step, self.now, estimate


@dataclass
class _Scene:
    """What stays the same through the iterations; spectra are those of real arrays."""

    data: Floats
    start: Floats
    weight_spectrum: NDArray
    subsmpl: int

    @classmethod
    def of(cls, image: ArrayLike, weight: ArrayLike | None, subsmpl: int) -> _Scene:
        from scipy import fft

        picture = _matrix(image, "image")
        if subsmpl < 1 or subsmpl != int(subsmpl):
            raise RenderModuleException(f"subsmpl must be a whole number above 0, not {subsmpl}")
        trust = np.ones_like(picture) if weight is None else _matrix(weight, "weight")
        if trust.shape != picture.shape:
            raise RenderModuleException(
                f"the weight is {trust.shape}, the image {picture.shape}: they must be of one size"
            )
        data = np.maximum(trust * picture, 0.0)
        spectrum = fft.rfft2(_repeated(trust, subsmpl))
        return cls(data, _repeated(picture, subsmpl), spectrum, subsmpl)

    def spectrum(self, values: Floats) -> NDArray:
        from scipy import fft

        return fft.rfft2(values)

    def back(self, spectrum: NDArray) -> Floats:
        from scipy import fft

        return fft.irfft2(spectrum, s=self.start.shape)

    def otf(self, psf: Floats) -> NDArray:
        return self.spectrum(_at_origin(psf, self.start.shape))

    def ratio(self, otf: NDArray, guess: Floats) -> NDArray:
        """Spectrum of the data over what the guess would look like."""
        blurred = self.back(otf * self.spectrum(guess))
        if self.subsmpl > 1:
            rows, columns = self.data.shape
            cells = blurred.reshape(rows, self.subsmpl, columns, self.subsmpl)
            blurred = cells.mean(axis=(1, 3))
        blurred = np.where(blurred <= 0, EPS, blurred)  # nothing, or less by rounding
        return self.spectrum(_repeated(self.data / blurred + EPS, self.subsmpl))


def _matrix(values: ArrayLike, what: str) -> Floats:
    matrix = np.asarray(values, np.float64)
    if matrix.ndim != 2 or not matrix.size:
        raise RenderModuleException(f"the {what} must be a 2-D array, not one of {matrix.shape}")
    return matrix


def _repeated(values: Floats, times: int) -> Floats:
    return values if times == 1 else values.repeat(times, axis=0).repeat(times, axis=1)


def _normalised(psf: Floats) -> Floats:
    total = psf.sum()
    return psf / (total if total else EPS)


def _at_origin(psf: Floats, size: tuple[int, ...]) -> Floats:
    """The kernel in an array of zeros, its centre at [0, 0]."""
    _require_fit(psf.shape, size)
    padded = np.zeros(size)
    padded[: psf.shape[0], : psf.shape[1]] = psf
    return np.roll(padded, (-(psf.shape[0] // 2), -(psf.shape[1] // 2)), axis=(0, 1))


def _cropped(values: Floats, size: tuple[int, ...]) -> Floats:
    rolled = np.roll(values, (size[0] // 2, size[1] // 2), axis=(0, 1))
    return rolled[: size[0], : size[1]]


def _require_fit(psf: tuple[int, ...], otf: tuple[int, ...]) -> None:
    if psf[0] > otf[0] or psf[1] > otf[1]:
        raise RenderModuleException(
            f"a point spread function of {psf[0]} x {psf[1]} pixels is larger than an image of "
            f"{otf[0]} x {otf[1]}"
        )


def _is_rounding(otf: NDArray, rows: int) -> bool:
    """Whether the imaginary part is no more than what rounding leaves."""
    largest = np.abs(otf).max()
    if largest == 0:
        return True
    bound = 4 * EPS * max(math.log2(rows), 1.0)
    return bool(np.abs(otf.imag).max() / largest <= bound)
