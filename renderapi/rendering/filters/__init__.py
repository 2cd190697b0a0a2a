"""Image filters by their class names, and the lists that a service knows by name.

Filters act on the level image that was loaded, before it is mapped. Lengths are given in pixels of
the full-scale image, shrink with the level and are rounded to whole pixels before anything else.
Each filter is a function

    filter(pixels, parameters, shown, scale, random) -> pixels of the same shape and type

of the image, its parameters, its display range, 1 / 2^level and a random generator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from renderapi.errors import SpecError
from renderapi.rendering.filters.values import Values
from renderapi.rendering.limits import OWN, DrawingLimits, go_on

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from renderapi.rendering.intensity import DisplayRange

PREFIX = "org.janelia.alignment.filter."
# class name: the module of this package that has it, and its function there
FILTERS: dict[str, tuple[str, str]] = {
    "ValueToNoise": ("noise", "value_to_noise"),
    "NormalizeLocalContrast": ("local_contrast", "normalize_local_contrast"),
    "CLAHE": ("clahe", "clahe"),
    "EqualizeHistogram": ("equalize", "equalize_histogram"),
    "Rank": ("rank", "rank"),
    "RollingBallSubtraction": ("rolling_ball", "subtract_rolling_ball"),
}


def _spec(name: str, **parameters: str) -> dict[str, Any]:
    return {"className": PREFIX + name, "parameters": parameters}


DEFAULT_FILTERS: tuple[dict[str, Any], ...] = (
    _spec("ValueToNoise", value="0", min="64", max="191"),
    _spec("ValueToNoise", value="255", min="64", max="191"),
    _spec(
        "NormalizeLocalContrast",
        blockRadiusX="500",
        blockRadiusY="500",
        meanFactor="3",
        center="true",
        stretch="true",
    ),
)
NAMED_FILTERS: dict[str, tuple[dict[str, Any], ...]] = {
    "default": DEFAULT_FILTERS,
    "simpleTest": (_spec("CLAHE", fast="true", blockRadius="500", bins="256", slope="2.5"),),
}


def apply_filters(
    pixels: NDArray,
    specs: Sequence[Mapping[str, Any]],
    shown: DisplayRange,
    scale: float = 1.0,
    seed: int = 0,
    limits: DrawingLimits = OWN,
    check_stop: Callable[[], None] = go_on,
) -> NDArray:
    """Apply filters one after the other.

    Parameters
    ----------
    pixels : (h, w) uint8, uint16 or float32, or (h, w, 3) uint8
        Not changed.
    specs : sequence of {className, parameters}
    shown : DisplayRange
        Of the image.
    scale : float
        1 / 2^level.
    seed : int
        Of the noise filters; the same seed gives the same noise.
    limits : DrawingLimits
        Of the radii.
    check_stop : callable
        Called now and then; raises to have the work end.

    Returns
    -------
    array of the same shape and type

    Raises
    ------
    SpecError
        An unknown class, a parameter that is no number, a radius beyond its limit.
    """
    import numpy as np

    random = np.random.default_rng(seed)
    for spec in specs:
        check_stop()
        function, values = filter_of(spec, limits, check_stop)
        pixels = np.ascontiguousarray(function(pixels, values, shown, scale, random))
    return pixels


def filter_of(
    spec: Mapping[str, Any],
    limits: DrawingLimits = OWN,
    check_stop: Callable[[], None] = go_on,
) -> tuple[Callable[..., NDArray[np.generic]], Values]:
    """Function and parameters of a filter spec."""
    name = str(spec.get("className") or "")
    short = name.removeprefix(PREFIX)
    if short not in FILTERS:
        known = ", ".join(PREFIX + each for each in FILTERS)
        raise SpecError(f"unknown filter class {name!r}; known: {known}")
    parameters = spec.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise SpecError(f"the parameters of filter {short} must be an object")
    module, function = FILTERS[short]
    loaded = import_module(f"renderapi.rendering.filters.{module}")
    return getattr(loaded, function), Values(short, parameters, limits, check_stop)
