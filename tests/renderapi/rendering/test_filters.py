"""Filters, each against a plain computation of its definition."""

import math

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapi.rendering import render_canvas
from renderapi.rendering.filters import DEFAULT_FILTERS, NAMED_FILTERS, PREFIX, apply_filters
from renderapi.rendering.intensity import DisplayRange
from renderapi.rendering.pyramid import downsample

FULL = DisplayRange(0.0, 255.0)
IMAGE = np.random.default_rng(0).integers(0, 256, (31, 37)).astype(np.uint8)
RANKS = (np.mean, np.min, np.max, np.var, np.median)


def run(image, name, shown=FULL, scale=1.0, seed=0, **parameters):
    spec = {"className": PREFIX + name, "parameters": {k: str(v) for k, v in parameters.items()}}
    return apply_filters(image, [spec], shown, scale, seed)


def test_value_to_noise_changes_that_value_only_and_repeats_with_its_seed():
    image = IMAGE.copy()
    image[10:20] = 0
    noisy = run(image, "ValueToNoise", value=0, min=64, max=191)
    chosen = image == 0
    assert np.array_equal(noisy[~chosen], image[~chosen])
    assert noisy[chosen].min() >= 64 and noisy[chosen].max() <= 191
    assert noisy[chosen].std() > 25
    assert np.array_equal(noisy, run(image, "ValueToNoise", value=0, min=64, max=191))
    assert not np.array_equal(noisy, run(image, "ValueToNoise", seed=1, value=0, min=64, max=191))


def test_nan_becomes_noise_in_float_images():
    image = np.full((9, 9), np.nan, np.float32)
    image[0] = 7
    noisy = run(image, "ValueToNoise", value="NaN", min=2, max=3)
    assert (noisy[0] == 7).all() and (noisy[1:] >= 2).all() and (noisy[1:] < 3).all()


def test_the_24_bit_value_of_colour_is_compared():
    image = np.zeros((4, 4, 3), np.uint8)
    image[0, 0] = (0, 0, 1)
    noisy = run(image, "ValueToNoise", value=0, min=50, max=60)
    assert noisy[0, 0].tolist() == [0, 0, 1]
    assert (noisy[1:] >= 50).all() and (noisy[..., 0] == noisy[..., 1])[1:].all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("center", "stretch"), [(True, True), (True, False), (False, True)])
def test_local_contrast_uses_clipped_windows_and_n_minus_1(dtype, center, stretch):
    image = IMAGE.astype(dtype)
    shown = DisplayRange(5.0, 240.0)
    result = run(
        image, "NormalizeLocalContrast", shown, blockRadiusX=4, blockRadiusY=3, meanFactor=2.5,
        center=center, stretch=stretch,
    )  # fmt: skip
    for y, x in ((0, 0), (15, 20), (30, 36), (3, 35), (12, 1)):
        window = image[max(y - 3, 0) : y + 4, max(x - 4, 0) : x + 5].astype(float)
        mean, spread, v = window.mean(), 2.5 * window.std(ddof=1), float(image[y, x])
        if center and stretch:
            expected = (v - (mean - spread)) / (2 * spread) * 235 + 5
        elif center:
            expected = v - mean + 122.5
        else:
            expected = (v - 122.5) / (2 * spread) * 235 + 122.5
        if dtype == np.float32:
            assert result[y, x] == pytest.approx(expected, rel=1e-5)
        else:
            top = np.iinfo(dtype).max
            assert result[y, x] == min(max(np.floor(expected + 0.5), 0), top)


def test_radii_shrink_with_the_level():
    options = {"blockRadiusX": 8, "blockRadiusY": 8}
    half = run(IMAGE, "NormalizeLocalContrast", scale=0.5, **options)
    small = run(IMAGE, "NormalizeLocalContrast", blockRadiusX=4, blockRadiusY=4)
    assert np.array_equal(half, small)


def plain_clip(histogram, limit):
    histogram, before = list(histogram), -1
    while True:
        excess = sum(max(h - limit, 0) for h in histogram)
        histogram = [min(h, limit) + excess // len(histogram) for h in histogram]
        rest = excess % len(histogram)
        if rest:
            step = (len(histogram) - 1) // rest
            for k in range(step // 2, len(histogram), step):
                histogram[k] += 1
        if excess == before:
            return histogram
        before = excess


def plain_transfer(window, bins, limit):
    histogram = [0] * (bins + 1)
    for v in window.ravel():
        histogram[int(v / 255 * bins + 0.5)] += 1
    histogram = plain_clip(histogram, limit)
    cdf = np.cumsum(histogram)
    first = cdf[np.flatnonzero(histogram)[0]]
    return (cdf - first) / (cdf[-1] - first)


def test_exact_clahe_equalises_the_window_around_each_pixel():
    image = np.random.default_rng(5).normal(120, 20, (24, 26)).clip(0, 255).astype(np.uint8)
    radius, bins, slope = 5, 64, 2.5
    result = run(image, "CLAHE", fast="false", blockRadius=radius, bins=bins, slope=slope)
    half = run(image, "CLAHE", scale=0.5, fast="false", blockRadius=9, bins=bins, slope=slope)
    assert np.array_equal(result, half)
    for y, x in np.ndindex(image.shape):
        window = image[max(y - 5, 0) : y + 6, max(x - 5, 0) : x + 6]
        limit = int(slope * window.size / bins + 0.5)  # near the border of fewer pixels
        transfer = plain_transfer(window, bins, limit)
        assert result[y, x] == int(transfer[int(image[y, x] / 255 * bins + 0.5)] * 255 + 0.5)


def test_fast_clahe_mixes_the_blocks_around_each_pixel():
    image = np.random.default_rng(5).normal(120, 20, (25, 33)).clip(0, 255).astype(np.uint8)
    radius, bins, slope = 5, 64, 2.5
    limit = int(slope * 121 / bins + 0.5)
    result = run(image, "CLAHE", fast="true", blockRadius=radius, bins=bins, slope=slope)
    # width 33 = 3 blocks of 11; height 25 = 2 blocks and 3 rows more
    columns, rows = [6, 17, 28], [6, 7, 18, 19]

    def transfer_at(cy, cx):
        window = image[max(cy - 5, 0) : cy + 6, max(cx - 5, 0) : cx + 6]
        return plain_transfer(window, bins, limit)

    def around(position, centres):
        before = max([c for c in centres if c <= position], default=centres[0])
        after = min([c for c in centres if c >= position], default=centres[-1])
        return before, after, 0.0 if after == before else (position - before) / (after - before)

    for y, x in ((0, 0), (12, 13), (24, 32), (7, 20), (17, 9)):
        up, down, fy = around(y, rows)
        left, right, fx = around(x, columns)
        cell = int(image[y, x] / 255 * bins + 0.5)
        top = transfer_at(up, left)[cell] * (1 - fx) + transfer_at(up, right)[cell] * fx
        bottom = transfer_at(down, left)[cell] * (1 - fx) + transfer_at(down, right)[cell] * fx
        assert result[y, x] == int((top * (1 - fy) + bottom * fy) * 255 + 0.5)


@pytest.mark.parametrize("kind", ["16", "float", "rgb"])
def test_clahe_keeps_the_type_and_raises_contrast(kind):
    image = np.random.default_rng(5).normal(120, 8, (40, 40)).clip(0, 255)
    if kind == "rgb":
        image = np.repeat(image.astype(np.uint8)[:, :, None], 3, axis=2)
    else:
        image = image.astype(np.uint16 if kind == "16" else np.float32)
    result = run(image, "CLAHE", blockRadius=10)
    assert result.dtype == image.dtype and result.shape == image.shape
    assert result.std() > 2 * image.std()


def test_equalisation_spreads_the_square_root_of_the_histogram():
    histogram = np.bincount(IMAGE.ravel(), minlength=256)
    weight = [h if h < 2 else h**0.5 for h in histogram.tolist()]
    total = weight[0] + 2 * sum(weight[1:255]) + weight[255]
    table, running = [0], weight[0]
    for value in range(1, 255):
        running += weight[value]
        table.append(int(running * 255 / total + 0.5))
        running += weight[value]
    table.append(255)
    assert np.array_equal(run(IMAGE, "EqualizeHistogram"), np.array(table, np.uint8)[IMAGE])


def test_colours_are_equalized_by_the_mean_of_their_components():
    grey = run(IMAGE, "EqualizeHistogram")
    shift = np.minimum(np.minimum(IMAGE, 255 - IMAGE), 9)  # the mean stays, the colours do not
    coloured = np.stack([IMAGE - shift, IMAGE, IMAGE + shift], axis=2)
    result = run(coloured, "EqualizeHistogram")
    assert np.array_equal(result[:, :, 1], grey)


@pytest.mark.parametrize(("kind", "function"), list(enumerate(RANKS)))
def test_rank_filters_look_at_a_disc_and_continue_the_border(kind, function):
    result = run(IMAGE, "Rank", radius=2, filterType=kind)
    padded = np.pad(IMAGE, 2, mode="edge").astype(float)
    y, x = np.mgrid[-2:3, -2:3]
    disc = x * x + y * y <= 5
    for row, column in ((0, 0), (15, 20), (30, 36), (1, 35)):
        window = padded[row : row + 5, column : column + 5][disc]
        assert result[row, column] == min(int(function(window) + 0.5), 255)


def disc_by_counting(radius):
    """Pixels of ImageJ's disc of a whole radius: none of x^2 + y^2 > r^2 + 1."""
    reach = range(-radius - 2, radius + 3)
    return {(x, y) for x in reach for y in reach if x * x + y * y <= radius * radius + 1}


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("radius", [0.4, 0.5, 1, 1.4, 1.5, 2.49, 2.5, 3, 4, 5, 6.5, 9, 10, 13])
def test_rank_filters_round_the_radius_of_the_level_first(radius, level):
    whole = math.floor(radius / 2**level + 0.5)
    image = np.zeros((41, 41), np.uint8)
    image[20, 20] = 200
    spread = run(image, "Rank", scale=0.5**level, radius=radius, filterType=2)
    found = {(x - 20, y - 20) for y, x in np.argwhere(spread).tolist()}
    assert found == disc_by_counting(whole)


@pytest.mark.parametrize(("kind", "function"), list(enumerate(RANKS)))
@pytest.mark.parametrize(("radius", "level"), [(1.5, 0), (2.5, 0), (5, 1), (3, 2), (1, 2)])
def test_rank_filters_pixel_by_pixel(kind, function, radius, level):
    image = IMAGE[:14, :17]
    disc = disc_by_counting(math.floor(radius / 2**level + 0.5))
    expected = np.empty_like(image)
    for y, x in np.ndindex(image.shape):
        near = [
            float(image[min(max(y + j, 0), 13), min(max(x + i, 0), 16)]) for i, j in sorted(disc)
        ]
        expected[y, x] = min(int(function(near) + 0.5), 255)
    result = run(image, "Rank", scale=0.5**level, radius=radius, filterType=kind)
    assert np.array_equal(result, expected)


@pytest.mark.parametrize(
    ("name", "key", "more"),
    [
        ("Rank", "radius", {"filterType": 4}),
        ("RollingBallSubtraction", "radius", {}),
        ("CLAHE", "blockRadius", {"fast": "false"}),
        ("CLAHE", "blockRadius", {"fast": "true"}),
        ("NormalizeLocalContrast", "blockRadiusX", {"blockRadiusY": 40}),
        ("NormalizeLocalContrast", "blockRadiusY", {"blockRadiusX": 40}),
    ],
)
@pytest.mark.parametrize("radius", [9, 10, 11, 13, 14.5])
def test_every_filter_rounds_its_radius_of_the_level_half_up_first(name, key, more, radius):
    whole = math.floor(radius / 4 + 0.5)
    at_level = run(IMAGE, name, scale=0.25, **{**more, key: radius})
    others = {k: 10 if k.startswith("block") else v for k, v in more.items()}
    assert np.array_equal(at_level, run(IMAGE, name, **{**others, key: whole}))


def test_the_rolling_ball_takes_a_slope_away_and_keeps_small_things():
    y, x = np.mgrid[:120, :120]
    background = 40 + 0.5 * x + 0.2 * y
    image = background.copy()
    spots = np.zeros(image.shape, bool)
    spots[20:100:20, 20:100:20] = True
    image[spots] += 90
    result = run(image.round().astype(np.uint8), "RollingBallSubtraction", radius=20)
    inner = (slice(10, -10), slice(10, -10))
    assert result[spots].min() > 75
    assert np.median(result[inner]) <= 3
    assert (result[inner][~spots[inner]] <= 20).all()


def mean_of_nine(image):
    padded = np.pad(image, 1, mode="edge")
    height, width = image.shape
    return sum(
        padded[i : i + height, j : j + width] for i in range(3) for j in range(3)
    ) / 9  # fmt: skip


def ball_by_ball(image, radius, factor, trim):
    """Background under an image: the ball is put under every pixel, and beyond the border."""
    height, width = image.shape
    small = np.array(
        [
            [image[y : y + factor, x : x + factor].min() for x in range(0, width, factor)]
            for y in range(0, height, factor)
        ]
    )
    half = int(radius / factor - trim + 0.5)
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    ball = np.sqrt(np.maximum((radius / factor) ** 2 - x * x - y * y, 0))
    touched = np.full(small.shape, -np.inf)
    for cy in range(-half, small.shape[0] + half):
        for cx in range(-half, small.shape[1] + half):
            rows = slice(max(0, cy - half), cy + half + 1)
            columns = slice(max(0, cx - half), cx + half + 1)
            below = small[rows, columns]
            top, left = rows.start - cy + half, columns.start - cx + half
            part = ball[top : top + below.shape[0], left : left + below.shape[1]]
            touched[rows, columns] = np.maximum(touched[rows, columns], (below - part).min() + part)
    if factor == 1:
        return touched
    result = touched
    for axis in (0, 1):  # straight lines through the centres of blocks, also beyond the last ones
        lines = np.moveaxis(result, axis, 0)
        longer = []
        for k in range(image.shape[axis]):
            i = min(max((k - factor // 2) // factor, 0), len(lines) - 2)
            t = (k + 0.5) / factor - (i + 0.5)
            longer.append(lines[i] * (1 - t) + lines[i + 1] * t)
        result = np.moveaxis(np.array(longer), 0, axis)
    return result


@pytest.mark.parametrize(("radius", "factor", "trim"), [(5, 1, 1), (24, 2, 2), (60, 4, 4)])
def test_the_rolling_ball_touches_the_smoothed_image_from_below(radius, factor, trim):
    rng = np.random.default_rng(radius)
    y, x = np.mgrid[:61, :75]
    image = 40 + 0.6 * x + 0.3 * y + rng.normal(0, 6, x.shape) + 80 * (rng.random(x.shape) < 0.02)
    image = np.clip(image, 0, 255).astype(np.uint8)
    background = ball_by_ball(mean_of_nine(image.astype(float)), radius, factor, trim)
    # rounded half up; pixels below the background become 0
    expected = np.clip(np.floor(image - background + 0.5), 0, 255)
    result = run(image, "RollingBallSubtraction", radius=radius)
    assert np.count_nonzero(result != expected) <= 2  # single precision near a half
    wide = run(image.astype(np.uint16), "RollingBallSubtraction", radius=radius)
    assert np.array_equal(wide, result)


def test_lists_of_filters_run_one_after_the_other():
    specs = NAMED_FILTERS["default"]
    assert specs is DEFAULT_FILTERS
    names = [spec["className"].removeprefix(PREFIX) for spec in specs]
    assert names == ["ValueToNoise", "ValueToNoise", "NormalizeLocalContrast"]
    assert np.array_equal(apply_filters(IMAGE, [], FULL), IMAGE)
    brighter = [
        {"className": PREFIX + "Rank", "parameters": {"radius": "1", "filterType": kind}}
        for kind in ("2", "1")
    ]
    one_by_one = apply_filters(apply_filters(IMAGE, brighter[:1], FULL), brighter[1:], FULL)
    assert np.array_equal(apply_filters(IMAGE, brighter, FULL), one_by_one)


def test_pictures_filter_the_tile_before_it_is_drawn(tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", IMAGE)
    tile = scenes.tile(path, 37, 31)
    rank = [{"className": PREFIX + "Rank", "parameters": {"radius": "2", "filterType": "2"}}]
    canvas = render_canvas(scenes.window([tile], 0, 0, 37, 31, filterSpecs=rank, doFilter=True))
    assert np.array_equal(canvas.pixels, run(IMAGE, "Rank", radius=2, filterType=2))
    none = render_canvas(scenes.window([tile], 0, 0, 37, 31, filterSpecs=[], doFilter=True))
    assert np.array_equal(none.pixels, IMAGE)


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize(
    ("name", "options", "rounded"),
    [
        ("Rank", {"radius": 5, "filterType": 2}, {"radius": (3, 1)}),
        ("Rank", {"radius": 3, "filterType": 4}, {"radius": (2, 1)}),
        ("RollingBallSubtraction", {"radius": 21}, {"radius": (11, 5)}),
        ("CLAHE", {"blockRadius": 9, "fast": "false"}, {"blockRadius": (5, 2)}),
        (
            "NormalizeLocalContrast",
            {"blockRadiusX": 9, "blockRadiusY": 6},
            {"blockRadiusX": (5, 2), "blockRadiusY": (3, 2)},
        ),
    ],
)
def test_pictures_of_a_level_filter_it_with_its_own_radii(
    tmp_path, scenes, level, name, options, rounded
):
    image = np.random.default_rng(2).integers(0, 256, (140, 152)).astype(np.uint8)
    shown = downsample(image, level)
    own = {**options, **{key: radii[level - 1] for key, radii in rounded.items()}}
    filtered = scenes.save(tmp_path / "filtered.tif", run(shown, name, **own))
    tile = scenes.tile(scenes.save(tmp_path / "full.tif", image), 152, 140)
    made = {**tile, "mipmapLevels": {str(level): {"imageUrl": filtered}}}
    texts = {key: str(value) for key, value in options.items()}
    specs = [{"className": PREFIX + name, "parameters": texts}]
    where = (3, 5, 140, 130, 0.49 * 2 / 2**level)
    canvas = render_canvas(scenes.window([tile], *where, filterSpecs=specs, doFilter=True))
    expected = render_canvas(scenes.window([made], *where))
    assert canvas.pixels.any()
    assert np.array_equal(canvas.pixels, expected.pixels)


def test_an_unknown_filter_and_a_wrong_number_are_refused():
    with pytest.raises(SpecError, match="unknown filter class"):
        apply_filters(IMAGE, [{"className": "x.y.Z"}], FULL)
    with pytest.raises(SpecError, match="radius of filter Rank"):
        run(IMAGE, "Rank", radius="wide")


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "few"])
@pytest.mark.parametrize(("shape", "radius"), [((23, 31), 3), ((40, 9), 12), ((1, 1), 2)])
def test_medians_are_those_of_scipy(kind, shape, radius):
    from scipy.ndimage import median_filter

    from renderapi.rendering.filters.rank import disc_of, medians_of

    rng = np.random.default_rng(radius)
    pixels = rng.normal(0, 1e4, shape).astype(np.float32)
    if kind != "float32":
        most = {"uint8": 256, "uint16": 65536, "few": 3}[kind]
        pixels = rng.integers(0, most, shape).astype("uint8" if kind == "few" else kind)
    disc = disc_of(radius)
    expected = median_filter(pixels, footprint=disc, mode="nearest")
    found = medians_of(pixels, disc)
    assert found.dtype == pixels.dtype
    assert np.array_equal(found, expected)
