"""Into which pieces a tile falls whose matches with other sections follow several transforms.

Within each other section sets of matches that follow one affine are found one after the other, by
random sample consensus. The section that has most sets says which pieces there may be. A fold of
the tile is seen from every section: pieces that a set of another section connects are one, as the
fold is then in the tile that was matched. Other sets join the piece that they lie on, whatever the
placement of their section. Pixels belong to the piece of the matches nearest to them, smoothed.
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
_GRID = 256  # pieces are drawn on so many cells along the longer side at most


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
    )
    found: list[NDArray[np.intp]] = []
    rest = index
    while len(found) < rules.max_pieces and len(rest) >= rules.min_inliers:
        consensus = find_consensus(points[rest], world[rest], Model(rules.model), parameters)
        if consensus is None:
            break
        found.append(rest[consensus.inliers])
        rest = np.delete(rest, consensus.inliers)
    return _torn(points, world, _coherent(points, found, rules), rules)


def _torn(
    points: Floats, world: Floats, sets: list[NDArray[np.intp]], rules: SplitRules
) -> list[NDArray[np.intp]]:
    """Sets between which there is a jump; those that a smooth bend connects are one."""
    from scipy.spatial import cKDTree

    matrices = [Model(rules.model).fit(points[s], world[s]) for s in sets]
    owner = list(range(len(sets)))
    for one in range(len(sets)):
        for other in range(one + 1, len(sets)):
            border = []
            for a, b in ((one, other), (other, one)):
                away, _ = cKDTree(points[sets[b]]).query(points[sets[a]])
                border.append(points[sets[a]][np.argsort(away)[:_NEAREST]])
            at = np.concatenate(border)
            jump = np.linalg.norm(apply(matrices[one], at) - apply(matrices[other], at), axis=1)
            if np.median(jump) <= 2 * rules.max_epsilon:
                owner = [owner[one] if o == owner[other] else o for o in owner]
    joined = [
        np.sort(np.concatenate([s for s, o in zip(sets, owner, strict=True) if o == number]))
        for number in dict.fromkeys(owner)
    ]
    return sorted(joined, key=len, reverse=True)


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


def piece_map(points: Floats, labels: Labels, width: int, height: int, smoothing: float) -> Labels:
    """Piece of each cell of a coarse grid over the image, by the nearest labelled match.

    Parameters
    ----------
    points : (N, 2)
        Raw pixels.

    Returns
    -------
    (rows, columns)
        Cells of equal size that cover the image.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.spatial import cKDTree

    cell = max(1.0, max(width, height) / _GRID)
    shape = (max(1, round(height / cell)), max(1, round(width / cell)))
    y, x = ((np.arange(n) + 0.5) * size / n for n, size in zip(shape, (height, width), strict=True))
    known = labels != NONE
    centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    _, nearest = cKDTree(points[known]).query(centres)
    found: Labels = labels[known][nearest].reshape(shape)
    if smoothing > 0:
        sigma = smoothing * max(shape)
        shares = [
            gaussian_filter((found == k).astype(float), sigma, mode="nearest")
            for k in range(int(labels.max()) + 1)
        ]
        found = np.argmax(shares, axis=0)
    return found


def labels_at(pieces: Labels, points: Floats, width: int, height: int) -> Labels:
    """Piece at raw pixels."""
    rows, columns = pieces.shape
    row = np.clip((points[:, 1] * rows / height).astype(int), 0, rows - 1)
    column = np.clip((points[:, 0] * columns / width).astype(int), 0, columns - 1)
    return pieces[row, column]


def piece_mask(pieces: Labels, number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Mask of a piece, (height, width) uint8: 255 where the image belongs to it, else 0."""
    rows, columns = pieces.shape
    row = np.minimum(np.arange(height) * rows // height, rows - 1)
    column = np.minimum(np.arange(width) * columns // width, columns - 1)
    here = (pieces == number).astype(np.uint8) * np.uint8(255)
    mask: NDArray[np.uint8] = here[row][:, column]
    return mask


def sizes(labels: Labels) -> Mapping[int, int]:
    """How many matches each piece has."""
    values, counts = np.unique(labels[labels != NONE], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
