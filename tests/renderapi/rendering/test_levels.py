"""Which pyramid level is drawn: the last bit of the fit decides, so it is compared bit by bit."""

import numpy as np
import pytest
import tifffile
from slow_renderer import Slow, sequential_scale

from renderapi import rendering
from renderapi.rendering import level_kernels, levels, output
from renderapi.rendering.parameters import Window, parse_parameters
from renderapi.rendering.tiles import placement_of

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
POLYNOMIAL = "mpicbg.trakem2.transform.PolynomialTransform2D"
TRANSLATION = "mpicbg.trakem2.transform.TranslationModel2D"
LENS = [12.5, 1, -0.003, 2e-7, -1e-7, 3e-7, -7.25, 0.002, 1, 1e-7, 2e-7, -4e-7]


def leaf(name, numbers):
    return {"className": name, "dataString": " ".join(repr(float(n)) for n in numbers)}


def tile(path, width, height, *transforms):
    return {
        "tileId": "t",
        "width": width,
        "height": height,
        "mipmapLevels": {"0": {"imageUrl": path}},
        "transforms": {"type": "list", "specList": list(transforms)},
    }


def window(tiles, x, y, width, height, scale):
    return dict(x=x, y=y, width=width, height=height, scale=scale, tileSpecs=tiles)


def test_levels_follow_the_scale():
    scales = {3.0: 0, 1.0: 0, 0.51: 0, 0.5: 1, 0.34: 1, 0.26: 1, 0.25: 2, 0.126: 2, 0.01: 6}
    assert {scale: levels.level_for_scale(scale) for scale in scales} == scales
    assert [levels.level_for_scale(odd) for odd in (float("nan"), 0.0, float("inf"))] == [0, 0, 0]


@pytest.mark.parametrize("power", [1, 2, 3])
def test_there_is_no_tolerance_at_powers_of_two(power):
    exact = 0.5**power
    assert levels.level_for_scale(exact) == power
    assert levels.level_for_scale(np.nextafter(exact, 1)) == power - 1
    assert levels.level_for_scale(np.nextafter(exact, 0)) == power


def random_transforms(rng):
    """Tiles that are drawn at exactly 1 / 2^n, as far as rounding lets them."""
    shift = [float(n) for n in rng.uniform(-5e4, 2e5, 2)]
    kind = rng.integers(5)
    if kind == 0:
        return [leaf(AFFINE, [1, 0, 0, 1, *shift])]
    if kind == 1:
        return [leaf(TRANSLATION, shift), leaf(AFFINE, [1, 0, 0, 1, *rng.uniform(-9, 9, 2)])]
    if kind == 2:
        turn = float(rng.uniform(-3, 3))
        c, s = float(np.cos(turn)), float(np.sin(turn))
        return [leaf(AFFINE, [c, s, -s, c, *shift])]
    if kind == 3:
        return [leaf(AFFINE, [2, 0, 0, 2, *shift]), leaf(AFFINE, [0.5, 0, 0, 0.5, *shift[::-1]])]
    return [leaf(AFFINE, [-1, 0, 0, 1, *shift])]


@pytest.mark.parametrize("power", [1, 2, 3, 4])
def test_levels_at_powers_of_two_are_those_of_sums_one_after_the_other(power):
    rng = np.random.default_rng(power)
    chosen = []
    for _ in range(60):
        size = [int(n) for n in rng.integers(130, 2700, 2)]
        spec = tile("a.png", *size, *random_transforms(rng))
        x, y = rng.uniform(-5e4, 2e5, 2)
        document = window([spec], float(x), float(y), 512, 512, 0.5**power)
        parameters = parse_parameters(document)
        level = placement_of(spec).level(parameters.mesh_cell_size, parameters.window)
        chosen.append((level, Slow(document, {}).level(spec, *size)))
    assert [ours for ours, _ in chosen] == [slow for _, slow in chosen]
    # both sides of the step occur: the test would see a tolerance
    assert {ours for ours, _ in chosen} == {power - 1, power}


@pytest.mark.parametrize("cell", [64.0, 17.3, 200.0])
def test_the_scale_is_that_of_sums_one_after_the_other_to_the_last_bit(cell):
    rng = np.random.default_rng(7)
    for _ in range(20):
        chain = np.array([np.eye(3)] * 2)
        chain[:, :2] += rng.normal(0, 0.3, (2, 2, 3)) * (1, 1, 1e5)
        width, height = rng.uniform(210, 2600, 2)
        shot = Window(*rng.uniform(-1e5, 1e5, 2).tolist(), 100, 100, float(rng.uniform(0.1, 1)))
        shift = -(shot.x * shot.scale), -(shot.y * shot.scale)
        columns = [k * cell for k in range(9999) if k * cell < width]
        rows = [k * cell for k in range(9999) if k * cell < height]
        points, moved = [(x, y) for y in rows for x in columns], []
        for x, y in points:
            for m in chain.tolist():
                x, y = (x * a + y * b + c for a, b, c in m[:2])
            moved.append((x * shot.scale + shift[0], y * shot.scale + shift[1]))
        found = level_kernels.affine_scale(
            np.array(columns), np.array(rows), chain, shot.scale, *shift
        )
        assert found == sequential_scale(points, moved)
        u, v = np.array(moved).T.copy()
        assert level_kernels.fitted_scale(np.array(columns), np.array(rows), u, v) == found


def test_a_curved_tile_takes_the_level_of_its_samples():
    rng = np.random.default_rng(3)
    for _ in range(10):
        spec = tile("a.png", 900, 700, leaf(POLYNOMIAL, LENS))
        document = window([spec], *rng.uniform(-1e4, 1e4, 2).tolist(), 512, 512, 0.499)
        parameters = parse_parameters(document)
        level = placement_of(spec).level(64.0, parameters.window)
        assert level == Slow(document, {}).level(spec, 900, 700)


@pytest.mark.parametrize(("width", "height"), [(64, 900), (900, 64), (64, 64), (65, 64)])
@pytest.mark.parametrize("transform", [leaf(AFFINE, [1, 0, 0, 1, 5, 6]), leaf(POLYNOMIAL, LENS)])
def test_a_tile_too_small_for_a_fit_is_drawn_from_level_0(width, height, transform):
    spec = tile("a.png", width, height, transform)
    assert placement_of(spec).level(64.0, Window(0, 0, 100, 100, 0.25)) == 0


def test_a_clear_scale_needs_no_samples(monkeypatch):
    monkeypatch.setattr(level_kernels, "affine_scale", None)
    size, identity = (1000.0, 1000.0), np.eye(3)
    found = [
        levels.affine_level(size, 64.0, [identity], identity, Window(3.3, 4.4, 100, 100, scale))
        for scale in (1.0, 0.7, 0.499, 0.26, 0.1)
    ]
    assert found == [0, 0, 1, 1, 3]


def test_numbers_beyond_measure_give_level_0():
    size, huge = (900.0, 900.0), np.diag([1e308, 1e308, 1.0])
    both = np.diag([np.inf, np.inf, 1.0])
    assert levels.affine_level(size, 64.0, [huge, huge], both, Window(scale=0.5)) == 0
    far = np.array([[1.0, 0, 1e308], [0, 1, 1e308], [0, 0, 1]])
    assert levels.affine_level(size, 64.0, [far], far, Window(x=-1e308, scale=0.5)) == 0


@pytest.mark.parametrize("seed", range(6))
def test_pictures_at_powers_of_two_show_the_level_of_the_slow_renderer(seed, tmp_path):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (140, 150)).astype(np.uint8)
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, image)
    spec = tile(path, 150, 140, *random_transforms(rng))
    shot = placement_of(spec).to_world(np.array([(0.0, 0), (150, 0), (0, 140), (150, 140)]))
    x, y = (shot.min(axis=0) + rng.uniform(-3, 3, 2)).tolist()
    document = window([spec], x, y, 160, 160, 0.5)
    picture = output.to_rgba(rendering.render_canvas(document))
    expected = Slow(document, {path: image}).rgba()
    assert np.count_nonzero((picture != expected).any(axis=2)) <= 2
