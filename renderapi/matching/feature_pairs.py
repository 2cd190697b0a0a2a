"""Matches of a pair of tiles by features, looked for at rising scales."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from renderapi.matching.block_pairs import from_blocks
from renderapi.matching.canvases import View
from renderapi.matching.features import match_features
from renderapi.matching.frames import common_frame
from renderapi.matching.models import Matrix, Model, Points, apply
from renderapi.matching.near_features import features_near
from renderapi.matching.pair_outcome import PairMatch, checked, rejected
from renderapi.matching.pair_parameters import PairParameters
from renderapi.matching.ransac import Consensus, find_consensus
from renderapi.matching.significance import BELIEVABLE, log_false_alarms


def at_rising_scales(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch:
    """Matches of features at the first scale at which they hold; what each other scale gave."""
    reasons: list[str] = []
    for scale in parameters.feature_scales or (parameters.features.scale,):
        features = replace(parameters.features, scale=scale)
        found = _from_features(p, q, p_to_q, replace(parameters, features=features), not reasons)
        if found.accepted:
            return replace(found, feature_scale=scale, refused=tuple(reasons))
        reasons.append(f"features at scale {scale:g}: {found.reason}")
    return rejected("; ".join(reasons))


def _from_features(
    p: View, q: View, p_to_q: Matrix, parameters: PairParameters, whole: bool
) -> PairMatch:
    """Matches of SIFT features near their expected place, sharpened by blocks where possible."""
    radius = parameters.search_radius
    near_p, near_q = features_near(p, q, p_to_q, parameters.features, radius, whole)
    a, b = match_features(near_p, near_q, parameters.feature_ratio)
    within = np.abs(apply(p_to_q, a) - b).max(1, initial=0) <= 2 * parameters.search_radius
    a, b = a[within], b[within]
    limits = parameters.feature_consensus
    consensus = find_consensus(a, b, parameters.model, limits)
    if consensus is None:
        return rejected(
            f"of {len(a)} matched features ({len(near_p.points)} and {len(near_q.points)} found) "
            f"fewer than {limits.min_inliers} agree with one {parameters.model.name}"
        )
    area = min(float(q.image.size), (4 * parameters.search_radius) ** 2)
    if not _beyond_chance(consensus, len(a), parameters.model, area):
        return rejected(
            f"of {len(a)} matched features {len(consensus.inliers)} agree with one "
            f"{parameters.model.name}, which unrelated pictures reach too"
        )
    found = checked(p, q, a, b, consensus, p_to_q, parameters)
    if found.reason:
        return found
    found = replace(found, method="features", offset=_offset(consensus, p_to_q, a))
    frame = common_frame(p.image.shape, q.image, q.mask, consensus.matrix, 0.0)
    to_frame = np.linalg.inv(frame.to_q) @ consensus.matrix
    flat = View(frame.image, frame.mask)
    blocks = from_blocks(p, flat, to_frame, parameters)
    if blocks is None or blocks.coverage < found.coverage:
        return found
    return replace(
        blocks, q=frame.points_on_q(blocks.q), method="features and blocks", offset=found.offset
    )


def _beyond_chance(consensus: Consensus, candidates: int, model: Model, area: float) -> bool:
    """Whether so many matches, free to lie in an area, agree as well by no accident."""
    residual, size = float(consensus.residuals.max()), len(consensus.inliers)
    alarms = log_false_alarms(candidates, size, model.minimal_set, residual, area)
    return bool(alarms < BELIEVABLE)


def _offset(consensus: Consensus, p_to_q: Matrix, a: Points) -> tuple[float, float]:
    """How far q lies from its expected place, in pixels of p, at the middle of the matches."""
    centre = a[consensus.inliers].mean(0, keepdims=True)
    seen = apply(np.linalg.inv(p_to_q), apply(consensus.matrix, centre))
    return float(centre[0, 0] - seen[0, 0]), float(centre[0, 1] - seen[0, 1])
