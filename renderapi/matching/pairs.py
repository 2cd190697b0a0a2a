"""Matches of a pair of tiles: correlation of the overlap first, features where that fails.

Tiles of one layer show the same picture where they overlap, so the first way is correlation over
all shifts within the search radius, followed, for models with more freedom than a translation, by
correlation of small blocks. Tiles of different layers show different sections of the same thing:
there features go first. Features are looked for at rising scales. A pair stops at the first way
whose outcome holds (significance, agreement with one model beyond what chance gives, coverage of
the overlap); why those before it were refused is told, and so it is of a pair that none matches.

Points are pixels of the two canvases (see `canvases.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.blocks import BlockMatches, BlockParameters, match_blocks
from renderapi.matching.candidates import Candidate, TranslationLimits, verdict
from renderapi.matching.canvases import View
from renderapi.matching.contrast import Mask, halved
from renderapi.matching.correlation import match_translation
from renderapi.matching.coverage import coverage_percentage, overlap_mask, shifted_overlap
from renderapi.matching.features import FeatureParameters, match_features
from renderapi.matching.frames import Frame, common_frame, overlap_box
from renderapi.matching.models import Matrix, Model, Points, apply
from renderapi.matching.near_features import features_near
from renderapi.matching.ransac import Consensus, RansacParameters, find_consensus
from renderapi.matching.significance import BELIEVABLE, log_false_alarms

GRID_POINTS = 36
"""Number of points, about, that stand for a single shift of an overlap."""
USUAL_ERROR = 0.05
"""Shifts have errors of this size that their noise does not tell, pixels."""
LEAST_WEIGHT = 0.001
LAYER_BLOCKS = BlockParameters(size=48, spacing=32, correlation=0.2, second=0.9, sigma=6.0, level=1)
"""Blocks of different sections agree in the coarse only."""


SMALL, SMALL_RADIUS, INSET = 2, 8, 6
"""Where an overlap is too small for blocks to agree they are halved in size, looked for within so
many pixels, and kept so many pixels from its rim."""


@dataclass(frozen=True, slots=True)
class PairParameters:
    """How a pair is matched and what it must reach.

    Attributes
    ----------
    model : Model
        That the matches of a pair must agree with.
    search_radius : float
        Pixels within which the tiles may be off their expected place.
    translation : TranslationLimits
        For the correlation of the whole overlap.
    blocks, layer_blocks : BlockParameters
        For tiles of one layer and of different ones.
    block_consensus, feature_consensus : RansacParameters
    features : FeatureParameters
    feature_scales : tuple of float
        Scales at which features are looked for, one after the other until the matches of one are
        accepted; that of `features` alone where there is none.
    feature_ratio : float
        Nearest to second nearest descriptor (rod).
    coverage_radius : float, optional
        A match covers the overlap this far around; a tenth of the longer side of p by default.
    min_coverage : float
        Least percentage of the overlap that must be covered.
    max_distortion : float
        Most that the model may stretch or turn one tile against the prior (entries of the linear
        part).
    use_correlation, use_features : bool
        Which ways are open.
    coarse : bool
        Tiles of one layer are matched by their coarse content alone (see `coarse_pairs.py`).
    """

    model: Model = field(default_factory=lambda: Model("translation"))
    search_radius: float = 50.0
    translation: TranslationLimits = field(default_factory=TranslationLimits)
    blocks: BlockParameters = field(default_factory=BlockParameters)
    layer_blocks: BlockParameters = LAYER_BLOCKS
    block_consensus: RansacParameters = field(
        default_factory=lambda: RansacParameters(
            max_epsilon=3.0, min_inliers=6, max_trust=4.0, trust_floor=0.5
        )
    )
    features: FeatureParameters = field(default_factory=FeatureParameters)
    feature_scales: tuple[float, ...] = ()
    feature_consensus: RansacParameters = field(
        default_factory=lambda: RansacParameters(
            max_epsilon=5.0, min_inliers=12, min_inlier_ratio=0.1
        )
    )
    feature_ratio: float = 0.85
    coverage_radius: float | None = None
    min_coverage: float = 20.0
    max_distortion: float = 0.2
    use_correlation: bool = True
    use_features: bool = True
    coarse: bool = False


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


def match_montage_pair(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch:
    """Matches of two tiles of one layer.

    Parameters
    ----------
    p, q : View
    p_to_q : (3, 3) array
        Expected map from pixels of p to pixels of q, from the tiles' present transforms.
    parameters : PairParameters
    """
    if overlap_box(p.image.shape, q.image.shape, p_to_q, parameters.search_radius) is None:
        return rejected("the tiles do not come together within the search radius")
    reasons: list[str] = []
    candidates: list[Candidate] = []
    prior = (0.0, 0.0)
    if parameters.use_correlation:
        frame = common_frame(p.image.shape, q.image, q.mask, p_to_q, parameters.search_radius)
        prior = frame.shift
        candidates = match_translation(
            p.image,
            frame.image,
            frame.shift,
            parameters.search_radius,
            p_mask=p.mask,
            q_mask=frame.mask,
            limits=parameters.translation,
        )
        reason = verdict(candidates, parameters.translation)
        if not reason:
            return _from_shift(p, q, frame, candidates, parameters)
        reasons.append(f"correlation: {reason}")
    if parameters.use_features:
        found = _at_rising_scales(p, q, p_to_q, parameters)
        if found.accepted:
            return replace(found, candidates=candidates, refused=(*reasons, *found.refused))
        reasons.append(found.reason)
    return replace(rejected("; ".join(reasons)), candidates=candidates, prior=prior)


def match_layers_pair(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch:
    """Matches of two tiles of different layers: features, then correlation where those fail."""
    parameters = replace(
        parameters,
        blocks=parameters.layer_blocks,
        translation=replace(parameters.translation, chance={}),  # that is of tiles of one layer
    )
    without = replace(parameters, use_features=False)
    if not parameters.use_features:
        return match_montage_pair(p, q, p_to_q, without)
    if overlap_box(p.image.shape, q.image.shape, p_to_q, parameters.search_radius) is None:
        return rejected("the tiles do not come together within the search radius")
    found = _at_rising_scales(p, q, p_to_q, parameters)
    if found.accepted or not parameters.use_correlation:
        return found
    other = match_montage_pair(p, q, p_to_q, without)
    if other.accepted:
        return replace(other, refused=(found.reason,))
    return replace(other, reason=f"{found.reason}; {other.reason}")


def rejected(reason: str) -> PairMatch:
    nothing = np.empty((0, 2))
    return PairMatch(nothing, nothing, np.empty(0), "", float("nan"), 0.0, reason)


def _from_shift(
    p: View, q: View, frame: Frame, candidates: list[Candidate], parameters: PairParameters
) -> PairMatch:
    """Matches that follow from a believable shift of the whole overlap."""
    best = candidates[0]
    shift = np.array(best.shift)
    to_frame = np.eye(3)
    to_frame[:2, 2] = -shift
    offset = (best.shift[0] - frame.shift[0], best.shift[1] - frame.shift[1])
    if parameters.model.name != "translation":
        flat = View(frame.image, frame.mask)
        blocks = _from_blocks(p, flat, to_frame, parameters)
        if blocks is None:
            blocks = _from_blocks(p, flat, to_frame, _with_small_blocks(parameters))
        if blocks is not None:
            on_q = frame.points_on_q(blocks.q)
            return replace(blocks, q=on_q, candidates=candidates, offset=offset)
    return replace(
        of_one_shift(p, frame, best.shift, best.error, "correlation", parameters),
        candidates=candidates,
    )


def of_one_shift(
    p: View,
    frame: Frame,
    shift: tuple[float, float],
    error: float,
    method: str,
    parameters: PairParameters,
) -> PairMatch:
    """Points all over an overlap whose shift and its standard error are known, pixels of p."""
    window, common = shifted_overlap(p.mask, frame.mask, shift)
    points = grid_points(common)
    coverage = coverage_percentage(common, points, _coverage_radius(p, parameters))
    points = points + np.array([window.x0, window.y0])
    return PairMatch(
        points,
        frame.points_on_q(points - np.array(shift)),
        np.full(len(points), shift_weight(error)),
        method,
        error,
        coverage,
        "" if len(points) else "no common pixels with content",
        offset=(shift[0] - frame.shift[0], shift[1] - frame.shift[1]),
    )


def shift_weight(error: float) -> float:
    """Weight, 0 to 1, of the points of a shift with this standard error in pixels.

    In proportion to the inverse of the variance, beyond what interpolation makes of any shift.
    """
    if not np.isfinite(error):
        return LEAST_WEIGHT
    return max(LEAST_WEIGHT, 1.0 / (1.0 + (error / USUAL_ERROR) ** 2))


def grid_points(common: Mask) -> Points:
    """Points (pixels of p) spread evenly over an overlap, at least 3 across where it is thin."""
    columns, rows = np.flatnonzero(common.any(0)), np.flatnonzero(common.any(1))
    if not len(columns):
        return np.empty((0, 2))
    sides = np.array([len(columns), len(rows)], float)
    counts = np.sqrt(GRID_POINTS * sides / sides[::-1]).clip(3, GRID_POINTS / 3)
    x, y = (
        _spread(axis, round(count)) for axis, count in zip((columns, rows), counts, strict=True)
    )
    grid = np.stack([g.ravel() for g in np.meshgrid(x, y)], axis=1)
    inside = common[grid[:, 1], grid[:, 0]]
    if inside.any():
        return grid[inside].astype(float)
    row, column = np.argwhere(common)[common.sum() // 2]
    return np.array([[float(column), float(row)]])


def _spread(indices: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    low, high = indices[0], indices[-1]
    places = low + (np.arange(count) + 0.5) / count * (high - low + 1) - 0.5
    return np.unique(np.rint(places).astype(np.intp).clip(low, high))


def _from_blocks(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch | None:
    """Matches of blocks that agree with the model; None where too few do.

    Blocks are matched at their own scale first and at coarser ones where noise hides the detail.
    """
    first = parameters.blocks.level
    p_side, q_side = (p.image, p.mask), (q.image, q.mask)
    matrix, best = p_to_q, None
    for level in range(first + 3):
        if min(p_side[0].shape) < parameters.blocks.size or not p_side[1].any():
            break
        if level >= first:
            blocks = _with_radius(parameters.blocks, p_side[0].shape, q_side[0].shape, matrix)
            matches = match_blocks(p_side[0], q_side[0], p_side[1], q_side[1], matrix, blocks)
            found = _agreeing(p, q, _at_full_scale(matches, level), parameters)
            if found is not None and (best is None or len(found.p) > len(best.p)):
                best = found
            if best is not None and len(best.p) >= 0.5 * matches.tried:
                break
        p_side, q_side = halved(*p_side), halved(*q_side)
        matrix = _halved_map(matrix)
    return best


def _with_small_blocks(parameters: PairParameters) -> PairParameters:
    """For overlaps that hold too few blocks of the usual size."""
    blocks = parameters.blocks
    small = replace(
        blocks,
        size=blocks.size // SMALL,
        spacing=blocks.spacing // SMALL,
        radius=min(blocks.radius, SMALL_RADIUS),
        inset=INSET,
    )
    return replace(parameters, blocks=small)


def _with_radius(
    blocks: BlockParameters, p_shape: tuple[int, ...], q_shape: tuple[int, ...], p_to_q: Matrix
) -> BlockParameters:
    """Blocks that are looked for as far as a turn by a degree moves the ends of the overlap."""
    box = overlap_box(p_shape, q_shape, p_to_q)
    length = 0.0 if box is None else float((box[2:] - box[:2]).max())
    reach = int(np.clip(8 + 0.01 * length, 8, 48))
    return replace(blocks, radius=max(blocks.radius, reach))


def _halved_map(matrix: Matrix) -> Matrix:
    """The same map between images at half the scale."""
    up = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1.0]])
    return np.linalg.inv(up) @ matrix @ up


def _at_full_scale(matches: BlockMatches, level: int) -> BlockMatches:
    factor, rest = 2.0**level, (2.0**level - 1) / 2
    return matches._replace(p=matches.p * factor + rest, q=matches.q * factor + rest)


def _agreeing(
    p: View, q: View, matches: BlockMatches, parameters: PairParameters
) -> PairMatch | None:
    limits = parameters.block_consensus
    consensus = find_consensus(matches.p, matches.q, parameters.model, limits, matches.weights)
    if consensus is None:
        return None
    checked = _checked(p, q, matches.p, matches.q, consensus, np.eye(3), parameters)
    if checked.reason:
        return None
    return replace(checked, weights=matches.weights[consensus.inliers], method="blocks")


def _at_rising_scales(p: View, q: View, p_to_q: Matrix, parameters: PairParameters) -> PairMatch:
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
    found = _checked(p, q, a, b, consensus, p_to_q, parameters)
    if found.reason:
        return found
    found = replace(found, method="features", offset=_offset(consensus, p_to_q, a))
    frame = common_frame(p.image.shape, q.image, q.mask, consensus.matrix, 0.0)
    to_frame = np.linalg.inv(frame.to_q) @ consensus.matrix
    flat = View(frame.image, frame.mask)
    blocks = _from_blocks(p, flat, to_frame, parameters)
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


def _checked(
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
    coverage = coverage_percentage(common, a[inliers], _coverage_radius(p, parameters))
    if coverage < parameters.min_coverage:
        return rejected(
            f"{len(inliers)} matches cover {coverage:.0f} % of the overlap, "
            f"{parameters.min_coverage:g} % is needed"
        )
    residual = float(np.sqrt(np.mean(consensus.residuals**2)))
    return PairMatch(
        a[inliers], b[inliers], np.ones(len(inliers)), "", residual, coverage, reason=""
    )


def _offset(consensus: Consensus, p_to_q: Matrix, a: Points) -> tuple[float, float]:
    """How far q lies from its expected place, in pixels of p, at the middle of the matches."""
    centre = a[consensus.inliers].mean(0, keepdims=True)
    seen = apply(np.linalg.inv(p_to_q), apply(consensus.matrix, centre))
    return float(centre[0, 0] - seen[0, 0]), float(centre[0, 1] - seen[0, 1])


def _coverage_radius(p: View, parameters: PairParameters) -> float:
    return parameters.coverage_radius or 0.1 * max(p.image.shape)
