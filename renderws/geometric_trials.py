"""The second stage of a match trial: spots, where SIFT features leave parts of the overlap empty.

The contract names the parameters and not what is done with them. Here: the canvases are drawn again
(`renderScale`, `renderWithFilter`, `renderFilterListName`), spots are found and matched by the
arrangement of their neighbours (`renderapi.matching.geometric`), except within
`fullScaleBlockRadius` of a SIFT match, and filtered by the `matchDerivationParameters` of this
stage. SIFT and spot matches together are filtered once more, by model and epsilon, and, unless
there are fewer than `minCombinedInliers` or they cover less than `minCombinedCoveragePercentage`,
are the matches of the trial; those of spots have the weight `gdStoredMatchWeight`. Without
`runGeoRegardlessOfSiftResults` the stage is left out where SIFT found nothing to add to.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.matching.canvas_matches import DerivationParameters, MatchSet, filter_matches
from renderapi.matching.derivation import (
    derivation_parameters,
    optional_number,
    plain_number,
    whole_number,
)
from renderapi.matching.geometric import QUADRATIC, GeometricParameters, find_spots, match_spots
from renderapi.rendering.windows import apply_query
from renderws.trial_canvases import (
    Clip,
    Drawing,
    Side,
    draw,
    matches_of,
    milliseconds,
    quality_of,
    stage_stats,
)

Json = dict[str, Any]
Points = NDArray[np.float64]

_TRUSTED = 1e9


@dataclass(frozen=True)
class GeometricOptions:
    """`geometricDescriptorAndMatchFilterParameters`, checked."""

    document: Json
    descriptor: Json
    derivation: DerivationParameters
    block_radius: float
    weight: float
    regardless: bool
    least_inliers: int
    least_coverage: float

    def documents(
        self, documents: Sequence[Json], filter_lists: Mapping[str, list[Json]] | None
    ) -> list[Json]:
        """Render parameters of the canvases as this stage wants them drawn."""
        return [self._document(document, filter_lists) for document in documents]

    def _document(self, document: Json, lists: Mapping[str, list[Json]] | None) -> Json:
        with_filter = self.document.get("renderWithFilter")
        query = {
            "scale": optional_number(self.document, "renderScale"),
            "filter": document.get("doFilter", False) if with_filter is None else with_filter,
            "filterListName": self.document.get("renderFilterListName"),
        }
        given = {key: value for key, value in query.items() if value is not None}
        return apply_query({"scale": 1.0, **document}, given, filter_lists=lists)

    def spots(self, scale: float) -> GeometricParameters:
        """What is looked for in a picture of this scale."""
        d = self.descriptor
        dark, bright = d.get("lookForMinima"), d.get("lookForMaxima")
        either = dark is None and bright is None
        oriented = d.get("similarOrientation")
        return GeometricParameters(
            neighbours=whole_number(d, "numberOfNeighbors", 3),
            redundancy=whole_number(d, "redundancy", 1),
            significance=plain_number(d, "significance", 2.0),
            sigma=plain_number(d, "sigma", 2.04),
            threshold=plain_number(d, "threshold", 0.008),
            localization=str(d.get("localization") or QUADRATIC),
            minima=either or bool(dark),
            maxima=either or bool(bright),
            similar_orientation=oriented is None or bool(oriented),
            spacing=plain_number(d, "fullScaleNonMaxSuppressionRadius", 0.0) * scale,
        )


def geometric_options(document: Any) -> GeometricOptions | None:
    """Options of the stage; None where it is not asked for, SpecError where one is wrong."""
    if not document:
        return None
    if not isinstance(document, dict):
        raise SpecError("geometricDescriptorAndMatchFilterParameters must be an object")
    if not document.get("gdEnabled", True):
        return None
    descriptor = document.get("geometricDescriptorParameters") or {}
    if not isinstance(descriptor, dict):
        raise SpecError("geometricDescriptorParameters must be an object")
    options = GeometricOptions(
        document,
        descriptor,
        derivation_parameters(document.get("matchDerivationParameters")),
        plain_number(descriptor, "fullScaleBlockRadius", 0.0),
        plain_number(descriptor, "gdStoredMatchWeight", 1.0),
        bool(document.get("runGeoRegardlessOfSiftResults")),
        whole_number(document, "minCombinedInliers", 0),
        plain_number(document, "minCombinedCoveragePercentage", 0.0),
    )
    options.spots(1.0)
    return options


def add_geometric(
    result: Json,
    options: GeometricOptions,
    documents: Sequence[Json],
    clips: tuple[Clip, Clip],
    drawing: Drawing,
) -> Json:
    """Result of a trial with the matches of spots added to those of SIFT.

    Parameters
    ----------
    result : dict
        `matches` and `stats` of the SIFT stage, points at full scale.
    options : GeometricOptions
    documents : two dicts
        Render parameters, see `GeometricOptions.documents`.
    clips, drawing
        As for the SIFT stage.
    """
    known = [
        np.concatenate([np.empty((0, 2)), *(found[side].T for found in result["matches"])])
        for side in ("p", "q")
    ]
    p, q = (
        _side(document, clip, options, points, drawing)
        for document, clip, points in zip(documents, clips, known, strict=True)
    )
    started = time.perf_counter()
    one, other = match_spots(p.features, q.features, options.spots(p.scale))
    area = float(q.view.mask.sum())
    sets = filter_matches(one, other, options.derivation, p.scale, area)
    _, alone = quality_of(p, q, sets, options.derivation.coverage_radius)
    if alone < (options.derivation.min_coverage or 0.0):
        sets = []
    combined = _combined(known[0] * p.scale, known[1] * q.scale, sets, options, p.scale)
    derived = milliseconds(started)
    quality, percentage = quality_of(p, q, combined, options.derivation.coverage_radius)
    inliers = sum(len(found.p) for found in combined)
    if inliers < options.least_inliers or percentage < options.least_coverage:
        combined = []
    of_spots = {row.tobytes() for found in sets for row in _rows(found)}
    return {
        "matches": [
            matches_of(found, p, q, _weights(found, of_spots, options.weight)) for found in combined
        ],
        "stats": result["stats"],
        "gdStats": stage_stats(p, q, sets, derived, quality),
    }


def _side(
    document: Json,
    clip: Clip,
    options: GeometricOptions,
    known: Points,
    drawing: Drawing,
) -> Side:
    """A canvas and its spots that are not near known matches (points at full scale)."""
    from scipy.spatial import cKDTree

    started = time.perf_counter()
    view, scale = draw(document, clip, drawing)
    spots = find_spots(view.image, view.mask, options.spots(scale))
    if len(known) and len(spots):
        distance, _ = cKDTree(known * scale).query(spots)
        spots = spots[distance > options.block_radius * scale]
    return Side(view, scale, spots, len(spots), milliseconds(started))


def _combined(
    p: Points, q: Points, sets: list[MatchSet], options: GeometricOptions, scale: float
) -> list[MatchSet]:
    """Sets among the matches of both stages, points in pixels of the pictures of this stage."""
    one = np.concatenate([p, *(found.p for found in sets)])
    other = np.concatenate([q, *(found.q for found in sets)])
    # spots lie more exactly than SIFT features: trust by the median would leave only them
    trusting = replace(options.derivation, max_trust=_TRUSTED)
    return filter_matches(one, other, trusting, scale)


def _rows(found: MatchSet) -> Points:
    """The coordinates of both sides, a row per match."""
    return np.ascontiguousarray(np.hstack([found.p, found.q]), np.float64)


def _weights(found: MatchSet, of_spots: set[bytes], weight: float) -> NDArray[np.float64]:
    """`weight` for the matches of spots, 1 for those of SIFT features."""
    weights = [weight if row.tobytes() in of_spots else 1.0 for row in _rows(found)]
    return np.array(weights, np.float64)
