"""Sums and means of levels: exact, whatever the blocks that they are made of."""

import numpy as np
import pytest
from volumes import level_of

from renderapi.volume.layout import VolumeLayout
from renderapps.materialize.formats import formats
from renderapps.materialize.volume_job import (
    Part,
    Pass,
    boxes,
    planned_passes,
    with_small_ones_last,
)
from renderapps.materialize.volume_planes import filled
from renderapps.materialize.volume_pyramid import (
    add_reduced,
    means_of,
    next_box,
    type_of_sums,
    zeros_between,
)


def layout_of(**options):
    settings = {"shape": (5, 37, 53), "dtype": "uint8", "voxel_nm": (1.0, 1.0, 1.0), "levels": 5,
                "chunk": (1, 8, 8), "shard": (1, 16, 32)}  # fmt: skip
    return VolumeLayout(**settings | options)


@pytest.mark.parametrize("halve_z", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("block", [(1, 7, 9), (2, 16, 10), (5, 37, 53)])
def test_blocks_of_any_size_add_up_to_means_of_full_scale(halve_z, dtype, block):
    layout = layout_of(halve_z=halve_z, dtype=dtype)
    most = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, most, layout.shape, dtype, endpoint=True)
    pixels[:, :16, :16] = most  # sums that need all of their type
    values = pixels
    for level in range(1, 5):
        shape = layout.level_shape(level)
        sums = zeros_between((0, 0, 0), shape, type_of_sums(layout, level, 1.0))
        for start in boxes(values.shape, block):
            part = values[tuple(slice(a, a + n) for a, n in zip(start, block, strict=True))]
            stop = tuple(a + n for a, n in zip(start, part.shape, strict=True))
            first, last = next_box(start, stop, layout.factors)
            own = zeros_between(first, last, sums.dtype)
            add_reduced(np.ascontiguousarray(part), start, own, first, layout.factors)
            sums[tuple(slice(a, b) for a, b in zip(first, last, strict=True))] += own
        expected = level_of(pixels, level, layout.factors)
        np.testing.assert_array_equal(means_of(sums, (0, 0, 0), layout, level), expected)
        z, y, x = shape[0] - 1, shape[1] // 2, shape[2] // 2
        corner = means_of(np.ascontiguousarray(sums[z:, y:, x:]), (z, y, x), layout, level)
        np.testing.assert_array_equal(corner, expected[z:, y:, x:])
        values = sums


def test_a_level_is_not_the_rounded_mean_of_rounded_means():
    """0, 0, 0, 2 and three times 0, 0, 0, 1: 5 / 16; means of means would give 1."""
    pixels = np.zeros((1, 4, 4), np.uint8)
    pixels[0, 1, 1], pixels[0, 1, 3], pixels[0, 3, 1], pixels[0, 3, 3] = 2, 2, 2, 2
    layout = layout_of(shape=(1, 4, 4))
    first = np.zeros((1, 2, 2), np.uint16)
    add_reduced(pixels, (0, 0, 0), first, (0, 0, 0), (1, 2, 2))
    assert means_of(first, (0, 0, 0), layout, 1).tolist() == [[[1, 1], [1, 1]]]
    second = np.zeros((1, 1, 1), np.uint16)
    add_reduced(first, (0, 0, 0), second, (0, 0, 0), (1, 2, 2))
    pixels[0, 3, 3] = 1
    assert means_of(second, (0, 0, 0), layout, 2).item() == 1  # 8 / 16, up
    assert means_of(second - np.uint16(1), (0, 0, 0), layout, 2).item() == 0


def test_parts_hold_whole_cells_of_every_level_they_write():
    for name, form in formats().items():
        layout = layout_of(
            shape=(9, 1000, 1300), levels=6, chunk=(1, 16, 16), shard=(1, 64, 64),
            encoding=form.encodings[0], sharded=form.shards_by_custom,
        )  # fmt: skip
        layout = form.prepared(layout)
        passes = planned_passes(form, layout, workers=2)
        covered = [level for one in passes for level in range(one.first, one.last + 1)]
        assert covered == list(range(6)), name
        for one in passes:
            for level in range(one.first, one.last + 1):
                shrunk = [
                    n / f
                    for n, f in zip(one.block, layout.scale_of(level - one.first), strict=True)
                ]
                cells = zip(
                    shrunk, form.cell(layout, level), layout.level_shape(level), strict=True
                )
                assert all(c >= size or n % c == 0 for n, c, size in cells), (name, level)


def test_one_section_gives_work_to_two_processes():
    layout = layout_of(
        shape=(1, 11295, 11295), levels=6, chunk=(1, 512, 512), shard=(1, 2048, 2048)
    )
    form = formats()["omezarr"]
    assert planned_passes(form, layout, 2)[0] == Pass(0, 1, (1, 4096, 4096))
    assert planned_passes(form, layout, 1)[0] == Pass(0, 2, (1, 8192, 8192))


def test_planes_of_gaps():
    zs = (3.0, None, None, 6.0)
    assert filled(zs, "blank") == (((3.0, 1.0),), (), (), ((6.0, 1.0),))
    assert filled(zs, "repeat")[1:3] == (((3.0, 1.0),), ((6.0, 1.0),))
    (low, high) = filled(zs, "interpolate")[1]
    assert (low[0], high[0]) == (3.0, 6.0)
    assert (low[1], high[1]) == pytest.approx((2 / 3, 1 / 3))
    assert filled((0.0, None, 2.0), "repeat")[1] == ((0.0, 1.0),)


def test_of_the_last_parts_the_small_ones_come_last_and_none_is_lost():
    sizes = [1, 5, 2, 1, 4, 9]
    parts = [Part(0, 0, (z, 0, 0), (z + 1, 1, size)) for z, size in enumerate(sizes)]
    assert [part.voxels for part in with_small_ones_last(parts, 4)] == [1, 5, 9, 4, 2, 1]
    assert [part.voxels for part in with_small_ones_last(parts, 99)] == [9, 5, 4, 2, 1, 1]
    assert sorted(with_small_ones_last(parts, 4)) == parts
