"""The order of sections, from how alike they are.

The shortest path through all sections, where those that have much in common are near each other: a
travelling salesman's problem, solved by cheapest insertion and by exchanging and moving stretches
of the path until nothing is gained (2-opt, or-opt). S. Lin, Bell System Technical Journal 44, 1965.
Sections that nothing is known of stay behind those that they were behind.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FAR = 50.0
"""Distance of sections that nothing relates, where the nearest pairs are 1 apart."""
GAIN = 1e-9
TIE = 1e-3
"""Of paths of equal length the one that keeps more neighbours is taken: each new one costs this."""


def distances_of(likeness: Floats) -> Floats:
    """Distances of sections from how alike they are.

    Parameters
    ----------
    likeness : (N, N) array
        Symmetric, at least 0; 0 where nothing is known. Rows are first brought to one level, as a
        small or blurred section has little in common with any other.

    Returns
    -------
    (N, N) float64, about 1 for neighbours.
    """
    values = np.asarray(likeness, float)
    best = np.sort(values, axis=1)[:, ::-1][:, :2].mean(1)
    best[best <= 0] = 1.0
    level = values / np.sqrt(np.outer(best, best))
    with np.errstate(divide="ignore"):
        result = np.where(level > 0, 1 / np.maximum(level, 1 / FAR), FAR)
    np.fill_diagonal(result, 0.0)
    return np.asarray(result)


def best_order(likeness: Floats) -> list[int]:
    """Order of the sections along the shortest path.

    Its direction is the one in which more sections ascend.
    """
    known = np.flatnonzero(np.asarray(likeness).any(1)).tolist()
    path = [known[k] for k in _shortest(distances_of(likeness)[np.ix_(known, known)])]
    for section in sorted(set(range(len(likeness))) - set(known)):
        path.insert(path.index(section - 1) + 1 if section else 0, section)
    return path


def _shortest(cost: Floats) -> list[int]:
    count = len(cost)
    if count < 3:
        return list(range(count))
    beside = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) > 1
    cost = cost + TIE * beside
    paths = [_improved(list(range(count)), cost), _improved(_inserted(cost), cost)]
    path = min(paths, key=lambda p: (round(_length(p, cost), 9), p))
    ascending = sum(a < b for a, b in combinations(path, 2))
    return path if 2 * ascending >= count * (count - 1) / 2 else path[::-1]


def _length(path: list[int], cost: Floats) -> float:
    return float(cost[path[:-1], path[1:]].sum())


def _inserted(cost: Floats) -> list[int]:
    """A path to start from: the nearest two, then each section where it costs least."""
    away = cost + np.diag(np.full(len(cost), np.inf))
    a, b = np.unravel_index(int(away.argmin()), away.shape)
    path, left = [int(a), int(b)], set(range(len(cost))) - {int(a), int(b)}
    while left:
        _, section, at = min(
            (_lengthened(path, at, section, cost), section, at)
            for section in sorted(left, key=lambda k: cost[k, path].min())[:8]
            for at in range(len(path) + 1)
        )
        path.insert(at, section)
        left.remove(section)
    return path


def _lengthened(path: list[int], at: int, section: int, cost: Floats) -> float:
    if at == 0:
        return float(cost[section, path[0]])
    if at == len(path):
        return float(cost[path[-1], section])
    a, b = path[at - 1], path[at]
    return float(cost[a, section] + cost[section, b] - cost[a, b])


def _improved(path: list[int], cost: Floats) -> list[int]:
    """The path after all turns and moves of stretches that shorten it."""
    count = len(path)
    # a section far from all on either end costs nothing there: an open path
    ends = np.zeros((count + 1, count + 1))
    ends[:count, :count] = cost
    ring = [*path, count]
    gained = True
    while gained:
        gained = False
        for change in (_turned, _moved):
            while (better := change(ring, ends)) is not None:
                ring, gained = better, True
    at = ring.index(count)
    return ring[at + 1 :] + ring[:at]


def _turned(ring: list[int], cost: Floats) -> list[int] | None:
    """The ring with the stretch turned round that gains most; None where none gains."""
    order = np.array(ring)
    after = np.roll(order, -1)
    gain = (
        cost[order, after][:, None]
        + cost[order, after][None, :]
        - cost[order[:, None], order[None, :]]
        - cost[after[:, None], after[None, :]]
    )
    gain = np.triu(gain, 2)
    i, j = np.unravel_index(int(gain.argmax()), gain.shape)
    if gain[i, j] <= GAIN:
        return None
    return [*ring[: i + 1], *ring[i + 1 : j + 1][::-1], *ring[j + 1 :]]


def _moved(ring: list[int], cost: Floats) -> list[int] | None:
    """The ring with a stretch of up to three sections moved elsewhere; None where none gains."""
    count = len(ring)
    for size in (1, 2, 3):
        for start in range(count):
            if size >= count - 2:
                continue
            turned = ring[start:] + ring[:start]
            piece, rest = turned[:size], np.array(turned[size:])
            saved = cost[rest[-1], piece[0]] + cost[piece[-1], rest[0]] - cost[rest[-1], rest[0]]
            here, there = rest[:-1], rest[1:]
            for way in (piece, piece[::-1]):
                extra = cost[here, way[0]] + cost[way[-1], there] - cost[here, there]
                at = int(extra.argmin())
                if saved - extra[at] > GAIN:
                    return [*rest[: at + 1].tolist(), *way, *rest[at + 1 :].tolist()]
    return None


def changes_of(order: list[int]) -> dict[str, Any]:
    """What an order changes: exchanged pairs, and sections that go elsewhere.

    Returns
    -------
    dict
        `exchanged`: pairs (i, j) of places whose sections change places and no more; `moved`:
        (section, from, to) of all others that are not where they were after whole stretches have
        shifted along.
    """
    exchanged = [
        (section, place)
        for place, section in enumerate(order)
        if section < place and order[section] == place
    ]
    among = {k for pair in exchanged for k in pair}
    rest = [section for section in order if section not in among]
    kept = set(_longest_ascending(rest))
    moved = [(s, s, order.index(s)) for s in sorted(rest) if s not in kept]
    return {"exchanged": sorted(exchanged), "moved": moved}


def _longest_ascending(values: list[int]) -> list[int]:
    """The longest ascending run of values, not necessarily beside each other."""
    best: list[list[int]] = []
    for k, value in enumerate(values):
        before = [best[j] for j in range(k) if values[j] < value]
        best.append([*max(before, key=len, default=[]), value])
    return max(best, key=len, default=[])
