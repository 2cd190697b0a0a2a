"""Points that depart from the others of their pair, and what the solver makes of them."""

import numpy as np
import pytest
from layered_matches import Layers

from renderapps.alignment.models import Model
from renderapps.alignment.moments import Link, PairPoints
from renderapps.alignment.point_trust import trusted
from renderapps.alignment.solve import Solve
from renderapps.stitching.solve_montage import SolveMontage


def pair(rng, count, linear=None, noise=0.0, box=(1000.0, 1000.0)):
    """Points of one tile, and of the other by a movement that is known."""
    q = rng.uniform(0, 1, (count, 2)) * box
    p = q @ (np.eye(2) if linear is None else linear).T + [3.0, -2.0]
    return Link(0, 1, p + rng.normal(0, noise, p.shape), q, np.full(count, 0.8))


@pytest.mark.parametrize("name", ["translation", "affine", "polynomial2", "thin_plate_spline"])
def test_wrong_points_lose_all_weight_and_right_ones_nothing(name):
    rng = np.random.default_rng(0)
    links, wrong = [], []
    for count in (10, 40, 40, 90):
        linear = np.eye(2) + rng.normal(0, 0.01, (2, 2))
        links.append(pair(rng, count, linear, noise=0.05))
        bad = rng.choice(count, count * 3 // 10, replace=False)
        links[-1].p[bad] += [8.0, 5.0]  # all to the same side, so that the mean is off by 3 px
        wrong.append(np.isin(np.arange(count), bad))
    found = trusted(PairPoints.of(links), Model(name), 0.4)
    assert found.w.tolist() == np.where(np.concatenate(wrong), 0.0, 0.8).tolist()
    assert found.doubted.tolist() == [3, 12, 12, 27]


def test_points_that_agree_keep_their_weights_to_the_last_bit():
    rng = np.random.default_rng(1)
    links = [pair(rng, count, noise=0.1) for count in (1, 2, 3, 12, 400)]
    points = PairPoints.of(links)
    found = trusted(points, Model("translation"), 0.5)
    assert found.w is points.w and not found.doubted.any()
    noisy = PairPoints.of([pair(rng, 40, noise=3.0) for _ in range(50)])
    found = trusted(noisy, Model("affine"), 0.5)  # beyond four standard deviations: 1 in 3000
    assert found.doubted.sum() <= 4 and (found.w != noisy.w).mean() < 0.005


def test_points_on_a_line_and_two_points_that_contradict():
    rng = np.random.default_rng(2)
    line = pair(rng, 30, np.array([[1.0, -0.01], [0.01, 1.0]]), box=(0.0, 2000.0))
    line.p[4] += [0.0, 9.0]
    two = pair(rng, 2)
    two.p[0] += 50.0  # which of them is right, nobody knows
    found = trusted(PairPoints.of([line, two]), Model("affine"), 0.4)
    assert np.flatnonzero(found.w == 0).tolist() == [4]
    assert found.doubted.tolist() == [1, 0] and (found.w[30:] == 0.8).all()


def test_as_many_pairs_as_do_not_fit_into_one_piece(monkeypatch):
    rng = np.random.default_rng(3)
    links = [pair(rng, count) for count in rng.integers(4, 12, 60).tolist()]
    for link in links[::7]:
        link.p[1] -= 20.0
    whole = trusted(PairPoints.of(links), Model("translation"), 0.4)
    monkeypatch.setattr("renderapps.alignment.point_trust._BLOCK", 25)
    pieces = trusted(PairPoints.of(links), Model("translation"), 0.4)
    assert whole.doubted.tolist() == [int(k % 7 == 0) for k in range(60)]
    assert (pieces.w == whole.w).all() and (pieces.doubted == whole.doubted).all()
    empty = trusted(PairPoints.of([]), Model("affine"), 0.4)
    assert len(empty.w) == len(empty.doubted) == 0


@pytest.fixture
def layers(render):
    """Nine tiles; a quarter of the points of every other pair are 12 px off, to the same side."""
    rng = np.random.default_rng(4)
    made = Layers([0], 3, 3, rng, noise=0.05)
    made.link_within(0, points=20)
    for match in made.matches[::2]:
        match["matches"]["p"] = (
            np.array(match["matches"]["p"]) + np.outer([10.0, 7.0], np.arange(20) < 5)
        ).tolist()
    made.store(render)
    made.store_matches(render)
    return made


def ran(render, module, **more):
    parameters = {
        "render": {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"},
        "input_stack": "rough",
        "output_stack": "solved",
        "matchCollection": "matches",
        "pool_size": 1,
        "model": "rigid",
        "minimum_tolerance": 5,  # pairs that are off by 3 px are not rejected
        **more,
    }
    made = module(input_data=parameters, args=[])
    made.run()
    return made.result


@pytest.mark.parametrize("module", [Solve, SolveMontage])
def test_wrong_points_inside_good_pairs_move_no_tile(render, layers, module):
    wrong = {(m["pId"], m["qId"]): 5 for m in layers.matches[::2]}
    (section,) = ran(render, module)["sections"]
    assert max(layers.errors(render, "solved").values()) < 0.1
    assert section["rejected_pairs"] == 0
    told = {(row["pId"], row["qId"]): row["points_doubted"] for row in section["pairs"]}
    assert {ends: count for ends, count in told.items() if count} == wrong
    assert section["used_pairs"] == len(layers.matches) == len(told)
    again = ran(render, module, robust_points=False)
    assert max(layers.errors(render, "solved").values()) > 1
    assert not any(row["points_doubted"] for row in again["sections"][0]["pairs"])


def test_where_all_pairs_count_all_points_do(render, layers):
    assert doubted(render) == 5 * len(layers.matches[::2])
    assert doubted(render, robust=False) == 0
    assert doubted(render, robust=False, robust_points=True) > 0


def doubted(render, **more):
    return ran(render, Solve, **more)["points_doubted"]
