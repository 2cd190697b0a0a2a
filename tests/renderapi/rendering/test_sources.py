"""Which file a level comes from, and what files hold."""

import zipfile

import numpy as np
import pytest
import tensorstore
import tifffile
from PIL import Image

from renderapi.errors import ImageError, SpecError
from renderapi.rendering import render_canvas
from renderapi.rendering.sources import (
    channels_of,
    image_size_and_dtype,
    read_image,
    source_at_level,
)
from renderapi.urls import path_to_url

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (37, 53)).astype(np.uint8)
DEEP = RANDOM.integers(0, 65536, (37, 53)).astype(np.uint16)
REAL = RANDOM.normal(0, 1, (37, 53)).astype(np.float32)
COLOUR = RANDOM.integers(0, 256, (37, 53, 3)).astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.gif", "a.pgm"])
def test_8_bit_files_are_read_as_they_are(tmp_path, name):
    Image.fromarray(GREY).save(tmp_path / name)
    assert np.array_equal(read_image(path_to_url(tmp_path / name)), GREY)
    assert image_size_and_dtype(tmp_path / name) == (53, 37, np.dtype(np.uint8))


@pytest.mark.parametrize("array", [DEEP, REAL], ids=["16 bit", "float"])
@pytest.mark.parametrize("options", [
    {}, {"compression": "zlib"}, {"compression": "lzw"}, {"tile": (16, 16)}, {"byteorder": ">"},
    {"rowsperstrip": 5},
], ids=str)  # fmt: skip
def test_tiff_of_every_layout(tmp_path, array, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, **options)
    pixels = read_image(str(path))
    assert np.array_equal(pixels, array) and pixels.dtype == array.dtype
    assert image_size_and_dtype(path) == (53, 37, array.dtype)


def test_16_bit_png(tmp_path):
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    assert np.array_equal(read_image(str(tmp_path / "a.png")), DEEP)
    assert image_size_and_dtype(tmp_path / "a.png") == (53, 37, np.dtype(np.uint16))


def test_colour_loses_its_alpha(tmp_path):
    rgba = np.dstack([COLOUR, GREY])
    for name in ("a.png", "a.tif"):
        Image.fromarray(rgba).save(tmp_path / name)
        assert np.array_equal(read_image(str(tmp_path / name)), COLOUR)


def test_jpeg_is_read_closely(tmp_path):
    smooth = np.tile(np.arange(0, 240, 3, dtype=np.uint8), (64, 1))
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    pixels = read_image(str(tmp_path / "a.jpg"))
    assert pixels.shape == smooth.shape
    assert np.abs(pixels.astype(int) - smooth).max() < 8


def test_palettes_are_looked_up(tmp_path):
    indexed = Image.fromarray(COLOUR).quantize(16)
    indexed.save(tmp_path / "colour.png")
    assert np.array_equal(read_image(str(tmp_path / "colour.png")), indexed.convert("RGB"))
    indexed = Image.fromarray(GREY // 32 * 32).convert("P")
    indexed.save(tmp_path / "grey.gif")
    assert read_image(str(tmp_path / "grey.gif")).ndim == 2


def test_black_and_white_becomes_0_and_255(tmp_path):
    Image.fromarray(GREY > 127).save(tmp_path / "a.png")
    assert np.array_equal(read_image(str(tmp_path / "a.png")), (GREY > 127) * np.uint8(255))


def test_pages_are_counted_from_0(tmp_path):
    stack = RANDOM.integers(0, 256, (4, 20, 30)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    url = str(tmp_path / "a.tif")
    assert np.array_equal(read_image(url), stack[0])
    assert np.array_equal(read_image(url, "IMAGEJ_TIFF_STACK", 2), stack[2])
    with pytest.raises(ImageError, match="plane 4 of 4"):
        read_image(url, "IMAGEJ_TIFF_STACK", 4)


def test_imagej_stacks_have_pages_too(tmp_path):
    stack = RANDOM.integers(0, 65536, (3, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True)
    assert np.array_equal(read_image(str(tmp_path / "a.tif"), "IMAGEJ_TIFF_STACK", 1), stack[1])


def test_a_composite_adds_its_channels_in_their_colours(tmp_path):
    red = np.zeros((8, 9), np.uint8)
    red[2:4] = 255
    green = np.zeros((8, 9), np.uint8)
    green[:, 3:5] = 255
    tifffile.imwrite(
        tmp_path / "a.tif", np.stack([red, green]), imagej=True, metadata={"axes": "CYX"}
    )
    picture = read_image(str(tmp_path / "a.tif"), "IMAGEJ_COMPOSITE")
    assert picture.shape == (8, 9, 3)
    assert np.array_equal(picture[:, :, 0], red) and np.array_equal(picture[:, :, 1], green)
    assert not picture[:, :, 2].any()


def test_zipped_tiffs_are_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", DEEP)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.tif", "a.tif")
    assert np.array_equal(read_image(str(tmp_path / "a.zip")), DEEP)


@pytest.mark.parametrize("driver", ["n5", "zarr", "zarr3"])
def test_slices_of_volumes(tmp_path, driver):
    volume = RANDOM.integers(0, 65536, (5, 20, 30)).astype(np.uint16)  # z, y, x
    stored = volume.T if driver == "n5" else volume
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{tmp_path}/v/s0/"}}
    tensorstore.open(spec, create=True, dtype="uint16", shape=stored.shape).result().write(
        stored
    ).result()
    loader = "N5_SLICE" if driver == "n5" else "ZARR_SLICE"
    url = f"{path_to_url(tmp_path / 'v')}?dataSet=/s0&z=3"
    assert np.array_equal(read_image(url, loader), volume[3])
    assert np.array_equal(read_image(f"{url}&x=4&y=5&w=7&h=6", loader), volume[3, 5:11, 4:11])
    with pytest.raises(ImageError, match="outside"):
        read_image(f"{url}&x=25&w=7", loader)


def test_slices_of_hdf5_volumes(tmp_path):
    h5py = pytest.importorskip("h5py")
    volume = RANDOM.integers(0, 65536, (5, 20, 30)).astype(np.uint16)  # z, y, x
    with h5py.File(tmp_path / "v.h5", "w") as container:
        container.create_dataset("raw/s0", data=volume, chunks=(1, 8, 8), compression="gzip")
        container.create_dataset("real", data=REAL)
    url = f"{path_to_url(tmp_path / 'v.h5')}?dataSet=/raw/s0"
    assert np.array_equal(
        read_image(f"{url}&z=3&x=4&y=5&w=7&h=6", "H5_SLICE"), volume[3, 5:11, 4:11]
    )
    assert np.array_equal(read_image(url, "H5_SLICE", 2), volume[2])
    flat = read_image(f"{path_to_url(tmp_path / 'v.h5')}?dataSet=real", "H5_SLICE")
    assert flat.dtype == np.float32 and np.array_equal(flat, REAL)
    for wrong, reason in ((f"{url}&z=5", "outside"), (f"{url}9", "no data set")):
        with pytest.raises(ImageError, match=reason):
            read_image(wrong, "H5_SLICE")


def test_tiffs_compressed_as_jpeg_are_read_closely(tmp_path):
    smooth = np.tile(np.arange(0, 240, 3, dtype=np.uint8), (64, 1))
    tifffile.imwrite(tmp_path / "a.tif", smooth, compression="jpeg", tile=(32, 32))
    pixels = read_image(str(tmp_path / "a.tif"))
    assert pixels.shape == smooth.shape
    assert np.abs(pixels.astype(int) - smooth).max() < 12


def test_a_volume_slice_is_a_tile(tmp_path, scenes):
    volume = RANDOM.integers(0, 256, (3, 20, 30)).astype(np.uint8)
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/v/"}}
    tensorstore.open(spec, create=True, dtype="uint8", shape=volume.shape).result().write(
        volume
    ).result()
    tile = scenes.tile(f"{path_to_url(tmp_path / 'v')}?z=1", 30, 20)
    tile["mipmapLevels"]["0"]["imageLoaderType"] = "ZARR_SLICE"
    canvas = render_canvas(scenes.window([tile], 0, 0, 30, 20))
    assert np.array_equal(canvas.pixels, volume[1])


def test_dynamic_masks_are_a_box_of_255():
    url = "mask://outside-box?minX=2&minY=1&maxX=6&maxY=4&width=10&height=8"
    mask = np.zeros((8, 10), np.uint8)
    mask[1:4, 2:6] = 255
    assert np.array_equal(read_image(url), mask)
    assert read_image(f"{url}&level=1").shape == (4, 5)
    with pytest.raises(ImageError, match="mask"):
        read_image("mask://outside-box?minX=2")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty|known"), (b"not an image", "known"), (b"\x89PNG\r\n\x1a\n" + b"0" * 30, "png")],
)
def test_broken_files_are_one_line(tmp_path, content, reason):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png") as error:
        read_image(str(tmp_path / "a.png"))
    assert "\n" not in str(error.value)


def test_an_unknown_loader_is_refused():
    with pytest.raises(ImageError, match="unknown loader type 'X'"):
        read_image("/a.png", "X")


def levels(*numbers):
    return {str(n): {"imageUrl": f"/data/{n}.tif"} for n in numbers}


def test_the_greatest_level_that_is_not_above_the_wanted_one_is_read():
    channel = channels_of({"tileId": "t", "mipmapLevels": levels(0, 2, 3)})[0]
    chosen = [source_at_level(channel, level, None)[0::7] for level in range(5)]
    assert [(url, halvings) for url, halvings in chosen] == [
        ("/data/0.tif", 0), ("/data/0.tif", 1), ("/data/2.tif", 0), ("/data/3.tif", 0),
        ("/data/3.tif", 1),
    ]  # fmt: skip


def test_the_mipmap_path_builder_is_used_where_its_files_exist(tmp_path):
    source = tmp_path / "data" / "a.tif"
    url = path_to_url(source)
    channel = channels_of({"tileId": "t", "mipmapLevels": {"0": {"imageUrl": url}}})[0]
    builder = {"rootPath": f"{tmp_path}/mips", "numberOfLevels": 2, "extension": "png"}
    assert source_at_level(channel, 3, builder).url == url
    made = tmp_path / "mips" / "2" / f"{str(source).lstrip('/')}.png"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"x")
    chosen = source_at_level(channel, 3, builder)
    assert (chosen.url, chosen.halvings) == (str(made), 1)
    made.write_bytes(b"")
    assert source_at_level(channel, 3, builder).url == url


def test_a_pattern_puts_the_level_between_its_groups(tmp_path):
    (tmp_path / "l1_a.tif").write_bytes(b"x")
    first = {"imageUrl": str(tmp_path / "l0_a.tif")}
    channel = channels_of({"tileId": "t", "mipmapLevels": {"0": first}})[0]
    builder = {"numberOfLevels": 5, "imageMipmapPatternString": r"(.*/l)\d(_.*)"}
    assert source_at_level(channel, 1, builder).url == str(tmp_path / "l1_a.tif")


def test_a_tile_without_images_is_refused():
    for tile in ({"tileId": "t"}, {"tileId": "t", "mipmapLevels": {"0": {"maskUrl": "m"}}}):
        with pytest.raises(SpecError, match="tile t"):
            channels_of(tile)
