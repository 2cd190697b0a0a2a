"""Matches of two pictures by SIFT features, with the parameters of render's point match clients.

Features nearest to each other, by the ratio test, one to one; then sets that agree with one model:
RANSAC and the trust filter, and a test that such a set is no accident. The same input and seed give
the same result.

For point match clients, match trials and whoever else has two pictures: `SiftParameters.features`
tells `find_features` what to look for, `match_canvases` matches, `overlap_coverage` judges.
`derivation.py` reads the same parameters from documents of the web service.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from renderapi.errors import SpecError
from renderapi.matching.contrast import Mask
from renderapi.matching.coverage import coverage_percentage, overlap_mask
from renderapi.matching.features import FeatureParameters, Features, match_features
from renderapi.matching.models import MODELS, Matrix, Model, Points, distances
from renderapi.matching.ransac import RansacParameters, find_consensus, reach

SINGLE_SET, CONSENSUS_SETS = "SINGLE_SET", "CONSENSUS_SETS"
AGGREGATED, NONE = "AGGREGATED_CONSENSUS_SETS", "NONE"
FILTERS = (SINGLE_SET, CONSENSUS_SETS, AGGREGATED, NONE)
DEFAULT_EPSILON = 20.0
SETS_TRUST = 4.0
"""Trust factor where several sets are looked for."""
MAX_FEATURES = 10_000
MAX_STEPS = 20
MAX_ITERATIONS = 1_000_000
FD_SIZES = (4, 8)
"""Values of fdSize that are accepted: OpenCV's descriptors have 4 x 4 histograms, and 8 is what the
Java clients take by default."""
CONTRAST = 0.01
"""Least contrast of a feature: hardly any, since the ratio test drops what is not distinct."""


@dataclass(frozen=True, slots=True)
class SiftParameters:
    """Scales, relative to the picture, between which features are looked for.

    Attributes
    ----------
    min_scale, max_scale : float
        The largest octave is the picture at `max_scale`, the next ones half of the one before;
        the last is the first at `min_scale` or below.
    steps : int
        Steps per octave.
    fd_size : int
        Histograms a side of a Java descriptor; 4 and 8 get the same descriptors of 4 x 4.
    """

    min_scale: float = 0.5
    max_scale: float = 0.85
    steps: int = 3
    fd_size: int = 8

    def __post_init__(self) -> None:
        if self.fd_size not in FD_SIZES:
            raise SpecError(
                f"descriptors have 4 x 4 histograms: the SIFT fdSize may be 4, or 8 as the Java "
                f"clients have it by default, not {self.fd_size}"
            )
        if not 0 < self.min_scale <= self.max_scale <= 1:
            raise SpecError(
                "features need 0 < minScale <= maxScale <= 1, not a minScale of "
                f"{self.min_scale:g} and a maxScale of {self.max_scale:g}"
            )
        if not 1 <= self.steps <= MAX_STEPS:
            raise SpecError(f"the SIFT steps must be 1 to {MAX_STEPS}, not {self.steps}")

    def features(self) -> FeatureParameters:
        """The same as OpenCV takes it, for pictures of any size.

        Its first octave is the picture at twice the size, so half the scale is asked for.
        """
        octaves = math.ceil(math.log2(self.max_scale / self.min_scale) - 1e-9) + 1
        return FeatureParameters(
            scale=self.max_scale / 2,
            steps=self.steps,
            max_features=MAX_FEATURES,
            contrast=CONTRAST,
            max_octaves=octaves - 1,
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
        if self.filter == NONE and self.min_coverage:
            raise SpecError(
                "matchMinCoveragePercentage needs a model that tells the overlap: "
                "choose another matchFilter than NONE"
            )
        if not 1 <= self.iterations <= MAX_ITERATIONS:
            raise SpecError(f"matchIterations must be 1 to {MAX_ITERATIONS}, not {self.iterations}")
        epsilon = self.max_epsilon_full_scale
        epsilon = self.max_epsilon if epsilon is None else epsilon
        positive = {"matchRod": self.rod, "matchMaxTrust": self.max_trust, "epsilon": epsilon}
        for name, value in positive.items():
            if not value > 0:
                raise SpecError(f"the {name} must be above 0, not {value:g}")

    def ransac(self, scale: float, trust: float, area: float | None = None) -> RansacParameters:
        """Parameters of RANSAC on pictures of a scale; `area` of q's in square pixels."""
        full = self.max_epsilon_full_scale
        return RansacParameters(
            iterations=self.iterations,
            max_epsilon=self.max_epsilon if full is None else full * scale,
            min_inlier_ratio=self.min_inlier_ratio,
            min_inliers=self.min_inliers,
            max_trust=trust,
            seed=self.seed,
            area=area,
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
    return filter_matches(one, other, parameters, scale, area)


def filter_matches(
    p: Points,
    q: Points,
    parameters: DerivationParameters,
    scale: float = 1.0,
    area: float | None = None,
) -> list[MatchSet]:
    """Sets of candidate matches (p[i], q[i]), the largest first.

    SINGLE_SET gives at most one set. CONSENSUS_SETS gives all sets that can be found one after the
    other in what is left; AGGREGATED_CONSENSUS_SETS joins them to one; NONE passes all candidates.

    Parameters
    ----------
    p, q : (N, 2) arrays
    parameters : DerivationParameters
    scale : float
        Pixels of the pictures per pixel of full scale.
    area : float, optional
        Of q's picture, square pixels: sets that chance explains are left out.
    """
    if parameters.filter == NONE:
        return [_reduced(MatchSet(p, q, None), parameters)] if len(p) else []
    found = _sets(p, q, parameters, scale, area)
    if parameters.filter == AGGREGATED and found:
        one = np.concatenate([part.p for part in found])
        other = np.concatenate([part.q for part in found])
        found = [MatchSet(one, other, found[0].matrix)]
    return [_reduced(part, parameters) for part in found]


def _sets(
    p: Points, q: Points, parameters: DerivationParameters, scale: float, area: float | None
) -> list[MatchSet]:
    single = parameters.filter == SINGLE_SET
    trust = parameters.max_trust if single else SETS_TRUST
    ransac = parameters.ransac(scale, trust, area)
    found: list[MatchSet] = []
    while len(p):
        consensus = find_consensus(p, q, parameters.model, ransac)
        if consensus is None:
            break
        inliers = consensus.inliers
        found.append(MatchSet(p[inliers], q[inliers], consensus.matrix))
        if single:
            break
        # what a set's trust filter dropped next to it is no other set
        near = distances(consensus.matrix, p, q) <= min(
            reach(consensus.residuals, trust), ransac.max_epsilon
        )
        near[inliers] = True
        p, q = p[~near], q[~near]
    return sorted(found, key=lambda part: -len(part.p))


def _reduced(part: MatchSet, parameters: DerivationParameters) -> MatchSet:
    most = parameters.max_inliers
    if most is None or len(part.p) <= most:
        return part
    rng = np.random.default_rng(parameters.seed)
    keep = np.sort(rng.choice(len(part.p), most, replace=False))
    return MatchSet(part.p[keep], part.q[keep], part.matrix)


class Coverage(NamedTuple):
    """Pixels of p's picture that q's shows too, and the percentage of them near matches."""

    overlap: int
    percentage: float


def overlap_coverage(sets: list[MatchSet], p_mask: Mask, q_mask: Mask, radius: float) -> Coverage:
    """How much of the overlap lies within `radius` pixels of a match.

    The overlap is that under the model of the largest set; there is none without a model.
    """
    matrix = next((part.matrix for part in sets if part.matrix is not None), None)
    if matrix is None:
        return Coverage(0, 0.0)
    common = overlap_mask(p_mask, q_mask, matrix)
    points = np.concatenate([np.asarray(part.p, float) for part in sets])
    return Coverage(int(common.sum()), coverage_percentage(common, points, radius))


def covered_percentage(sets: list[MatchSet], p_mask: Mask, q_mask: Mask, radius: float) -> float:
    """Percentage of the overlap of two pictures that lies within `radius` pixels of a match."""
    return overlap_coverage(sets, p_mask, q_mask, radius).percentage
