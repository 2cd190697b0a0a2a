"""What drawing clients say of channels that are not there and of masks that do not fit."""

import json
import logging

import numpy as np
import pytest
from picture_stacks import make_picture_stack, texture
from PIL import Image

import renderapi
from renderapi.client import call_run_ws_client
from renderapi.errors import ClientScriptError
from renderapi.image_pyramid import MipMap

CLIENT = "org.janelia.render.client."
WORLD = texture(1)
BOXES = ["--width", "200", "--height", "200"]


@pytest.fixture
def make(render, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()

    def stack(**more):
        worlds = {1: {"DAPI": WORLD, "GFP": WORLD[::-1]}, 2: {"DAPI": WORLD, "GFP": WORLD}}
        if more.get("channels") is None:
            worlds = {z: WORLD for z in worlds}
        return make_picture_stack(render, folder, "pictures", worlds, **more)

    return stack


def run(render, name, root, *words):
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "pictures"
    )
    call_run_ws_client(CLIENT + name, [*where, "--rootDirectory", root, *words])


def pictures(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("state", ["COMPLETE", "LOADING"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RenderSectionClient", ["1", "2"]),
        ("RenderTilesClient", []),
        ("RenderTilesClient", ["--tileIds", "1.0.0", "2.0.0"]),
        ("spark.ScapeClient", []),
    ],
)
def test_channels_that_no_tile_has_are_refused(render, make, tmp_path, name, words, state):
    make(channels=("DAPI", "GFP"), state=state)
    out = tmp_path / "out"
    for typo in ("TYPO", "dapi", "DAPI__0.5__TYPO__0.5"):
        with pytest.raises(ClientScriptError, match=r"channel (TYPO|dapi); they have DAPI, GFP"):
            run(render, name, out, "--channels", typo, *words)
    assert not out.exists() or pictures(out) == []
    run(render, name, out, "--channels", "GFP", *words)
    assert all(path.suffix == ".json" or shows_something(path) for path in pictures(out))


def shows_something(path):
    with Image.open(path) as picture:
        return bool(np.asarray(picture.convert("L")).max() > 100)


def test_tiles_without_channels_have_none_to_name(render, make, tmp_path):
    make()
    with pytest.raises(ClientScriptError, match="channel DAPI; they have no named channels"):
        run(render, "RenderSectionClient", tmp_path / "out", "--channels", "DAPI", "1")


def test_a_section_that_lacks_what_others_have_is_reported(render, make, tmp_path, caplog):
    specs = make(channels=("DAPI", "GFP"), state="LOADING")
    second = [spec for spec in specs if spec.z == 2]
    for spec in second:
        spec.channels = spec.channels[:1]
    renderapi.client.import_tilespecs("pictures", second, use_rest=True, render=render)
    renderapi.stack.set_stack_state("pictures", "COMPLETE", render=render)
    out = tmp_path / "out"
    with caplog.at_level(logging.WARNING):
        run(render, "RenderSectionClient", out, "--scale", "0.5", "--channels", "GFP", "1", "2")
    (line,) = [r.getMessage() for r in caplog.records if "are empty" in r.getMessage()]
    assert line.endswith("has the channels wanted: z 2.0")
    assert [shows_something(path) for path in pictures(out)] == [True, False]


def test_the_renderer_refuses_them_too(render, make, tmp_path):
    make(channels=("DAPI", "GFP"))
    document = renderapi.image.get_bb_renderparams(
        "pictures", 1, 0, 0, 100, 100, scale=1.0, render=render
    )
    (tmp_path / "parameters.json").write_text(json.dumps({**document, "channels": "TYPO"}))
    words = ["--parameters_url", tmp_path / "parameters.json", "--out", tmp_path / "out.png"]
    with pytest.raises(ClientScriptError, match="channel TYPO; they have DAPI, GFP"):
        call_run_ws_client("org.janelia.alignment.Render", words)
    assert not (tmp_path / "out.png").exists()
    call_run_ws_client("org.janelia.alignment.Render", [*words, "--channels", "GFP"])
    assert shows_something(tmp_path / "out.png")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RenderSectionClient", ["1"]),
        ("RenderTilesClient", ["--z", "1"]),
        ("spark.ScapeClient", ["--maxZ", "1"]),
        ("BoxClient", [*BOXES, "1"]),
    ],
)
def test_masks_that_do_not_fit_are_reported_by_tile(render, make, tmp_path, caplog, name, words):
    specs = make(state="LOADING")
    right, wrong = tmp_path / "right.png", tmp_path / "wrong.png"
    Image.fromarray(np.full((300, 360), 255, np.uint8)).save(right)
    Image.fromarray(np.full((299, 360), 255, np.uint8)).save(wrong)
    for spec, mask in zip(specs, (wrong, right, wrong, right, wrong), strict=False):
        level = spec.ip[0]
        spec.ip[0] = MipMap(level.imageUrl, mask.as_uri())
    renderapi.client.import_tilespecs("pictures", specs, use_rest=True, render=render)
    with caplog.at_level(logging.WARNING):
        run(render, name, tmp_path / "out", *words)
    lines = [record.getMessage() for record in caplog.records]
    for tile in ("1.0.0", "1.1.0"):
        told = f"tile {tile}: the mask of level 0 is 360 x 299, its image 360 x 300"
        assert len([line for line in lines if line.startswith(told)]) == 1
    assert "2 masks have another size than their images and were ignored" in lines
    assert not [line for line in lines if line.startswith(("tile 1.0.1", "tile 1.1.1", "tile 2"))]
