"""Into which pieces a tile falls whose matches with other sections follow several transforms.

Within each other section sets of matches that follow one affine are found one after the other, by
random sample consensus, and matches are then moved to the transform that is nearest. The section
that has most sets says which pieces there may be. A fold of the tile is seen from every section:
pieces that a set of another section connects are one, as the fold is then in the tile that was
matched. Other sets join the piece that they lie on, whatever the placement of their section.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.models import Model, apply
from renderapi.matching.ransac import RansacParameters, find_consensus

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

NONE = -1
"""Label of a match that follows none of the transforms."""
_NEAREST = 5  # matches whose majority says where on the tile a match lies
_LOCAL = 8  # matches near a border that say where their side of it lies
_ROUNDS = 30  # of sharpening
_BETTER = 1.5  # pieces explain matches that much better (squared distances) than a bend does


@dataclass(frozen=True)
class SplitRules:
    """When matches are taken to be of different pieces.

    Attributes
    ----------
    model : str
        What the matches of a piece follow: translation, rigid, similarity or affine.
    max_epsilon : float
        How far a match may be off it, world pixels.
    min_inliers : int
        Fewest matches of a piece with one section.
    max_pieces : int
    coherence : float
        Least share of the matches of a piece most of whose nearest matches are of it, too. Matches
        that are wrong lie scattered among others, a piece does not.
    smoothing : float
        Width of the smoothing of borders between pieces, as a share of the longer side.
    """

    model: str = "affine"
    max_epsilon: float = 5.0
    min_inliers: int = 12
    max_pieces: int = 6
    coherence: float = 0.8
    smoothing: float = 0.01


def label_matches(
    points: Floats, world: Floats, sections: NDArray[np.str_], rules: SplitRules, seed: int = 0
) -> Labels:
    """Piece of each match: 0, 1, ..., largest first; NONE for those that follow none.

    Parameters
    ----------
    points : (N, 2)
        On the tile.
    world : (N, 2)
        Where the matched tiles have them, world pixels.
    sections : (N,) of str
        Section of the matched tile.
    """
    labels = np.full(len(points), NONE)
    sets = {
        str(name): found
        for name in np.unique(sections)
        if (found := _sets_of(np.flatnonzero(sections == name), points, world, rules, seed))
    }
    if not sets:
        return labels
    first = max(sets, key=lambda name: (len(sets[name]), sum(map(len, sets[name]))))
    for number, members in enumerate(sets[first]):
        labels[members] = number
    fixed = labels.copy()
    owner = np.arange(len(sets[first]))
    for name, found in sets.items():
        if name != first:
            for members in found:
                counts = _counts(points, fixed, members, len(owner))
                labels[members] = counts.argmax()
                seen = np.flatnonzero(counts >= max(rules.min_inliers / 2, 0.15 * len(members)))
                owner[np.isin(owner, owner[seen])] = owner[counts.argmax()]
    labels = np.where(labels == NONE, NONE, owner[labels])
    return _by_size(labels)


def _by_size(labels: Labels) -> Labels:
    """Labels numbered from the most frequent one."""
    counts = sizes(labels)
    order = sorted(counts, key=lambda label: (-counts[label], label))
    found = np.full(len(labels), NONE)
    for number, label in enumerate(order):
        found[labels == label] = number
    return found


def _sets_of(
    index: NDArray[np.intp], points: Floats, world: Floats, rules: SplitRules, seed: int
) -> list[NDArray[np.intp]]:
    """Sets of matches of one section, each of which follows a transform of its own."""
    parameters = RansacParameters(
        iterations=2000,
        max_epsilon=rules.max_epsilon,
        min_inliers=rules.min_inliers,
        trust_floor=rules.max_epsilon,
        seed=seed,
        # by significance: the largest set within epsilon would lean over a small jump
        area=float(np.ptp(world[index], axis=0).clip(1).prod()),
    )
    found: list[NDArray[np.intp]] = []
    rest = index
    while len(found) < rules.max_pieces and len(rest) >= rules.min_inliers:
        consensus = find_consensus(points[rest], world[rest], Model(rules.model), parameters)
        if consensus is None:
            break
        found.append(rest[consensus.inliers])
        rest = np.delete(rest, consensus.inliers)
    sharp = _coherent(points, _sharpened(points, world, found, rules), rules)
    kept = _completed(index, points, world, sharp or _coherent(points, found, rules), rules)
    return _torn(points, world, kept, rules)


def _completed(
    index: NDArray[np.intp],
    points: Floats,
    world: Floats,
    sets: list[NDArray[np.intp]],
    rules: SplitRules,
) -> list[NDArray[np.intp]]:
    """The sets with all matches that lie on them: chance puts some into sets that are none."""
    rest = np.setdiff1d(index, np.concatenate([*sets, np.empty(0, np.intp)]))
    if not sets or not len(rest):
        return sets
    fits = [_fit(points[s], world[s], rules) for s in sets]
    off = np.array([np.linalg.norm(apply(f, points[rest]) - world[rest], axis=1) for f in fits])
    near = off.min(axis=0) <= rules.max_epsilon
    nearest = off.argmin(axis=0)
    return [np.union1d(s, rest[near & (nearest == n)]) for n, s in enumerate(sets)]


def _sharpened(
    points: Floats, world: Floats, sets: list[NDArray[np.intp]], rules: SplitRules
) -> list[NDArray[np.intp]]:
    """The same matches, each in the set whose transform is nearest, fitted again until none moves.

    The first set takes in matches of its neighbours that happen to be within epsilon.
    """
    if len(sets) < 2:
        return sets
    members = np.sort(np.concatenate(sets))
    of = np.empty(len(members), int)
    for number, one in enumerate(sets):
        of[np.isin(members, one)] = number
    for _ in range(_ROUNDS):
        fits = [
            _fit(points[members[of == n]], world[members[of == n]], rules) for n in range(len(sets))
        ]
        off = [np.linalg.norm(apply(fit, points[members]) - world[members], axis=1) for fit in fits]
        nearest = np.argmin(off, axis=0)
        if np.bincount(nearest, minlength=len(sets)).min() < rules.min_inliers:
            return sets
        if (nearest == of).all():
            break
        of = nearest
    return [members[of == number] for number in range(len(sets))]


def _fit(points: Floats, world: Floats, rules: SplitRules) -> Floats:
    return np.asarray(Model(rules.model).fit(points, world), float)


def _torn(
    points: Floats, world: Floats, sets: list[NDArray[np.intp]], rules: SplitRules
) -> list[NDArray[np.intp]]:
    """Sets between which there is a jump; those that a smooth bend connects are one."""
    owner = list(range(len(sets)))
    for one in range(len(sets)):
        for other in range(one + 1, len(sets)):
            if _jump(points, world, sets[one], sets[other], rules) <= 2 * rules.max_epsilon:
                owner = [owner[one] if o == owner[other] else o for o in owner]
    joined = [
        np.sort(np.concatenate([s for s, o in zip(sets, owner, strict=True) if o == number]))
        for number in dict.fromkeys(owner)
    ]
    if len(joined) > 1 and _bent(points, world, joined, rules):
        joined = [np.sort(np.concatenate(joined))]
    return sorted(joined, key=len, reverse=True)


def _jump(
    points: Floats, world: Floats, one: NDArray[np.intp], other: NDArray[np.intp], rules: SplitRules
) -> float:
    """How far apart two sets put their common border (median), each by its matches nearby."""
    from scipy.spatial import cKDTree

    border = []
    for here, there in ((one, other), (other, one)):
        away, _ = cKDTree(points[there]).query(points[here])
        border.append(points[here][np.argsort(away)[:_NEAREST]])
    at = np.concatenate(border)

    def placed(members: NDArray[np.intp]) -> Floats:
        fit = _fit(points[members], world[members], rules)
        count = min(_LOCAL, len(members))
        _, near = cKDTree(points[members]).query(at, k=count)
        off = world[members] - apply(fit, points[members])
        return apply(fit, at) + off[near.reshape(len(at), count)].mean(axis=1)

    return float(np.median(np.linalg.norm(placed(one) - placed(other), axis=1)))


def _bent(points: Floats, world: Floats, sets: list[NDArray[np.intp]], rules: SplitRules) -> bool:
    """Whether one cubic surface explains the matches about as well as the pieces do."""
    members = np.concatenate(sets)
    x, y = ((points[members] - points[members].mean(axis=0)) / np.ptp(points[members])).T
    terms = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1)
    smooth, *_ = np.linalg.lstsq(terms, world[members], rcond=None)
    bend = np.square(terms @ smooth - world[members]).sum()
    pieces = sum(
        np.square(apply(_fit(points[s], world[s], rules), points[s]) - world[s]).sum() for s in sets
    )
    return bool(bend < _BETTER * pieces)


def _coherent(
    points: Floats, sets: list[NDArray[np.intp]], rules: SplitRules
) -> list[NDArray[np.intp]]:
    """Those that lie together on the tile."""
    labels = np.full(len(points), NONE)
    for number, members in enumerate(sets):
        labels[members] = number
    kept = []
    for number, members in enumerate(sets):
        around = _nearest_labels(points, labels, members)
        alike = (around == number).mean(axis=1) > 0.5
        if alike.mean() >= rules.coherence:
            kept.append(members)
    return kept


def _nearest_labels(points: Floats, labels: Labels, members: NDArray[np.intp]) -> Labels:
    """Labels of the matches nearest to some of them, themselves left out where they have one."""
    from scipy.spatial import cKDTree

    known = np.flatnonzero(labels != NONE)
    count = min(_NEAREST + 1, len(known))
    _, near = cKDTree(points[known]).query(points[members], k=count)
    near = known[near.reshape(len(members), count)]
    own = near == members[:, None]
    found = np.where(own, NONE, labels[near])
    nearest_first = np.argsort(own, axis=1, kind="stable")  # itself last
    return np.take_along_axis(found, nearest_first, axis=1)[:, :_NEAREST]


def _counts(
    points: Floats, labels: Labels, members: NDArray[np.intp], pieces: int
) -> NDArray[np.intp]:
    """How many of some matches lie on each piece, by the labels nearest to each."""
    around = _nearest_labels(points, labels, members)
    votes = np.stack([(around == number).sum(axis=1) for number in range(pieces)], axis=1)
    return np.bincount(votes.argmax(axis=1), minlength=pieces)


def sizes(labels: Labels) -> Mapping[int, int]:
    """How many matches each piece has."""
    values, counts = np.unique(labels[labels != NONE], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
