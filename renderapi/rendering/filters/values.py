"""Parameters of a filter: a mapping of texts, read as numbers and switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renderapi.errors import SpecError


class Values:
    """Typed access to the parameters of one filter; `owner` is its name in messages."""

    def __init__(self, owner: str, parameters: Mapping[str, Any]) -> None:
        self._owner = owner
        self._parameters = parameters

    def number(self, key: str, default: float) -> float:
        """A number; "NaN" is one."""
        value = self._parameters.get(key, default)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise SpecError(f"{key} of filter {self._owner} is no number: {value!r}") from None

    def positive(self, key: str, default: float) -> float:
        """A finite number above 0."""
        value = self.number(key, default)
        if not 0 < value < float("inf"):
            raise SpecError(f"{key} of filter {self._owner} must be above 0, not {value}")
        return value

    def radius(self, key: str, default: float, scale: float) -> int:
        """A length of the full-scale image in whole pixels of the level, halves rounded up."""
        return int(self.positive(key, default) * scale + 0.5)

    def switch(self, key: str, default: bool) -> bool:
        """Whether the text is "true"."""
        return str(self._parameters.get(key, default)).strip().lower() == "true"
