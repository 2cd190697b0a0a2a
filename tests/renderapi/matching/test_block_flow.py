"""Displacements between two pictures are the more exact the finer the detail that both show."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from section_series import standard

from renderapi.matching.block_flow import FlowParameters, find_flow

SIDE, SHIFT = 192, (3, -2)
SEARCH = FlowParameters(spacing=24, size=32, levels=2)


def pair(fine_in_common):
    """Two pictures, the second shifted, of coarse and fine detail, each in common by a share."""
    rng = np.random.default_rng(3)

    def detail(sigma, share):
        common, *own = (
            standard(gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma, mode="wrap"))
            for _ in range(3)
        )
        return [share**0.5 * common + (1 - share) ** 0.5 * each for each in own]

    one, other = (a + b for a, b in zip(detail(8, 0.8), detail(1.5, fine_in_common), strict=True))
    return one, np.roll(other, SHIFT[::-1], (0, 1))


def off(flow):
    away = np.hypot(*np.moveaxis(flow.shift[2:-2, 2:-2] - SHIFT, -1, 0))
    assert np.isfinite(away).mean() > 0.7
    return np.nanmedian(away)


@pytest.mark.parametrize(("share", "gain"), [(0.8, True), (0.1, False)])
def test_fine_detail_is_used_where_it_is_in_both(share, gain):
    shown = np.ones((SIDE, SIDE), bool)
    one, other = pair(share)
    usual, found = (
        find_flow(one, shown, other, shown, replace(SEARCH, detail=d)) for d in (0.0, 0.9)
    )
    if gain:
        assert off(found) < 0.9 * off(usual)
    else:
        np.testing.assert_array_equal(found.shift, usual.shift)
