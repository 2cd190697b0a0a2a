"""Matches of two pictures by SIFT features, with the parameters of render's point match clients.

Features nearest to each other, by the ratio test, one to one; then sets that agree with one model:
RANSAC and the trust filter, and a test that such a set is no accident. The same input and seed give
the same result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.matching.contrast import Mask
from renderapi.matching.coverage import coverage_percentage, overlap_mask
from renderapi.matching.features import FeatureParameters, Features, match_features
from renderapi.matching.models import MODELS, Matrix, Model, Points
from renderapi.matching.ransac import RansacParameters, find_consensus
from renderapi.matching.significance import log_false_alarms

SINGLE_SET, CONSENSUS_SETS = "SINGLE_SET", "CONSENSUS_SETS"
AGGREGATED, NONE = "AGGREGATED_CONSENSUS_SETS", "NONE"
FILTERS = (SINGLE_SET, CONSENSUS_SETS, AGGREGATED, NONE)
DEFAULT_EPSILON = 20.0
SETS_TRUST = 4.0
"""Trust factor where several sets are looked for."""
MAX_FEATURES = 10_000
CONTRAST = 0.01


@dataclass(frozen=True, slots=True)
class SiftParameters:
    """Scales, relative to the picture, between which features are looked for.

    Attributes
    ----------
    min_scale, max_scale : float
        The longer side of the largest octave is `max_scale` of the picture's; octaves whose shorter
        side falls below `min_scale` of the picture's are left out.
    steps : int
        Steps per octave.
    """

    min_scale: float = 0.5
    max_scale: float = 0.85
    steps: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.max_scale <= 1 or not 0 <= self.min_scale <= 1:
            raise SpecError("SIFTminScale and SIFTmaxScale must lie between 0 and 1")
        if self.min_scale > self.max_scale:
            raise SpecError(
                f"SIFTminScale {self.min_scale} is above SIFTmaxScale {self.max_scale}: no octaves"
            )
        if self.steps < 1:
            raise SpecError("SIFTsteps must be at least 1")

    def features(self, width: int, height: int) -> FeatureParameters:
        """The same for a picture of a size, as OpenCV takes it.

        Its first octave is the picture at twice the size, so half the scale is asked for.
        """
        largest, least = self.max_scale, int(self.min_scale * min(width, height) - 1)
        octaves = 0
        while min(width, height) * largest / 2**octaves > max(least, 16):
            octaves += 1
        return FeatureParameters(
            scale=largest / 2,
            steps=self.steps,
            max_features=MAX_FEATURES,
            contrast=CONTRAST,
            max_octaves=max(octaves, 1) - 1,
        )


@dataclass(frozen=True, slots=True)
class DerivationParameters:
    """How matches are found among features, and which are kept.

    Attributes
    ----------
    rod : float
        Ratio of the distances to the nearest and the second nearest descriptor.
    model : Model
    iterations, min_inlier_ratio, min_inliers, max_trust
        See `ransac.RansacParameters`.
    max_epsilon : float
        Largest distance from the model, pixels of the picture.
    max_epsilon_full_scale : float, optional
        The same in pixels of full scale; counts instead where it is given.
    max_inliers : int, optional
        Of more, this many are kept, chosen by the seed.
    filter : str
        SINGLE_SET, CONSENSUS_SETS (each set by itself), AGGREGATED_CONSENSUS_SETS (all sets
        together) or NONE.
    coverage_radius : float
        Full-scale pixels around a match that count as covered.
    min_coverage : float, optional
        Least percentage of the overlap that must be covered.
    seed : int
    """

    rod: float = 0.92
    model: Model = field(default_factory=lambda: Model("affine"))
    iterations: int = 1000
    max_epsilon: float = DEFAULT_EPSILON
    max_epsilon_full_scale: float | None = None
    min_inlier_ratio: float = 0.0
    min_inliers: int = 4
    max_inliers: int | None = None
    max_trust: float = 3.0
    filter: str = SINGLE_SET
    coverage_radius: float = 300.0
    min_coverage: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.filter not in FILTERS:
            raise SpecError(f"matchFilter {self.filter} is none of {', '.join(FILTERS)}")

    def ransac(self, scale: float, trust: float) -> RansacParameters:
        """Parameters of RANSAC on pictures of a scale."""
        full = self.max_epsilon_full_scale
        return RansacParameters(
            iterations=self.iterations,
            max_epsilon=self.max_epsilon if full is None else full * scale,
            min_inlier_ratio=self.min_inlier_ratio,
            min_inliers=self.min_inliers,
            max_trust=trust,
            seed=self.seed,
        )


def model_named(name: str, regularizer: str | None, share: float | None) -> Model:
    """Model of the names that the Java clients use, in either case."""
    for given in (name, regularizer):
        if given is not None and given.lower() not in MODELS:
            raise SpecError(
                f"unknown model type {given}: choose one of {', '.join(MODELS).upper()}"
            )
    if (regularizer is None) != (share is None):
        raise SpecError("a regularizer model and its lambda must be given together")
    if regularizer is None:
        return Model(name.lower())
    if share is None or not 0 <= share <= 1:
        raise SpecError(f"the lambda of an interpolated model must be 0 to 1, not {share}")
    return Model(name.lower(), regularizer.lower(), share)


class MatchSet(NamedTuple):
    """Matches that agree with one model; points are pixels of the pictures at their scale.

    `matrix` maps p to q; None where no model was fitted.
    """

    p: Points
    q: Points
    matrix: Matrix | None


def match_canvases(
    p: Features,
    q: Features,
    area: float,
    parameters: DerivationParameters,
    scale: float = 1.0,
) -> list[MatchSet]:
    """Sets of matches of two pictures, the largest first; none where nothing agrees.

    Parameters
    ----------
    p, q : Features
    area : float
        Of q's picture, square pixels.
    parameters : DerivationParameters
    scale : float
        Pixels of the pictures per pixel of full scale.
    """
    one, other = match_features(p, q, parameters.rod)
    if parameters.filter == NONE:
        found = [MatchSet(one, other, None)] if len(one) else []
    else:
        found = _sets(one, other, area, parameters, scale)
    if parameters.filter == AGGREGATED and found:
        together = [np.concatenate([part[side] for part in found]) for side in (0, 1)]
        found = [MatchSet(together[0], together[1], found[0].matrix)]
    return [_reduced(part, parameters) for part in found]


def _sets(
    p: Points, q: Points, area: float, parameters: DerivationParameters, scale: float
) -> list[MatchSet]:
    single = parameters.filter == SINGLE_SET
    ransac = parameters.ransac(scale, parameters.max_trust if single else SETS_TRUST)
    left = np.arange(len(p))
    found: list[MatchSet] = []
    while len(left):
        one, other = p[left], q[left]
        consensus = find_consensus(one, other, parameters.model, ransac)
        if consensus is None:
            break
        inliers = consensus.inliers
        alarms = log_false_alarms(
            len(left),
            len(inliers),
            parameters.model.minimal_set,
            float(consensus.residuals.max()),
            area,
        )
        if alarms >= 0:
            break
        found.append(MatchSet(one[inliers], other[inliers], consensus.matrix))
        if single:
            break
        left = np.delete(left, inliers)
    return sorted(found, key=lambda part: -len(part.p))


def _reduced(part: MatchSet, parameters: DerivationParameters) -> MatchSet:
    most = parameters.max_inliers
    if most is None or len(part.p) <= most:
        return part
    rng = np.random.default_rng(parameters.seed)
    keep = np.sort(rng.choice(len(part.p), most, replace=False))
    return MatchSet(part.p[keep], part.q[keep], part.matrix)


def covered_percentage(
    sets: list[MatchSet],
    p_mask: Mask,
    q_mask: Mask,
    radius: float,
) -> float:
    """Percentage of the overlap of two pictures that lies within `radius` pixels of a match."""
    known = [part for part in sets if part.matrix is not None]
    if not known:
        return 0.0
    matrix = known[0].matrix
    assert matrix is not None
    points: NDArray[np.float64] = np.concatenate([np.asarray(part.p, float) for part in sets])
    return coverage_percentage(overlap_mask(p_mask, q_mask, matrix), points, radius)
