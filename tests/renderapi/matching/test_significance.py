"""When a set of matches is no accident."""

import numpy as np

from renderapi.matching.significance import log_false_alarms


def test_the_formula_for_small_numbers():
    # 5 candidates, a set of 4 of a model that 3 determine, residual 2 in an area of 1000
    expected = np.log10(2 * 5 * 4 * (np.pi * 4 / 1000))
    assert np.isclose(log_false_alarms(5, 4, 3, 2.0, 1000.0), expected)


def test_no_more_than_the_minimal_set_means_nothing():
    assert log_false_alarms(10, 3, 3, 0.0, 1e6) == float("inf")


def test_larger_and_tighter_sets_are_less_of_an_accident():
    values = [log_false_alarms(300, n, 3, 5.0, 1e6) for n in (8, 10, 12, 20)]
    assert values == sorted(values, reverse=True)
    values = [log_false_alarms(300, 10, 3, r, 1e6) for r in (20, 5, 1)]
    assert values == sorted(values, reverse=True)


def test_random_matches_hardly_ever_pass():
    from renderapi.matching.models import Model
    from renderapi.matching.ransac import RansacParameters, find_consensus

    rng = np.random.default_rng(0)
    passed = 0
    for seed in range(20):
        p, q = rng.uniform(0, 1000, (2, 150, 2))
        found = find_consensus(p, q, Model("affine"), RansacParameters(iterations=300, seed=seed))
        assert found is not None  # that many agree by accident
        alarms = log_false_alarms(150, len(found.inliers), 3, found.residuals.max(), 1e6)
        passed += alarms < 0
    assert passed == 0
