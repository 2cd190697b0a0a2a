"""Derived images: found again, never given other content, whole or not there."""

import os
import threading

import numpy as np
import pytest
import tifffile
from PIL import Image

from renderapi.errors import ImageError
from renderapi.rendering.readers import read_image
from renderapi.urls import path_to_url
from renderapps.module import derived_images
from renderapps.module.derived_images import DerivedImage, Source, flipped, make_missing
from renderapps.module.image_files import Coding, encoded, is_whole, text_of

PIXELS = np.random.default_rng(3).integers(0, 255, (9, 14), dtype=np.uint8)


@pytest.fixture
def source(tmp_path):
    tifffile.imwrite(tmp_path / "a b.tif", PIXELS)
    return Source(path_to_url(tmp_path / "a b.tif"))


def derive(source, folder, value, suffix=".tif", redo=False):
    """Image with `value` added; its path and how many were written."""
    image = DerivedImage(source, {"added": value}, folder / f"out{suffix}")
    paths, made = make_missing({0: image}, lambda _: [source.read() + np.uint8(value)], redo)
    return paths[0], made


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_the_text_goes_with_the_image_in_every_format(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    for pixels in (PIXELS, np.stack([PIXELS] * 3, -1)):
        path.write_bytes(encoded(pixels, suffix, '{"a": "b"}', Coding("zlib", 9)))
        assert text_of(path) == '{"a": "b"}' and is_whole(path)
        for read in (read_image(path_to_url(path)), np.array(Image.open(path))):
            assert read.shape == pixels.shape
            if suffix != ".jpg":
                np.testing.assert_array_equal(read, pixels)
        path.write_bytes(path.read_bytes()[:-9])
        assert not is_whole(path)
    path.write_bytes(b"\xff\xd8")
    assert text_of(path) is None and text_of(tmp_path / "none") is None


def test_formats_say_what_they_cannot_hold(tmp_path, source):
    image = DerivedImage(source, {}, tmp_path / "out.jpg")
    with pytest.raises(ImageError, match="cannot hold uint16"):
        image.write(np.zeros((4, 4), np.uint16))
    assert list(tmp_path.iterdir()) == [tmp_path / "a b.tif"]


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_other_settings_or_a_changed_source_give_another_file(tmp_path, source, suffix):
    first, made = derive(source, tmp_path, 1, suffix)
    assert (first, made) == (tmp_path / f"out{suffix}", 1)
    second, made = derive(source, tmp_path, 2, suffix)
    assert made == 1 and second != first
    assert derive(source, tmp_path, 1, suffix) == (first, 0)
    assert derive(source, tmp_path, 2, suffix) == (second, 0)
    tifffile.imwrite(tmp_path / "a b.tif", PIXELS + 50)
    os.utime(tmp_path / "a b.tif", ns=(5, 5))
    third, made = derive(Source(source.url), tmp_path, 1, suffix)
    assert made == 1 and third not in (first, second)
    shown = [read_image(path_to_url(path)) for path in (first, second, third)]
    for pixels, added in zip(shown, (1, 2, 51), strict=True):
        np.testing.assert_array_equal(pixels, PIXELS + np.uint8(added))


def test_a_file_of_somebody_else_stays(tmp_path, source):
    (tmp_path / "out.tif").write_bytes(b"mine")
    path, _ = derive(source, tmp_path, 1, redo=True)
    assert (tmp_path / "out.tif").read_bytes() == b"mine" and path.exists()
    assert derive(source, tmp_path, 1) == (path, 0)


def test_what_is_damaged_or_to_be_made_again_keeps_its_name(tmp_path, source):
    for value in (1, 2):  # the plain name and the long one
        path, _ = derive(source, tmp_path, value)
        path.write_bytes(path.read_bytes()[:-20])
        assert derive(source, tmp_path, value) == (path, 1)
        assert derive(source, tmp_path, value, redo=True) == (path, 1)
        np.testing.assert_array_equal(read_image(path_to_url(path)), PIXELS + np.uint8(value))


@pytest.mark.parametrize("with_links", [True, False])
def test_two_that_want_one_name_at_once_both_get_what_they_made(
    tmp_path, source, monkeypatch, with_links
):
    if not with_links:
        monkeypatch.setattr(os, "link", lambda *_: os.open(tmp_path, os.O_WRONLY))  # an OSError
    barrier, paths = threading.Barrier(4), {}

    def work(value):
        def make(_):
            barrier.wait(100)
            return [PIXELS + np.uint8(value)]

        image = DerivedImage(source, {"added": value}, tmp_path / "out.png")
        paths[value] = make_missing({0: image}, make)[0][0]

    threads = [threading.Thread(target=work, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths.values())) == 4 and tmp_path / "out.png" in paths.values()
    for value, path in paths.items():
        np.testing.assert_array_equal(read_image(path_to_url(path)), PIXELS + np.uint8(value))
    assert len(list(tmp_path.iterdir())) == 5  # no temporary file


def test_only_what_is_missing_is_made_one_after_the_other(tmp_path, source):
    images = {n: DerivedImage(source, {"n": n}, tmp_path / f"{n}.tif") for n in range(4)}
    images[2].write(PIXELS)
    asked = []

    def make(missing):
        asked.extend(missing)
        for n in missing:
            if n == 3:
                raise ImageError("stop")
            yield PIXELS

    with pytest.raises(ImageError):
        make_missing(images, make)
    assert asked == [0, 1, 3]  # what was made before the stop is found by the next run
    assert make_missing(images, lambda missing: [PIXELS] * len(missing))[1] == 1


def test_a_slice_has_a_file_of_its_own_and_an_image_upside_down_its_values(tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, np.stack([PIXELS, PIXELS.max() - PIXELS]), photometric="minisblack")
    source = Source(path_to_url(path), slice=1)
    target = source.beside("_flip.tif", tmp_path / "below")
    assert target == tmp_path / "below" / str(tmp_path).lstrip("/") / "s_00001_flip.tif"
    made, pixels = flipped(source, target)
    np.testing.assert_array_equal(tifffile.imread(made), (PIXELS.max() - PIXELS)[::-1])
    assert pixels is not None and flipped(source, target) == (made, None)


def test_a_source_that_is_missing_is_named(tmp_path):
    image = DerivedImage(Source("file:///none/x.tif"), {}, tmp_path / "x.tif")
    with pytest.raises(ImageError, match=r"x\.tif"):
        make_missing({0: image}, lambda _: [PIXELS])
    assert derived_images.Source("http://a.invalid/x.tif").identity()["changed_and_bytes"] is None
