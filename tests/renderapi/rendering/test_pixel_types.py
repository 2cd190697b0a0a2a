"""What stored pixels become: the header says what the data turn out to be, in every format."""

import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from renderapi.errors import ImageError
from renderapi.rendering.readers import read_image, read_info

GREY = ["bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32"]


@pytest.mark.parametrize("dtype", [*GREY, "float64"])
@pytest.mark.parametrize("negative", [False, True])
def test_header_and_data_of_a_tiff_agree(tmp_path, dtype, negative):
    path = tmp_path / "a.tif"
    values = np.array([[0, 1, 1], [1, 0, 1]])
    signed = negative and np.dtype(dtype).kind in "if"
    data = (values * (-7 if signed else 1)).astype(dtype)
    tifffile.imwrite(path, data, photometric="minisblack")
    pixels, info = read_image(str(path)), read_info(str(path))
    assert (info.height, info.width, info.dtype, info.components) == (2, 3, pixels.dtype, 1)
    expected = {"bool": "uint8", "uint8": "uint8", "uint16": "uint16"}.get(dtype, "float32")
    assert pixels.dtype == expected
    np.testing.assert_array_equal(pixels, data.astype(float) * (255 if dtype == "bool" else 1))


@pytest.mark.parametrize("order", ["<", ">"])
def test_signed_pixels_keep_their_values(tmp_path, order):
    data = np.array([[-32768, -1], [0, 32767]], order + "i2")
    tifffile.imwrite(tmp_path / "a.tif", data, byteorder=order)
    np.testing.assert_array_equal(read_image(str(tmp_path / "a.tif")), data.astype(np.float32))


@pytest.mark.parametrize("dtype", ["complex64", "int16", "float32"])
def test_what_is_no_image_is_refused_by_header_and_data(tmp_path, dtype):
    """Complex numbers, and colours of a type that has no white."""
    samples = () if dtype == "complex64" else (3,)
    how = {"photometric": "minisblack" if dtype == "complex64" else "rgb"}
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 5, *samples), dtype), **how)
    for read in (read_image, read_info):
        with pytest.raises(ImageError, match="not supported"):
            read(str(tmp_path / "a.tif"))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_inks_become_the_colours_that_they_print(tmp_path, planar, dtype):
    inks = np.array([[(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 255, 0)],
                     [(0, 0, 0, 255), (51, 102, 0, 51), (255, 255, 255, 0)]], np.uint8)  # fmt: skip
    colours = [[(255, 255, 255), (0, 255, 255), (255, 0, 0)],
               [(0, 0, 0), (163, 122, 204), (0, 0, 0)]]  # fmt: skip
    path = tmp_path / "a.tif"
    data = inks.astype(dtype) * (257 if dtype == "uint16" else 1)
    stored = np.moveaxis(data, -1, 0) if planar == "separate" else data
    tifffile.imwrite(path, stored, photometric="separated", planarconfig=planar)
    assert read_info(str(path)) == (3, 2, np.dtype("u1"), 3)
    np.testing.assert_allclose(read_image(str(path)).astype(int), colours, atol=1)
    if dtype == "uint8" and planar == "contig":
        with Image.open(path) as other:  # a second reader
            np.testing.assert_allclose(read_image(str(path)), other.convert("RGB"), atol=1)


def test_sixteen_bit_greys_of_other_formats(tmp_path):
    data = np.array([[0, 300], [65535, 1]], np.uint16)
    for name in ("a.png", "a.pgm"):
        Image.fromarray(data).save(tmp_path / name)
        pixels, info = read_image(str(tmp_path / name)), read_info(str(tmp_path / name))
        assert pixels.dtype == info.dtype == np.uint16
        np.testing.assert_array_equal(pixels, data)


def test_a_header_says_when_an_mrc_file_is_cut_short(tmp_path):
    header = np.zeros(256, "<i4")
    header[:4], header[16:19], header[52] = (8, 4, 3, 1), (1, 2, 3), 0x2050414D
    path = tmp_path / "a.mrc"
    path.write_bytes(header.tobytes() + np.arange(96, dtype="<i2").tobytes())
    assert read_info(str(path), slice=2).dtype == np.float32
    os.truncate(path, path.stat().st_size - 1)
    assert read_info(str(path), slice=1).width == 8
    for read in (read_info, read_image):
        with pytest.raises(ImageError, match=r"a\.mrc: section 2 of 3 is cut short"):
            read(str(path), slice=2)
    with pytest.raises(ImageError, match="the file ends after 2 whole sections; copy it again"):
        read_info(str(path), slice=2)
