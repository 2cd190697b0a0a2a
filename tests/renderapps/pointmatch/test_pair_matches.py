"""Points of pairs joined, thinned and mapped."""

import numpy as np
import pytest
from match_collections import match

from renderapi.errors import RenderError
from renderapps.pointmatch.match_points import mapped_ends
from renderapps.pointmatch.pair_matches import PairMatches, joined

A, B, C = ("1", "a"), ("1", "b"), ("2", "c")


def pair(p, q, *rows):
    return PairMatches.from_document(match(p, q, *rows))


def test_pairs_of_the_same_tiles_become_one_whichever_way_round_they_were():
    found = joined(
        [pair(A, B, (1, 2, 3, 4, 1)), pair(C, A, (9, 9, 8, 8, 0.5)), pair(B, A, (7, 8, 5, 6, 0.2))]
    )
    assert [m.to_document() for m in found] == [
        match(A, B, (1, 2, 3, 4, 1), (5, 6, 7, 8, 0.2)),
        match(A, C, (8, 8, 9, 9, 0.5)),
    ]


def test_the_same_point_counts_once_with_its_greatest_weight():
    twice = pair(A, B, (5, 5, 6, 6, 0.5), (1, 2, 3, 4, 1), (5, 5, 6, 6, 0.9), (5, 5, 6, 7, 0.1))
    expected = match(A, B, (5, 5, 6, 6, 0.9), (1, 2, 3, 4, 1), (5, 5, 6, 7, 0.1))
    assert twice.distinct().to_document() == expected


def test_the_heaviest_points_are_kept_in_their_order():
    many = pair(A, B, *[(i, 0, i, 0, w) for i, w in enumerate([0.1, 1, 0.5, 1, 0.5, 0.5])])
    assert many.at_most(2).p[:, 0].tolist() == [1, 3]
    three = many.at_most(3)
    assert {1, 3} < set(three.p[:, 0]) and three.w.min() == 0.5
    assert three.p.tolist() == many.at_most(3).p.tolist()
    assert many.at_most(6) is many


def test_each_tile_is_mapped_once_and_a_tile_that_fails_takes_its_pairs():
    calls = []

    def move(tile, points):
        calls.append((tile[1], len(points)))
        if tile == C:
            raise RenderError("no tile c")
        return points + {A: 100, B: 10}[tile]

    pairs = [pair(A, B, (1, 2, 3, 4, 1), (5, 6, 7, 8, 1)), pair(A, C, (1, 1, 2, 2, 1)), pair(A, B)]
    pairs.append(pair(A, B, (50, 60, 70, 80, 1)))
    found = mapped_ends(pairs, move)
    assert calls == [("a", 4), ("b", 3), ("c", 1)]
    np.testing.assert_array_equal(found[0][0], [[101, 102], [105, 106]])
    np.testing.assert_array_equal(found[0][1], [[13, 14], [17, 18]])
    assert found[1] == "no tile c"
    assert found[2][0].shape == (0, 2)
    assert (found[3][0].tolist(), found[3][1].tolist()) == ([[150, 160]], [[80, 90]])
    with pytest.raises(KeyError):
        mapped_ends([pair(("9", "x"), ("9", "y"), (0, 0, 0, 0, 1))], move)
