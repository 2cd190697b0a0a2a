"""Pictures against golden numbers, against a slow renderer, and their properties."""

import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_renderer import Slow

from renderapi.errors import ImageError, SpecError
from renderapi.rendering import SourceCache, render, render_canvas, render_tilespecs

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
POLYNOMIAL = "mpicbg.trakem2.transform.PolynomialTransform2D"
PLACED = (AFFINE, "0.98 0.05 -0.04 1.02 10.3 20.7")
CURVED = (POLYNOMIAL, "12.5 1.01 -0.03 2e-5 -1e-5 3e-5 -7.25 0.02 0.99 1e-5 2e-5 -4e-5")
MIRRORED = (AFFINE, "-1 0 0 1 99 0")

# size, transform, window, crc32, sum, nonzero, pixels; measured with the original code
GOLDEN = [
    ((100, 80), None, (0, 0, 100, 80, 1), "339d5ebb", 1020138, 7968,
     {(50, 40): 118, (25, 26): 31, (75, 53): 197, (50, 20): 106, (33, 60): 14}),
    ((100, 80), PLACED, (5, 15, 110, 100, 1), "8bffaa64", 998830, 7832,
     {(55, 50): 145, (27, 33): 250, (82, 66): 24, (55, 25): 80, (36, 75): 89}),
    ((100, 80), PLACED, (5, 15, 110, 100, 0.5), "c03e5530", 248323, 1955,
     {(27, 25): 141, (13, 16): 237, (41, 33): 24, (27, 12): 57, (18, 37): 73}),
    ((400, 320), PLACED, (0, 0, 430, 380, 0.3), "b915e682", 1450284, 11410,
     {(64, 57): 202, (32, 38): 217, (96, 76): 180, (64, 28): 200, (43, 85): 190}),
    ((400, 320), CURVED, (0, -10, 430, 340, 1), "3a2d32ad", 16194814, 127006,
     {(215, 170): 55, (107, 113): 66, (322, 226): 153, (215, 85): 147, (143, 255): 159}),
    ((400, 320), CURVED, (0, -10, 430, 340, 0.25), "85613366", 1002651, 7895,
     {(54, 42): 217, (27, 28): 60, (81, 56): 150, (54, 21): 139, (36, 63): 129}),
]  # fmt: skip


def golden_image(width, height):
    i, j = np.meshgrid(np.arange(width), np.arange(height))
    return ((7 * i + 13 * j + ((i * j) % 31)) % 256).astype(np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tiles")


@pytest.mark.parametrize(("size", "transform", "view", "crc", "total", "nonzero", "pixels"), GOLDEN)
def test_golden_numbers_of_the_original_code(
    size, transform, view, crc, total, nonzero, pixels, tmp_path, scenes
):
    path = scenes.save(tmp_path / "a.png", golden_image(*size))
    leaf = [scenes.leaf(*transform)] if transform else []
    canvas = render_canvas(scenes.window([scenes.tile(path, *size, *leaf)], *view)).pixels
    assert f"{zlib.crc32(canvas.tobytes()):08x}" == crc
    assert (int(canvas.sum()), int(np.count_nonzero(canvas))) == (total, nonzero)
    assert {at: canvas[at[1], at[0]] for at in pixels} == pixels


def test_a_mirrored_tile_is_the_flipped_source_without_pin_holes(tmp_path, scenes):
    source = golden_image(100, 80)
    path = scenes.save(tmp_path / "a.png", source)
    tile = scenes.tile(path, 100, 80, scenes.leaf(*MIRRORED))
    canvas = render_canvas(scenes.window([tile], 0, 0, 100, 80)).pixels
    assert np.array_equal(canvas, source[:, ::-1])


def random_image(random, kind, height, width):
    if kind == "rgb":
        return random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    if kind == "float":
        return random.normal(100, 50, (height, width)).astype(np.float32)
    return random.integers(0, 256 if kind == "8" else 65536, (height, width)).astype(
        np.uint8 if kind == "8" else np.uint16
    )


def random_transform(random, kind, width, height):
    """Coefficients at random, so that no pixel lies on an edge or between two grey levels."""
    x, y = random.uniform(-20, 30, 2)
    linear = np.eye(2) + random.uniform(-0.25, 0.25, (2, 2))
    if kind == "mirrored":
        linear[:, 0] *= -1
        x += width
    if kind == "polynomial":
        bend = random.uniform(-2e-3, 2e-3, (2, 3))
        return POLYNOMIAL, [x, *linear[0], *bend[0], y, *linear[1], *bend[1]]
    return AFFINE, [linear[0, 0], linear[1, 0], linear[0, 1], linear[1, 1], x, y]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    pixels=st.sampled_from(["8", "16", "float", "rgb"]),
    placement=st.sampled_from(["affine", "mirrored", "polynomial"]),
    masks=st.sampled_from(["none", "soft", "some", "binary", "binaryMask"]),
    scale=st.sampled_from([1.0, 0.61, 0.37, 1.3]),
    nearest=st.booleans(),
)
def test_the_fast_renderer_equals_the_slow_one_bit_for_bit(
    seed, pixels, placement, masks, scale, nearest, folder, scenes
):
    random = np.random.default_rng(seed)
    documents, images = [], {}
    for number in range(2):
        width, height = random.integers(24, 48, 2)
        image = random_image(random, pixels, height, width)
        transform = scenes.leaf(*random_transform(random, placement, width, height))
        mask = random_mask(random, masks, number, height, width)
        stem = f"{seed}_{number}"
        path = scenes.save(folder / f"{stem}.tif", image)
        mask_path = None if mask is None else scenes.save(folder / f"{stem}_mask.png", mask)
        documents.append(scenes.tile(path, width, height, transform, mask=mask_path))
        images |= {path: image, mask_path: mask}
    options = {
        "binaryMask": masks == "binaryMask",
        "skipInterpolation": nearest,
        "meshCellSize": 12.0,
    }
    document = scenes.window(documents, -3.3, 2.6, 62, 58, scale, **options)
    canvas, slow = render_canvas(document), Slow(document, images).finished_canvas()
    if pixels == "float":  # float64 sums of the two orders of arithmetic, as float32
        assert np.allclose(canvas.pixels, slow.values, rtol=1e-5, atol=1e-4)
    else:
        assert np.array_equal(canvas.pixels, slow.values)
    if masks == "none" and pixels != "rgb":
        assert canvas.alpha is None
    else:
        expected = 255 * slow.drawn if slow.alpha is None else slow.alpha
        assert np.array_equal(canvas.alpha, expected)


def random_mask(random, kind, number, height, width):
    if kind == "none" or (kind == "some" and number == 0):
        return None
    if kind == "soft":
        return random.integers(0, 256, (height, width)).astype(np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[4:-3, 5:-6] = 255
    return mask


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dx=st.integers(-60, 60),
    dy=st.integers(-60, 60),
    depth=st.sampled_from(["8", "16"]),
)
def test_identity_and_whole_translations_are_exact(seed, dx, dy, depth, folder, scenes):
    image = random_image(np.random.default_rng(seed), depth, 47, 66)
    path = scenes.save(folder / f"{seed}_{depth}.tif", image)
    tile = scenes.tile(path, 66, 47, scenes.leaf(AFFINE, [1, 0, 0, 1, dx, dy]))
    canvas = render_canvas(scenes.window([tile], -60, -60, 200, 200)).pixels
    expected = np.zeros((200, 200), image.dtype)
    expected[60 + dy : 107 + dy, 60 + dx : 126 + dx] = image
    assert np.array_equal(canvas, expected)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    placement=st.sampled_from(["affine", "polynomial"]),
    cut=st.integers(1, 119),
    scale=st.sampled_from([1.0, 0.5, 2.0]),
)
def test_a_split_box_is_the_whole_box(seed, placement, cut, scale, folder, scenes):
    random = np.random.default_rng(seed)
    path = scenes.save(folder / f"{seed}.tif", random_image(random, "16", 90, 100))
    transform = scenes.leaf(*random_transform(random, placement, 100, 90))
    tile = scenes.tile(path, 100, 90, transform)
    cut -= cut % 2
    whole = render_canvas(scenes.window([tile], -10, -20, 120, 120, scale)).pixels
    parts = [
        render_canvas(scenes.window([tile], -10 + x, -20, width, 120, scale)).pixels
        for x, width in ((0, cut), (cut, 120 - cut))
        if width
    ]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_half_scale_draws_the_averaged_level(tmp_path, scenes):
    image = golden_image(128, 130)
    wide = image.astype(int)
    mean = (wide[0::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 0::2] + wide[1::2, 1::2]) // 4
    full = scenes.save(tmp_path / "full.png", image)
    half = scenes.save(tmp_path / "half.png", mean.astype(np.uint8))
    from_full = scenes.tile(full, 128, 130)
    with_level = {**from_full, "mipmapLevels": {"1": {"imageUrl": half}}}
    view = (0, 0, 128, 130, 0.5)
    pictures = [render(scenes.window([tile], *view)) for tile in (from_full, with_level)]
    assert np.array_equal(*pictures)
    # sampled half a pixel off the centres of the level: the mean of four of its pixels
    assert pictures[0].shape == (65, 64, 4)


def test_the_last_tile_lies_on_top(tmp_path, scenes):
    paths = [scenes.save(tmp_path / f"{v}.png", np.full((20, 20), v, np.uint8)) for v in (50, 90)]
    low, high = (scenes.tile(path, 20, 20) for path in paths)
    for order, expected in (((low, high), 90), ((high, low), 50)):
        canvas = render_canvas(scenes.window(order, 0, 0, 20, 20)).pixels
        assert (canvas == expected).all()


def test_a_mask_of_255_equals_no_mask(tmp_path, scenes):
    image = golden_image(100, 80)
    path = scenes.save(tmp_path / "a.png", image)
    mask = scenes.save(tmp_path / "m.png", np.full((80, 100), 255, np.uint8))
    transform = scenes.leaf(*PLACED)
    plain = scenes.tile(path, 100, 80, transform)
    masked = scenes.tile(path, 100, 80, transform, mask=mask)
    view = (5, 15, 110, 100, 1)
    without = render_canvas(scenes.window([plain], *view))
    with_mask = render_canvas(scenes.window([masked], *view))
    assert np.array_equal(without.pixels, with_mask.pixels)
    assert without.alpha is None
    assert set(np.unique(with_mask.alpha)) == {0, 255}


def test_8_bit_images_of_16_bit_channels_are_multiplied_by_256(tmp_path, scenes):
    image = golden_image(60, 50)
    path = scenes.save(tmp_path / "a.png", image)
    tile = scenes.tile(path, 60, 50, maxIntensity=65535.0)
    canvas = render_canvas(scenes.window([tile], 0, 0, 60, 50))
    assert canvas.pixels.dtype == np.uint16
    assert np.array_equal(canvas.pixels, image.astype(np.uint16) * 256)
    # the display mapping brings the grey values back
    assert np.array_equal(render(scenes.window([tile], 0, 0, 60, 50))[:, :, 0], image)


def test_an_excluded_mask_is_not_even_an_alpha_plane(tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", golden_image(60, 50))
    mask = scenes.save(tmp_path / "m.png", np.zeros((50, 60), np.uint8))
    tile = scenes.tile(path, 60, 50, mask=mask)
    canvas = render_canvas(scenes.window([tile], 0, 0, 60, 50, excludeMask=True))
    assert canvas.alpha is None
    assert np.array_equal(canvas.pixels, golden_image(60, 50))


def test_a_mask_of_another_size_is_ignored_and_reported(tmp_path, scenes, caplog):
    path = scenes.save(tmp_path / "a.png", golden_image(60, 50))
    mask = scenes.save(tmp_path / "m.png", np.zeros((20, 60), np.uint8))
    tile = scenes.tile(path, 60, 50, mask=mask)
    canvas = render_canvas(scenes.window([tile], 0, 0, 60, 50))
    assert np.array_equal(canvas.pixels, golden_image(60, 50))
    assert "60 x 20" in caplog.text and "ignored" in caplog.text


def test_the_debugging_overlay_is_refused(scenes):
    with pytest.raises(SpecError, match="addWarpFieldDebugOverlay"):
        render_canvas(scenes.window([], 0, 0, 10, 10, addWarpFieldDebugOverlay=True))


def test_threads_do_not_change_the_picture(tmp_path, scenes):
    image = golden_image(400, 320)
    path = scenes.save(tmp_path / "a.png", image)
    tiles = [
        scenes.tile(path, 400, 320, scenes.leaf(AFFINE, [1, 0.1, -0.1, 1, 37.7 * k, 53.1 * k]))
        for k in range(6)
    ]
    document = scenes.window(tiles, 0, 0, 700, 600, 0.9)
    single = render_canvas(document, threads=1).pixels
    assert np.array_equal(render_canvas(document, threads=3).pixels, single)


def test_a_missing_image_is_one_line_with_tile_and_file(tmp_path, scenes):
    tile = scenes.tile(tmp_path / "gone.png", 10, 10, tile_id="tile-7")
    with pytest.raises(ImageError, match=r"^tile tile-7: .*gone\.png[^\n]*$"):
        render(scenes.window([tile], 0, 0, 10, 10))


def test_a_missing_image_of_a_level_that_is_not_needed_is_refused_too(tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", golden_image(60, 50))
    tile = scenes.tile(path, 60, 50)
    tile["mipmapLevels"]["3"] = {"imageUrl": str(tmp_path / "gone.png")}
    with pytest.raises(ImageError, match=r"gone\.png"):
        render(scenes.window([tile], 0, 0, 10, 10))


def test_a_broken_image_is_one_line_with_tile_and_file(tmp_path, scenes):
    (tmp_path / "bad.tif").write_bytes(b"II*\0 this is no TIFF")
    tile = scenes.tile(tmp_path / "bad.tif", 10, 10, tile_id="tile-7")
    with pytest.raises(ImageError, match=r"^tile tile-7: .*bad\.tif[^\n]*$"):
        render(scenes.window([tile], 0, 0, 10, 10))


def test_a_tile_without_level_0_is_not_enlarged(tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", golden_image(100, 80))
    tile = scenes.tile(path, 200, 160)
    tile["mipmapLevels"] = {"1": {"imageUrl": path}}
    with pytest.raises(ImageError, match="level"):
        render(scenes.window([tile], 0, 0, 200, 160))
    assert render(scenes.window([tile], 0, 0, 200, 160, 0.5)).shape == (80, 100, 4)


def test_an_unknown_transform_names_the_tile(tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", golden_image(10, 10))
    tile = scenes.tile(path, 10, 10, scenes.leaf("no.such.Transform", "1"), tile_id="tile-7")
    with pytest.raises(SpecError, match="tile-7"):
        render(scenes.window([tile], 0, 0, 10, 10))


def test_the_cache_keeps_images_between_pictures(tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", golden_image(60, 50))
    sources = SourceCache()
    document = scenes.window([scenes.tile(path, 60, 50)], 0, 0, 60, 50)
    render(document, sources=sources)
    loads = sources.loads
    render(document, sources=sources)
    assert sources.loads == loads


def test_tiles_are_drawn_over_their_own_box(tmp_path, scenes):
    image = golden_image(40, 30)
    path = scenes.save(tmp_path / "a.png", image)
    tiles = [
        scenes.tile(path, 40, 30, scenes.leaf(AFFINE, [1, 0, 0, 1, x, -7])) for x in (100, 140)
    ]
    picture = render_tilespecs(tiles)
    assert np.array_equal(picture[:, :, 0], np.concatenate([image, image], axis=1))


@pytest.mark.parametrize("seed", range(4))
def test_what_later_tiles_hide_changes_nothing(tmp_path, scenes, seed):
    """The picture of many tiles is that of one after the other, laid over by what each covers."""
    rng = np.random.default_rng(seed)
    opaque = scenes.save(tmp_path / "opaque.png", np.full((150, 150), 255, np.uint8))
    tiles, some_masked = [], []
    for k in range(12):
        turn, size = rng.uniform(-np.pi, np.pi) * (k % 3 > 0), rng.uniform(0.3, 1.2)
        c, s = size * np.cos(turn), size * np.sin(turn)
        place = scenes.leaf(AFFINE, [c, s, -s, c, *rng.uniform(0, 220, 2)])
        image = rng.integers(1, 256, (150, 150), dtype=np.uint8)
        path = scenes.save(tmp_path / f"{k}.png", image)
        tiles.append(scenes.tile(path, 150, 150, place, tile_id=str(k)))
        mask = opaque if k % 3 == 2 else None
        some_masked.append(scenes.tile(path, 150, 150, place, mask=mask, tile_id=str(k)))
    document = scenes.window(tiles, 10, 20, 230, 250)
    expected = np.zeros((250, 230), np.uint8)
    for one in tiles:
        drawn = render_canvas({**document, "tileSpecs": [one]}).pixels
        expected = np.where(drawn > 0, drawn, expected)
    for threads in (1, 3):
        for shown in (tiles, some_masked):
            canvas = render_canvas({**document, "tileSpecs": shown}, threads=threads)
            assert np.array_equal(canvas.pixels, expected)


def test_importing_the_package_loads_no_compiler_and_no_image_library():
    code = (
        "import sys, renderapi.rendering;"
        "print([m for m in ('numba', 'cv2', 'PIL', 'tifffile', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stdout + answer.stderr


def test_threads_read_every_tile_once(tmp_path, scenes):
    tiles = []
    for k in range(6):
        image = np.full((90, 80), 40 + k, np.uint8)
        path = scenes.save(tmp_path / f"{k}.png", image)
        shift = scenes.leaf(scenes.AFFINE, (1, 0, 0, 1, 60 * (k % 2), 50 * (k // 2)))
        tiles.append(scenes.tile(path, 80, 90, shift, tile_id=str(k)))
    document = scenes.window(tiles, 0, 0, 140, 190)
    loads, pictures = [], []
    for threads in (1, 4):
        sources = SourceCache(max_bytes=0)
        pictures.append(render_canvas(document, sources=sources, threads=threads).pixels)
        loads.append(sources.loads)
    assert np.array_equal(*pictures)
    assert loads[0] == loads[1]
