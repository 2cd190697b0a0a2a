"""Tiles of the usual kind, many at a time: shared transforms first, then one affine of their own.

Nearly all tiles of a large stack are like that. They are sorted by what they share here, so that
whoever computes with them does it for thousands at once, with no Python object for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

AFFINE = ("mpicbg.trakem2.transform.AffineModel2D", "mpicbg.models.AffineModel2D")

# bytes of numbers that mean the same in JSON, and what separates them
_NUMBERS = b"0123456789+-.eE "


class Alike(NamedTuple):
    """Tiles that agree in all but their last transform, an affine.

    Attributes
    ----------
    width, height, cell
        As the tiles have them, not checked; `cell` is None for tiles without meshCellSize.
    ids : tuple of str
        Shared transforms that come before the affine, in order.
    members : list of int
        Places of these tiles in the sequence they were taken from.
    affines : (N, 6) float64
        M00, M10, M01, M11, M02, M12 of each.
    last_ids : tuple of str
        Shared transforms that come after the affine, in order.
    """

    width: Any
    height: Any
    cell: Any
    ids: tuple[str, ...]
    members: list[int]
    affines: NDArray[np.float64]
    last_ids: tuple[str, ...] = ()


def alike_tiles(
    tiles: Sequence[Mapping[str, Any]], with_last: bool = False
) -> tuple[list[Alike], list[int]]:
    """Groups of tiles of the usual kind, and the places of all other tiles.

    With `with_last`, tiles that have shared transforms after the affine too are of that kind.
    """
    groups: dict[tuple[Any, ...], tuple[list[int], list[str]]] = {}
    others: list[int] = []
    for index, tile in enumerate(tiles):
        try:
            specs = tile["transforms"]["specList"]
            place = len(specs) - 1
            after: tuple[str, ...] = ()
            while with_last and place and specs[place].get("type") == "ref":
                after = (specs[place]["refId"], *after)
                place -= 1
            last = specs[place]
            if last["className"] not in AFFINE or last.get("type", "leaf") != "leaf":
                raise KeyError
            ids = []
            for spec in specs[:place]:
                if spec["type"] != "ref":
                    raise KeyError
                ids.append(spec["refId"])
            key = (tile["width"], tile["height"], tile.get("meshCellSize"), after, *ids)
            members, texts = groups.setdefault(key, ([], []))
            texts.append(last["dataString"])
            members.append(index)
        except (AttributeError, IndexError, KeyError, TypeError):
            others.append(index)
    alike = []
    for (width, height, cell, after, *ids), (members, texts) in groups.items():
        affines = affine_numbers(texts)
        if affines is None:
            others += members
        else:
            alike.append(Alike(width, height, cell, tuple(ids), members, affines, after))
    return alike, sorted(others)


def affine_numbers(texts: Sequence[Any]) -> NDArray[np.float64] | None:
    """M00, M10, M01, M11, M02, M12 of each data string, N x 6 float64.

    None where one is not six numbers written as JSON would write them, one blank apart: such texts
    may still be valid, and have to be read one by one.
    """
    try:
        if set(map(str.count, texts, repeat(" "))) != {5}:
            return None
        text = " ".join(texts).encode()
        if text.translate(None, _NUMBERS):
            return None
        numbers = orjson.loads(b"[" + text.replace(b" ", b",") + b"]")
    except (TypeError, ValueError):
        return None
    return np.fromiter(numbers, np.float64, len(numbers)).reshape(-1, 6)
