"""Canvas values to image files."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image
from slow_renderer import Slow

from renderapi.errors import SpecError
from renderapi.rendering import render_canvas
from renderapi.rendering.canvas import Canvas
from renderapi.rendering.intensity import (
    DisplayRange,
    display_range,
    stretch_components,
    to_8_bit,
    to_16_bit,
)
from renderapi.rendering.output import CONTENT_TYPES, encode, to_rgba

FULL = DisplayRange(0.0, 255.0)


def canvas(pixels, alpha=None, shown=FULL, **more):
    height, width = pixels.shape[:2]
    return Canvas(pixels, alpha, shown, width, height, **more)


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture
def grey():
    return np.random.default_rng(0).integers(0, 256, (23, 31)).astype(np.uint8)


def test_8_bit_ranges_truncate(grey):
    assert np.array_equal(to_8_bit(grey, FULL), grey)
    levels = to_8_bit(grey, DisplayRange(10.0, 138.0)).astype(int)
    value = grey.astype(int)
    expected = np.where(value < 10, 0, np.where(value > 138, 255, 256 * (value - 10) // 128))
    assert np.array_equal(levels, np.minimum(expected, 255))
    assert to_8_bit(np.array([[64]], np.uint8), DisplayRange(0.0, 128.0))[0, 0] == 128


def test_16_bit_ranges_round_over_one_more_step():
    values = np.array([[0, 99, 100, 300, 612, 613, 65535]], np.uint16)
    levels = to_8_bit(values, DisplayRange(100.0, 612.0))
    expected = [min(255, int(max(0, int(v) - 100) * 256 / 513 + 0.5)) for v in values[0]]
    assert levels[0].tolist() == expected


def test_float_ranges_have_255_steps_and_survive_nan():
    values = np.array([[-1.0, 0.0, 0.5, 1.0, 7.0, np.nan]], np.float32)
    assert to_8_bit(values, DisplayRange(0.0, 1.0))[0].tolist() == [0, 0, 128, 255, 255, 0]
    assert to_16_bit(values, DisplayRange(0.0, 1.0))[0].tolist() == [0, 0, 32768, 65535, 65535, 0]


def test_an_empty_range_does_not_fail(grey):
    assert set(np.unique(to_8_bit(grey, DisplayRange(50.0, 50.0)))) == {0, 255}


def test_png_is_rgba_of_the_same_picture(grey):
    picture = opened(encode(canvas(grey), "png"))
    assert picture.shape == (23, 31, 4)
    assert np.array_equal(picture[:, :, 0], grey) and (picture[:, :, 3] == 255).all()
    assert np.array_equal(picture, to_rgba(canvas(grey)))


@pytest.mark.parametrize("low", [0, 100, 129.6, 254])
def test_8_bit_images_take_no_range_that_is_upside_down(low):
    grey = np.arange(256, dtype=np.uint8)[None]
    shown = display_range("8", low + 1, low)
    assert np.array_equal(to_8_bit(grey, shown), grey)
    assert np.array_equal(to_8_bit(grey, DisplayRange(low + 1, low)), grey)
    colours = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    assert np.array_equal(stretch_components(colours, display_range("rgb", low + 1, low)), colours)


@pytest.mark.parametrize("low", [0.0, 99.0, 10.0])
def test_16_bit_images_threshold_under_a_range_that_is_upside_down(low):
    values = np.array([[0, 1, 99, 100, 101, 300, 65535]], np.uint16)
    levels = to_8_bit(values, display_range("16", 100.0, low))
    assert levels[0].tolist() == [0, 0, 0, 0, 255, 255, 255]


@pytest.mark.parametrize("kinds", ["8", "16", "8,16", "16,8", "8,8", "16,16"])
@pytest.mark.parametrize("upside_down", [(0,), (1,), (0, 1)])
def test_pictures_of_tiles_with_ranges_upside_down(kinds, upside_down, tmp_path):
    tiles, images = [], {}
    for number, kind in enumerate(kinds.split(",")):
        image = np.random.default_rng(number).integers(0, 256, (20, 40))
        image = image.astype(np.uint8) if kind == "8" else (image * 9).astype(np.uint16)
        path = str(tmp_path / f"{number}.tif")
        tifffile.imwrite(path, image)
        images[path] = image
        low, high = (150.0, 60.0) if number in upside_down else (20.0, 210.0)
        tiles.append({
            "tileId": str(number), "width": 40, "height": 20,
            "minIntensity": low, "maxIntensity": high,
            "mipmapLevels": {"0": {"imageUrl": path}},
            "transforms": {"type": "list", "specList": [{
                "className": "mpicbg.trakem2.transform.AffineModel2D",
                "dataString": f"1 0 0 1 {25 * number} 0"}]},
        })  # fmt: skip
    document = {"x": 0, "y": 0, "width": 70, "height": 20, "scale": 1, "tileSpecs": tiles}
    assert np.array_equal(to_rgba(render_canvas(document)), Slow(document, images).rgba())


def test_16_bit_formats_ignore_the_display_range():
    values = np.random.default_rng(1).integers(0, 65536, (9, 12)).astype(np.uint16)
    source = canvas(values, shown=DisplayRange(5.0, 50.0))
    assert np.array_equal(opened(encode(source, "png16")), values)
    assert np.array_equal(tifffile.imread(io.BytesIO(encode(source, "tiff16"))), values)
    assert np.array_equal(np.frombuffer(encode(source, "raw16"), ">u2").reshape(9, 12), values)


def test_16_bit_of_8_bit_and_of_colour_stay_below_256(grey):
    assert np.array_equal(opened(encode(canvas(grey), "png16")), grey)
    colour = np.stack([grey, grey, grey], axis=2)
    alpha = np.full(grey.shape, 255, np.uint8)
    assert np.array_equal(opened(encode(canvas(colour, alpha), "png16")), grey)


def test_tiff_is_big_endian_uncompressed_one_strip_rgb(grey):
    data = encode(canvas(grey), "tiff")
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        page = tiff.pages[0]
        assert tiff.byteorder == ">"
        assert page.compression == 1
        assert len(page.dataoffsets) == 1
        assert np.array_equal(page.asarray(), np.stack([grey] * 3, axis=2))


def test_raw_is_argb_words(grey):
    words = np.frombuffer(encode(canvas(grey), "raw"), ">u4").reshape(grey.shape)
    expected = 0xFF000000 | grey.astype(np.uint32) * 0x010101
    assert np.array_equal(words, expected)


def test_jpeg_has_three_components_or_one_when_grey_is_asked_for(grey):
    assert opened(encode(canvas(grey), "jpeg")).shape == (23, 31, 3)
    assert opened(encode(canvas(grey, convert_to_gray=True), "jpeg")).shape == (23, 31)
    smooth = np.tile(np.arange(0, 250, 5, dtype=np.uint8), (50, 1))
    decoded = opened(encode(canvas(smooth), "jpeg", quality=0.95))[:, :, 0].astype(int)
    assert np.abs(decoded - smooth).max() < 8
    assert len(encode(canvas(grey), "jpeg", 0.2)) < len(encode(canvas(grey), "jpeg", 0.95))


def test_jpeg_blends_transparent_pixels_onto_black():
    pixels = np.full((16, 16), 200, np.uint8)
    alpha = np.zeros((16, 16), np.uint8)
    assert opened(encode(canvas(pixels, alpha), "jpeg")).max() < 3


def test_translucent_grey_goes_through_multiplication_and_division():
    pixels = np.arange(256, dtype=np.uint8)[None].repeat(256, axis=0)
    alpha = np.arange(256, dtype=np.uint8)[:, None].repeat(256, axis=1)
    picture = to_rgba(canvas(pixels, alpha))
    for a, v in ((1, 255), (1, 100), (100, 7), (128, 200), (200, 199), (254, 255), (255, 13)):
        p = int(v * a / 255 + 0.5)
        divided = 255 if p >= a else (0x800000 + p * ((0xFF000000 + a // 2) // a)) >> 24
        assert picture[a, v, 0] == (v if a == 255 else divided), (a, v)
    assert (picture[0] == 0).all()
    assert np.array_equal(picture[:, :, 3], alpha)


def test_a_background_shows_through_and_makes_the_picture_opaque():
    pixels, alpha = np.array([[100, 100, 100]], np.uint8), np.array([[0, 100, 255]], np.uint8)
    picture = to_rgba(canvas(pixels, alpha, background=0x3264C8))
    expected = [
        [int(100 * a / 255 + 0.5) + int(b * (255 - a) / 255 + 0.5) for b in (0x32, 0x64, 0xC8)]
        for a in (0, 100, 255)
    ]
    assert picture[0, :, :3].tolist() == expected
    assert (picture[:, :, 3] == 255).all()


def test_noise_shows_where_nothing_is_drawn_and_repeats_with_its_seed():
    pixels, alpha = np.zeros((60, 60), np.uint8), np.zeros((60, 60), np.uint8)
    pixels[:30], alpha[:30] = 77, 255
    noisy = to_rgba(canvas(pixels, alpha, noise_seed=5))
    assert (noisy[:30, :, 0] == 77).all()
    assert noisy[30:, :, 0].std() > 60
    assert np.array_equal(noisy, to_rgba(canvas(pixels, alpha, noise_seed=5)))
    assert not np.array_equal(noisy, to_rgba(canvas(pixels, alpha, noise_seed=6)))
    band = canvas(pixels[40:], alpha[40:], noise_seed=5, first_row=40)
    assert np.array_equal(to_rgba(band), noisy[40:])


def test_binary_masks_count_translucent_as_transparent():
    pixels, alpha = np.full((1, 3), 9, np.uint8), np.array([[0, 254, 255]], np.uint8)
    assert to_rgba(canvas(pixels, alpha, binary_mask=True))[0, :, 3].tolist() == [0, 0, 255]


def test_without_tiles_nothing_is_drawn_not_even_the_background():
    empty = canvas(np.zeros((4, 5), np.uint8), has_tiles=False, background=0xFF0000, noise_seed=1)
    assert not to_rgba(empty).any()
    assert opened(encode(empty, "jpeg")).max() == 0


def test_the_canvas_is_cut_to_the_size_of_the_image(grey):
    cut = Canvas(grey, None, FULL, 30, 23)
    for format in ("png", "tiff", "tiff16", "png16", "jpeg"):
        assert opened(encode(cut, format)).shape[:2] == (23, 30)


def test_every_format_has_a_content_type_and_others_are_refused(grey):
    for format in CONTENT_TYPES:
        assert encode(canvas(grey), format)
    with pytest.raises(SpecError, match="unknown image format 'gif'"):
        encode(canvas(grey), "gif")
