"""The correlation of all shifts at once, against one shift at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderapi.matching.correlation_map import correlation_map
from renderapi.matching.shifts import ShiftRange


def directly(p, q, p_mask, q_mask, dx, dy):
    """Pearson's correlation of the pixels that both show, by definition."""
    pairs = [
        (p[y, x], q[y - dy, x - dx])
        for y in range(p.shape[0])
        for x in range(p.shape[1])
        if 0 <= y - dy < q.shape[0]
        and 0 <= x - dx < q.shape[1]
        and p_mask[y, x]
        and q_mask[y - dy, x - dx]
    ]
    if len(pairs) < 3:
        return len(pairs), np.nan
    a, b = np.array(pairs).T
    return len(pairs), np.corrcoef(a, b)[0, 1]


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(*[st.integers(4, 13)] * 4),
    corner=st.tuples(st.integers(-12, 12), st.integers(-12, 12)),
    seed=st.integers(0, 1000),
    masked=st.booleans(),
)
def test_map_equals_the_definition(shape, corner, seed, masked):
    rng = np.random.default_rng(seed)
    p, q = rng.normal(size=shape[:2]), rng.normal(size=shape[2:])
    share = 0.2 if masked else 0.0  # without masks another way is taken, in single precision
    p_mask, q_mask = rng.random(p.shape) >= share, rng.random(q.shape) >= share
    shifts = ShiftRange(corner[0], corner[1], corner[0] + 4, corner[1] + 3)
    found = correlation_map(p * p_mask, q * q_mask, p_mask, q_mask, shifts, min_pixels=3)
    assert found.correlation.shape == (4, 5)
    for j in range(4):
        for i in range(5):
            n, r = directly(p, q, p_mask, q_mask, corner[0] + i, corner[1] + j)
            assert found.pixels[j, i] == n
            if np.isfinite(found.correlation[j, i]) and n > 3:
                assert found.correlation[j, i] == pytest.approx(r, abs=1e-6 if masked else 1e-5)
            elif n > 4:
                assert np.isfinite(found.correlation[j, i])


def test_overlaps_without_contrast_have_no_correlation():
    p = np.zeros((10, 10))
    shown = np.ones(p.shape, bool)
    found = correlation_map(p, p, shown, shown, ShiftRange(-1, -1, 1, 1), 3)
    assert np.isnan(found.correlation).all()
