"""Fit a transform to corresponding points of each tile, or of a section, and place it in the list.

A tile has N points in one of its own coordinate spaces (`renderapi.transform.slices`) and N where
they shall come to lie; NaN in either, or a weight of 0, says that a point takes no part. Linear
models (translation, rigid, similarity, affine) of all tiles are fitted at once: weighted least
squares about the centroids, with outliers left out by random sample consensus where
`max_epsilon` is given. What the points do not determine is refused by name and never placed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import EstimationError, RenderError
from renderapi.matching.models import MINIMAL_SETS, Model, distances
from renderapi.transform import HomographyModel, Polynomial2DTransform
from renderapi.transform.slices import TileTransforms, entries_of
from renderapi.transform.specs import affine_spec

Json = dict[str, Any]
Floats = NDArray[np.float64]

LINEAR = tuple(MINIMAL_SETS)
MODELS = (*LINEAR, "homography", "polynomial")
DEGENERATE = 1e-9  # spread across, or agreement of directions, relative to the size of the points
_SETS = 64  # random sets of a tile: with four outliers in ten all have one with chance 2e-7
_BLOCK = 4_000_000  # distances held at once
_LEAST = max(MINIMAL_SETS.values())


@dataclass(frozen=True)
class FitRules:
    """What is fitted, and when a fit is believed.

    Attributes
    ----------
    model : str
        One of MODELS.
    order : int
        Of the polynomial, 1 to 5.
    min_points : int, optional
        Fewest points of a tile; never fewer than determine the model, which is the default.
    max_residual : float, optional
        Greatest root mean square residual, pixels of the target.
    max_epsilon : float, optional
        Points farther than this from the model that most agree with are left out (linear models).
    seed : int
        Of the random sets.
    """

    model: str = "affine"
    order: int = 2
    min_points: int | None = None
    max_residual: float | None = None
    max_epsilon: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"unknown model {self.model!r}: choose one of {', '.join(MODELS)}")
        if self.max_epsilon is not None and self.model not in LINEAR:
            raise ValueError(f"max_epsilon goes with {', '.join(LINEAR)}, not {self.model}")

    @property
    def fewest(self) -> int:
        """Fewest points of a tile that is fitted."""
        terms = (self.order + 1) * (self.order + 2)
        needed = {**MINIMAL_SETS, "homography": 4, "polynomial": terms}[self.model]
        return max(needed, self.min_points or 0)


@dataclass(frozen=True)
class Fit:
    """What was fitted to the points of a tile or section.

    Attributes
    ----------
    spec : dict, optional
        Document of the transform; None where there is none, and `reason` says why.
    points, outliers : int
        How many points took part, and how many were left out as outliers.
    rms, largest : float
        Residuals of the points that took part, pixels of the target.
    """

    spec: Json | None
    points: int
    outliers: int = 0
    rms: float = np.nan
    largest: float = np.nan
    reason: str | None = None

    def report(self) -> Json:
        """Its entry in an output JSON."""
        entry: Json = {"points": self.points, "outliers": self.outliers}
        if np.isfinite(self.rms):
            entry |= {"rms": round(self.rms, 6), "largest": round(self.largest, 6)}
        return entry | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True)
class Placement:
    """Where a fitted transform goes: after the first `keep` of a tile; after all where None.

    0 replaces all that there are.
    """

    keep: int | None = 0

    def space(self, tile: Mapping[str, Any]) -> int:
        """The coordinate space of a tile whose points are fitted to the targets.

        SpecError where the tile has fewer transforms than are to be kept.
        """
        transforms = TileTransforms(tile)
        return len(transforms) if self.keep is None else transforms.space(self.keep)

    def put(self, tile: Json, spec: Json) -> None:
        """Give a tile its fitted transform."""
        entries = entries_of(tile)[: self.space(tile)]
        tile["transforms"] = {"type": "list", "specList": [*entries, spec]}


def grid_points(width: float, height: float, side: int = 4) -> Floats:
    """Raw local pixels of a tile, (side^2, 2), x fastest, from the first pixel to the last.

    >>> grid_points(101, 51, 2).tolist()
    [[0.0, 0.0], [100.0, 0.0], [0.0, 50.0], [100.0, 50.0]]
    """
    x, y = np.meshgrid(np.linspace(0, width - 1, side), np.linspace(0, height - 1, side))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def fit_and_place(
    tiles: Sequence[Json],
    shared: Mapping[str, Json],
    raw: Sequence[Floats],
    targets: Sequence[Floats],
    rules: FitRules,
    placement: Placement,
    one_for_all: bool = False,
) -> tuple[list[Json], list[Json], list[Json]]:
    """Fit raw points of tiles, carried to the space of the placement, to targets; place the fits.

    Parameters
    ----------
    tiles : sequence of dict
        Tiles of a section; those that are fitted are changed.
    shared : mapping
        Their shared transforms by id.
    raw, targets : sequence of (N, 2) arrays
        For each tile points in raw local and target coordinates; NaN where there is none.
    one_for_all : bool
        Fit one transform to the points of all tiles, which have to share a space: not raw local.

    Returns
    -------
    placed : tiles that were fitted
    fits : an entry (tileId, points, outliers, rms, largest) for each of them
    dropped : an entry with the reason for each other one
    """
    if one_for_all and placement.keep == 0:
        raise ValueError("tiles have no pixels in common that one transform could replace all for")
    sources: list[Floats] = []
    problems: dict[int, Fit] = {}
    for index, (tile, points) in enumerate(zip(tiles, raw, strict=True)):
        try:
            space = placement.space(tile)
            sources.append(TileTransforms(tile, shared).forward(points, 0, space))
        except RenderError as error:
            problems[index] = Fit(None, 0, reason=str(error))
            sources.append(np.full(points.shape, np.nan))
    if one_for_all:
        (common,) = fit_points([np.concatenate(sources)], [np.concatenate(targets)], rules)
        fits = [common] * len(tiles)
    else:
        fits = fit_points(sources, targets, rules)
    placed, done, dropped = [], [], []
    for index, tile in enumerate(tiles):
        fit = problems.get(index, fits[index])
        entry = {"tileId": tile["tileId"]} | fit.report()
        if fit.spec is None:
            dropped.append(entry)
            continue
        placement.put(tile, dict(fit.spec))
        placed.append(tile)
        done.append(entry)
    return placed, done, dropped


def fit_points(
    sources: Sequence[Floats],
    targets: Sequence[Floats],
    rules: FitRules,
    weights: Sequence[Floats] | None = None,
) -> list[Fit]:
    """One fit for each pair of (N, 2) arrays, N of any number; weights are (N,) each."""
    sizes = [len(points) for points in sources]
    p, q = np.full((2, len(sizes), max([*sizes, _LEAST]), 2), np.nan)
    w = np.zeros(p.shape[:2])
    for index, size in enumerate(sizes):
        p[index, :size], q[index, :size] = sources[index], targets[index]
        w[index, :size] = 1.0 if weights is None else weights[index]
    w[~(np.isfinite(p).all(-1) & np.isfinite(q).all(-1)) | ~(w > 0)] = 0.0
    p, q = (np.where(w[..., None] > 0, points, 0.0) for points in (p, q))
    if rules.model not in LINEAR:
        return [_fit_bent(*each, rules) for each in zip(p, q, w, strict=True)]
    matrices, used = fit_linear_models(p, q, w, rules)
    off = np.where(used > 0, distances(matrices, p, q), 0.0)
    return [
        _linear_fit(matrix, residuals, int((u > 0).sum()), int((all_ > 0).sum()), rules)
        for matrix, residuals, u, all_ in zip(matrices, off, used, w, strict=True)
    ]


def fit_linear_models(p: Floats, q: Floats, w: Floats, rules: FitRules) -> tuple[Floats, Floats]:
    """Linear models of T sets of N points.

    Parameters
    ----------
    p, q : (T, N, 2)
    w : (T, N), not negative; 0 leaves a point out

    Returns
    -------
    matrices : (T, 3, 3), NaN where the points do not determine the model
    weights : (T, N), 0 also for outliers
    """
    if rules.max_epsilon is not None:
        w = _without_outliers(p, q, w, rules, rules.max_epsilon)
    matrices = Model(rules.model).fit(p, q, w)
    unsure = _undetermined(p, q, w, rules.model)
    return np.where(unsure[:, None, None], np.nan, matrices), w


def _undetermined(p: Floats, q: Floats, w: Floats, model: str) -> NDArray[np.bool_]:
    """Which sets of points do not determine the model, whatever rounding made of them."""
    few = (w > 0).sum(-1) < MINIMAL_SETS[model]
    if model == "translation":
        return few
    share = (w / np.maximum(w.sum(-1, keepdims=True), 1e-300))[..., None]
    a, b = (points - (share * points).sum(-2, keepdims=True) for points in (p, q))
    moments = np.swapaxes(a * share, -1, -2) @ a
    spread = moments[..., 0, 0] + moments[..., 1, 1]
    size = np.abs(p).max((-1, -2)) * np.finfo(float).eps * 16
    few |= spread <= size**2
    if model == "affine":
        determinant = moments[..., 0, 0] * moments[..., 1, 1] - moments[..., 0, 1] ** 2
        return few | (determinant <= (DEGENERATE * spread) ** 2) | (determinant <= 0)
    mixed = np.swapaxes(a * share, -1, -2) @ b
    agreement = np.hypot(mixed[..., 0, 0] + mixed[..., 1, 1], mixed[..., 0, 1] - mixed[..., 1, 0])
    target = (share * b**2).sum((-1, -2))
    return few | (agreement <= DEGENERATE * np.sqrt(spread * target))


def _without_outliers(p: Floats, q: Floats, w: Floats, rules: FitRules, epsilon: float) -> Floats:
    """Weights with 0 for points off the model that most points of their set agree with."""
    model, rng = Model(rules.model), np.random.default_rng(rules.seed)
    kept = np.empty_like(w)
    step = max(1, _BLOCK // max(1, _SETS * p.shape[1]))
    for first in range(0, len(p), step):
        part = slice(first, first + step)
        x, y, v = p[part], q[part], w[part]
        keys = np.where(v[:, None] > 0, rng.random((len(x), _SETS, x.shape[1])), 2.0)
        picked = np.argsort(keys, axis=-1)[..., : model.minimal_set]
        rows = np.arange(len(x))[:, None, None]
        tried = model.fit(x[rows, picked], y[rows, picked])
        near = distances(tried, x[:, None], y[:, None]) <= epsilon
        votes = (near * (v[:, None] > 0)).sum(-1)
        inside = near[np.arange(len(x)), votes.argmax(-1)]
        for _ in range(2):  # the model of all that agree, then of all that agree with that
            matrix = model.fit(x, y, v * inside)
            known = np.isfinite(matrix).all((-1, -2)).reshape(-1, 1)
            inside = np.where(known, distances(matrix, x, y) <= epsilon, inside)
        determined = (v > 0).sum(-1) >= model.minimal_set
        kept[part] = np.where(determined[:, None], v * inside, v)
    return kept


def _linear_fit(matrix: Floats, residuals: Floats, used: int, given: int, rules: FitRules) -> Fit:
    outliers = given - used
    if used < rules.fewest:
        return _too_few(used, outliers, rules)
    if not np.isfinite(matrix).all():
        reason = f"{used} points do not determine the {rules.model}: identical, in line or mirrored"
        return Fit(None, used, outliers, reason=reason)
    return _judged(affine_spec(matrix), residuals, used, outliers, rules)


def _fit_bent(p: Floats, q: Floats, w: Floats, rules: FitRules) -> Fit:
    valid = w > 0
    used = int(valid.sum())
    if used < rules.fewest:
        return _too_few(used, 0, rules)
    transform: Any = HomographyModel() if rules.model == "homography" else Polynomial2DTransform()
    order = {} if rules.model == "homography" else {"order": rules.order}
    try:
        transform.estimate(p[valid], q[valid], weights=w[valid], **order)
        off = transform.tform(p[valid]) - q[valid]
    except EstimationError as error:
        return Fit(None, used, reason=str(error))
    return _judged(transform.to_dict(), np.hypot(*off.T), used, 0, rules)


def _too_few(used: int, outliers: int, rules: FitRules) -> Fit:
    aside = f" besides {outliers} outliers" if outliers else ""
    reason = f"{used} points{aside}, {rules.fewest} are needed for the {rules.model}"
    return Fit(None, used, outliers, reason=reason)


def _judged(spec: Json, residuals: Floats, used: int, outliers: int, rules: FitRules) -> Fit:
    rms = float(np.sqrt((residuals**2).sum() / used))
    largest = float(residuals.max())
    if rules.max_residual is not None and rms > rules.max_residual:
        reason = f"residual {rms:.3g} is above max_residual {rules.max_residual:g}"
        return Fit(None, used, outliers, rms, largest, reason)
    return Fit(spec, used, outliers, rms, largest)
