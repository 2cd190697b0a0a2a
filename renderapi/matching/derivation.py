"""Matches of two pictures by features, in the words of render's match parameters.

The parameters are those of match clients and match trials (`siftFeatureParameters`,
`matchDerivationParameters`): features are found in both pictures, paired by descriptor, and
filtered by RANSAC into one or more consensus sets. Features come from OpenCV's SIFT: its descriptor
has a size of its own, so `fdSize` is accepted and has no effect.

Points are N x 2 float64, pixels of the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.matching.features import FeatureParameters
from renderapi.matching.models import Matrix, Model
from renderapi.matching.ransac import RansacParameters, find_consensus

Points = NDArray[np.float64]
Json = Mapping[str, Any]

FILTERS = ("SINGLE_SET", "CONSENSUS_SETS", "AGGREGATED_CONSENSUS_SETS", "NONE")
MODELS = ("TRANSLATION", "RIGID", "SIMILARITY", "AFFINE")
DEFAULT_EPSILON = 20.0
CONSENSUS_SETS_TRUST = 4.0
"""Trust factor where several sets are looked for, whatever `matchMaxTrust` says."""


@dataclass(frozen=True)
class MatchDerivation:
    """How features are paired and filtered; lengths are pixels of the pictures.

    Attributes
    ----------
    rod : float
        Largest ratio of the distances to the nearest and to the second nearest descriptor.
    model : Model
    filter : str
        One of `FILTERS`.
    ransac : RansacParameters
    max_inliers : int or None
        More inliers are thinned at random to this number.
    coverage_radius : float
        Around a match, at full scale.
    min_coverage : float or None
        Least percentage of the overlap that must be covered.
    """

    rod: float = 0.92
    model: Model = field(default_factory=lambda: Model("affine"))
    filter: str = "SINGLE_SET"
    ransac: RansacParameters = field(default_factory=RansacParameters)
    max_inliers: int | None = None
    coverage_radius: float = 300.0
    min_coverage: float | None = None


@dataclass(frozen=True)
class MatchSet:
    """Matches that one model explains; `matrix` maps p to q, None where nothing was fitted."""

    p: Points
    q: Points
    matrix: Matrix | None


def feature_parameters(document: Json | None, shape: tuple[int, ...]) -> FeatureParameters:
    """Parameters of the feature search in a picture from `siftFeatureParameters`.

    Parameters
    ----------
    document : mapping or None
        fdSize, minScale (0.5), maxScale (0.85), steps (3).
    shape : tuple
        Of the picture. Octaves go from maxScale times its size down to minScale times it.
    """
    document = document or {}
    least, most = _number(document, "minScale", 0.5), _number(document, "maxScale", 0.85)
    steps = _whole(document, "steps", 3)
    if not 0 < least <= most <= 4 or steps < 1:
        raise SpecError(
            f"features need 0 < minScale <= maxScale <= 4 and steps >= 1, not {least}, {most} and"
            f" {steps}"
        )
    finest = most * max(shape[:2])
    coarsest = max(least * min(shape[:2]) - 1, 1.0)
    octaves = math.floor(math.log2(max(finest / coarsest, 1.0))) + 1
    return FeatureParameters(scale=most, steps=steps, max_octaves=octaves)


def match_derivation(document: Json | None, render_scale: float = 1.0) -> MatchDerivation:
    """Checked `matchDerivationParameters`; SpecError naming what is wrong.

    Parameters
    ----------
    document : mapping or None
        match* keys of the web service's documents; absent ones get its defaults.
    render_scale : float
        Pixels of the pictures per full scale pixel, for `matchMaxEpsilonFullScale`.
    """
    document = document or {}
    filter_name = str(document.get("matchFilter") or "SINGLE_SET")
    if filter_name not in FILTERS:
        raise SpecError(f"matchFilter must be one of {', '.join(FILTERS)}, not {filter_name!r}")
    epsilon = _optional(document, "matchMaxEpsilonFullScale")
    if epsilon is None:
        epsilon = _number(document, "matchMaxEpsilon", DEFAULT_EPSILON)
    else:
        epsilon *= render_scale
    ransac = RansacParameters(
        iterations=_whole(document, "matchIterations", 1000),
        max_epsilon=epsilon,
        min_inlier_ratio=_number(document, "matchMinInlierRatio", 0.0),
        min_inliers=_whole(document, "matchMinNumInliers", 4),
        max_trust=_number(document, "matchMaxTrust", 3.0),
    )
    if not 1 <= ransac.iterations <= 1_000_000 or epsilon <= 0 or ransac.max_trust <= 0:
        raise SpecError("matchIterations, the match epsilon and matchMaxTrust must be above 0")
    most = _optional(document, "matchMaxNumInliers")
    return MatchDerivation(
        rod=_number(document, "matchRod", 0.92),
        model=_model(document),
        filter=filter_name,
        ransac=ransac,
        max_inliers=None if not most or most < 1 else int(most),
        coverage_radius=_number(document, "matchFullScaleCoverageRadius", 300.0),
        min_coverage=_optional(document, "matchMinCoveragePercentage"),
    )


def _model(document: Json) -> Model:
    name = _model_name(document, "matchModelType", "AFFINE")
    regularizer = document.get("matchRegularizerModelType")
    weight = _optional(document, "matchInterpolatedModelLambda")
    if (regularizer is None) != (weight is None):
        raise SpecError(
            "give both matchRegularizerModelType and matchInterpolatedModelLambda, or none"
        )
    if weight is None:
        return Model(name)
    if not 0 <= weight <= 1:
        raise SpecError(f"matchInterpolatedModelLambda must lie between 0 and 1, not {weight}")
    return Model(name, _model_name(document, "matchRegularizerModelType", "RIGID"), weight)


def _model_name(document: Json, key: str, default: str) -> str:
    name = str(document.get(key) or default).upper()
    if name not in MODELS:
        raise SpecError(f"{key} must be one of {', '.join(MODELS)}, not {name!r}")
    return name.lower()


def _optional(document: Json, key: str) -> float | None:
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SpecError(f"{key} must be a number, not {value!r}")
    return float(value)


def _number(document: Json, key: str, default: float) -> float:
    value = _optional(document, key)
    return default if value is None else value


def _whole(document: Json, key: str, default: int) -> int:
    value = _number(document, key, default)
    if value != int(value):
        raise SpecError(f"{key} must be a whole number, not {value}")
    return int(value)


def filter_matches(p: Points, q: Points, parameters: MatchDerivation) -> list[MatchSet]:
    """Consensus sets of candidate matches, largest first.

    SINGLE_SET gives at most one set. CONSENSUS_SETS gives all sets that can be found one after the
    other in what is left; AGGREGATED_CONSENSUS_SETS joins them to one; NONE passes all candidates.
    """
    if parameters.filter == "NONE":
        return [MatchSet(p, q, None)] if len(p) else []
    if parameters.filter == "SINGLE_SET":
        found = _consensus(p, q, parameters.model, parameters.ransac)
        return [_thinned(found[0], parameters)] if found else []
    sets = _all_sets(p, q, parameters)
    if parameters.filter == "AGGREGATED_CONSENSUS_SETS" and sets:
        joined = [np.concatenate([getattr(s, side) for s in sets]) for side in ("p", "q")]
        sets = [MatchSet(joined[0], joined[1], sets[0].matrix)]
    return [_thinned(found, parameters) for found in sets]


def _all_sets(p: Points, q: Points, parameters: MatchDerivation) -> list[MatchSet]:
    ransac = replace(parameters.ransac, max_trust=CONSENSUS_SETS_TRUST)
    sets = []
    while True:
        found = _consensus(p, q, parameters.model, ransac)
        if found is None:
            break
        sets.append(found[0])
        p, q = p[found[1]], q[found[1]]
    return sorted(sets, key=lambda found: -len(found.p))


def _consensus(
    p: Points, q: Points, model: Model, ransac: RansacParameters
) -> tuple[MatchSet, NDArray[np.bool_]] | None:
    """Largest set, and which candidates are left."""
    found = find_consensus(p, q, model, ransac)
    if found is None:
        return None
    left = np.ones(len(p), bool)
    left[found.inliers] = False
    return MatchSet(p[found.inliers], q[found.inliers], found.matrix), left


def _thinned(found: MatchSet, parameters: MatchDerivation) -> MatchSet:
    most = parameters.max_inliers
    if most is None or len(found.p) <= most:
        return found
    rng = np.random.default_rng(parameters.ransac.seed)
    rows = np.sort(rng.choice(len(found.p), most, replace=False))
    return MatchSet(found.p[rows], found.q[rows], found.matrix)
