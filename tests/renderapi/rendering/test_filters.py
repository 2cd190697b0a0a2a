"""Filters, each against a plain computation of its definition."""

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapi.rendering import render_canvas
from renderapi.rendering.filters import DEFAULT_FILTERS, NAMED_FILTERS, PREFIX, apply_filters
from renderapi.rendering.intensity import DisplayRange

FULL = DisplayRange(0.0, 255.0)
IMAGE = np.random.default_rng(0).integers(0, 256, (31, 37)).astype(np.uint8)


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
    limit = int(slope * 121 / bins + 0.5)
    result = run(image, "CLAHE", fast="false", blockRadius=radius, bins=bins, slope=slope)
    for y, x in ((0, 0), (12, 13), (23, 25), (5, 20)):
        window = image[max(y - 5, 0) : y + 6, max(x - 5, 0) : x + 6]
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


@pytest.mark.parametrize(
    ("kind", "function"),
    [(0, np.mean), (1, np.min), (2, np.max), (3, np.var), (4, np.median)],
)
def test_rank_filters_look_at_a_disc_and_continue_the_border(kind, function):
    result = run(IMAGE, "Rank", radius=2, filterType=kind)
    padded = np.pad(IMAGE, 2, mode="edge").astype(float)
    y, x = np.mgrid[-2:3, -2:3]
    disc = x * x + y * y <= 5
    for row, column in ((0, 0), (15, 20), (30, 36), (1, 35)):
        window = padded[row : row + 5, column : column + 5][disc]
        assert result[row, column] == min(int(function(window) + 0.5), 255)


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


def test_an_unknown_filter_and_a_wrong_number_are_refused():
    with pytest.raises(SpecError, match="unknown filter class"):
        apply_filters(IMAGE, [{"className": "x.y.Z"}], FULL)
    with pytest.raises(SpecError, match="radius of filter Rank"):
        run(IMAGE, "Rank", radius="wide")
