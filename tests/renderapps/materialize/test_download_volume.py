"""Boxes of stacks as series of images, against boxes of the service."""

import json

import numpy as np
import pytest
import tifffile
from layered_stacks import run
from PIL import Image
from trakem2_scenes import put, tile

from renderapi.image import get_bb_image
from renderapps.materialize.download_volume import RenderStack

RNG = np.random.default_rng(3)


@pytest.fixture
def given(render, tmp_path):
    """Sections 1, 2 and 3.5 of one tile of 120 x 80 each, at world (10, -20)."""
    tiles = []
    for z in (1.0, 2.0, 3.5):
        path = tmp_path / f"{z}.tif"
        tifffile.imwrite(path, RNG.integers(0, 4000, (80, 120)).astype(np.uint16))
        more = {"imageUrl": path.as_uri(), "imagePyramid": None, "width": 120, "height": 80}
        tiles.append(tile(f"t{z}", z, 10, -20, bent=False, angle=0, minint=0, maxint=9, **more))
    put(render, "EM", tiles)
    return {"stack": "EM", "volume_dir": str(tmp_path / "out"), "maxIntensity": 4000}


def test_files_are_the_boxes_of_the_service(render, given, tmp_path):
    status, report = run(RenderStack, render, **given)
    assert status == 0, report
    names = sorted(path.name for path in (tmp_path / "out" / "EM").iterdir())
    assert names == ["EM_000001.tif", "EM_000002.tif", "EM_000003.5.tif"]
    assert [path.rsplit("/")[-1] for path in report["files"]] == names
    box = {"maxIntensity": 4000, "img_format": "png", "render": render}
    for z, name in zip((1, 2), names, strict=False):
        expected = get_bb_image("EM", z, 10, -20, 120, 80, **box)
        expected = expected if expected.ndim == 2 else expected[..., 0]
        found = tifffile.imread(tmp_path / "out" / "EM" / name)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.uint8
        assert found.std() > 20


def test_part_of_a_stack_at_another_scale_under_another_name(render, given, tmp_path):
    change = {"minX": 30, "width": 40, "scale": 0.5, "channel": "DAPI", "maxZ": 2, "minZ": 2}
    status, report = run(RenderStack, render, **given | change)
    assert (status, report["box"]) == (0, {"minX": 30, "minY": -20, "width": 40, "height": 80})
    (path,) = (tmp_path / "out" / "DAPI").iterdir()
    assert path.name == "DAPI_000002.tif"
    assert tifffile.imread(path).shape == (40, 20)


def test_corner_alone_leaves_what_is_right_of_it(render, given):
    _, report = run(RenderStack, render, **given, minX=100)
    assert report["box"]["width"] == 30


def test_sixteen_bit_holds_the_values(render, given, tmp_path):
    run(RenderStack, render, **given, img_format="tif16", minZ=1, maxZ=1)
    found = tifffile.imread(tmp_path / "out" / "EM" / "EM_000001.tif")
    np.testing.assert_array_equal(found, tifffile.imread(tmp_path / "1.0.tif"))


def test_png_and_images_that_are_there(render, given, tmp_path):
    run(RenderStack, render, **given, img_format="png")
    path = tmp_path / "out" / "EM" / "EM_000001.png"
    assert np.asarray(Image.open(path)).shape == (80, 120)
    path.write_bytes(b"mine")
    _, report = run(RenderStack, render, **given, img_format="png", skip_existing=True)
    assert [entry["written"] for entry in report["sections"]] == [False] * 3
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"stack": "none"}, 1, "no stack none"),
        ({"minX": 500}, 1, "lies beyond stack EM"),
        ({"scale": 0}, 2, "scale"),
        ({"minIntensity": 5000}, 2, "minIntensity"),
        ({"render_channel": "GFP"}, 1, "no channel GFP"),
        ({"channel": "../x"}, 1, "cannot be the name of a folder"),
    ],
)
def test_bad_input(render, given, tmp_path, capsys, change, status, message):
    assert run(RenderStack, render, **given | change)[0] == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_command_line(render, given, tmp_path):
    group = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    (tmp_path / "in.json").write_text(json.dumps({"render": group} | given))
    words = ["--input_json", str(tmp_path / "in.json"), "--scale", "0.25", "--pool_size", "1"]
    assert RenderStack.exit_status(words) == 0
    found = tifffile.imread(tmp_path / "out" / "EM" / "EM_000001.tif")
    assert found.shape == (20, 30)
