"""A match trial: two canvases drawn, their features matched, and figures about the result.

The parameters and the result are the documents of section 2.8 of the contract.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.matching.canvas_matches import MatchSet, match_canvases, overlap_coverage
from renderapi.matching.canvases import View
from renderapi.matching.contrast import content_mask
from renderapi.matching.derivation import derivation_parameters, sift_parameters
from renderapi.matching.features import FeatureParameters, Features, find_features
from renderapi.rendering import render_canvas
from renderapi.rendering.sources import SourceCache

Json = dict[str, Any]
Load = Callable[[str], Json]

_TILE_URL = re.compile(r"/tile/([^/?]+)/render-parameters(\?|$)")
_SIDES = ("TOP", "BOTTOM", "LEFT", "RIGHT")
_OPPOSITE = {"TOP": "BOTTOM", "BOTTOM": "TOP", "LEFT": "RIGHT", "RIGHT": "LEFT"}


@dataclass
class _Side:
    view: View
    scale: float
    features: Features
    milliseconds: int


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


def run_trial(parameters: Json, load: Load, sources: SourceCache, threads: int) -> Json:
    """`matches` and `stats` of a trial.

    Parameters
    ----------
    parameters : dict
        MatchTrialParameters.
    load : callable
        Render parameters behind a URL.
    sources, threads
        For drawing the canvases.
    """
    _refuse_geometric(parameters)
    urls = check_urls(parameters)
    options = parameters.get("featureAndMatchParameters") or {}
    clips = _clips(options)
    sift = sift_parameters(options.get("siftFeatureParameters")).features()
    derivation = derivation_parameters(options.get("matchDerivationParameters"))
    p, q = (
        _side(load(url), clip, sift, sources, threads)
        for url, clip in zip(urls, clips, strict=True)
    )
    started = time.perf_counter()
    area = float(q.view.mask.sum())
    sets = match_canvases(p.features, q.features, area, derivation, p.scale)
    derived = _milliseconds(started)
    quality, percentage = _quality(p, q, sets, derivation.coverage_radius)
    if percentage < (derivation.min_coverage or 0.0):
        sets = []
    stats = {
        "pFeatureCount": len(p.features.points),
        "pFeatureDerivationMilliseconds": p.milliseconds,
        "qFeatureCount": len(q.features.points),
        "qFeatureDerivationMilliseconds": q.milliseconds,
        "consensusSetSizes": [len(found.p) for found in sets],
        "matchDerivationMilliseconds": derived,
        **_deviations(sets, p.scale, q.scale),
        **quality,
    }
    return {"matches": [_points(found, p.scale, q.scale) for found in sets], "stats": stats}


def _refuse_geometric(parameters: Json) -> None:
    options = parameters.get("geometricDescriptorAndMatchFilterParameters") or {}
    if options and options.get("gdEnabled", True):
        raise SpecError(
            "geometric descriptors are not supported; leave out"
            " geometricDescriptorAndMatchFilterParameters or set gdEnabled to false"
        )


def _clips(options: Json) -> tuple[tuple[str, int] | None, tuple[str, int] | None]:
    """Position and kept full scale pixels of the p and q canvas."""
    position, pixels = options.get("pClipPosition"), options.get("clipPixels")
    if (position is None) != (pixels is None):
        raise SpecError("give both pClipPosition and clipPixels, or none")
    if position is None:
        return None, None
    if position not in _SIDES or not isinstance(pixels, int) or pixels < 1:
        raise SpecError(f"pClipPosition must be one of {', '.join(_SIDES)}, clipPixels above 0")
    return (position, pixels), (_OPPOSITE[position], pixels)


def _side(
    document: Json,
    clip: tuple[str, int] | None,
    sift: FeatureParameters,
    sources: SourceCache,
    threads: int,
) -> _Side:
    started = time.perf_counter()
    canvas = render_canvas(document, sources=sources, threads=threads)
    pixels = canvas.pixels[: canvas.height, : canvas.width]
    if pixels.ndim == 3:
        pixels = pixels.mean(axis=2, dtype=np.float32)
    alpha = canvas.alpha
    visible = None if alpha is None else alpha[: canvas.height, : canvas.width]
    scale = float(document.get("scale", 1.0))
    mask = content_mask(pixels, visible)
    if clip is not None:
        mask &= _facing(mask.shape, clip[0], max(1, round(clip[1] * scale)))
    view = View(pixels, mask)
    features = find_features(pixels, mask, sift)
    return _Side(view, scale, features, _milliseconds(started))


def _facing(shape: tuple[int, ...], position: str, pixels: int) -> NDArray[np.bool_]:
    """The strip that faces the other canvas: that on the left shows its right border."""
    kept = np.zeros(shape, bool)
    strips = {
        "TOP": np.s_[-pixels:, :],
        "BOTTOM": np.s_[:pixels, :],
        "LEFT": np.s_[:, -pixels:],
        "RIGHT": np.s_[:, :pixels],
    }
    kept[strips[position]] = True
    return kept


def _milliseconds(started: float) -> int:
    return round(1000 * (time.perf_counter() - started))


def _points(found: MatchSet, p_scale: float, q_scale: float) -> Json:
    return {
        "p": np.ascontiguousarray((found.p / p_scale).T),
        "q": np.ascontiguousarray((found.q / q_scale).T),
        "w": np.ones(len(found.p)),
    }


def _deviations(sets: list[MatchSet], p_scale: float, q_scale: float) -> Json:
    """Standard deviations of the differences q - p, at full scale, of every set and of all."""
    deltas = [found.q / q_scale - found.p / p_scale for found in sets]
    whole = np.concatenate(deltas) if deltas else np.zeros((0, 2))
    overall = _deviation(whole)
    each = [_deviation(delta) for delta in deltas]
    return {
        "aggregateDeltaXStandardDeviation": overall[0],
        "aggregateDeltaYStandardDeviation": overall[1],
        "consensusSetDeltaXStandardDeviations": [x for x, _ in each],
        "consensusSetDeltaYStandardDeviations": [y for _, y in each],
    }


def _deviation(delta: NDArray[np.float64]) -> tuple[float, float]:
    if len(delta) < 2:
        return 0.0, 0.0
    x, y = delta.std(axis=0, ddof=1).tolist()
    return x, y


def _quality(p: _Side, q: _Side, sets: list[MatchSet], radius: float) -> tuple[Json, float]:
    """Pixels of p that q shows, how many of them are near matches, and that as a percentage."""
    started = time.perf_counter()
    overlap, percentage = overlap_coverage(sets, p.view.mask, q.view.mask, radius * p.scale)
    figures = {
        "overlappingImagePixels": overlap,
        "overlappingCoveragePixels": round(overlap * percentage / 100),
        "matchQualityMilliseconds": _milliseconds(started),
    }
    return figures, percentage
