"""The three deconvolution modules on a live service: what tiles show is the deconvolved image."""

import numpy as np
import pytest
import tifffile
from layered_stacks import state
from scipy import ndimage

import renderapi
from renderapps.intensity_correction import (
    apply_deconv_zoned,
    apply_deconvolution,
    apply_deconvolution_multi,
)
from renderapps.intensity_correction.deconvolution import deconvolved, without_background
from renderapps.module import ParameterError

GIVEN = {"input_stack": "raw", "output_stack": "sharp", "z_index": 7, "num_iter": 4}
SINGLE = [apply_deconvolution.ApplyDeconv, apply_deconv_zoned.ApplyDeconvZoned]


def gaussian(size, sigma):
    x = np.arange(size) - size // 2
    line = np.exp(-(x**2) / (2 * sigma**2))
    return np.outer(line, line) / line.sum() ** 2


PSF = gaussian(7, 1.2)


def blurred(seed, shape=(70, 90)):
    rng = np.random.default_rng(seed)
    points = np.full(shape, 200.0)
    points[rng.integers(0, shape[0], 40), rng.integers(0, shape[1], 40)] += 20000
    return ndimage.convolve(points, PSF, mode="reflect").astype(np.uint16)


def expected(pixels, radius=20, iterations=4, factor=1.0, psf=PSF):
    sharp = deconvolved(without_background(pixels.astype(float), radius), psf, iterations)
    return np.clip(np.rint(sharp / factor), 0, 65535)


@pytest.fixture
def psf_file(tmp_path):
    path = tmp_path / "psf.tif"
    tifffile.imwrite(path, 50 * PSF)
    return str(path)


@pytest.fixture
def stack(images):
    channels = {"A": None, "B": blurred(2)}
    tiles = [
        images.tile("t", blurred(1), 7.0, channels=channels),
        images.tile("half", blurred(3), 7.0, first=1),
        images.tile("next", blurred(4), 8.0),
    ]
    images.stack("raw", tiles)


@pytest.mark.parametrize(("module", "tolerance"), [(SINGLE[0], 0), (SINGLE[1], 0.03)])
def test_tiles_and_channels_show_the_deconvolved_image(images, stack, psf_file, module, tolerance):
    status, report = images.run(module, **GIVEN, psf_file=psf_file, scale_factor=2)
    assert status == 0
    for shown, pixels in (
        (images.shown("sharp", "t"), blurred(1)),
        (images.shown("sharp", "t", "B"), blurred(2)),
        (images.shown("sharp", "half"), blurred(3)),
    ):
        found = shown[1]
        assert found.dtype == np.uint16
        right = expected(pixels, factor=2)
        np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance * 500)
        assert found.std() > 1.5 * pixels.std() / 2
    assert images.shown("sharp", "t")[0] == images.shown("sharp", "t", "A")[0] == "sharp_0007_t.tif"
    assert list(images.tile_of("sharp", "half").ip.levels) == ["1"]
    assert report["sections"][0]["images_made"] == 3
    assert state(images.render, "sharp") == "LOADING"
    again = images.run(module, **GIVEN, psf_file=psf_file, scale_factor=2, close_stack=True)[1]
    assert again["sections"][0]["images_made"] == 0
    record = renderapi.stack.get_full_stack_metadata("sharp", render=images.render)
    assert record["state"] == "COMPLETE"
    numbers = record["currentVersion"]
    assert (numbers["cycleNumber"], numbers["cycleStepNumber"]) == (2, 1)


def test_other_settings_and_other_psfs_make_other_images(images, stack, psf_file, tmp_path):
    images.run(apply_deconvolution.ApplyDeconv, **GIVEN, psf_file=psf_file)
    first = images.shown("sharp", "t")
    tifffile.imwrite(psf_file, gaussian(9, 0.8))
    images.run(apply_deconvolution.ApplyDeconv, **GIVEN, psf_file=psf_file, bgrd_size=0)
    name, found = images.shown("sharp", "t")
    assert name != first[0]
    np.testing.assert_array_equal(found, expected(blurred(1), 0, psf=gaussian(9, 0.8)))
    np.testing.assert_array_equal(tifffile.imread(images.out / first[0]), first[1])


def test_each_channel_has_its_settings(images, stack, psf_file):
    settings = [
        {"name": "B", "psf_file": psf_file, "num_iter": 2, "bgrd_size": 0, "scale_factor": 4},
        {"psf_file": psf_file, "num_iter": 3, "bgrd_size": 5},
    ]
    given = {key: value for key, value in GIVEN.items() if key != "num_iter"}
    module = apply_deconvolution_multi.ApplyDeconv
    status, report = images.run(module, **given, deconv_settings=settings)
    assert (status, report["sections"][0]["images_made"]) == (0, 3)
    for shown, right in (
        (images.shown("sharp", "t", "B"), expected(blurred(2), 0, 2, 4)),
        (images.shown("sharp", "t", "A"), expected(blurred(1), 5, 3)),
        (images.shown("sharp", "t"), expected(blurred(1), 5, 3)),
        (images.shown("sharp", "half"), expected(blurred(3), 5, 3)),
    ):
        np.testing.assert_array_equal(shown[1], right)
    record = renderapi.stack.get_full_stack_metadata("sharp", render=images.render)
    numbers = record["currentVersion"]
    assert (record["state"], numbers["cycleStepNumber"]) == ("LOADING", 2)


def test_channels_without_settings_are_named(images, stack, psf_file, capsys):
    given = {key: value for key, value in GIVEN.items() if key != "num_iter"}
    module = apply_deconvolution_multi.ApplyDeconv
    only_b = [{"name": "B", "psf_file": psf_file}]
    assert images.run(module, **given, deconv_settings=only_b)[0] == 1
    line = capsys.readouterr().err
    assert "tile t: deconv_settings has nothing for channel A" in line
    assert "tile half: deconv_settings has nothing for the image of the tile itself" in line
    assert images.run(module, **given, deconv_settings=only_b * 2)[0] == 2
    assert "channel B is there twice" in capsys.readouterr().err
    assert images.run(module, **given, deconv_settings=[{"psf_file": "/nowhere.tif"}])[0] == 2
    assert "/nowhere.tif" in capsys.readouterr().err


def test_zones_can_have_a_psf_each_or_find_it(images, psf_file, capsys):
    images.stack("raw", [images.tile("t", blurred(5, (100, 60)), 7.0)])
    module = apply_deconv_zoned.ApplyDeconvZoned
    two = gaussian(7, 1.2), gaussian(7, 0.6)
    tifffile.imwrite(psf_file, np.stack(two))
    zones = {"zone_size": 60, "bgrd_size": 0}
    assert images.run(module, **GIVEN, **zones, psf_file=psf_file)[0] == 0
    found = images.shown("sharp", "t")[1]
    for psf, rows in zip(two, (slice(0, 35), slice(65, 100)), strict=True):
        right = expected(blurred(5, (100, 60)), 0, psf=psf)[rows]
        np.testing.assert_allclose(found[rows], right, rtol=0.03, atol=20)
    assert images.run(module, **GIVEN, zone_size=30, psf_file=psf_file)[0] == 1
    assert "zones" in capsys.readouterr().err
    blind = {"estimate_psf": True, "psf_size": 7, "blind_iterations": 6}
    assert images.run(module, **GIVEN, **zones, **blind, psf_file=psf_file)[0] == 0
    own = images.shown("sharp", "t")[1]
    assert not np.array_equal(own, found)
    assert own.std() > blurred(5, (100, 60)).std()


@pytest.mark.parametrize("module", SINGLE)
@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"psf_file": "/nowhere.tif"}, "no such file .got ./nowhere.tif"),
        ({"num_iter": 0}, "num_iter"),
        ({"bgrd_size": -1}, "bgrd_size"),
        ({"scale_factor": 0}, "scale_factor"),
    ],
)
def test_parameters_that_cannot_be(module, more, word, psf_file):
    given = {"render": {"owner": "a", "project": "b"}, **GIVEN, "output_directory": "x"}
    with pytest.raises(ParameterError, match=word):
        module(input_data=given | {"psf_file": psf_file} | more, args=[])


@pytest.mark.parametrize("module", SINGLE)
def test_a_psf_larger_than_the_tiles_leaves_nothing_behind(images, stack, psf_file, module, capsys):
    tifffile.imwrite(psf_file, gaussian(95, 9))
    assert images.run(module, **GIVEN, psf_file=psf_file)[0] == 1
    assert "tile t: the point spread function is 95 x 95 pixels" in capsys.readouterr().err
    assert "sharp" not in renderapi.render.get_stacks_by_owner_project(render=images.render)
