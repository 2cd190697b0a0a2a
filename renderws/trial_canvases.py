"""The two pictures of a match trial, and what both of its stages say about their matches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.matching.canvas_matches import MatchSet, overlap_coverage
from renderapi.matching.canvases import View
from renderapi.matching.contrast import content_mask
from renderapi.rendering import render_canvas
from renderapi.rendering.limits import Stop
from renderapi.rendering.parameters import parse_parameters
from renderapi.rendering.sources import SourceCache

Json = dict[str, Any]
Clip = tuple[str, int] | None

_SIDES = ("TOP", "BOTTOM", "LEFT", "RIGHT")
_OPPOSITE = {"TOP": "BOTTOM", "BOTTOM": "TOP", "LEFT": "RIGHT", "RIGHT": "LEFT"}


class Drawing(NamedTuple):
    """How the canvases of a trial are drawn: from what, by how many threads, for how long, and of
    how many pixels at most.
    """

    sources: SourceCache
    threads: int
    stop: Stop
    most_pixels: int


class Side(NamedTuple):
    """One picture: its pixels, pixels per pixel of full scale, its features, how many, and the time
    they took.
    """

    view: View
    scale: float
    features: Any
    found: int
    milliseconds: int


def clips_of(options: Json) -> tuple[Clip, Clip]:
    """Position and kept full scale pixels of the p and q canvas."""
    position, pixels = options.get("pClipPosition"), options.get("clipPixels")
    if (position is None) != (pixels is None):
        raise SpecError("give both pClipPosition and clipPixels, or none")
    if position is None:
        return None, None
    if position not in _SIDES or not isinstance(pixels, int) or pixels < 1:
        raise SpecError(f"pClipPosition must be one of {', '.join(_SIDES)}, clipPixels above 0")
    return (position, pixels), (_OPPOSITE[position], pixels)


def draw(document: Json, clip: Clip, drawing: Drawing) -> tuple[View, float]:
    """The picture of render parameters, of which only the clipped strip counts; and its scale."""
    drawing.stop.check()
    width, height = parse_parameters({**document, "tileSpecs": []}).window.image_size
    if width * height > drawing.most_pixels:
        raise SpecError(
            f"a canvas of {width} x {height} pixels is more than the {drawing.most_pixels} of one"
            " match trial; give a lower scale"
        )
    canvas = render_canvas(
        document, sources=drawing.sources, threads=drawing.threads, stop=drawing.stop
    )
    pixels = canvas.pixels[: canvas.height, : canvas.width]
    if pixels.ndim == 3:
        pixels = pixels.mean(axis=2, dtype=np.float32)
    alpha = canvas.alpha
    visible = None if alpha is None else alpha[: canvas.height, : canvas.width]
    scale = float(document.get("scale", 1.0))
    mask = content_mask(pixels, visible)
    if clip is not None:
        mask &= _facing(mask.shape, clip[0], max(1, round(clip[1] * scale)))
    return View(pixels, mask), scale


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


def milliseconds(started: float) -> int:
    """Whole milliseconds since `started` (of time.perf_counter)."""
    return round(1000 * (time.perf_counter() - started))


def stage_stats(p: Side, q: Side, sets: Sequence[MatchSet], derived: int, quality: Json) -> Json:
    """`stats` of one stage of a trial; `derived` is the time that matching took."""
    return {
        "pFeatureCount": p.found,
        "pFeatureDerivationMilliseconds": p.milliseconds,
        "qFeatureCount": q.found,
        "qFeatureDerivationMilliseconds": q.milliseconds,
        "consensusSetSizes": [len(found.p) for found in sets],
        "matchDerivationMilliseconds": derived,
        **_deviations(sets, p.scale, q.scale),
        **quality,
    }


def _deviations(sets: Sequence[MatchSet], p_scale: float, q_scale: float) -> Json:
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


def quality_of(p: Side, q: Side, sets: list[MatchSet], radius: float) -> tuple[Json, float]:
    """Pixels of p that q shows, how many of them are near matches, and that as a percentage."""
    started = time.perf_counter()
    overlap, percentage = overlap_coverage(sets, p.view.mask, q.view.mask, radius * p.scale)
    figures = {
        "overlappingImagePixels": overlap,
        "overlappingCoveragePixels": round(overlap * percentage / 100),
        "matchQualityMilliseconds": milliseconds(started),
    }
    return figures, percentage


def matches_of(found: MatchSet, p: Side, q: Side, weights: NDArray[np.float64]) -> Json:
    """One entry of `matches` of a trial: points at full scale."""
    return {
        "p": np.ascontiguousarray((found.p / p.scale).T),
        "q": np.ascontiguousarray((found.q / q.scale).T),
        "w": weights,
    }
