"""Checks and number reading shared by the transforms."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import ConversionError, EstimationError

_NUMBERS = msgspec.json.Decoder(list[float])

#: points handled at a time, so that temporaries stay in the processor's cache
BLOCK = 8192


class SingularTransform(ConversionError, EstimationError, np.linalg.LinAlgError):
    """A transform has no inverse, or the equations of a fit have no single solution."""


def as_points(points: ArrayLike) -> NDArray[np.float64]:
    """Points as an N x 2 float64 array (no copy if they are one); ConversionError otherwise."""
    array = np.asarray(points)
    if array.dtype != np.float64:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ConversionError(f"points must be N x 2 numbers: {error}") from error
    if array.ndim == 1 and array.size == 0:
        return array.reshape(0, 2)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ConversionError(f"points must be an N x 2 array, not one of shape {array.shape}")
    return array


def as_pairs(
    source: ArrayLike, target: ArrayLike, at_least: int, name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Source and target as N x 2 float64 of one length; EstimationError if unusable for a fit."""
    try:
        p = as_points(source)
        q = p if target is source else as_points(target)
    except ConversionError as error:
        raise EstimationError(f"{name}: {error}") from error
    if len(p) != len(q):
        raise EstimationError(f"{name}: {len(p)} source points but {len(q)} target points")
    if len(p) < at_least:
        raise EstimationError(f"{name}: at least {at_least} points are needed, not {len(p)}")
    if not (all_finite(p) and (q is p or all_finite(q))):
        raise EstimationError(f"{name}: the points hold NaN or infinite values")
    return p, q


def all_finite(array: NDArray[np.float64]) -> bool:
    """Whether no number is NaN or infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        # the sum is finite if all are, but for overflow
        return bool(np.isfinite(array.sum())) or bool(np.isfinite(array).all())


def as_weights(weights: ArrayLike | None, count: int, name: str) -> NDArray[np.float64]:
    """Weights of a fit as `count` float64 (ones if None); EstimationError if unusable."""
    if weights is None:
        return np.ones(count)
    w = np.asarray(weights, dtype=np.float64).reshape(-1)
    if len(w) != count:
        raise EstimationError(f"{name}: {len(w)} weights for {count} points")
    if not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise EstimationError(f"{name}: weights must be finite, not negative and not all zero")
    return w


def read_floats(text: str) -> list[float]:
    """Finite numbers of a data string, separated by any white space; ValueError otherwise."""
    if type(text) is str and "," not in text:
        try:  # numbers as JSON writes them, one blank apart, are read much faster
            return _NUMBERS.decode(f"[{text.strip().replace(' ', ',')}]")
        except msgspec.MsgspecError:
            pass
    numbers = list(map(float, text.split()))
    # the sum is finite if all are, but for overflow
    if not math.isfinite(sum(numbers)) and not all(map(math.isfinite, numbers)):
        raise ValueError("it holds NaN or infinite values")
    return numbers


def java_double(value: float) -> str:
    """Shortest text of a number that reads back the same, with an exponent as Java writes it."""
    if isinstance(value, int | np.integer):
        return str(int(value))
    text = repr(float(value))
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return f"{mantissa}E{exponent[0]}{int(exponent[1:])}"


def java_doubles(values: Iterable[float]) -> str:
    """`java_double` of Python numbers, one blank apart."""
    text = " ".join(map(repr, values))
    return text.replace("e-0", "E-").replace("e", "E") if "e" in text else text
