"""Parts of a tile's list of transforms, and points through them in both directions.

The coordinate spaces of a tile with n transforms lie between its transforms: space 0 is raw local
(pixels of the image), space n is world, and space k, after the first k entries of the list, is what
matches call post-local. An entry counts as one, whether it is a leaf, a list or a reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import EstimationError, SpecError
from renderapi.transform.specs import flatten, labels_of, leaves

Points = NDArray[np.float64]
Json = Mapping[str, Any]


def entries_of(tile: Json) -> list[dict[str, Any]]:
    """Entries of a tile's list of transforms; empty where it has none."""
    return list((tile.get("transforms") or {}).get("specList") or [])


def up_to_label(entries: Sequence[Json], label: str) -> int:
    """Number of entries up to and including the last one that has a label.

    Raises
    ------
    SpecError
        Where no entry has it.
    """
    places = [index for index, entry in enumerate(entries) if label in labels_of(entry)]
    if not places:
        raise SpecError(f"none of {len(entries)} transforms has the label {label}")
    return places[-1] + 1


@dataclass
class TileTransforms:
    """The transforms of a tile, ready to map points between its coordinate spaces.

    Parameters
    ----------
    tile : dict
        Tile spec; references are looked up in `shared`.
    shared : mapping, optional
        Shared transforms by id.
    """

    tile: Json
    shared: Mapping[str, Any] | None = None
    entries: list[dict[str, Any]] = field(init=False)
    _parts: dict[int, list[Any]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.entries = entries_of(self.tile)

    def __len__(self) -> int:
        return len(self.entries)

    def space(self, index: int) -> int:
        """Number of a coordinate space; a negative one counts from world: -1 is before the last.

        Raises
        ------
        SpecError
            Where the tile has too few transforms.
        """
        number = index if index >= 0 else len(self) + index
        if not 0 <= number <= len(self):
            raise SpecError(
                f"tile {self.tile.get('tileId')} has {len(self)} transforms, "
                f"but {abs(index)} are to be set apart"
            )
        return number

    def forward(self, points: Points, start: int = 0, stop: int | None = None) -> Points:
        """N x 2 points of space `start` in space `stop` (world by default), start <= stop."""
        for part in self._between(start, stop):
            for transform in part:
                points = transform.tform(points)
        return points

    def backward(self, points: Points, start: int = 0, stop: int | None = None) -> Points:
        """N x 2 points of space `stop` (world by default) in space `start`; NaN where none is."""
        points = np.asarray(points, float)
        result = np.full(points.shape, np.nan)
        valid = np.isfinite(points).all(axis=1)
        moved = points[valid]
        for part in reversed(self._between(start, stop)):
            for transform in reversed(part):
                moved = _inverse(transform, moved)
        result[valid] = moved
        return result

    def _between(self, start: int, stop: int | None) -> list[list[Any]]:
        first = self.space(start)
        last = len(self) if stop is None else self.space(stop)
        if first > last:
            raise SpecError(
                f"tile {self.tile.get('tileId')}: space {first} comes after space {last}"
            )
        return [self._leaves(index) for index in range(first, last)]

    def _leaves(self, index: int) -> list[Any]:
        if index not in self._parts:
            try:
                self._parts[index] = leaves(flatten(self.entries[index], self.shared))
            except SpecError as error:
                raise type(error)(f"tile {self.tile.get('tileId')}: {error}") from error
        return self._parts[index]


def _inverse(transform: Any, points: Points) -> Points:
    """Points before a transform; NaN for those that none leads to."""
    result = np.full(points.shape, np.nan)
    valid = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(valid):
        return result
    try:
        result[valid] = transform.inverse_tform(points[valid])
        return result
    except (EstimationError, np.linalg.LinAlgError):
        if len(valid) == 1:
            return result
    for half in np.array_split(valid, 2):  # find the few that fail without trying one by one
        result[half] = _inverse(transform, points[half])
    return result
