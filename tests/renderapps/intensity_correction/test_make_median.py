"""make_median: the image of every section is the smoothed median of all."""

import tracemalloc

import numpy as np
import pytest
import tifffile
from layered_stacks import state
from scipy.ndimage import gaussian_filter

import renderapi
from renderapps.intensity_correction.make_median import MakeMedian
from renderapps.module import ParameterError, pixel_statistics

GIVEN = {"input_stack": "raw", "output_stack": "median", "minZ": 0, "maxZ": 1}


@pytest.fixture
def stacks(images):
    """Section 0 has 3 tiles, 1 and 2 one each; four images in z 0 to 1."""
    rng = np.random.default_rng(3)
    pixels = [rng.integers(0, 60000, (30, 40), dtype=np.uint16) for _ in range(5)]
    places = ((0.0, "a"), (0.0, "b"), (0.0, "c"), (1.0, "d"), (2.0, "e"))
    mask = "file:///mask.tif"
    images.stack(
        "raw",
        [images.tile(n, p, z, 30.0, mask) for (z, n), p in zip(places, pixels, strict=True)],
    )
    return pixels


def middle_two(pixels):
    """The median of an even number of images, by sorting."""
    values = np.sort(np.stack(pixels).astype(np.float64), axis=0)
    half = len(pixels) // 2
    return (values[half - 1] + values[half]) / 2


def test_an_even_number_of_images_and_the_last_z_count(images, stacks):
    status, report = images.run(MakeMedian, **GIVEN)
    assert status == 0
    expected = np.rint(gaussian_filter(middle_two(stacks[:4]), 10)).astype(np.uint16)
    for z, name in ((0, "a"), (1, "d")):
        file, found = images.shown("median", name)
        assert file == f"Median_median_{z}.tif"
        assert found.dtype == np.uint16
        np.testing.assert_array_equal(found, expected)
    assert report["made_of"][""]["images"] == 4
    assert [(s["z"], s["tiles"], s["dropped_tiles"]) for s in report["sections"]] == [
        (0, 1, []),
        (1, 1, []),
    ]
    tile = images.tile_of("median", "d")
    assert (tile.ip["0"].maskUrl, tile.z, tile.width) == ("file:///mask.tif", 1, 40)
    assert tile.tforms[0].to_dict() == images.tile_of("raw", "d").tforms[0].to_dict()
    version = renderapi.stack.get_full_stack_metadata("median", render=images.render)
    assert version["state"] == "COMPLETE"
    assert version["currentVersion"]["cycleNumber"] == 2
    assert version["currentVersion"]["cycleStepNumber"] == 1


def test_two_images_and_no_smoothing(images, stacks):
    images.run(MakeMedian, **GIVEN | {"minZ": 1, "maxZ": 2, "sigma": 0, "file_prefix": "F"})
    file, found = images.shown("median", "e")
    assert file == "F_median_2.tif"
    np.testing.assert_array_equal(found, np.rint(middle_two(stacks[3:])))


def test_it_may_stay_open_and_take_some_images_only(images, stacks):
    status, report = images.run(
        MakeMedian, **GIVEN | {"num_images": 1, "sigma": 0, "close_stack": False}
    )
    assert (status, state(images.render, "median")) == (0, "LOADING")
    assert report["made_of"][""]["images"] == 1
    _, found = images.shown("median", "a")
    assert any(np.array_equal(found, pixels) for pixels in stacks[:4])
    again = images.run(MakeMedian, **GIVEN | {"num_images": 1, "sigma": 0})[1]
    assert again["made_of"] == report["made_of"]


def test_channels_have_a_median_each(images):
    pixels = [np.full((8, 9), value, np.uint16) for value in (10, 20, 50, 1, 2, 3)]
    tiles = [
        images.tile(f"t{i}", pixels[i], channels={"A": None, "B": pixels[i + 3]}) for i in range(3)
    ]
    images.stack("raw", tiles)
    assert images.run(MakeMedian, **GIVEN)[0] == 0
    assert images.shown("median", "t0", "A")[0] == "Median_median_A_0.tif"
    assert (images.shown("median", "t0", "A")[1] == 20).all()
    assert (images.shown("median", "t0", "B")[1] == 2).all()
    assert images.shown("median", "t0")[0] == "Median_median_A_0.tif"


def test_the_file_of_an_earlier_run_on_other_tiles_is_not_given_other_content(images, stacks):
    images.run(MakeMedian, **GIVEN)
    before = images.shown("median", "a")[1]
    images.run(MakeMedian, **GIVEN | {"maxZ": 2})
    name, found = images.shown("median", "a")
    assert name != "Median_median_0.tif"
    np.testing.assert_array_equal(tifffile.imread(images.out / "Median_median_0.tif"), before)
    expected = np.rint(gaussian_filter(np.median(np.stack(stacks), axis=0), 10))
    np.testing.assert_array_equal(found, expected)


def test_images_that_differ_in_size_are_named(images, capsys):
    tiles = [images.tile("a", np.zeros((4, 5), np.uint8)), images.tile("b", np.zeros((4, 6), "u1"))]
    images.stack("raw", tiles)
    assert images.run(MakeMedian, **GIVEN)[0] == 1
    assert "tile b: its image is 6 x 4 uint8, that of tile a 5 x 4" in capsys.readouterr().err
    assert "median" not in renderapi.render.get_stacks_by_owner_project(render=images.render)


def test_numbers_of_images_that_cannot_be(images, stacks):
    with pytest.raises(ParameterError, match="num_images"):
        MakeMedian(input_data={"render": {}, **GIVEN, "num_images": 0}, args=[])


def test_memory_does_not_grow_with_the_number_of_tiles(images, monkeypatch):
    """A thousand tiles of 250 x 320 are 160 MB; the rows that are held at once are bounded."""
    size = (250, 320)
    shown = [images.write(f"{i}.tif", np.full(size, 10 * i + 1, np.uint16)) for i in range(5)]
    tiles = [images.tile("t0", tifffile.imread(shown[0]))]
    document = tiles[0].to_dict()
    for i in range(1000):
        copy = renderapi.tilespec.TileSpec(json=document | {"tileId": f"t{i}"})
        copy.ip["0"] = renderapi.image_pyramid.MipMap(shown[i % 5].as_uri())
        tiles.append(copy)
    images.stack("raw", tiles[1:])
    given = MakeMedian(
        input_data={
            "render": {"host": images.render.DEFAULT_HOST, "owner": "test", "project": "project"},
            **GIVEN,
            "output_directory": str(images.out),
            "pool_size": 1,
        },
        args=[],
    )
    bound = (pixel_statistics.median, 8_000_000)  # of 256 MB
    monkeypatch.setattr(pixel_statistics.across_images, "__defaults__", bound)
    tracemalloc.start()
    try:
        given.run()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80_000_000
    assert (images.shown("median", "t0")[1] == 21).all()
