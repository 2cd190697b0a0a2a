"""Arrays of a transform that are made of its data string when one of them is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LazyArrays:
    """What a transform of several arrays inherits first.

    A subclass names the arrays in `_arrays`, keeps what it read by `_keep`, and makes the arrays of
    that in `_unpack`. Most transforms are only passed on, so most arrays are never made.
    """

    _arrays: frozenset[str] = frozenset()
    _packed: Any = None

    def _unpack(self, packed: Any) -> Mapping[str, Any]:
        """The arrays by name."""
        raise NotImplementedError

    def _keep(self, packed: Any) -> None:
        """Take what was read; arrays there were are forgotten."""
        attributes = self.__dict__
        for name in self._arrays:
            attributes.pop(name, None)
        self._packed = packed

    def _untouched(self) -> Any:
        """What was read, while no array was asked for or assigned; else None."""
        return self._packed if self._arrays.isdisjoint(self.__dict__) else None

    def complete(self) -> None:
        """Make the arrays; SpecError where they cannot be made. Assigned ones stay."""
        if self._packed is None:
            return
        attributes = self.__dict__
        for name, array in self._unpack(self._packed).items():
            attributes.setdefault(name, array)
        self._packed = None

    def __getattr__(self, name: str) -> Any:
        """An array that was not made yet."""
        if name in self._arrays and self._packed is not None:
            self.complete()
            return self.__dict__[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        if name in self._arrays:
            self.complete()
        super().__delattr__(name)
