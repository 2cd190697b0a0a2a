"""The stage's habit."""

import numpy as np
import pytest

from renderapi.matching.models import apply
from renderapi.matching.stage import shifted_map, stage_rules


def test_a_rule_is_the_median_and_the_spread_of_a_direction():
    offsets = [("LEFT", (5.0 + d, -2.0)) for d in (-1, 0, 1, 0)]
    offsets += [("LEFT", (40.0, 40.0))]  # one that is wrong
    offsets += [("TOP", (0.0, 1.0))] * 2  # too few
    rules = stage_rules(offsets, 60.0)
    assert set(rules) == {"LEFT"}
    assert rules["LEFT"].offset == (5.0, -2.0)
    assert 3.0 <= rules["LEFT"].radius <= 8.0
    assert rules["LEFT"].pairs == 5


def test_scattered_offsets_make_no_rule():
    rng = np.random.default_rng(0)
    offsets = [("LEFT", tuple(rng.uniform(-50, 50, 2))) for _ in range(20)]
    assert stage_rules(offsets, 60.0) == {}


def test_the_expected_map_moves_with_the_offset():
    p_to_q = np.array([[0, 1, -30.0], [-1, 0, 5.0], [0, 0, 1.0]])
    shifted = shifted_map(p_to_q, (4.0, -2.0))
    p = np.array([[10.0, 20.0]])
    assert apply(shifted, p + np.array([4.0, -2.0])) == pytest.approx(apply(p_to_q, p))
