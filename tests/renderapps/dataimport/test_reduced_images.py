"""Reduced copies: sizes, means, conversion and what is kept."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from renderapi.errors import ImageError
from renderapi.urls import path_to_url
from renderapps.dataimport.reduced_images import (
    LevelSpec,
    fitting,
    mask_levels,
    resampled,
    to_8_bit,
    write_levels,
)
from renderapps.module.derived_images import Source


def saved(path, pixels):
    tifffile.imwrite(path, pixels)
    return Source(path_to_url(path))


def test_levels_are_means_at_full_depth_then_8_bit(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 65536, (37, 50), dtype=np.uint16)
    spec = LevelSpec(2, "png")
    path = tmp_path / "out" / "two.png"
    made = write_levels(saved(tmp_path / "a.tif", pixels), {spec: path})
    assert made == ({spec: path}, 1)
    half = pixels[:36, :50].astype(int).reshape(18, 2, 25, 2).sum(axis=(1, 3)) // 4
    quarter = half[:18, :24].reshape(9, 2, 12, 2).sum(axis=(1, 3)) // 4
    np.testing.assert_array_equal(np.array(Image.open(path)), quarter // 256)


def test_8_bit_is_never_divided():
    pixels = np.array([[0, 7, 255]], np.uint8)
    np.testing.assert_array_equal(to_8_bit(pixels), pixels)
    np.testing.assert_array_equal(to_8_bit(pixels, (0, 1000)), pixels)


def test_16_bit_is_divided_or_windowed_and_floats_need_a_window():
    pixels = np.array([[0, 255, 256, 1000, 65535]], np.uint16)
    np.testing.assert_array_equal(to_8_bit(pixels), [[0, 0, 1, 3, 255]])
    assert to_8_bit(pixels, (255, 1000))[0].tolist()[:2] == [0, 0]
    assert to_8_bit(pixels, (255, 1000))[0].tolist()[3:] == [255, 255]
    with pytest.raises(ImageError, match="only between minIntensity and maxIntensity"):
        to_8_bit(pixels.astype(np.float32))


def test_masks_take_the_nearest_pixel(tmp_path):
    mask = np.zeros((9, 13), np.uint8)
    mask[:, 5:] = 255
    entry = {"maskUrl": saved(tmp_path / "m.tif", mask).url}
    spec = LevelSpec(1, "jpg", method="nearest")
    levels, written = mask_levels(entry, {spec: tmp_path / "m.jpg"})
    assert (levels, written) == ({1: {"maskUrl": path_to_url(tmp_path / "m.png")}}, 1)
    reduced = np.array(Image.open(tmp_path / "m.png"))
    np.testing.assert_array_equal(reduced, mask[1::2, 1::2])
    assert reduced.shape == (4, 6)


def test_levels_without_pixels_are_left_out():
    specs = [LevelSpec(level) for level in (3, 1, 2, 9)]
    assert [spec.level for spec in fitting(specs, 300, 7)] == [1, 2]


def test_only_what_is_missing_or_different_is_made(tmp_path):
    source = saved(tmp_path / "a.tif", np.full((16, 16), 4660, np.uint16))
    path = tmp_path / "a_mip01.tif"
    eight, sixteen = LevelSpec(1, "tif"), LevelSpec(1, "tif", to_8_bit=False)
    found = [write_levels(source, {spec: path}) for spec in (eight, eight, sixteen, sixteen)]
    assert [written for _, written in found] == [1, 0, 1, 0]
    first, second = found[0][0][eight], found[2][0][sixteen]
    assert (first, found[1][0][eight], found[3][0][sixteen]) == (path, path, second)
    assert tifffile.imread(first).dtype == np.uint8
    assert tifffile.imread(second).dtype == np.uint16
    assert write_levels(source, {eight: path}, redo=True) == ({eight: path}, 1)


def test_formats_that_cannot_hold_the_pixels_are_refused(tmp_path):
    source = saved(tmp_path / "a.tif", np.zeros((8, 8), np.uint16))
    with pytest.raises(ImageError, match="choose tif"):
        write_levels(source, {LevelSpec(1, "jpg", to_8_bit=False): tmp_path / "a.jpg"})
    assert not (tmp_path / "a.jpg").exists()


def test_pillow_resampling_keeps_the_type_and_a_constant():
    for pixels in (np.full((20, 30), 700, np.uint16), np.full((20, 30, 3), 9, np.uint8)):
        small = resampled(pixels, 15, 10)
        assert small.dtype == pixels.dtype
        assert small.shape == (10, 15, *pixels.shape[2:])
        assert (small == pixels.flat[0]).all()


def test_compression_is_as_asked_for(tmp_path):
    source = saved(tmp_path / "a.tif", np.zeros((64, 64), np.uint16))
    write_levels(source, {LevelSpec(1, "tif", lzw=True): tmp_path / "lzw.tif"})
    write_levels(source, {LevelSpec(1, "png", png_level=9): tmp_path / "nine.png"})
    with tifffile.TiffFile(tmp_path / "lzw.tif") as file:
        assert file.pages.first.compression == tifffile.COMPRESSION.LZW
    assert np.array(Image.open(tmp_path / "nine.png")).shape == (32, 32)


def test_a_level_may_be_resampled_from_the_whole_image(tmp_path):
    pixels = np.random.default_rng(5).integers(0, 65536, (24, 32), dtype=np.uint16)
    source = saved(tmp_path / "a.tif", pixels)
    specs = [LevelSpec(1, "tif", False), LevelSpec(2, "tif", False, method="PIL")]
    paths, _ = write_levels(source, {s: tmp_path / f"{s.level}.tif" for s in specs})
    image = Image.fromarray(pixels.astype(np.float32))
    expected = np.rint(np.asarray(image.resize((8, 6), Image.Resampling.BICUBIC)))
    np.testing.assert_array_equal(tifffile.imread(paths[specs[1]]), expected.clip(0, 65535))


def test_levels_that_are_made_together_are_those_that_are_made_alone(tmp_path):
    source = saved(
        tmp_path / "a.tif", np.random.default_rng(6).integers(0, 255, (40, 40), np.uint8)
    )
    specs = [LevelSpec(level, "tif", False) for level in (1, 3)]
    both, _ = write_levels(source, {s: tmp_path / f"{s.level}.tif" for s in specs})
    alone, _ = write_levels(source, {specs[1]: tmp_path / "alone.tif"})
    images = [tifffile.imread(path) for path in (both[specs[1]], alone[specs[1]])]
    assert images[0].shape == (5, 5)
    np.testing.assert_array_equal(*images)


def test_another_window_is_another_image(tmp_path):
    source = saved(tmp_path / "a.tif", np.full((8, 8), 1000, np.uint16))
    spec = LevelSpec(1, "tif")
    shown = []
    for window in ((0, 2000), (900, 1100), None):
        paths, written = write_levels(source, {spec: tmp_path / "out.tif"}, window)
        assert written == 1
        shown.append(int(tifffile.imread(paths[spec])[0, 0]))
    assert shown == pytest.approx([127, 127, 3], abs=1) and len(list(tmp_path.iterdir())) == 4
