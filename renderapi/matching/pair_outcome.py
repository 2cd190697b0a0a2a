"""Outcome of matching a pair: its matches where they hold, else why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.candidates import Candidate
from renderapi.matching.canvases import View
from renderapi.matching.coverage import coverage_percentage, overlap_mask
from renderapi.matching.models import Matrix, Points
from renderapi.matching.pair_parameters import PairParameters
from renderapi.matching.ransac import Consensus


@dataclass(frozen=True)
class PairMatch:
    """Outcome for a pair.

    Attributes
    ----------
    p, q : (N, 2) arrays
        Corresponding points in pixels of each canvas; empty when rejected.
    weights : (N,) array
    method : str
        correlation (one shift), blocks, features or coarse content; "" when rejected.
    residual : float
        Root mean square distance of the points from the model, pixels; for a single shift its
        standard error.
    coverage : float
        Percentage of the overlap that the matches cover.
    reason : str
        Why the pair was rejected; empty when accepted.
    candidates : list of Candidate
        Shifts that the correlation of the overlap offered, best first.
    offset : (dx, dy), optional
        How far q lies from its expected place, in pixels of p.
    prior : (dx, dy)
        The shift that was expected, as the candidates' shifts are given.
    feature_scale : float, optional
        Scale of the picture at which the features were found that were accepted.
    refused : tuple of str
        Why the ways that were tried before the accepted one were refused, in their order.
    """

    p: Points
    q: Points
    weights: NDArray[np.float64]
    method: str
    residual: float
    coverage: float
    reason: str
    candidates: list[Candidate] = field(default_factory=list)
    offset: tuple[float, float] | None = None
    prior: tuple[float, float] = (0.0, 0.0)
    feature_scale: float | None = None
    refused: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.reason


def rejected(reason: str) -> PairMatch:
    """A pair without matches."""
    nothing = np.empty((0, 2))
    return PairMatch(nothing, nothing, np.empty(0), "", float("nan"), 0.0, reason)


def checked(
    p: View,
    q: View,
    a: Points,
    b: Points,
    consensus: Consensus,
    prior: Matrix,
    parameters: PairParameters,
) -> PairMatch:
    """The inliers, or the reason why their model cannot be right."""
    off = np.abs((consensus.matrix @ np.linalg.inv(prior))[:2, :2] - np.eye(2)).max()
    if off > parameters.max_distortion:
        return rejected(
            f"the model distorts the tile by {off:.0%}, "
            f"{parameters.max_distortion:.0%} is believable"
        )
    common = overlap_mask(p.mask, q.mask, consensus.matrix)
    inliers = consensus.inliers
    coverage = coverage_percentage(common, a[inliers], coverage_radius(p, parameters))
    if coverage < parameters.min_coverage:
        return rejected(
            f"{len(inliers)} matches cover {coverage:.0f} % of the overlap, "
            f"{parameters.min_coverage:g} % is needed"
        )
    residual = float(np.sqrt(np.mean(consensus.residuals**2)))
    return PairMatch(
        a[inliers], b[inliers], np.ones(len(inliers)), "", residual, coverage, reason=""
    )


def coverage_radius(p: View, parameters: PairParameters) -> float:
    """How far around it a match covers the overlap, pixels of p."""
    return parameters.coverage_radius or 0.1 * max(p.image.shape)
