"""Tests of the keys that put neighbouring tiles into one block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderws.store.tree import BLOCK, BLOCK_BITS, packed_keys, packing_order


def grid(rows, columns, step=1000.0, size=1100.0):
    y, x = np.mgrid[:rows, :columns].reshape(2, -1) * step
    return np.stack([x, y, x + size, y + size], axis=1)


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.5, float("nan")]), min_size=1, max_size=120),
    st.integers(1, 1000),
)
def test_keys_are_distinct_and_blocks_hold_one_layer(zs, first_block):
    zs = np.array(zs)
    boxes = np.random.default_rng(0).uniform(0, 1e4, (len(zs), 4))
    keys = packed_keys(zs, boxes, first_block * BLOCK)
    assert len(set(keys.tolist())) == len(zs)
    assert keys.min() == first_block * BLOCK
    for block in set((keys >> BLOCK_BITS).tolist()):
        assert len(np.unique(zs[keys >> BLOCK_BITS == block])) == 1


@pytest.mark.parametrize("count", [1, BLOCK, BLOCK + 1, 137])
def test_order_is_a_permutation(count):
    order = packing_order(np.random.default_rng(1).uniform(0, 1e4, (count, 4)))
    assert sorted(order.tolist()) == list(range(count))


def test_blocks_of_a_shuffled_grid_are_compact():
    """A block of 8 tiles in a row would be 9 times as long as it is wide."""
    boxes = np.random.default_rng(2).permutation(grid(40, 40))
    blocks = boxes[packing_order(boxes)].reshape(-1, BLOCK, 4)
    extent = blocks[:, :, 2:].max(axis=1) - blocks[:, :, :2].min(axis=1)
    assert np.median(extent.max(axis=1)) <= 5100
    area = extent.prod(axis=1).sum()
    assert area <= 2.0 * 40 * 40 * 1000.0**2
