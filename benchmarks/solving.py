"""Solving places of tiles from matches: size, time, and the share of the bare sparse solver.

Tiles of 2000 pixels, 10 % overlap; 12 matched points a pair with 0.1 px of noise. The plane: affine
maps, solved directly. The stack: sections of 1,000 tiles, each matched within its own and with the
tiles above in the next two, solved by conjugate gradients. Processor times; the whole is points to
maps: trust in the points, sums over them, agreement of the links, solution. Assembly (trust, sums,
matrix, right side) grows as the tiles do; sparse factors of the plane grow faster, as they must.
"""

from __future__ import annotations

import resource
import time
from typing import Any

import numpy as np

from benchmarks import Row

SIDE, STEP, POINTS, NOISE = 2000.0, 1800.0, 12, 0.1
TURNS = 5
"""So often is assembly measured for few tiles and for ten times as many."""
Scene = tuple[Any, Any, Any, Any]


def run() -> list[Row]:
    """Rows for plane and stack, and how both grow with ten times the tiles."""
    rows: list[Row] = []
    for name, sizes, solver in (
        ("plane", [(1, 100, 100), (1, 316, 316)], "direct"),
        ("stack", [(9, 25, 40), (90, 25, 40)], "iterative"),
    ):
        scenes = [scene(shape) for shape in sizes]
        whole = []
        for shape, tiles in zip(sizes, scenes, strict=True):
            taken, bare, error = timed(tiles, solver)
            whole.append(taken)
            title = f"{name}, {np.prod(shape):,} tiles, affine"
            rows.append(Row(title, taken, "s", bare / taken, "share of one bare solve"))
            rows.append(Row(f"{title}: error", error, "px median"))
        # in turns: on a machine that does other things, one measurement may be half as long again
        turns = [[assembled(tiles, solver)[0] for tiles in scenes] for _ in range(TURNS)]
        small, large = np.median(turns, axis=0)
        growth = np.divide(*np.transpose(turns)[::-1])
        rows.append(Row(f"{name}, {np.prod(sizes[1]):,} tiles: assembly", large, "s"))
        times = "times the time"
        rows.append(Row(f"{name}, ten times the tiles: whole", whole[1] / whole[0], times))
        spread = f"{times}, {growth.min():.1f} to {growth.max():.1f} in {TURNS} turns"
        rows.append(Row(f"{name}, ten times the tiles: assembly", large / small, spread))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows.append(Row("most memory", peak, "GB", None, "points of all pairs at once included"))
    return rows


def timed(tiles: Scene, solver: str) -> tuple[float, float, float]:
    """Seconds of the whole and of one bare solve, and the median error in pixels."""
    from renderapps.alignment.models import Model
    from renderapps.alignment.moments import reduced
    from renderapps.alignment.point_trust import OF_TOLERANCE, trusted
    from renderapps.alignment.solving import Rules, solve_moments
    from renderapps.alignment.tile_problem import Stiffness, unit_sizes

    corners, points, truth, sections = tiles
    begin = time.process_time()
    model = Model("affine")
    rules = Rules(Stiffness(), solver=solver)
    tolerance = OF_TOLERANCE * rules.minimum_tolerance
    moments = reduced(trusted(points, model, tolerance), model, *unit_sizes(corners))
    solution = solve_moments(corners, moments, model, rules, sections=sections)
    taken = time.process_time() - begin
    if not solution.accepted.all():
        raise RuntimeError(f"{(~solution.accepted).sum()} good links were rejected")
    _, problem, matrix, right = assembled(tiles, solver)
    begin = time.process_time()
    problem.solver.solve(matrix, right, np.zeros_like(right))
    bare = time.process_time() - begin
    off = solution.terms[:, 0] - truth
    off -= off.mean(axis=0)
    return taken, bare, float(np.median(np.linalg.norm(off, axis=1)))


def assembled(tiles: Scene, solver: str) -> tuple[float, Any, Any, Any]:
    """Seconds of assembly from points to matrix and right side, and the problem with these."""
    from renderapps.alignment.models import Model
    from renderapps.alignment.moments import reduced
    from renderapps.alignment.point_trust import OF_TOLERANCE, trusted
    from renderapps.alignment.solving import Rules
    from renderapps.alignment.tile_problem import Problem, Stiffness, unit_sizes

    corners, points, _, sections = tiles
    begin = time.process_time()
    model = Model("affine")
    tolerance = OF_TOLERANCE * Rules(Stiffness(), solver=solver).minimum_tolerance
    moments = reduced(trusted(points, model, tolerance), model, *unit_sizes(corners))
    problem = Problem(corners, moments, model, Stiffness(), solver=solver, sections=sections)
    pattern, w = problem.pattern, problem.strengths
    matrix = pattern.matrix(problem.hold, moments.pp, moments.qq, moments.pq, (w, w, -w))
    right = pattern.sums(moments.pd, moments.qd, (-w, w)).reshape(-1, 2)
    return time.process_time() - begin, problem, matrix, right


def scene(shape: tuple[int, int, int], seed: int = 0) -> Scene:
    """Corners of the tiles, points of their pairs, true moves of the centres, section of each.

    Every tile has to be moved by some pixels, which vary smoothly and by chance.
    """
    from renderapps.alignment.moments import PairPoints

    rng = np.random.default_rng(seed)
    layers = shape[0]
    index = np.arange(np.prod(shape)).reshape(shape)
    z, y, x = (part.ravel() for part in np.indices(shape))
    origins = STEP * np.column_stack([x, y]).astype(float)
    square = np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]])
    truth = rng.normal(0, 3, origins.shape) + 5 * np.sin(origins / 20_000 + z[:, None])
    pairs = [(index[:, :, :-1], index[:, :, 1:]), (index[:, :-1], index[:, 1:])]
    pairs += [(index[:-dz], index[dz:]) for dz in (1, 2) if dz < layers]
    first, second = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
    low = np.maximum(origins[first], origins[second])
    high = np.minimum(origins[first], origins[second]) + SIDE
    share = rng.random((len(first), POINTS, 2))
    world = low[:, None] + share * (high - low)[:, None]
    p, q = (world - truth[ends][:, None] for ends in (first, second))
    p += rng.normal(0, NOISE, p.shape)
    counts = np.full(len(first), POINTS)
    points = PairPoints(
        first, second, counts, p.reshape(-1, 2), q.reshape(-1, 2), np.ones(p.size // 2)
    )
    return origins[:, None] + square, points, truth, z
