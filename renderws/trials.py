"""A match trial: two canvases drawn, their features matched, and figures about the result.

The parameters and the result are the documents of section 2.8 of the contract.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from renderapi.errors import SpecError
from renderapi.matching.canvas_matches import match_canvases
from renderapi.matching.derivation import derivation_parameters, sift_parameters
from renderapi.matching.features import FeatureParameters, find_features
from renderws.geometric_trials import add_geometric, geometric_options
from renderws.trial_canvases import (
    Clip,
    Drawing,
    Side,
    clips_of,
    draw,
    matches_of,
    milliseconds,
    quality_of,
    stage_stats,
)

Json = dict[str, Any]
Load = Callable[[str], Json]

_TILE_URL = re.compile(r"/tile/([^/?]+)/render-parameters(\?|$)")


def check_urls(parameters: Json) -> tuple[str, str]:
    """The two URLs of render parameters; SpecError when they are malformed or out of order."""
    urls = [parameters.get(key) for key in ("pRenderParametersUrl", "qRenderParametersUrl")]
    found = [_TILE_URL.search(url) if isinstance(url, str) else None for url in urls]
    p, q = found
    if p is None or q is None:
        raise SpecError(
            "pRenderParametersUrl and qRenderParametersUrl must look like"
            " .../tile/{id}/render-parameters"
        )
    if p[1] >= q[1]:
        raise SpecError(f"tile '{p[1]}' of p must sort before tile '{q[1]}' of q; swap the URLs")
    return str(urls[0]), str(urls[1])


def run_trial(
    parameters: Json,
    load: Load,
    drawing: Drawing,
    filter_lists: Mapping[str, list[Json]] | None = None,
) -> Json:
    """`matches` and `stats` of a trial, and `gdStats` where spots were looked for.

    Parameters
    ----------
    parameters : dict
        MatchTrialParameters.
    load : callable
        Render parameters behind a URL.
    drawing : Drawing
        How canvases are drawn.
    filter_lists : mapping, optional
        Named filter lists of the server.
    """
    urls = check_urls(parameters)
    options = parameters.get("featureAndMatchParameters") or {}
    if not isinstance(options, dict):
        raise SpecError("featureAndMatchParameters must be an object")
    clips = clips_of(options)
    sift = sift_parameters(options.get("siftFeatureParameters")).features()
    derivation = derivation_parameters(options.get("matchDerivationParameters"))
    geometric = geometric_options(parameters.get("geometricDescriptorAndMatchFilterParameters"))
    documents = [load(url) for url in urls]
    p, q = (
        _side(document, clip, sift, drawing)
        for document, clip in zip(documents, clips, strict=True)
    )
    started = time.perf_counter()
    area = float(q.view.mask.sum())
    sets = match_canvases(p.features, q.features, area, derivation, p.scale)
    derived = milliseconds(started)
    quality, percentage = quality_of(p, q, sets, derivation.coverage_radius)
    if percentage < (derivation.min_coverage or 0.0):
        sets = []
    result = {
        "matches": [matches_of(found, p, q, np.ones(len(found.p))) for found in sets],
        "stats": stage_stats(p, q, sets, derived, quality),
    }
    if geometric is None or not (sets or geometric.regardless):
        return result
    drawn = geometric.documents(documents, filter_lists)
    return add_geometric(result, geometric, drawn, clips, drawing)


def _side(document: Json, clip: Clip, sift: FeatureParameters, drawing: Drawing) -> Side:
    started = time.perf_counter()
    view, scale = draw(document, clip, drawing)
    features = find_features(view.image, view.mask, sift)
    return Side(view, scale, features, len(features.points), milliseconds(started))
