"""Many pairs of tiles matched one after the other, each tile drawn once as memory allows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from renderapi.errors import RenderError
from renderapi.matching.canvases import CanvasSpec, View, draw
from renderapi.matching.models import Matrix
from renderapi.matching.neighbours import Pair
from renderapi.matching.pairs import (
    PairMatch,
    PairParameters,
    match_layers_pair,
    match_montage_pair,
)
from renderapi.matching.stage import StageRule, narrowed, shifted_map

DEFAULT_RADIUS = 0.1
"""Search radius where none is given, as a share of the shorter side of the tiles."""


@dataclass(frozen=True)
class PairTask:
    """A pair to match, and where its neighbours say it is to be found (second search only)."""

    pair: Pair
    rule: StageRule | None = None


@dataclass(frozen=True)
class PairOutcome:
    """What became of a pair.

    Attributes
    ----------
    pair : Pair
    match : PairMatch
        Points, residual, offset and candidate shifts are in post-local pixels of full scale.
    search_radius : float
        That was used, full-scale pixels.
    failed : bool
        The pair could not be tried, as an image could not be read; `match.reason` tells why.
    """

    pair: Pair
    match: PairMatch
    search_radius: float
    failed: bool = False


class ViewCache:
    """Pictures of the tiles used last, bounded by bytes.

    Parameters
    ----------
    max_bytes : int
        The picture that is asked for is kept even when it alone is larger.
    """

    def __init__(self, max_bytes: int) -> None:
        from renderapi.rendering.sources import SourceCache

        self.max_bytes = max_bytes
        self.drawn = 0
        self._views: OrderedDict[str, View] = OrderedDict()
        self._sources = SourceCache(max_bytes=max_bytes // 8)

    def get(self, tile_id: str, spec: CanvasSpec) -> View:
        """Picture of a tile, drawn when it is not at hand."""
        if tile_id not in self._views:
            self._views[tile_id] = draw(spec, self._sources)
            self.drawn += 1
        self._views.move_to_end(tile_id)
        while len(self._views) > 2 and self.bytes_held > self.max_bytes:
            self._views.popitem(last=False)
        return self._views[tile_id]

    @property
    def bytes_held(self) -> int:
        """Memory of the pictures kept."""
        return sum(view.bytes_held for view in self._views.values())


def match_pairs(
    tasks: Iterable[PairTask],
    canvases: Mapping[str, CanvasSpec],
    parameters: PairParameters,
    cache: ViewCache,
    search_radius: float | None = None,
) -> Iterator[PairOutcome]:
    """Match pairs in the order given.

    Parameters
    ----------
    tasks : iterable of PairTask
    canvases : mapping of tile id to CanvasSpec
        All of one scale.
    parameters : PairParameters
        Its `search_radius` is replaced; distances are pixels of the pictures.
    cache : ViewCache
    search_radius : float, optional
        Full-scale pixels; a tenth of the shorter side of the tiles by default.
    """
    for task in tasks:
        p_spec, q_spec = canvases[task.pair.p_id], canvases[task.pair.q_id]
        scale = p_spec.scale
        radius = task.rule.radius if task.rule else search_radius
        radius = _default_radius(p_spec, q_spec) if radius is None else radius
        settings = replace(parameters, search_radius=radius * scale)
        expected = expected_map(p_spec, q_spec)
        if task.rule:
            in_picture = replace(
                task.rule,
                offset=(task.rule.offset[0] * scale, task.rule.offset[1] * scale),
                radius=radius * scale,
            )
            settings = narrowed(settings, in_picture)
            expected = shifted_map(expected, in_picture.offset)
        try:
            p, q = cache.get(task.pair.p_id, p_spec), cache.get(task.pair.q_id, q_spec)
        except RenderError as error:
            yield PairOutcome(task.pair, _failure(str(error)), radius, failed=True)
            continue
        way = match_montage_pair if task.pair.delta_z is None else match_layers_pair
        found = way(p, q, expected, settings)
        known = task.rule.offset if task.rule else (0.0, 0.0)
        yield PairOutcome(task.pair, _at_full_scale(found, p_spec, q_spec, known), radius)


def expected_map(p: CanvasSpec, q: CanvasSpec) -> Matrix:
    """Pixels of p's picture to pixels of q's, as the tiles lie now (3 x 3)."""
    return np.linalg.inv(q.pixel_to_world) @ p.pixel_to_world


def _default_radius(p: CanvasSpec, q: CanvasSpec) -> float:
    sides = [spec.parameters[side] for spec in (p, q) for side in ("width", "height")]
    return DEFAULT_RADIUS * float(min(sides))


def _failure(reason: str) -> PairMatch:
    nothing = np.empty((0, 2))
    return PairMatch(nothing, nothing, np.empty(0), "", float("nan"), 0.0, reason)


def _at_full_scale(
    match: PairMatch, p: CanvasSpec, q: CanvasSpec, known: tuple[float, float]
) -> PairMatch:
    """The match in post-local pixels; `known` is the offset that the search started from."""
    scale, offset = p.scale, match.offset
    if offset is not None:
        offset = (offset[0] / scale + known[0], offset[1] / scale + known[1])
    return replace(
        match,
        p=p.to_post_local(match.p),
        q=q.to_post_local(match.q),
        residual=match.residual / scale,
        offset=offset,
        candidates=[
            replace(c, shift=(c.shift[0] / scale, c.shift[1] / scale), error=c.error / scale)
            for c in match.candidates
        ],
    )
