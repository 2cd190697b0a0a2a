"""Many pairs of tiles matched one after the other, each tile drawn once as memory allows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from renderapi.errors import RenderError
from renderapi.matching.candidates import Band, Chance
from renderapi.matching.canvases import CanvasSpec, View, draw
from renderapi.matching.chance import unrelated_significances
from renderapi.matching.coarse_pairs import match_coarse_pair
from renderapi.matching.models import Matrix
from renderapi.matching.neighbours import Pair
from renderapi.matching.pair_outcome import PairMatch
from renderapi.matching.pair_parameters import PairParameters
from renderapi.matching.pairs import match_layers_pair, match_montage_pair
from renderapi.matching.stage import StageRule, shifted_map

DEFAULT_RADIUS = 0.1
"""Search radius where none is given, as a share of the shorter side of the tiles."""


@dataclass(frozen=True)
class PairTask:
    """A pair to match, and where its neighbours say it is to be found (second search only)."""

    pair: Pair
    rule: StageRule | None = None

    @property
    def label(self) -> str:
        """What people call it: by the section of its first tile."""
        return f"section-{self.pair.p_group}"


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
    stage : str
        Which of the stages of a run it is the outcome of.
    """

    pair: Pair
    match: PairMatch
    search_radius: float
    failed: bool = False
    stage: str = ""


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
        radius, expected = _search_of(task, p_spec, q_spec, search_radius)
        settings = replace(parameters, search_radius=radius * p_spec.scale)
        try:
            p, q = cache.get(task.pair.p_id, p_spec), cache.get(task.pair.q_id, q_spec)
        except RenderError as error:
            yield PairOutcome(task.pair, _failure(str(error)), radius, failed=True)
            continue
        within = match_coarse_pair if parameters.coarse else match_montage_pair
        way = within if task.pair.delta_z is None else match_layers_pair
        found = way(p, q, expected, settings)
        known = task.rule.offset if task.rule else (0.0, 0.0)
        yield PairOutcome(task.pair, _at_full_scale(found, p_spec, q_spec, known), radius)


def chance_samples(
    tasks: Iterable[PairTask],
    canvases: Mapping[str, CanvasSpec],
    parameters: PairParameters,
    cache: ViewCache,
    search_radius: float | None = None,
) -> list[dict[Band, Chance]]:
    """What unrelated pairs reach that are made out of these (see `chance.py`).

    Parameters are those of `match_pairs`. Pairs whose images cannot be read give none.
    """
    found: list[dict[Band, Chance]] = []
    for task in tasks:
        p_spec, q_spec = canvases[task.pair.p_id], canvases[task.pair.q_id]
        radius, expected = _search_of(task, p_spec, q_spec, search_radius)
        try:
            p, q = cache.get(task.pair.p_id, p_spec), cache.get(task.pair.q_id, q_spec)
        except RenderError:
            continue
        pixels = parameters.translation.pixels
        found += unrelated_significances(
            p.image, p.mask, q.image, q.mask, expected, radius * p_spec.scale, pixels
        )
    return found


def _search_of(
    task: PairTask, p: CanvasSpec, q: CanvasSpec, search_radius: float | None
) -> tuple[float, Matrix]:
    """Search radius (full-scale pixels) of a task, and the expected map of the pictures."""
    expected = expected_map(p, q)
    if task.rule:
        offset = (task.rule.offset[0] * p.scale, task.rule.offset[1] * p.scale)
        return task.rule.radius, shifted_map(expected, offset)
    return _default_radius(p, q) if search_radius is None else search_radius, expected


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
    scale, offset, prior = p.scale, match.offset, match.prior
    if offset is not None:
        offset = (offset[0] / scale + known[0], offset[1] / scale + known[1])
    return replace(
        match,
        p=p.to_post_local(match.p),
        q=q.to_post_local(match.q),
        residual=match.residual / scale,
        offset=offset,
        prior=(prior[0] / scale - known[0], prior[1] / scale - known[1]),
        candidates=[
            replace(c, shift=(c.shift[0] / scale, c.shift[1] / scale), error=c.error / scale)
            for c in match.candidates
        ],
    )
