"""How the stage errs, learnt from the tiles that matches placed, and where that puts the others.

A stage that is scaled, sheared or turned against the camera misses by a linear function of where
it goes. Fitted to the tiles whose places are known from matches, this function says where tiles
without matches lie, and how groups of tiles lie to each other that no match connects.

Points are world pixels, (x, y); a *move* is what is added to the centre of a tile, as it lies now,
to bring it to its solved place. Groups are sets of tiles that hang together through matches: each
has an unknown common shift of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MATCHES, GROUP, STAGE_MODEL, STAGE = (
    "matches",
    "matches; its group by the stage model",
    "stage model",
    "stage",
)
"""Rules that place a tile; the last: it stays where the stage said."""
SHIFT = "shift"
"""Kind of a stage that errs by chance only."""
BETTER = 0.9
"""A model with more freedom must predict tiles better than a simpler one by this factor."""
CERTAIN = 12.0
"""A linear part must exceed what chance makes of the tiles so many times (variances): where a few
small groups are known, chance would send tiles far away from them."""


@dataclass(frozen=True, slots=True)
class StageModel:
    """move = linear @ centre + a shift that each group has for itself.

    Attributes
    ----------
    kind : {"affine", "similarity", "shift"}
        `shift`: the linear part is 0, the stage errs by chance only.
    linear : (2, 2) float64
    spread : float
        Median distance of a tile from where the model, fitted without it, would put it, pixels;
        infinity where nothing tells.
    tiles : int
        Tiles it was fitted to.
    """

    kind: str
    linear: np.ndarray
    spread: float
    tiles: int


def unmoved() -> StageModel:
    """The model of which nothing is known and that moves nothing."""
    return StageModel("none", np.zeros((2, 2)), np.inf, 0)


def fit_stage(centres: np.ndarray, moves: np.ndarray, groups: np.ndarray) -> StageModel:
    """Fit a linear model of the moves, robustly.

    Parameters
    ----------
    centres, moves : (N, 2) float64
        Of tiles that matches placed.
    groups : (N,) int
        Group of each tile.

    Returns
    -------
    StageModel
        Of the kind that predicts left-out tiles best (leave one out); a simpler one unless the
        other is clearly better.
    """
    best = StageModel(SHIFT, np.zeros((2, 2)), np.inf, len(centres))
    if not len(centres):
        return best
    _, groups = np.unique(groups, return_inverse=True)
    scale = max(float(np.abs(centres - centres.mean(axis=0)).max()), 1.0)
    for kind in (SHIFT, "similarity", "affine"):
        columns = _design(centres / scale, kind)
        fitted = _robust(columns, moves, groups)
        if fitted is None:
            continue
        values, left_out, certainty = fitted
        spread = float(np.median(left_out))
        if kind != SHIFT and certainty < CERTAIN:
            continue
        if spread < BETTER * best.spread and spread < best.spread - 1e-6:
            best = StageModel(kind, _linear(values, kind) / scale, spread, len(centres))
    return best


def _design(points: np.ndarray, kind: str) -> np.ndarray:
    """(N, 2, U) derivative of a move by the unknowns of the linear part."""
    x, y = points.T
    zero = np.zeros_like(x)
    if kind == SHIFT:
        return np.zeros((len(points), 2, 0))
    if kind == "similarity":
        return np.stack([np.stack([x, -y], 1), np.stack([y, x], 1)], axis=1)
    rows = [np.stack([x, y, zero, zero], 1), np.stack([zero, zero, x, y], 1)]
    return np.stack(rows, axis=1)


def _linear(values: np.ndarray, kind: str) -> np.ndarray:
    if kind == SHIFT:
        return np.zeros((2, 2))
    if kind == "similarity":
        a, b = values
        return np.array([[a, -b], [b, a]])
    return values.reshape(2, 2)


def _robust(
    columns: np.ndarray, moves: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Unknowns, (N,) distances of the tiles from predictions without them, and the certainty.

    None: undetermined. The certainty is Fisher's F, what the unknowns explain against what they
    leave, both per degree of freedom.

    Least distances first (iteratively reweighted), then a loss that forgets outliers.
    """
    weights = np.ones(len(moves))
    values = np.zeros(columns.shape[2])
    distances = np.zeros(len(moves))
    for step in range(40):
        middle = _group_means(moves, weights, groups)
        centred = columns - _group_means(columns, weights, groups)
        root = np.sqrt(weights)[:, None, None]
        system = (root * centred).reshape(2 * len(moves), columns.shape[2])
        values, _, rank, _ = np.linalg.lstsq(
            system, (root[..., 0] * (moves - middle)).ravel(), rcond=1e-9
        )
        if rank < columns.shape[2]:
            return None
        rest = moves - middle - centred @ values
        distances = np.linalg.norm(rest, axis=1)
        if step < 30:
            weights = 1.0 / np.maximum(distances, 1e-3 + 0.01 * np.median(distances))
            weights /= weights.max()
        else:
            spread = max(2.0 * 1.4826 * float(np.median(distances)), 1e-3)
            weights = (spread**2 / (distances**2 + spread**2)) ** 2
    free = 1.0 - _leverages(columns, weights, groups)
    if np.median(free) < 1e-6:
        return None
    return (
        values,
        distances / np.maximum(free, 1e-6),
        _certainty(columns, values, distances, groups),
    )


def _certainty(
    columns: np.ndarray, values: np.ndarray, distances: np.ndarray, groups: np.ndarray
) -> float:
    """Fisher's F of the unknowns; infinite where nothing is left unexplained."""
    freedom = 2 * (len(distances) - int(groups.max()) - 1) - len(values)
    if not len(values) or freedom < 1:
        return 0.0
    explained = (columns - _group_means(columns, np.ones(len(distances)), groups)) @ values
    left = len(distances) * float(np.median(distances**2)) / np.log(4) * 2 / freedom
    return float((explained**2).sum()) / len(values) / max(left, 1e-12)


def _group_means(values: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Weighted mean of each element's group, as an array like `values`."""
    if not values.size:
        return np.zeros_like(values)
    total = np.bincount(groups, weights)
    flat = values.reshape(len(values), -1)
    means = [np.bincount(groups, weights * column) / total for column in flat.T]
    return np.stack(means, axis=1)[groups].reshape(values.shape)


def _leverages(columns: np.ndarray, weights: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(N,) share that each tile has in its own prediction (mean of x and y)."""
    own = weights / np.bincount(groups, weights)[groups]
    if not columns.shape[2]:
        return own
    centred = columns - _group_means(columns, weights, groups)
    normal = np.einsum("n,nka,nkb->ab", weights, centred, centred)
    inverse = np.linalg.pinv(normal)
    return own + weights * np.einsum("nka,ab,nkb->n", centred, inverse, centred) / 2


def group_shifts(model: StageModel, centres: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """(2,) shift of a group of tiles under a model: the median over its tiles."""
    return np.median(moves - centres @ model.linear.T, axis=0)


def placed(
    model: StageModel, centres: np.ndarray, moves: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """What is added to the moves of tiles and groups to bring them to the largest group.

    Parameters
    ----------
    centres, moves : (T, 2) float64
        Of all tiles of a section; moves of tiles without matches are taken as 0.
    groups : (T,) int
        Tiles with the same number hang together through matches.

    Returns
    -------
    (T, 2) float64, list of str
        Further moves, and the rule that placed each tile.
    """
    more = np.zeros_like(moves)
    if not len(groups):
        return more, []
    _, groups = np.unique(groups, return_inverse=True)
    counts = np.bincount(groups)
    if model.kind == "none":
        return more, [MATCHES if counts[group] > 1 else STAGE for group in groups]
    if counts.max() < 2:
        return _without_matches(model, centres)
    main = int(np.argmax(counts))
    shift = group_shifts(model, centres[groups == main], moves[groups == main])
    rules = [MATCHES] * len(groups)
    for group in np.flatnonzero(np.arange(len(counts)) != main):
        members = np.flatnonzero(groups == group)
        if len(members) == 1:
            more[members] = centres[members] @ model.linear.T + shift - moves[members]
            rules[members[0]] = STAGE_MODEL
            continue
        more[members] = shift - group_shifts(model, centres[members], moves[members])
        for member in members:
            rules[member] = GROUP
    return more, rules


def _without_matches(model: StageModel, centres: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Tiles none of which has matches: what other sections tell of the stage, or nothing."""
    if not model.linear.any():
        return np.zeros_like(centres), [STAGE] * len(centres)
    return (centres - centres.mean(axis=0)) @ model.linear.T, [STAGE_MODEL] * len(centres)


def whole_pixels(origins: np.ndarray, groups: Sequence[int] | np.ndarray) -> np.ndarray:
    """(T, 2) common shift of each group, at most half a pixel, that brings it onto whole pixels.

    A montage of translations is free by a common shift; with a fraction of a pixel in it every
    picture would be interpolated for nothing. The shift is that of the circular mean of the
    fractions; where the tiles of a group then lie within a hundredth of whole pixels, each is
    brought onto them.

    Parameters
    ----------
    origins : (T, 2) float64
        Where the first pixel of each tile lies.
    groups : (T,) int
    """
    shifts = np.zeros_like(origins)
    _, numbers = np.unique(groups, return_inverse=True)
    for group in range(int(numbers.max(initial=-1)) + 1):
        members = numbers == group
        turns = np.exp(2j * np.pi * origins[members])
        mean = np.angle(turns.sum(axis=0)) / (2 * np.pi)
        moved = origins[members] - mean
        off = np.rint(moved) - moved
        whole = np.abs(off).max(axis=0) <= 0.01
        shifts[members] = np.where(whole, off, 0.0) - mean
    return shifts
