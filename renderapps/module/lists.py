"""Parameters that are lists, and may be given as a single value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argschema.fields import Float, List, Str


class Names(List):
    """List of names; one text may hold several, with commas between them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Str(), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> list[Any]:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        return super()._deserialize(value, attr, data, **kwargs)


class Numbers(List):
    """List of numbers; one alone need not be in a list."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Float(), **kwargs)

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> list[Any]:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            value = [value]
        return super()._deserialize(value, attr, data, **kwargs)
