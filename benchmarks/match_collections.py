"""A million points of 10,000 pairs of tiles filtered, mapped through a lens, and consolidated.

First the arithmetic by itself, on pairs in memory, in processor time (it takes one processor); then
the modules end to end, which read and write the collection through the service.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import renderapi
from benchmarks import Row
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

SECTIONS, SIDE, POINTS = 10, 23, 100  # 2 x 23 x 22 neighbours a section
WANTED = 500_000  # points/s
STEP = 90


def run() -> list[Row]:
    """Points per second of each step, and of the modules."""
    from renderapps.pointmatch.consolidate_pointmatches_across_channels import (
        ConsolidatePointMatchesAcrossChannels,
    )
    from renderapps.pointmatch.filter_point_matches import FilterPointMatches
    from renderapps.pointmatch.map_pointmatch_forward import MapPointMatchForward

    documents = [d for z in range(SECTIONS) for d in _documents(z, np.random.default_rng(z))]
    rows = _arithmetic(documents)
    with tempfile.TemporaryDirectory() as folder:
        render = renderapi.connect(
            host="local", store=Path(folder) / "render.db", owner="bench", project="bench"
        )
        _make_stack(render)
        for start in range(0, len(documents), 1000):
            renderapi.pointmatch.import_matches("a", documents[start : start + 1000], render=render)
        half = [d for d in documents if int(d["pGroupId"]) % 2]
        for start in range(0, len(half), 1000):
            renderapi.pointmatch.import_matches("b", half[start : start + 1000], render=render)
        stack, out = {"input_stack": "raw"}, {"output_collection": "out"}
        consolidate = {"input_collection_list": "a,b", "reference_channel": "x", **out}
        consolidate["tile_pattern"] = "^$"
        return [
            *rows,
            _row(render, FilterPointMatches, {**stack, "input_collection": "a", **out}),
            _row(render, MapPointMatchForward, {**stack, "input_collection": "a", **out}),
            _row(render, ConsolidatePointMatchesAcrossChannels, consolidate),
        ]


def _tile(z: int, row: int, column: int) -> str:
    return f"z{z}_r{row:02d}_c{column:02d}"


def _documents(z: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Neighbours side by side, and one below the other."""
    found = []
    for row in range(SIDE):
        for column in range(SIDE):
            for down, right in ((0, 1), (1, 0)):
                if row + down < SIDE and column + right < SIDE:
                    p = rng.uniform(0, 100, (2, POINTS))
                    q = p - [[STEP * right], [STEP * down]] + rng.normal(0, 0.3, p.shape)
                    ids = _tile(z, row, column), _tile(z, row + down, column + right)
                    ends = {"pGroupId": str(z), "pId": ids[0], "qGroupId": str(z), "qId": ids[1]}
                    points = {"p": p.tolist(), "q": q.tolist(), "w": [1.0] * POINTS}
                    found.append({**ends, "matches": points})
    return found


def _specs(z: int) -> list[TileSpec]:
    lens = AffineModel(M00=1.001, M01=0.002, M11=0.999)
    return [
        TileSpec(
            tileId=_tile(z, row, column),
            z=float(z),
            width=100,
            height=100,
            layout=renderapi.layout.Layout(sectionId=str(z)),
            tforms=[lens, AffineModel(B0=STEP * column, B1=STEP * row)],
        )
        for row in range(SIDE)
        for column in range(SIDE)
    ]


def _make_stack(render: renderapi.Render) -> None:
    renderapi.stack.create_stack("raw", render=render)
    for z in range(SECTIONS):
        renderapi.resolvedtiles.put_tilespecs("raw", tilespecs=_specs(z), render=render)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)


def _arithmetic(documents: list[dict[str, Any]]) -> list[Row]:
    """Each step on pairs in memory, a section at a time as the modules do, and all of them."""
    from renderapi.transform.slices import TileTransforms
    from renderapps.pointmatch.filter_point_matches import judged, reweighted
    from renderapps.pointmatch.match_points import mapped_ends, world_ends
    from renderapps.pointmatch.match_residuals import residuals
    from renderapps.pointmatch.pair_matches import PairMatches, joined

    seconds = {"filtered": 0.0, "mapped": 0.0, "consolidated": 0.0}
    limits = {"resmax": 5.0, "transmax": 500.0, "inverse_weighting": False}
    total = 0
    for z in range(SECTIONS):
        group = str(z)
        pairs = [PairMatches.from_document(d) for d in documents if d["pGroupId"] == group]
        tiles = {(group, spec.tileId): TileTransforms(spec.to_dict()) for spec in _specs(z)}
        total += sum(len(pair.w) for pair in pairs)
        start = time.process_time()
        found = residuals(pairs)
        entries = judged(pairs, found, world_ends(pairs, tiles, "raw", 0), limits)
        for pair, entry in zip(pairs, entries, strict=True):
            reweighted(pair, entry["weight"])
        middle = time.process_time()
        mapped_ends(pairs, lambda tile, points: tiles[tile].forward(points, 0, 1))  # noqa: B023
        end = time.process_time()
        half = len(pairs) // 2
        joined([*pairs[:half], *pairs[:half]])
        seconds["consolidated"] += time.process_time() - end
        seconds["filtered"] += middle - start
        seconds["mapped"] += end - middle
    whole = total / sum(seconds.values())
    rows = [Row(name, total / taken, "points/s") for name, taken in seconds.items()]
    return [
        *rows,
        Row("all three, one after the other", whole, "points/s", whole / WANTED, f"{WANTED:,}/s"),
    ]


def _row(render: renderapi.Render, module: Any, parameters: dict[str, Any]) -> Row:
    connection = {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }
    given = {"render": connection, "pool_size": 2, **parameters}
    start = time.perf_counter()
    made = module(input_data=given, args=[])
    made.run()
    rate = made.result["points_read"] / (time.perf_counter() - start)
    return Row(f"{module.__name__}, two processes", rate, "points/s")
