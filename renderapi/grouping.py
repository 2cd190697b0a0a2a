"""Sorting things by what they have in common."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def places_of_equals(values: Sequence[T]) -> dict[T, list[int]]:
    """Where each of the different values stands, in order of their first appearance."""
    if values and values.count(values[0]) == len(values):  # often so, and quickly seen
        return {values[0]: list(range(len(values)))}
    places: dict[T, list[int]] = {}
    for place, value in enumerate(values):
        places.setdefault(value, []).append(place)
    return places
