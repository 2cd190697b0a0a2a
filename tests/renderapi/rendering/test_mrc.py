"""Sections of MRC files, written by the mrcfile library or byte by byte."""

import os
import struct
import tracemalloc
import zipfile

import fsspec
import mrcfile
import numpy as np
import pytest

from renderapi.errors import ImageError
from renderapi.rendering import SourceCache, render_canvas
from renderapi.rendering.formats import count_planes
from renderapi.rendering.mipmaps import write_mipmaps
from renderapi.rendering.pyramid import downsample
from renderapi.rendering.readers import image_size_and_dtype, read_image, read_info
from renderapi.rendering.sources import SourceView
from renderapi.urls import path_to_url, url_to_path

SHAPE = (3, 21, 34)  # sections, rows, columns
RNG = np.random.default_rng(5)


def written(path, data, big_endian=False, extended=b""):
    """An MRC file of the mrcfile library, whose first row is the first in the file."""
    with mrcfile.new(path) as file:
        if big_endian:
            data = data.astype(data.dtype.newbyteorder(">"))
        file.set_data(data)
        if extended:
            file.set_extended_header(np.frombuffer(extended, np.uint8))
    return path


def by_hand(path, data, mode, **words):
    """A little-endian file as old programs wrote it: no MAP, no machine stamp, no statistics."""
    head = bytearray(1024)
    sections, rows, columns = data.shape[:3]
    struct.pack_into("<4i", head, 0, columns, rows, sections, mode)
    struct.pack_into("<3i", head, 64, 1, 2, 3)
    for offset, (form, value) in words.items():
        struct.pack_into(form, head, int(offset[1:]), value)
    path.write_bytes(bytes(head) + data.tobytes())
    return path


# mrcfile, which writes these, changes the byte order of its header in place
@pytest.mark.filterwarnings("ignore:Setting the dtype on a NumPy array:DeprecationWarning")
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize(
    ("stored", "pixels"),
    [("i2", "f4"), ("f4", "f4"), ("u2", "u2"), ("f2", "f4")],
)
def test_modes_and_byte_orders(tmp_path, stored, pixels, big_endian):
    data = RNG.integers(-900 if stored[0] != "u" else 0, 900, SHAPE).astype(stored)
    path = str(written(tmp_path / "a.st", data, big_endian, extended=b"x" * 1536))
    for number in range(3):
        read = read_image(path, "IMAGEJ_TIFF_STACK", number)
        assert read.dtype == np.dtype(pixels)
        np.testing.assert_array_equal(read, data[number, ::-1])
    np.testing.assert_array_equal(read_image(path), data[0, ::-1])
    assert image_size_and_dtype(path) == (34, 21, np.dtype(pixels))
    assert count_planes(tmp_path / "a.st") == 3


@pytest.mark.parametrize(
    ("words", "offset"),
    [
        ({"_152": ("<i", 1146047817), "_156": ("<i", 1)}, 128),  # IMOD: signed
        ({"_152": ("<i", 1146047817), "_76": ("<f", -5.0)}, 0),  # IMOD: unsigned
        ({"_76": ("<f", -128.0)}, 128),
        ({"_76": ("<f", 3.0)}, 0),
    ],
)
def test_bytes_are_signed_as_imod_says(tmp_path, words, offset):
    data = RNG.integers(0, 256, SHAPE).astype(np.uint8)
    path = str(by_hand(tmp_path / "a.mrc", data, 0, **words))
    read = read_image(path, slice=1)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, (data[1, ::-1].astype(int) + offset) % 256)


def test_signed_bytes_of_the_standard(tmp_path):
    data = RNG.integers(-128, 128, SHAPE).astype(np.int8)
    read = read_image(str(written(tmp_path / "a.mrc", data)), slice=2)
    np.testing.assert_array_equal(read.astype(int), data[2, ::-1].astype(int) + 128)


def test_colour(tmp_path):
    data = RNG.integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    path = str(by_hand(tmp_path / "a.rec", data, 16))
    np.testing.assert_array_equal(read_image(path, slice=2), data[2, ::-1])
    assert read_info(path, slice=2) == (34, 21, np.dtype(np.uint8), 3)


def test_what_is_wrong_is_said_in_one_line(tmp_path):
    data = np.zeros(SHAPE, np.uint16)
    path = written(tmp_path / "a.map", data)
    for number, reason in ((3, "section 3 of 3 does not exist"), (-1, "section -1 of 3")):
        with pytest.raises(ImageError, match=reason):
            read_image(str(path), slice=number)
        with pytest.raises(ImageError, match=reason):
            read_info(str(path), slice=number)
    os.truncate(path, path.stat().st_size - 1)
    assert read_image(str(path), slice=1).shape == (21, 34)
    with pytest.raises(ImageError, match=r"a\.map: section 2 of 3 is cut short"):
        read_image(str(path), slice=2)
    complex_mode = by_hand(tmp_path / "b.mrc", np.zeros((1, 4, 8), np.uint8), 4)
    with pytest.raises(ImageError, match="mode 4"):
        read_info(str(complex_mode))
    huge = by_hand(tmp_path / "c.mrc", np.zeros((1, 4, 8), np.uint8), 0)
    with huge.open("r+b") as file:
        file.write(struct.pack("<2i", 1 << 20, 1 << 20))
    with pytest.raises(ImageError, match="too large"):
        read_image(str(huge))
    noise = tmp_path / "noise.mrc"
    noise.write_bytes(bytes(range(256)) * 8)
    with pytest.raises(ImageError, match="no known image format"):
        read_image(str(noise))


def test_a_section_of_a_huge_file_costs_a_section(tmp_path):
    sections, side = 10_000, 2048  # 42 GB, of which the disk holds one section
    path = by_hand(tmp_path / "a.st", np.zeros((1, 1, 1), np.uint8), 0)
    picture = RNG.integers(0, 256, (side, side)).astype(np.uint8)
    with path.open("r+b") as file:
        file.write(struct.pack("<3i", side, side, sections))
        file.seek(1024 + 9_000 * side * side)
        file.write(picture.tobytes())
        file.truncate(1024 + sections * side * side)
    tracemalloc.start()
    read = read_image(str(path), slice=9_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(read, picture[::-1])
    assert peak < 4 * side * side


def test_a_section_of_an_object_store_and_of_a_zip_file(tmp_path):
    data = RNG.integers(0, 900, SHAPE).astype(np.uint16)
    path = written(tmp_path / "a.mrc", data)
    with fsspec.open("memory://stacks/a.mrc", "wb") as stream:
        stream.write(path.read_bytes())
    np.testing.assert_array_equal(read_image("memory://stacks/a.mrc", slice=2), data[2, ::-1])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(path, "a.mrc")
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.zip"), slice=1), data[1, ::-1])


def test_mipmaps_of_sections_are_files_of_their_own(tmp_path):
    data = RNG.integers(0, 60_000, SHAPE).astype(np.uint16)
    url = path_to_url(written(tmp_path / "a b.st", data))
    for number in range(3):
        made = write_mipmaps(url, (1, 2), tmp_path / "mips", slice=number)
        for level, made_url in made.items():
            expected = downsample(data[number, ::-1], level)
            np.testing.assert_array_equal(read_image(made_url), expected)
    assert len(list((tmp_path / "mips").rglob("*.tif"))) == 6
    assert url_to_path(made[1]).name == "a b.st.00002.tif"


def test_a_tile_shows_its_section(tmp_path, scenes):
    data = RNG.integers(0, 256, SHAPE).astype(np.uint8)
    path = by_hand(tmp_path / "a.st", data, 0)
    tile = scenes.tile(path, 34, 21)
    tile["mipmapLevels"]["0"] |= {"imageLoaderType": "IMAGEJ_TIFF_STACK", "imageSliceNumber": 1}
    canvas = render_canvas(scenes.window([tile], 0, 0, 34, 21), sources=SourceCache())
    np.testing.assert_array_equal(canvas.pixels, data[1, ::-1])
    info = SourceView(SourceCache()).info(path_to_url(path), "IMAGEJ_TIFF_STACK", 2)
    assert info == (34, 21, np.dtype(np.uint8), 1)
