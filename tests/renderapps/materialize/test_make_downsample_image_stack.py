"""Stacks of reduced sections: they lie where the sections are, and look like them."""

import json

import numpy as np
import pytest
import tifffile
from layered_stacks import documents, run, state, version
from trakem2_scenes import put, tile

import renderapi
from renderapi.image import get_bb_image
from renderapi.urls import url_to_path
from renderapps.materialize.make_downsample_image_stack import MakeDownsampleSectionStack
from renderapps.rough_align.low_resolution import recorded


@pytest.fixture
def given(render, tmp_path):
    """Sections 5, 8 and 9.5 of two tiles, the section at 8 elsewhere."""
    y, x = np.mgrid[:160, :240]
    image = (120 + 80 * np.sin(x / 40) * np.cos(y / 30)).astype(np.uint8)
    tiles = []
    for z, left, top in ((5.0, 100, 40), (8.0, -300, 70), (9.5, 100, 40)):
        for k in range(2):
            path = tmp_path / f"{z}_{k}.tif"
            tifffile.imwrite(path, np.roll(image, 40 * k, axis=1))
            more = {"imageUrl": path.as_uri(), "imagePyramid": None, "minint": 0, "maxint": 255}
            size = {"width": 240, "height": 160}
            place = {"bent": False, "angle": 0}
            tiles.append(tile(f"t{k}_{z}", z, left + 200 * k, top, **place, **more, **size))
    put(render, "montage", tiles)
    return {
        "input_stack": "montage",
        "output_stack": "low",
        "image_directory": str(tmp_path / "out"),
        "scale": 0.25,
        "numsectionsfile": str(tmp_path / "count" / "n.txt"),
    }


def test_tiles_lie_where_the_sections_are(render, given, tmp_path):
    status, report = run(MakeDownsampleSectionStack, render, **given)
    assert status == 0, report
    made = documents(render, "low")
    assert [made[k]["z"] for k in ("t0_5.0", "t0_8.0", "t0_9.5")] == [0.0, 1.0, 2.0]
    for name, low in {"t0_5.0": (100, 40), "t0_8.0": (-300, 70)}.items():
        document = made[name]
        (spec,) = document["transforms"]["specList"]
        assert list(map(float, spec["dataString"].split())) == [4, 0, 0, 4, *low]
        assert (document["width"], document["height"]) == (110, 40)
        assert list(document["mipmapLevels"]) == ["0"]
        found = recorded(document)
        assert (found.scale, found.minX, found.minY) == (0.25, *low)
    assert recorded(made["t0_9.5"]).z == 9.5
    assert state(render, "low") == "COMPLETE"
    assert (
        version(render, "low")["stackResolutionX"] == version(render, "montage")["stackResolutionX"]
    )
    assert (tmp_path / "count" / "n.txt").read_text() == "3"
    assert report["sections_in_stack"] == 3


def test_low_resolution_looks_like_the_section(render, given):
    run(MakeDownsampleSectionStack, render, **given)
    box = (100, 40, 440, 160, 0.25)
    pictures = [  # of the stack with the filters of the service, as section images have them
        get_bb_image(stack, z, *box, filter=filtered, img_format="png", render=render)
        for stack, z, filtered in (("montage", 5, True), ("low", 0, None))
    ]
    one, other = (p[..., 0].astype(int) if p.ndim == 3 else p.astype(int) for p in pictures)
    assert np.abs(one - other)[1:-1, 1:-1].max() <= 3


def test_files(render, given, tmp_path):
    run(MakeDownsampleSectionStack, render, **given, maxZ=8)
    root = tmp_path / "out" / "project" / "montage" / "sections_at_0.25"
    assert (root / "000" / "0" / "5.0.tif").exists()
    names = sorted(path.name for path in (root / "tilespecs_5_8").iterdir())
    assert names == ["tilespec_0005.json", "tilespec_0008.json"]
    (document,) = json.loads((root / "tilespecs_5_8" / names[1]).read_bytes())
    assert (document["tileId"], document["z"]) == ("t0_8.0", 1.0)


def test_fewer_sections_leave_no_stale_ones(render, given):
    run(MakeDownsampleSectionStack, render, **given)
    run(MakeDownsampleSectionStack, render, **given, minZ=8)
    assert sorted(documents(render, "low")) == ["t0_8.0", "t0_9.5"]


def test_images_are_kept_or_drawn_again(render, given):
    run(MakeDownsampleSectionStack, render, **given)
    path = url_to_path(documents(render, "low")["t0_5.0"]["mipmapLevels"]["0"]["imageUrl"])
    blank = np.zeros((40, 110), np.uint8)
    tifffile.imwrite(path, blank)
    _, report = run(MakeDownsampleSectionStack, render, **given)
    assert not report["sections"][0]["written"]
    assert not tifffile.imread(path).any()
    run(MakeDownsampleSectionStack, render, **given, force_redo=True)
    assert tifffile.imread(path).any()


def test_image_of_another_section_is_noticed(render, given, capsys):
    run(MakeDownsampleSectionStack, render, **given)
    before = documents(render, "low")
    path = url_to_path(before["t0_5.0"]["mipmapLevels"]["0"]["imageUrl"])
    tifffile.imwrite(path, np.zeros((7, 9), np.uint8))
    assert run(MakeDownsampleSectionStack, render, **given)[0] == 1
    assert "9 x 7 pixels and the section 110 x 40: give force_redo" in capsys.readouterr().err
    assert documents(render, "low") == before


def test_ids_with_a_prefix_and_a_stack_left_open(render, given):
    run(MakeDownsampleSectionStack, render, **given, tile_id_prefix="low_", close_stack=False)
    assert sorted(documents(render, "low"))[0] == "low_t0_5.0"
    assert state(render, "low") == "LOADING"


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"input_stack": "none"}, 1, "no stack none"),
        ({"output_stack": "montage"}, 1, "montage is also the input"),
        ({"scale": 0.001}, 1, "no pixels"),
        ({"scale": 2}, 2, "scale"),
        ({"minZ": 50}, 1, "no section"),
    ],
)
def test_bad_input(render, given, capsys, change, status, message):
    assert run(MakeDownsampleSectionStack, render, **given | change)[0] == status
    assert message in capsys.readouterr().err
    assert "low" not in renderapi.render.get_stacks_by_owner_project(render=render)
