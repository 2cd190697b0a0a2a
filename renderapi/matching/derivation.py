"""Match parameters of the web service's documents, checked.

The documents are those of match trials (`siftFeatureParameters`, `matchDerivationParameters`). What
comes out are the parameters of `canvas_matches`. Features come from OpenCV's SIFT, whose descriptor
has a size of its own: `fdSize` is accepted and has no effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from renderapi.errors import SpecError
from renderapi.matching.canvas_matches import (
    DEFAULT_EPSILON,
    SINGLE_SET,
    DerivationParameters,
    SiftParameters,
    model_named,
)

Json = Mapping[str, Any]


def sift_parameters(document: Json | None) -> SiftParameters:
    """Parameters of the feature search; absent keys get the web service's defaults.

    Parameters
    ----------
    document : mapping or None
        `siftFeatureParameters`: fdSize (8), minScale (0.5), maxScale (0.85), steps (3).
    """
    document = _object(document, "siftFeatureParameters")
    least, most = plain_number(document, "minScale", 0.5), plain_number(document, "maxScale", 0.85)
    steps, size = whole_number(document, "steps", 3), whole_number(document, "fdSize", 8)
    return SiftParameters(least, most, steps, size)


def _object(document: Any, name: str) -> Json:
    """The parameters, none where they are absent; SpecError for what is no object."""
    if document is not None and not isinstance(document, Mapping):
        raise SpecError(f"{name} must be an object, not {str(document)[:60]!r}")
    return document or {}


def derivation_parameters(document: Json | None) -> DerivationParameters:
    """How matches are derived; absent keys get the web service's defaults.

    Parameters
    ----------
    document : mapping or None
        `matchDerivationParameters`: the match* keys.

    Raises
    ------
    SpecError
        Naming the key that is wrong.
    """
    document = _object(document, "matchDerivationParameters")
    most = optional_number(document, "matchMaxNumInliers")
    regularizer = document.get("matchRegularizerModelType")
    return DerivationParameters(
        rod=plain_number(document, "matchRod", 0.92),
        model=model_named(
            str(document.get("matchModelType") or "AFFINE"),
            None if regularizer is None else str(regularizer),
            optional_number(document, "matchInterpolatedModelLambda"),
        ),
        iterations=whole_number(document, "matchIterations", 1000),
        max_epsilon=plain_number(document, "matchMaxEpsilon", DEFAULT_EPSILON),
        max_epsilon_full_scale=optional_number(document, "matchMaxEpsilonFullScale"),
        min_inlier_ratio=plain_number(document, "matchMinInlierRatio", 0.0),
        min_inliers=whole_number(document, "matchMinNumInliers", 4),
        max_inliers=None if not most or most < 1 else int(most),
        max_trust=plain_number(document, "matchMaxTrust", 3.0),
        filter=str(document.get("matchFilter") or SINGLE_SET),
        coverage_radius=plain_number(document, "matchFullScaleCoverageRadius", 300.0),
        min_coverage=optional_number(document, "matchMinCoveragePercentage"),
    )


def optional_number(document: Json, key: str) -> float | None:
    """Number of a document; None where there is none, SpecError for anything else."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SpecError(f"{key} must be a number, not {value!r}")
    return float(value)


def plain_number(document: Json, key: str, default: float) -> float:
    """Number of a document, or the default."""
    value = optional_number(document, key)
    return default if value is None else value


def whole_number(document: Json, key: str, default: int) -> int:
    """Whole number of a document, or the default."""
    value = plain_number(document, key, default)
    if value != int(value):
        raise SpecError(f"{key} must be a whole number, not {value}")
    return int(value)
