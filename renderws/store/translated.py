"""What a database raises, turned into the errors of the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from renderws.store.protocol import Invalid, StoreError

T = TypeVar("T")


class Translated(Generic[T]):
    """Gives a value, and turns what is raised meanwhile.

    Parameters
    ----------
    kind : type
        Errors of the database.
    meaning : callable
        What such an error, or that of a text that is no UTF-8, means of the store at a place.
    """

    __slots__ = ("_kind", "_meaning", "_place", "_value")

    def __init__(
        self,
        kind: type[Exception],
        meaning: Callable[[Any, Any], StoreError],
        place: object,
        value: T,
    ) -> None:
        self._kind, self._meaning = kind, meaning
        self._place, self._value = place, value

    def __enter__(self) -> T:
        return self._value

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UnicodeEncodeError):
            reason = f"a name holds characters that cannot be stored: {error.reason}"
            raise Invalid(reason) from error
        if isinstance(error, (self._kind, UnicodeDecodeError)):
            raise self._meaning(error, self._place) from error
