"""Mipmap files."""

import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from renderapi.errors import ImageError, SpecError
from renderapi.rendering.mipmaps import mipmap_path, write_mipmaps
from renderapi.rendering.pyramid import downsample
from renderapi.rendering.sources import channels_of, read_image, source_at_level
from renderapi.urls import path_to_url, url_to_path

DEEP = np.random.default_rng(0).integers(0, 65536, (45, 62)).astype(np.uint16)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "raw data" / "tile #1.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, DEEP)
    return path_to_url(path)


@pytest.mark.parametrize("format", ["tif", "png"])
def test_levels_are_repeated_means_of_the_same_type(source, tmp_path, format):
    made = write_mipmaps(source, [1, 3], tmp_path / "m", format)
    assert set(made) == {1, 3}
    for level, url in made.items():
        assert np.array_equal(read_image(url), downsample(DEEP, level))
        assert read_image(url).dtype == np.uint16


def test_the_builder_finds_them(source, tmp_path):
    made = write_mipmaps(source, [1, 2], tmp_path / "m", "tif")
    channel = channels_of({"tileId": "t", "mipmapLevels": {"0": {"imageUrl": source}}})[0]
    builder = {"rootPath": str(tmp_path / "m"), "numberOfLevels": 2, "extension": "tif"}
    found = source_at_level(channel, 2, builder)
    assert (found.url, found.halvings) == (str(url_to_path(made[2])), 0)


def test_files_that_are_current_are_kept_and_others_made_again(source, tmp_path):
    path = url_to_path(write_mipmaps(source, [1], tmp_path / "m")[1])
    os.utime(path, ns=(1 << 62, 1 << 62))
    kept = path.stat().st_mtime_ns
    write_mipmaps(source, [1], tmp_path / "m")
    assert path.stat().st_mtime_ns == kept
    path.write_bytes(path.read_bytes()[:40])
    os.utime(path, ns=(1 << 62, 1 << 62))
    write_mipmaps(source, [1], tmp_path / "m")
    assert np.array_equal(read_image(str(path)), downsample(DEEP))
    os.utime(path, ns=(0, 0))
    write_mipmaps(source, [1], tmp_path / "m")
    assert path.stat().st_mtime_ns > 0


def test_masks_are_8_bit_and_never_jpeg(tmp_path):
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, (DEEP > 30000).astype(np.uint16) * 1000)
    made = write_mipmaps(str(path), [1], tmp_path / "m", "jpg", mask=True)
    assert made[1].endswith(".png")
    assert np.array_equal(read_image(made[1]), downsample((DEEP > 30000) * np.uint8(255)))


def test_dynamic_masks_need_no_files(tmp_path):
    url = "mask://outside-box?minX=2&minY=1&maxX=6&maxY=4&width=10&height=8"
    assert write_mipmaps(url, [1, 2], tmp_path / "m", mask=True) == {
        1: f"{url}&level=1", 2: f"{url}&level=2",
    }  # fmt: skip
    assert not (tmp_path / "m").exists()


def test_levels_of_an_image_that_is_a_level_itself(source, tmp_path):
    made = write_mipmaps(source, [3], tmp_path / "m", source_level=2)
    assert np.array_equal(read_image(made[3]), downsample(DEEP))
    with pytest.raises(SpecError, match="level 2"):
        write_mipmaps(source, [2], tmp_path / "m", source_level=2)


def test_jpeg_cannot_hold_16_bits(source, tmp_path):
    with pytest.raises(ImageError, match="jpg"):
        write_mipmaps(source, [1], tmp_path / "m", "jpg")
    assert not list((tmp_path / "m").rglob("*.jpg"))


def test_8_bit_jpeg(tmp_path):
    Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (50, 1))).save(tmp_path / "a.png")
    made = write_mipmaps(str(tmp_path / "a.png"), [1], tmp_path / "m", "jpeg")
    assert read_image(made[1]).shape == (25, 100)


def test_too_many_levels_are_refused(source, tmp_path):
    with pytest.raises(ImageError, match="no pixels left at level 6"):
        write_mipmaps(source, [1, 6], tmp_path / "m")


def test_planes_have_files_of_their_own(tmp_path):
    paths = {mipmap_path("/a/b.tif", 1, "/m", "png", plane) for plane in (None, 0, 1)}
    assert len(paths) == 3


def test_an_unknown_format_is_refused(source, tmp_path):
    with pytest.raises(SpecError, match="gif"):
        write_mipmaps(source, [1], tmp_path / "m", "gif")
