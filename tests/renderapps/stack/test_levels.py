"""Display ranges from histograms, and whole stacks given them."""

import numpy as np
import pytest
import tifffile
from layered_stacks import put, read, run, tile

from renderapi.urls import path_to_url
from renderapps.module.display_range import range_holders
from renderapps.stack.auto_set_stack_levels import AutoSetStackLevels
from renderapps.stack.levels import (
    PowerLaw,
    histogram,
    median_range,
    percentile_range,
    power_law_range,
)

CENTRES = np.arange(64.0, 65408, 128)


def counts():
    """A power law of exponent -2 that begins at 2624, where three times as many pixels are."""
    values = np.where(CENTRES < 2624, 0, np.round(1e9 / CENTRES**2))
    values[CENTRES == 2624] *= 3
    return values


def test_the_law_of_known_numbers():
    low, high = power_law_range(CENTRES, counts(), PowerLaw(log_cut=4.605170185988091))
    assert low == 2124
    assert high == pytest.approx(np.sqrt(1e9 / 100), rel=0.01)
    # rounded counts fall to e^4 here; the exact law does at 4279.7
    low, high = power_law_range(CENTRES, counts(), PowerLaw())
    assert low == 2124 and high == pytest.approx(4287.7, abs=0.05)


def test_bins():
    centres, n = histogram(np.array([0, 127, 128, 65407, 65409, 65535]), 128)
    assert len(n) == 511 and (centres[0], centres[-1]) == (64, 65344)
    assert n[[0, 1, -1]].tolist() == [2, 1, 1] and n.sum() == 4


@pytest.mark.parametrize(
    "n",
    [
        np.where(CENTRES == 64, 10**6, 0),  # nothing is brighter
        np.where(CENTRES < 1000, CENTRES * 10, 0),  # it rises to its end
        np.where(CENTRES < 300, 1000, 0),  # too few bins
    ],
)
def test_histograms_without_a_law(n):
    assert power_law_range(CENTRES, n, PowerLaw()) is None


def test_the_ends_are_a_range():
    assert percentile_range(np.full(9, 7), (1, 99)) == (7, 8)
    assert median_range([(0.4, 10.2), (2.4, 30.2), (1.2, 20.0)]) == (1, 20)
    low, _ = power_law_range(CENTRES, counts(), PowerLaw(margin=9000))
    assert low == 0


def test_the_holders_of_a_range():
    tile = {"channels": [{"name": "a"}, {"name": "b"}]}
    assert range_holders(tile, None) == [tile, {"name": "a"}, {"name": "b"}]
    assert range_holders(tile, ["b"]) == [{"name": "b"}]


@pytest.fixture
def images(tmp_path):
    """Files of 16 bit images whose grey values have the histogram of `counts`, and a small one."""
    pixels = np.repeat(CENTRES, counts().astype(int)).astype(np.uint16)
    side = 40
    pixels = np.concatenate([pixels, np.full(-len(pixels) % side, 2624, np.uint16)])
    law = tmp_path / "law #1.tif"
    tifffile.imwrite(law, pixels.reshape(side, -1))
    ramp = tmp_path / "ramp.tif"
    tifffile.imwrite(ramp, np.arange(200, dtype=np.uint8).reshape(10, 20))
    return path_to_url(law), path_to_url(ramp)


def test_each_section_gets_its_own_range(render, images, tmp_path):
    sections = [
        [tile(f"{n}{z}", z, url=url) for n in "abc"]
        for z, url in ((1.0, images[0]), (2.0, images[1]))
    ]
    put(render, "raw", sections)
    given = {"input_stack": "raw", "output_stack": "out", "samples": 2, "percentiles": [10, 90]}
    folder = tmp_path / "specs"
    status, report = run(AutoSetStackLevels, render, **given, output_directory=str(folder))
    assert status == 0
    one, two = (s["ranges"][0] for s in report["sections"])
    assert (one["samples"], one["by_power_law"]) == (2, 2)
    assert (two["samples"], two["by_power_law"]) == (2, 0)
    ranges = {key: (t.minint, t.maxint) for key, t in read(render, "out").items()}
    assert len(ranges) == 6
    for name in "abc":
        low, high = ranges[f"{name}1.0"]
        assert low == 2124 and high == pytest.approx(4279.7, rel=0.01)
        assert ranges[f"{name}2.0"] == (20, 179)
    assert sorted(path.name for path in folder.iterdir()) == ["out_00001.json", "out_00002.json"]
    assert read(render, "raw")["a1.0"].maxint == 200


def test_channels_have_their_own(render, images):
    spec = tile("a", 1.0, url=images[1], channels=("GFP",))
    spec.channels[0].ip["0"].imageUrl = images[0]
    put(render, "raw", [[spec]])
    status, report = run(AutoSetStackLevels, render, input_stack="raw", in_place=True)
    assert status == 0
    assert {r["channel"]: r["by_power_law"] for r in report["sections"][0]["ranges"]} == {
        None: 0,
        "GFP": 1,
    }
    (after,) = read(render, "raw").values()
    assert (after.minint, after.channels[0].minIntensity) == (0, 2124)


def test_the_first_level_that_there_is_counts(render, images):
    spec = tile("a", 1.0, levels=(2, 3))
    spec.ip["2"].imageUrl = images[0]
    put(render, "raw", [[spec]])
    assert run(AutoSetStackLevels, render, input_stack="raw", in_place=True)[0] == 0
    assert read(render, "raw")["a"].minint == 2124


def test_without_images_nothing_changes(render, capsys):
    put(render, "raw", [[tile("a", 1.0)]])
    assert run(AutoSetStackLevels, render, input_stack="raw", in_place=True)[0] == 1
    assert "a_0.tif" in capsys.readouterr().err and read(render, "raw")["a"].maxint == 200
    given = {"input_stack": "raw", "in_place": True, "percentiles": [90, 10]}
    assert run(AutoSetStackLevels, render, **given)[0] == 2
