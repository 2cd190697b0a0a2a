"""estimate_shading: a simulated uneven field is found, and removed by multIntensityCorr."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from renderapps.intensity_correction.estimate_shading import EstimateShading
from renderapps.intensity_correction.multIntensityCorr import MultIntensityCorr
from renderapps.intensity_correction.shading import estimate_fields, polynomial, robust_lines
from renderapps.module import RenderModuleException

SHAPE = (120, 160)
GIVEN = {"input_stack": "raw", "output_stack": "flat", "minZ": 0, "maxZ": 1}


def field():
    """Vignetting off the centre, a tilt, and a dust spot."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    v, u = y / SHAPE[0] - 0.4, x / SHAPE[1] - 0.6
    spot = 0.1 * np.exp(-((y - 30) ** 2 + (x - 110) ** 2) / (2 * 20.0**2))
    flat = 1.2 - 0.9 * (u**2 + v**2) + 0.15 * u - spot
    return flat / flat.mean()


def dark():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return 60 * (x / SHAPE[1] - 0.5) + 40 * (y / SHAPE[0]) ** 2


def scenes(number, seed=0):
    """What was there: texture of 15 %, each tile of its own brightness."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        texture = gaussian_filter(rng.normal(size=SHAPE), 2)
        yield rng.uniform(400, 2500) * (1 + 0.15 * texture / texture.std())


def rms(values):
    return float(np.sqrt(np.mean((values / values.mean() - 1) ** 2)))


def test_an_uneven_field_is_removed_to_within_one_percent():
    images = (np.rint(scene * field()).astype(np.uint16) for scene in scenes(100))
    flat, none = estimate_fields(images, False, 10)
    assert rms(field()) > 0.1
    assert rms(field() / flat) < 0.01
    assert flat.mean() == pytest.approx(1)
    assert not none.any()


def test_a_dark_field_is_told_from_the_light():
    images = [scene * field() + dark() for scene in scenes(200)]
    flat, found = estimate_fields(iter(images), True, 20)
    assert rms(field() / flat) < 0.01
    expected = dark() - dark().mean() * field()
    assert (found - expected).std() < 0.4 * expected.std()
    assert found.mean() == pytest.approx(0, abs=1e-9)


def test_bright_things_in_some_tiles_do_not_count():
    rng = np.random.default_rng(5)

    def images():
        for scene in scenes(100, 2):
            y, x = rng.integers(0, 90, 2)
            scene[y : y + 25, x : x + 25] *= 8
            yield scene * field()

    flat, _ = estimate_fields(images(), False, 10)
    assert rms(field() / flat) < 0.01


def test_lines_ignore_outliers():
    rng = np.random.default_rng(1)
    x = rng.uniform(100, 1000, 60)
    slope, offset = rng.uniform(0.5, 2, (2, 3)), rng.uniform(-50, 50, (2, 3))
    values = slope * x[:, None, None] + offset + rng.normal(0, 1, (60, 2, 3))
    values[::9] += 3000
    found = robust_lines(x, values)
    np.testing.assert_allclose(found[0], slope, atol=0.01)
    np.testing.assert_allclose(found[1], offset, atol=3)


def test_polynomials_are_kept_up_to_the_border():
    y, x = np.mgrid[:40, :50] / 50
    values = 3 + x - 2 * y**2 + x**3 * y
    np.testing.assert_allclose(polynomial(values), values, atol=1e-9)
    assert polynomial(np.ones((1, 3))).shape == (1, 3)


def test_too_few_images_and_equal_ones_are_refused():
    with pytest.raises(RenderModuleException, match="2 images that are not black are too few"):
        estimate_fields(iter([np.ones((8, 8)), np.ones((8, 8)), np.zeros((8, 8))]), False, 1)
    with pytest.raises(RenderModuleException, match="equally bright"):
        estimate_fields(iter([np.ones((8, 8))] * 5), True, 1)


@pytest.fixture
def tiles(images):
    """150 tiles in two sections, lit unevenly, with a dark-field."""
    shown = list(scenes(150, 7))
    images.stack(
        "raw",
        [
            images.tile(f"t{i}", np.rint(s * field() + 100 + dark()).astype(np.uint16), i % 2)
            for i, s in enumerate(shown)
        ],
    )
    return shown


def test_it_is_removed_from_tiles(images, tiles):
    status, report = images.run(EstimateShading, **GIVEN, dark_stack="dark")
    assert status == 0
    assert report["made_of"][""]["images"] == 150
    name, flat = images.shown("flat", "t1")
    assert (name, flat.dtype) == ("Shading_flat_1.tif", np.float32)
    assert images.shown("dark", "t1")[0] == "Shading_dark_1.tif"
    assert rms(field() / flat) < 0.01
    even = {"input_stack": "raw", "output_stack": "even", "output_directory": str(images.out)}
    fields = {"correction_stack": "flat", "dark_stack": "dark", "z_index": 1}
    assert images.run(MultIntensityCorr, **even, **fields)[0] == 0
    ratios = [images.shown("even", f"t{i}")[1] / (tiles[i] + 100) for i in range(1, 150, 2)]
    before = [images.shown_raw("raw", f"t{i}") / (tiles[i] + 100) for i in range(1, 150, 2)]
    assert rms(np.mean(before, axis=0)) > 0.1
    assert rms(np.mean(ratios, axis=0)) < 0.01
    assert (
        images.run(EstimateShading, **GIVEN, dark_stack="dark")[1]["made_of"] == report["made_of"]
    )


def test_without_a_dark_field_there_is_one_stack(images, tiles, capsys):
    assert images.run(EstimateShading, **GIVEN)[0] == 0
    assert images.tile_of("flat", "t0").ip["0"].imageUrl.endswith("Shading_flat_0.tif")
    assert images.run(EstimateShading, **GIVEN, dark_stack="flat")[0] == 2
    assert "dark_stack: is the output_stack too" in capsys.readouterr().err
    assert images.run(EstimateShading, **GIVEN | {"num_images": 2})[0] == 1
    assert "too few" in capsys.readouterr().err
