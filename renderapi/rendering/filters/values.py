"""Parameters of a filter: a mapping of texts, read as numbers and switches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from renderapi.errors import SpecError
from renderapi.rendering.limits import OWN, DrawingLimits, go_on


class Values:
    """Typed access to the parameters of one filter; `owner` is its name in messages.

    A filter that works for long calls `check_stop` now and then, which raises to have it end.
    """

    def __init__(
        self,
        owner: str,
        parameters: Mapping[str, Any],
        limits: DrawingLimits = OWN,
        check_stop: Callable[[], None] = go_on,
    ) -> None:
        self._owner = owner
        self._parameters = parameters
        self._limits = limits
        self.check_stop = check_stop

    def number(self, key: str, default: float) -> float:
        """A number; "NaN" is one."""
        value = self._parameters.get(key, default)
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            raise SpecError(f"{key} of filter {self._owner} is no number: {value!r}") from None

    def positive(self, key: str, default: float) -> float:
        """A finite number above 0."""
        value = self.number(key, default)
        if not 0 < value < float("inf"):
            raise SpecError(f"{key} of filter {self._owner} must be above 0, not {value}")
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number between two others, both included; fractions are cut off."""
        value = self.number(key, default)
        if not low <= value < high + 1:
            raise SpecError(f"{key} of filter {self._owner} must be {low} to {high}, not {value}")
        return int(value)

    def radius(self, key: str, default: float, scale: float) -> int:
        """A length of the full-scale image in whole pixels of the level, halves rounded up."""
        value = self.positive(key, default)
        self._limits.check_radius(f"{key} of filter {self._owner}", value)
        return int(value * scale + 0.5)

    def switch(self, key: str, default: bool) -> bool:
        """Whether the text is "true"."""
        return str(self._parameters.get(key, default)).strip().lower() == "true"
