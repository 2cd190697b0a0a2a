"""Matches of two whole sections that may lie in any orientation, from pictures of reduced scale.

A similarity is found by SIFT features and RANSAC, at rising scale; where that finds none, by
correlation over all angles of strongly reduced pictures. No candidate is believed by itself: the
second picture is brought into the place of the first, blocks on a grid are compared
(`block_flow.py`), and the places found must agree with one map better than chance explains
(`significance.py`). The blocks are the matches.

Points are (x, y) in pixels of each picture; maps are (3, 3) arrays from pixels of p to those of q.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.block_flow import FlowParameters, find_flow
from renderapi.matching.canvases import View
from renderapi.matching.contrast import Mask
from renderapi.matching.features import FeatureParameters, match_features
from renderapi.matching.models import Matrix, Model, Points, apply
from renderapi.matching.orientation import orientations
from renderapi.matching.ransac import RansacParameters, find_consensus
from renderapi.matching.significance import log_false_alarms

EMPTY = np.empty((0, 2))
WAYS = ("features", "correlation")
EXPECTED = "sections between"
"""Way by which a match was found that was expected."""
BELIEVED = -5.0
"""Decimal logarithm of the number of false alarms below which sections correspond."""


@dataclass(frozen=True, slots=True)
class SectionParameters:
    """How two sections are compared.

    Attributes
    ----------
    feature_scales : tuple of float
        At which SIFT features are looked for, one after the other.
    max_scale : float
        One section is at most this many times as large as the other.
    ways : tuple of str
        features, correlation: how candidates are found, in this order.
    epsilon : float
        A feature within this distance (pixels) of a similarity agrees with it.
    spacing : int, optional
        Distance of the blocks, pixels; a twelfth of the longer side when absent.
    bend : float
        A block agrees with the map when it is within this distance of it, pixels; a fortieth of
        the longer side when 0.
    model : str
        Map that the matches must agree with.
    min_inliers : int
        Fewest blocks that must.
    seed : int
        Of the random numbers.
    """

    feature_scales: tuple[float, ...] = (0.25, 0.5, 1.0)
    max_scale: float = 1.25
    ways: tuple[str, ...] = WAYS
    epsilon: float = 8.0
    spacing: int | None = None
    bend: float = 0.0
    model: str = "affine"
    min_inliers: int = 8
    seed: int = 0


@dataclass(frozen=True)
class SectionMatch:
    """What was found of two sections.

    Attributes
    ----------
    p, q : (N, 2) float64
        Corresponding points; none where nothing was found.
    weights : (N,) float64
        Correlations, less for what only a coarser level shows: sections next to each other have
        more in common than others, by which their order is told.
    matrix : (3, 3) array or None
        Map of all points.
    way : str
        How the candidate was found.
    residual : float
        Median distance of the points from the map, pixels of q.
    log_alarms : float
        Decimal logarithm of how often chance gives as much agreement.
    coverage : float
        Share of the blocks that show something on both sections that agree.
    correlation : float
        Median correlation of the blocks.
    mirrored : bool
        q is left to right; `matrix` then has a negative determinant.
    reason : str
        Why nothing was found.
    """

    p: Points = field(default_factory=EMPTY.copy)
    q: Points = field(default_factory=EMPTY.copy)
    weights: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    matrix: Matrix | None = None
    way: str = ""
    residual: float = float("nan")
    log_alarms: float = 0.0
    coverage: float = 0.0
    correlation: float = 0.0
    mirrored: bool = False
    reason: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the sections are believed to correspond."""
        return self.matrix is not None

    @property
    def angle(self) -> float:
        """By how much q is turned against p, degrees, clockwise as y points down; NaN: unknown."""
        if self.matrix is None:
            return float("nan")
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    @property
    def scale(self) -> float:
        """How many times as large things are on q as on p; NaN: unknown."""
        if self.matrix is None:
            return float("nan")
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:2, :2]))))


def match_sections(
    p: View,
    q: View,
    parameters: SectionParameters | None = None,
    mirrored: bool = True,
    expected: Matrix | None = None,
) -> SectionMatch:
    """Match two pictures of whole sections.

    Parameters
    ----------
    p, q : View
        Their features are kept with them.
    parameters : SectionParameters, optional
    mirrored : bool
        Also try q left to right, where nothing is found as it is.
    expected : (3, 3) array, optional
        Where sections in between say that q is: tried first, and has to prove itself as any other
        candidate. Only the first of the ways is then tried besides, and q as it is.
    """
    parameters = parameters or SectionParameters()
    for name, view in (("first", p), ("second", q)):
        if not view.mask.any():
            return SectionMatch(reason=f"the {name} section shows nothing")
    if expected is not None:
        one_way = replace(parameters, ways=parameters.ways[:1])
        return _first_believed(p, q, one_way, [(EXPECTED, expected)])
    found = _first_believed(p, q, parameters)
    if found.accepted or not mirrored:
        return found
    turned = View(np.ascontiguousarray(q.image[:, ::-1]), np.ascontiguousarray(q.mask[:, ::-1]))
    other = _first_believed(p, turned, parameters)
    return _unmirrored(other, q.image.shape[1]) if other.accepted else found


def _unmirrored(found: SectionMatch, width: int) -> SectionMatch:
    """A match with the mirrored q, in pixels of q as it is."""
    back = np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    matrix = back @ (np.eye(3) if found.matrix is None else found.matrix)
    return replace(found, q=apply(back, found.q), matrix=matrix, mirrored=True)


def _first_believed(
    p: View,
    q: View,
    parameters: SectionParameters,
    before: Sequence[tuple[str, Matrix]] = (),
) -> SectionMatch:
    """What the first candidate gives that is believed; else the best reason."""
    tried, best = 0, SectionMatch(reason="no orientation of the sections stands out")
    for way, matrix in chain(before, _candidates(p, q, parameters)):
        tried += 1
        found = _verified(p, q, matrix, parameters)
        if found.accepted:
            return replace(found, way=way)
        best = found
    return best if tried else SectionMatch(reason="no orientation of the sections stands out")


def _candidates(p: View, q: View, parameters: SectionParameters) -> Iterator[tuple[str, Matrix]]:
    """Similarities that may be right, cheap ones first."""
    if "features" in parameters.ways:
        for scale in parameters.feature_scales:
            matrix = _by_features(p, q, scale, parameters)
            if matrix is not None:
                yield "features", matrix
    if "correlation" in parameters.ways:
        for matrix in orientations(p.image, p.mask, q.image, q.mask):
            yield "correlation", matrix


def _by_features(p: View, q: View, scale: float, parameters: SectionParameters) -> Matrix | None:
    """The similarity that most features agree with; None where chance explains them."""
    wanted = FeatureParameters(scale=scale)
    one, other = match_features(p.features(wanted), q.features(wanted))
    rules = RansacParameters(
        iterations=4000,
        max_epsilon=max(parameters.epsilon, 2 / scale),
        min_inliers=6,
        seed=parameters.seed,
        area=float(q.image.shape[0] * q.image.shape[1]),
    )
    found = find_consensus(one, other, Model("similarity"), rules)
    if found is None:
        return None
    size = float(np.sqrt(abs(np.linalg.det(found.matrix[:2, :2]))))
    return found.matrix if 1 / parameters.max_scale <= size <= parameters.max_scale else None


def _verified(p: View, q: View, matrix: Matrix, parameters: SectionParameters) -> SectionMatch:
    """The match that a candidate map leads to, if blocks agree with one."""
    image, mask = _brought(q, matrix, p.image.shape)
    both = p.mask & mask
    if both.mean() < 0.01:
        return SectionMatch(reason="the sections hardly overlap where they agree")
    side = max(p.image.shape)
    spacing = parameters.spacing or max(8, side // 12)
    size = min(72, max(28, side // 5))
    search = FlowParameters(spacing=spacing, size=size, again=0, detail=0)
    flow = find_flow(p.image, p.mask, image, mask, search)
    here, there, weights = flow.points()
    tried = int((flow.tried & _sampled(mask, flow.x, flow.y)).sum())
    reach = search.radius * 2.0**search.levels
    bend = parameters.bend or side / 40.0
    rules = RansacParameters(
        max_epsilon=bend,
        min_inliers=parameters.min_inliers,
        max_trust=4.0,
        trust_floor=bend / 4,
        seed=parameters.seed,
    )
    on_q = apply(matrix, there)
    consensus = find_consensus(here, on_q, Model(parameters.model), rules, weights)
    if consensus is None:
        return SectionMatch(reason=f"{len(here)} of {tried} blocks were found, too few that agree")
    inliers = consensus.inliers
    shares = np.minimum(1.0, (spacing / (search.size * 2.0 ** flow.level[flow.found])) ** 2)
    alarms = _alarms(shares, inliers, consensus.residuals, 2 * reach)
    if alarms >= BELIEVED:
        return SectionMatch(
            reason=f"{len(inliers)} blocks agree, which may be chance", log_alarms=alarms
        )
    return SectionMatch(
        here[inliers],
        on_q[inliers],
        weights[inliers],
        consensus.matrix,
        residual=float(np.median(consensus.residuals)),
        log_alarms=alarms,
        coverage=len(inliers) / max(tried, len(inliers)),
        correlation=float(np.median(flow.correlation[flow.found][inliers])),
    )


def _alarms(
    shares: NDArray[np.float64],
    inliers: NDArray[np.intp],
    residuals: NDArray[np.float64],
    side: float,
) -> float:
    """Logarithm of the number of false alarms of the blocks that agree.

    Parameters
    ----------
    shares : (N,) array
        What each block shows that its neighbours do not show as well: blocks overlap, those of
        coarse levels so much that many of them count as one.
    inliers : (K,) array
        Blocks that agree.
    residuals : (K,) array
        Their distances from the map.
    side : float
        Of the square in which each could have been found.
    """
    count, agreeing = (int(s.sum()) for s in (shares, shares[inliers]))
    if agreeing <= 3:
        return 0.0
    limit = float(np.percentile(residuals, 90))
    return float(log_false_alarms(count, agreeing, 3, limit, side**2))


def _brought(q: View, matrix: Matrix, shape: tuple[int, ...]) -> tuple[NDArray, Mask]:
    """q as it looks in the frame of p."""
    import cv2

    size = (shape[1], shape[0])
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    linear = matrix[:2].astype(np.float64)
    image = cv2.warpAffine(np.ascontiguousarray(q.image, np.float32), linear, size, flags=flags)
    mask = cv2.warpAffine(q.mask.astype(np.float32), linear, size, flags=flags)
    return image, mask > 0.99


def _sampled(mask: Mask, x: NDArray, y: NDArray) -> NDArray[np.bool_]:
    """The mask at the centres of blocks."""
    rows, columns = (
        np.clip(np.rint(v).astype(int), 0, side - 1)
        for v, side in ((y, mask.shape[0]), (x, mask.shape[1]))
    )
    return mask[np.ix_(rows, columns)]
