"""Tiles that lie elsewhere in the section than the stage says, exchanged ones for example.

A tile none of whose pairs could be matched is compared with the other tiles of its section as if it
were their neighbour, on each side. The places that matches give it must agree with each other, or
one of them be beyond doubt. The effort is bounded, and the places of other tiles without matches
are tried first, since most such tiles have been exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from renderapi.matching.batches import PairTask
from renderapi.matching.neighbours import Pair
from renderapi.matching.stage import StageRule

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome
    from renderapi.matching.candidates import TranslationLimits
    from renderapps.pointmatch.pair_matching import TilePlaces

MAX_LOST = 50
"""Tiles without matches of a section that are looked for."""
MAX_TRIALS = 48
"""Comparisons for each of them."""
CLEAR = 1.5
"""One match alone is believed when it is this many times above the limit of chance."""


@dataclass(frozen=True)
class Relocation:
    """A tile that lies elsewhere.

    Attributes
    ----------
    tile : str
    place_of : str, optional
        Tile that the stage puts where this one lies.
    outcomes : list of PairOutcome
        The matches that say so.
    """

    tile: str
    place_of: str | None
    outcomes: list[PairOutcome]

    def as_json(self) -> dict[str, Any]:
        """Entry of the report."""
        partners = [o.pair.q_id if o.pair.p_id == self.tile else o.pair.p_id for o in self.outcomes]
        return {"tileId": self.tile, "place_of": self.place_of, "matched_with": partners}


def lost_tiles(outcomes: Sequence[PairOutcome], places: TilePlaces) -> dict[float, list[str]]:
    """By z: tiles that were tried and not matched, in sections where at least as many were."""
    tried: dict[float, set[str]] = {}
    matched: dict[float, set[str]] = {}
    for outcome in outcomes:
        if outcome.pair.delta_z is not None or outcome.failed:
            continue
        ends = {outcome.pair.p_id, outcome.pair.q_id}
        z = places.z[outcome.pair.p_id]
        tried.setdefault(z, set()).update(ends)
        if outcome.match.accepted:
            matched.setdefault(z, set()).update(ends)
    lost = {z: sorted(tried[z] - matched[z]) for z in matched}
    return {z: tiles[:MAX_LOST] for z, tiles in lost.items() if 0 < len(tiles) <= len(matched[z])}


def neighbour_steps(
    outcomes: Sequence[PairOutcome], places: TilePlaces, z: float
) -> list[np.ndarray]:
    """Typical vectors from a tile to its neighbours on all sides, from the matched pairs of a z."""
    steps = []
    for outcome in outcomes:
        pair, offset = outcome.pair, outcome.match.offset
        if offset is None or not outcome.match.accepted or places.z[pair.p_id] != z:
            continue
        steps.append(centre(places, pair.q_id) - centre(places, pair.p_id) + offset)
    table = np.array(steps).reshape(-1, 2)
    found = []
    for axis in (0, 1):
        along = table[np.abs(table[:, axis]) > 2 * np.abs(table[:, 1 - axis])]
        if len(along):
            step = np.median(along * np.sign(along[:, [axis]]), axis=0)
            found += [step, -step]
    return found


def centre(places: TilePlaces, tile: str) -> np.ndarray:
    """Middle of the box of a tile, (x, y)."""
    box = places.boxes[tile]
    return (box[:2] + box[2:]) / 2


def trials(
    z: float,
    lost: Sequence[str],
    steps: Sequence[np.ndarray],
    places: TilePlaces,
    groups: Mapping[str, str],
    radius: float,
) -> list[PairTask]:
    """Comparisons of the lost tiles with the others of their section.

    Parameters
    ----------
    groups : mapping of tileId to groupId
        Of the tiles that have pairs.
    radius : float
        Search radius, full-scale pixels.
    """
    others = [tile for tile in groups if places.z[tile] == z and tile not in lost]
    tasks = []
    for tile in lost:
        targets = [centre(places, other) for other in lost if other != tile]
        ranked = []
        for other in others:
            for step in steps:
                place = centre(places, other) + step
                empty = min((float(np.abs(place - t).max()) for t in targets), default=np.inf)
                ranked.append((empty, other, step))
        ranked.sort(key=lambda entry: (entry[0], entry[1], entry[2].tolist()))
        tasks += [
            _trial(tile, other, step, places, groups, radius)
            for _, other, step in ranked[:MAX_TRIALS]
        ]
    return tasks


def _trial(
    tile: str,
    other: str,
    step: np.ndarray,
    places: TilePlaces,
    groups: Mapping[str, str],
    radius: float,
) -> PairTask:
    """Compare `tile` with `other` as if it lay one step away from it."""
    offset = centre(places, other) + step - centre(places, tile)
    (p_group, p), (q_group, q) = sorted([(groups[tile], tile), (groups[other], other)])
    away = offset if q == tile else -offset
    rule = StageRule((float(away[0]), float(away[1])), radius, 0)
    return PairTask(Pair(p_group, p, "", q_group, q, "", None), rule)


def relocations(
    outcomes: Sequence[PairOutcome],
    lost: Sequence[str],
    places: TilePlaces,
    limits: TranslationLimits,
) -> list[Relocation]:
    """Tiles whose accepted trials agree on a place.

    Parameters
    ----------
    outcomes : sequence of PairOutcome
        Of the trials.
    limits : TranslationLimits
        Of the search.
    """
    found = []
    for tile in lost:
        votes = [o for o in outcomes if o.match.accepted and tile in (o.pair.p_id, o.pair.q_id)]
        if not votes:
            continue
        where = np.array([_implied(o, tile, places) for o in votes])
        near = 2 * max(o.search_radius for o in votes)
        together = np.abs(where[:, None] - where[None]).max(axis=2) <= near
        best = int(np.argmax(together.sum(axis=1)))
        members = np.flatnonzero(together[best])
        if len(members) == 1 and not _clear(votes[best], limits):
            continue
        place = np.median(where[members], axis=0)
        found.append(
            Relocation(
                tile, _tile_at(place, tile, places), _one_per_pair([votes[k] for k in members])
            )
        )
    return found


def completions(
    found: Sequence[Relocation],
    outcomes: Sequence[PairOutcome],
    places: TilePlaces,
    groups: Mapping[str, str],
    radius: float,
) -> list[PairTask]:
    """Comparisons of relocated tiles with all whom the place they lie at has as neighbours.

    A neighbour that has no match itself was not asked before: it may have no other neighbour.

    Parameters
    ----------
    found : sequence of Relocation
    outcomes : sequence of PairOutcome
        Of the pairs as the stage puts them.
    """
    tasks = []
    known = {outcome.pair.key for relocation in found for outcome in relocation.outcomes}
    for relocation in found:
        tile, place = relocation.tile, relocation.place_of
        for pair in [outcome.pair for outcome in outcomes]:
            if place not in (pair.p_id, pair.q_id) or pair.delta_z is not None:
                continue
            other = pair.q_id if pair.p_id == place else pair.p_id
            if other == tile or places.z[other] != places.z[tile]:
                continue
            step = centre(places, place) - centre(places, other)
            task = _trial(tile, other, step, places, groups, radius)
            if task.pair.key not in known:
                known.add(task.pair.key)
                tasks.append(task)
    return tasks


def completed(found: Sequence[Relocation], tried: Sequence[PairOutcome]) -> list[Relocation]:
    """Relocations with the matches that were found when their new neighbours were asked."""
    good = [outcome for outcome in tried if outcome.match.accepted]
    whose = {o.pair.key: next(r.tile for r in found if r.tile in _ends(o)) for o in good}
    return [
        replace(r, outcomes=[*r.outcomes, *(o for o in good if whose[o.pair.key] == r.tile)])
        for r in found
    ]


def _ends(outcome: PairOutcome) -> tuple[str, str]:
    return outcome.pair.p_id, outcome.pair.q_id


def _implied(outcome: PairOutcome, tile: str, places: TilePlaces) -> np.ndarray:
    """Where the centre of a tile lies according to a match."""
    offset = np.array(outcome.match.offset)
    return centre(places, tile) + (offset if outcome.pair.q_id == tile else -offset)


def _clear(outcome: PairOutcome, limits: TranslationLimits) -> bool:
    return limits.surplus(outcome.match.candidates[0]) >= CLEAR


def _one_per_pair(outcomes: Sequence[PairOutcome]) -> list[PairOutcome]:
    best: dict[Any, PairOutcome] = {}
    for outcome in outcomes:
        key = outcome.pair.key
        strength = outcome.match.candidates[0].significance
        if key not in best or strength > best[key].match.candidates[0].significance:
            best[key] = outcome
    return list(best.values())


def _tile_at(place: np.ndarray, tile: str, places: TilePlaces) -> str | None:
    """The other tile of the section that the stage puts at a place."""
    z, box = places.z[tile], places.boxes[tile]
    reach = float((box[2:] - box[:2]).min()) / 2
    near = {
        other: float(np.abs(centre(places, other) - place).max())
        for other in places.z
        if other != tile and places.z[other] == z
    }
    best = min(near, key=lambda other: (near[other], other), default=None)
    return best if best is not None and near[best] < reach else None
