"""A case of the contract, and checks of answers that are more than a comparison."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from PIL import Image

from .documents import FLAT


class Case(NamedTuple):
    """One request and what must come back."""

    number: int
    request: str
    status: int
    expected: Any
    send: Any
    then: tuple[str, Any] | None


def case(
    number: int,
    request: str,
    status: int = 200,
    expected: Any = None,
    send: Any = None,
    then: tuple[str, Any] | None = None,
) -> Case:
    """A case of the contract."""
    return Case(number, request, status, expected, send, then)


def tile_ids_of(*ids: str) -> Any:
    """Check that render parameters name these tiles, in this order, and all primitive keys."""

    def check(response: Any) -> bool:
        value = response.json()
        keys = {"x", "y", "width", "height", "scale", "meshCellSize", "quality", "doFilter"}
        return [t["tileId"] for t in value["tileSpecs"]] == list(ids) and keys <= value.keys()

    return check


def first_tile(tile_id: str) -> Any:
    """Check that the first tile of render parameters is the flattened one (but for its images)."""

    def check(response: Any) -> bool:
        found = response.json()["tileSpecs"][0]
        keys = FLAT[tile_id].keys() - {"mipmapLevels"}
        return found.keys() == FLAT[tile_id].keys() and all(
            found[key] == FLAT[tile_id][key] for key in keys
        )

    return check


def fields(**expected: Any) -> Any:
    """Check that a JSON answer has these values among its properties."""

    def check(response: Any) -> bool:
        value = response.json()
        return {key: value.get(key) for key in expected} == expected

    return check


def image(width: int, height: int, mode: str) -> Any:
    """Check size and mode of an image answer."""

    def check(response: Any) -> bool:
        with Image.open(io.BytesIO(response.content)) as picture:
            found = (*picture.size, picture.mode)
        return found == (width, height, mode) and "max-age=3600" in response.headers.get(
            "Cache-Control", "max-age=3600"
        )

    return check


def raw_bytes(count: int) -> Any:
    """Check the length of an answer without a format."""
    return lambda response: len(response.content) == count


def names(*found: str) -> Any:
    """Check the names of stacks of a list of metadata, in order."""
    return lambda response: [s["stackId"]["stack"] for s in response.json()] == list(found)


def residuals(response: Any) -> bool:
    """Check the distances of a, moved by 5, and b, moved by 90, at the points of their match."""
    value = response.json()
    # p (0, 2), (1, 3) and q (4, 6), (5, 7) differ by (4, 4); the tiles by (85, 0)
    distance = (89.0**2 + 4.0**2) ** 0.5
    return value["matchCount"] == 2 and abs(value["mean"] - distance) < 1e-9
