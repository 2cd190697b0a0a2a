"""Masks attached to stacks and removed from them."""

import numpy as np
import pytest
import tifffile
from layered_stacks import HEIGHT, WIDTH, layers, read, run

from renderapi.rendering.sources import read_image
from renderapi.urls import path_to_url
from renderapps.stack.apply_mask_to_stack import ApplyMask


@pytest.fixture
def mask(tmp_path):
    """A mask whose left half is open, in a folder with a blank in its name."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    pixels[:, : WIDTH // 2] = 255
    path = tmp_path / "my masks" / "focus.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, pixels)
    return path


def masks(tile):
    pyramids = [tile.ip, *(channel.ip for channel in tile.channels or ())]
    return [{level: pyramid[level].maskUrl for level in pyramid} for pyramid in pyramids]


def test_every_level_and_channel_gets_a_mask_of_its_size(render, mask):
    layers(render, "raw", levels=(0, 2), channels=("GFP",))
    given = {"input_stack": "raw", "output_stack": "out", "mask_file": str(mask)}
    status, report = run(ApplyMask, render, **given, minz=0, maxz=1)
    assert status == 0 and [s["changed_images"] for s in report["sections"]] == [8, 8]
    reduced = mask.with_name("focus_level2.tif")
    expected = {"0": path_to_url(mask), "2": path_to_url(reduced)}
    assert "%20" in expected["0"]
    for tile in read(render, "out").values():
        assert masks(tile) == [expected, expected]
    small = read_image(expected["2"])
    assert small.shape == (HEIGHT // 4, WIDTH // 4)
    assert (small[:, :5] == 255).all() and (small[:, 5:] == 0).all()
    assert read(render, "raw")["a_0"].maskUrl == "file:///data/mask_0.tif"


def test_in_place_the_other_sections_stay(render, mask):
    layers(render, "raw")
    given = {"input_stack": "raw", "in_place": True, "mask_file": str(mask), "zs": [2.5]}
    assert run(ApplyMask, render, **given)[0] == 0
    tiles = read(render, "raw")
    assert tiles["a_2.5"].maskUrl == path_to_url(mask)
    assert tiles["a_1"].maskUrl == "file:///data/mask_0.tif"


def test_the_output_may_be_the_input_and_minus_one_is_no_limit(render, mask):
    layers(render, "raw")
    given = {"input_stack": "raw", "output_stack": "raw", "mask_file": str(mask)}
    assert run(ApplyMask, render, **given, minz=-1, maxz=-1)[0] == 0
    assert {t.maskUrl for t in read(render, "raw").values()} == {path_to_url(mask)}


def test_a_mask_of_the_level_that_tiles_have(render, tmp_path, capsys):
    layers(render, "raw", levels=(1, 2))
    half = tmp_path / "half.tif"
    tifffile.imwrite(half, np.full((HEIGHT // 2, WIDTH // 2), 255, np.uint8))
    given = {"input_stack": "raw", "output_stack": "out", "mask_file": str(half)}
    assert run(ApplyMask, render, **given)[0] == 0
    assert masks(read(render, "out")["a_0"]) == [
        {"1": path_to_url(half), "2": path_to_url(tmp_path / "half_level2.tif")}
    ]
    assert read_image(path_to_url(tmp_path / "half_level2.tif")).shape == (HEIGHT // 4, WIDTH // 4)
    layers(render, "full", levels=(0, 1))
    assert run(ApplyMask, render, **given | {"input_stack": "full"})[0] == 1
    assert "half.tif has the size of mipmap level 1" in capsys.readouterr().err


def test_masks_are_removed(render):
    layers(render, "raw", levels=(0, 1))
    given = {"input_stack": "raw", "output_stack": "out", "remove_masks": True}
    assert run(ApplyMask, render, **given)[0] == 0
    assert all(masks(t) == [{"0": None, "1": None}] for t in read(render, "out").values())


def test_a_mask_of_another_size_or_none_is_refused(render, tmp_path, capsys):
    layers(render, "raw")
    wrong = tmp_path / "small.tif"
    tifffile.imwrite(wrong, np.zeros((5, 6), np.uint8))
    given = {"input_stack": "raw", "in_place": True}
    assert run(ApplyMask, render, **given, mask_file=str(wrong))[0] == 1
    assert "6 x 5 pixels, tile a_0 40 x 30" in capsys.readouterr().err
    assert run(ApplyMask, render, **given, mask_file=str(tmp_path / "none.tif"))[0] == 1
    assert "none.tif" in capsys.readouterr().err
    assert run(ApplyMask, render, **given)[0] == 2
    assert run(ApplyMask, render, **given, mask_file=str(wrong), remove_masks=True)[0] == 2
    assert read(render, "raw")["a_0"].maskUrl == "file:///data/mask_0.tif"
