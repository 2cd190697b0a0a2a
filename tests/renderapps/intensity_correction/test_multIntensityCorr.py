"""multIntensityCorr: what a tile shows is its corrected image."""

import numpy as np
import pytest
from layered_stacks import state

import renderapi
from renderapi.urls import path_to_url
from renderapps.intensity_correction.flat_field import as_type, flattened
from renderapps.intensity_correction.multIntensityCorr import MultIntensityCorr
from renderapps.module import ParameterError, RenderModuleException

GIVEN = {
    "input_stack": "raw",
    "correction_stack": "flat",
    "output_stack": "even",
    "z_index": 3,
}
IMAGE = np.array([[100, 200], [300, 400]], np.uint16)
FLAT = np.array([[50, 100], [100, 200]], np.uint16)


def test_the_worked_example():
    found = flattened(IMAGE, FLAT)
    np.testing.assert_allclose(
        found, [[222.2220, 222.2222], [333.3334, 222.2224]], atol=5e-5, rtol=0
    )
    assert found.mean() == pytest.approx(250)


def test_values_are_rounded_and_cut_off_at_the_type():
    values = np.array([-3.0, 1.5, 254.6, 70000.0])
    assert as_type(values, np.dtype("u1")).tolist() == [0, 2, 255, 255]
    assert as_type(values, np.dtype("u2"), 5, 300).tolist() == [5, 5, 255, 300]
    np.testing.assert_array_equal(as_type(values, np.dtype("f4")), values.astype("f4"))


def test_a_black_image_stays_and_black_fields_are_refused():
    assert not flattened(np.zeros((2, 2), np.uint8), FLAT).any()
    with pytest.raises(RenderModuleException, match="black"):
        flattened(IMAGE, np.zeros((2, 2)))
    with pytest.raises(RenderModuleException, match="2 x 2 pixels, the flat-field 2 x 3"):
        flattened(IMAGE, np.ones((3, 2)))
    colours = flattened(np.stack([IMAGE] * 3, axis=-1), FLAT)
    np.testing.assert_allclose(colours[..., 1], flattened(IMAGE, FLAT))


@pytest.fixture
def stacks(images):
    """Tiles t (16 bit) and u (8 bit, black) at z=3; the flat-field is the first of two tiles."""
    mask = path_to_url(images.write("mask.tif", np.full((2, 2), 255, np.uint8)))
    images.stack(
        "raw",
        [
            images.tile("t", IMAGE, 3.0, 5.0, mask=mask),
            images.tile("u", np.zeros((2, 2), np.uint8), 3.0),
            images.tile("later", IMAGE, 4.0),
        ],
    )
    flat = [images.tile("f0", FLAT, 3.0), images.tile("f1", FLAT + 7, 3.0)]
    images.stack("flat", flat)


def test_tiles_show_corrected_images(images, stacks):
    status, report = images.run(MultIntensityCorr, **GIVEN)
    assert status == 0
    name, found = images.shown("even", "t")
    assert name == "even_0003_t.tif"
    assert found.dtype == np.uint16
    assert found.tolist() == [[222, 222], [333, 222]]
    assert images.shown("even", "u")[1].dtype == np.uint8
    tile = images.tile_of("even", "t")
    assert tile.ip["0"].maskUrl.endswith("/mask.tif")
    assert tile.tforms[0].to_dict() == images.tile_of("raw", "t").tforms[0].to_dict()
    assert [s["images_made"] for s in report["sections"]] == [2]
    assert report["sections"][0]["dropped_tiles"] == []
    drawn = renderapi.image.get_bb_image("even", 3, 5, 0, 2, 2, render=images.render)
    assert drawn[..., 0].tolist() == np.rint(found / 9000 * 255).astype(int).tolist()
    assert images.run(MultIntensityCorr, **GIVEN)[1]["sections"][0]["images_made"] == 0


def test_sections_come_one_after_the_other_into_an_open_stack(images, stacks):
    flat = [images.tile("f2", FLAT, 4.0)]
    renderapi.stack.set_stack_state("flat", "LOADING", render=images.render)
    renderapi.resolvedtiles.put_tilespecs("flat", tilespecs=flat, render=images.render)
    renderapi.stack.set_stack_state("flat", "COMPLETE", render=images.render)
    assert images.run(MultIntensityCorr, **GIVEN, close_stack=False)[0] == 0
    assert state(images.render, "even") == "LOADING"
    status, report = images.run(MultIntensityCorr, **GIVEN | {"z_index": 4})
    assert (status, state(images.render, "even"), report["kept_zs"]) == (0, "COMPLETE", [3])
    assert images.shown("even", "later")[0] == "even_0004_later.tif"


def test_scale_and_limits(images, stacks):
    more = {"scale_factor": 2, "clip_min": 112, "clip_max": 150}
    images.run(MultIntensityCorr, **GIVEN, **more)
    assert images.shown("even", "t")[1].tolist() == [[112, 112], [150, 112]]


def test_channels_have_their_own_field(images):
    tile = images.tile("t", IMAGE, 3.0, channels={"A": None, "B": IMAGE})
    flat = images.tile("f", FLAT, 3.0, channels={"A": None, "B": FLAT.T[::-1].copy()})
    images.stack("raw", [tile])
    images.stack("flat", [flat])
    assert images.run(MultIntensityCorr, **GIVEN)[0] == 0
    for channel, field in (("A", FLAT), ("B", FLAT.T[::-1])):
        even = IMAGE * (200 / (field + 0.0001))
        expected = np.rint(even * 250 / even.mean())
        np.testing.assert_array_equal(images.shown("even", "t", channel)[1], expected)
    assert images.shown("even", "t")[0] == images.shown("even", "t", "A")[0]


def test_a_dark_field_is_subtracted_first(images, stacks):
    dark = np.array([[10, 20], [0, 40]], np.uint16)
    images.stack("dark", [images.tile("d", dark, 3.0)])
    assert images.run(MultIntensityCorr, **GIVEN, dark_stack="dark")[0] == 0
    even = (IMAGE - dark) * (200 / (FLAT + 0.0001))
    np.testing.assert_array_equal(
        images.shown("even", "t")[1], np.rint(even * 250 / even.mean()).astype(int)
    )


def test_what_does_not_fit_is_named(images, stacks, capsys):
    images.stack("flat", [images.tile("f", np.ones((3, 2), np.uint16), 3.0)])
    assert images.run(MultIntensityCorr, **GIVEN)[0] == 1
    assert "tile t: its image is 2 x 2 pixels, the flat-field 2 x 3" in capsys.readouterr().err
    assert images.run(MultIntensityCorr, **GIVEN | {"z_index": 4})[0] == 1
    assert "stack flat has no section at z=4" in capsys.readouterr().err
    assert "even" not in renderapi.render.get_stacks_by_owner_project(render=images.render)


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"z_index": None}, "z_index: missing"),
        ({"minZ": 1}, "give z_index or minZ"),
        ({"output_stack": "flat"}, "flat is also an input"),
        ({"clip_min": 5, "clip_max": 5}, "clip_min"),
        ({"scale_factor": 0}, "scale_factor"),
    ],
)
def test_parameters_that_contradict_each_other(images, more, word):
    given = {"render": {"owner": "a", "project": "b"}, **GIVEN, "output_directory": "x"} | more
    with pytest.raises(ParameterError, match=word):
        MultIntensityCorr(input_data=given, args=[])
