"""Pairs of a stack's tiles matched in chunks that can be worked on anywhere.

A chunk is a run of pairs that lie close together, so that a worker draws each tile once or twice.
The worker reads the tile specs of the chunk itself.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import renderapi
from renderapi.errors import RenderError
from renderapi.matching.neighbours import Layer, Pair, relative_positions

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome, PairTask
    from renderapi.matching.pair_parameters import PairParameters

FEW_PAIRS = 32
"""A worker is given no fewer pairs than this where there is enough for all: it would read tiles
again that others have read."""
MAX_CHUNK = 400
"""Most pairs in a chunk."""
PIECE_SECONDS = 10.0
"""After so long a worker hands over what it has: a run that is killed loses no more than that."""
POSSIBLE = 6.0
"""Significance that each of several possible shifts must have; noise alone does not reach it."""
CONFIRMED_RADIUS = 3.0
"""A shift that other pairs confirm is looked for this far around, pixels."""


@dataclass(frozen=True)
class MatchSettings:
    """What all chunks of a run have in common.

    Attributes
    ----------
    outlines : mapping of z to bytes
        WKB of the outline of a section, world pixels; what is outside of it does not count.
    """

    stack: str
    parameters: PairParameters
    local_transforms: int
    scale: float
    channel: str | None
    search_radius: float | None
    cache_bytes: int
    outlines: Mapping[float, bytes] = field(default_factory=dict, repr=False)


class MatchedChunk(NamedTuple):
    """Tasks of a chunk that were done, their outcomes, and masks of its tiles that were not used.

    The masks are as `mask_check.ignored_masks` tells them.
    """

    tasks: list[PairTask]
    outcomes: list[PairOutcome]
    ignored_masks: list[dict[str, Any]]


class Spot(NamedTuple):
    """Where a tile lies: z, and box (minX, minY, maxX, maxY) in world pixels."""

    z: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class TilePlaces:
    """Where the tiles of a stack lie: z and box (minX, minY, maxX, maxY) by tile id."""

    z: dict[str, float]
    boxes: dict[str, np.ndarray]

    @classmethod
    def of_layers(cls, layers: Iterable[Layer]) -> TilePlaces:
        """Places of the tiles of some layers."""
        z: dict[str, float] = {}
        boxes: dict[str, np.ndarray] = {}
        for layer in layers:
            for tile, box in zip(layer.ids, layer.boxes, strict=True):
                z[tile], boxes[tile] = layer.z, box
        return cls(z, boxes)

    def spots(self, tasks: Iterable[PairTask]) -> dict[str, Spot]:
        """Those of the tiles of some tasks, as workers are told them."""
        tiles = {tile for task in tasks for tile in (task.pair.p_id, task.pair.q_id)}
        boxes = {tile: self.boxes[tile].tolist() for tile in tiles}
        return {tile: Spot(self.z[tile], (b[0], b[1], b[2], b[3])) for tile, b in boxes.items()}

    def direction(self, pair: Pair) -> tuple[float, float, str]:
        """Sections of a pair and the side on which p lies, the key of the stage's habit."""
        p, q = pair.p_id, pair.q_id
        return self.z[p], self.z[q], relative_positions(self.boxes[p], self.boxes[q])[0]


def chunks_of(tasks: Sequence[PairTask], places: TilePlaces, workers: int) -> list[list[PairTask]]:
    """Tasks in chunks of neighbours, several for each worker."""
    if not tasks:
        return []
    ordered = in_order(tasks, places)
    shares = -(-len(ordered) // (4 * workers)), -(-len(ordered) // workers)
    size = min(MAX_CHUNK, max(shares[0], min(shares[1], FEW_PAIRS)))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


def in_order(tasks: Iterable[PairTask], places: TilePlaces) -> list[PairTask]:
    """Tasks such that neighbours follow each other."""
    return sorted(tasks, key=lambda task: _order(task.pair, places))


def _order(pair: Pair, places: TilePlaces) -> tuple[Any, ...]:
    """Along a Z-shaped curve through the tiles of each section, which keeps neighbours together."""
    box = places.boxes[pair.p_id]
    side = max(float((box[2:] - box[:2]).max()), 1.0)
    x, y = (int(v // side) + (1 << 20) for v in (box[:2] + box[2:]) / 2)
    code = sum(((x >> bit & 1) | (y >> bit & 1) << 1) << 2 * bit for bit in range(22))
    return places.z[pair.p_id], places.z[pair.q_id], code, pair.key


def match_chunk(
    render: renderapi.Render,
    settings: MatchSettings,
    spots: Mapping[str, Spot],
    chunk: list[PairTask],
) -> MatchedChunk:
    """Match the pairs of a chunk, all that there is time for; `spots` has all their tiles."""
    from renderapi.matching.batches import ViewCache, match_pairs
    from renderapi.matching.cv2_threads import cv2_threads
    from renderapps.module.mask_check import ignored_masks

    canvases = tile_canvases(render, settings, chunk, spots)
    cache = ViewCache(settings.cache_bytes)
    with cv2_threads(1):  # the chunks run side by side
        found = match_pairs(chunk, canvases, settings.parameters, cache, settings.search_radius)
        outcomes = list(_in_time(found))
    drawn = (tile for spec in canvases.values() for tile in spec.parameters["tileSpecs"])
    return MatchedChunk(chunk[: len(outcomes)], outcomes, ignored_masks(drawn))


def _in_time(outcomes: Iterable[PairOutcome]) -> Iterator[PairOutcome]:
    """The first of the outcomes, and those that are had within the time."""
    end = time.monotonic() + PIECE_SECONDS
    for outcome in outcomes:
        yield outcome
        if time.monotonic() > end:
            return


def sample_chunk(
    render: renderapi.Render,
    settings: MatchSettings,
    spots: Mapping[str, Spot],
    chunk: list[PairTask],
) -> list[dict[Any, Any]]:
    """What unrelated pairs reach that are made out of those of a chunk."""
    from renderapi.matching.batches import ViewCache, chance_samples
    from renderapi.matching.cv2_threads import cv2_threads

    canvases = tile_canvases(render, settings, chunk, spots)
    cache = ViewCache(settings.cache_bytes)
    with cv2_threads(1):
        return chance_samples(chunk, canvases, settings.parameters, cache, settings.search_radius)


def evenly(tasks: Sequence[PairTask], count: int) -> list[PairTask]:
    """At most `count` of the tasks, spread evenly."""
    if len(tasks) <= count:
        return list(tasks)
    return [tasks[int((k + 0.5) * len(tasks) / count)] for k in range(count)]


def tile_canvases(
    render: renderapi.Render,
    settings: MatchSettings,
    chunk: Iterable[PairTask],
    spots: Mapping[str, Spot],
) -> dict[str, Any]:
    """How each of the tiles of a chunk is drawn, by tile id."""
    import shapely

    from renderapi.matching.canvases import canvas_spec, within

    wanted = {tile for task in chunk for tile in (task.pair.p_id, task.pair.q_id)}
    boxes_at: dict[float, list[Any]] = defaultdict(list)
    for tile_id in sorted(wanted):
        boxes_at[spots[tile_id].z].append(spots[tile_id].box)
    canvases = {}
    for z, boxes in sorted(boxes_at.items()):
        outline = shapely.from_wkb(settings.outlines[z]) if z in settings.outlines else None
        section = renderapi.resolvedtiles.get_resolved_tiles_around(
            settings.stack, z, boxes, render=render
        )
        lookup = {transform.transformId: transform.to_dict() for transform in section.transforms}
        for tile in section.tilespecs:
            if tile.tileId in wanted:
                spec = canvas_spec(
                    tile.to_dict(),
                    lookup,
                    settings.local_transforms,
                    settings.scale,
                    settings.channel,
                )
                canvases[tile.tileId] = spec if outline is None else within(spec, outline)
    missing = sorted(wanted - canvases.keys())
    if missing:
        raise RenderError(f"stack {settings.stack} no longer has tile {missing[0]}")
    return canvases


def second_look(outcomes: Iterable[PairOutcome], places: TilePlaces) -> list[PairTask]:
    """Tasks for the pairs of one z that failed where others of their direction did not."""
    from renderapi.matching.batches import PairTask
    from renderapi.matching.stage import stage_rules

    within = [o for o in outcomes if o.pair.delta_z is None and not o.failed]
    learnt = [o for o in within if o.match.accepted and o.match.offset]
    radius = max((o.search_radius for o in learnt), default=0.0)
    offsets = [(places.direction(o.pair), o.match.offset) for o in learnt if o.match.offset]
    rules = stage_rules(offsets, radius)
    return [
        PairTask(o.pair, rules[places.direction(o.pair)])
        for o in within
        if not o.match.accepted and places.direction(o.pair) in rules
    ]


def confirmed(outcomes: Iterable[PairOutcome], places: TilePlaces) -> list[PairTask]:
    """Tasks for pairs with several possible shifts where a cycle of pairs tells which is right.

    The pair is looked for at that shift only.
    """
    from renderapi.matching.batches import PairTask
    from renderapi.matching.stage import StageRule

    within = [o for o in outcomes if o.pair.delta_z is None and not o.failed]
    if all(len(possible_offsets(outcome)[0]) < 2 for outcome in within):
        return []
    from renderapps.pointmatch.candidates import Choice, chosen_offsets

    choices = {}
    for outcome in within:
        offsets, significances = possible_offsets(outcome)
        if offsets:
            pair = outcome.pair
            choices[pair.p_id, pair.q_id] = (
                outcome.pair,
                Choice(pair.p_id, pair.q_id, offsets, significances),
            )
    right = chosen_offsets([choice for _, choice in choices.values()])
    return [
        PairTask(choices[key][0], StageRule(offset, CONFIRMED_RADIUS, 0))
        for key, offset in right.items()
    ]


def possible_offsets(
    outcome: PairOutcome,
) -> tuple[tuple[tuple[float, float], ...], tuple[float, ...]]:
    """Offsets and significances of what a pair may be: one where it was accepted."""
    match = outcome.match
    if match.accepted:
        if match.offset is None or not match.candidates:
            return (), ()
        return (match.offset,), (match.candidates[0].significance,)
    good = [c for c in match.candidates if c.significance >= POSSIBLE]
    if len(good) < 2:
        return (), ()
    prior = match.prior
    offsets = tuple((c.shift[0] - prior[0], c.shift[1] - prior[1]) for c in good)
    return offsets, tuple(c.significance for c in good)
