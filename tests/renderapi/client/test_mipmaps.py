"""Mipmap files of a stack and its path builder."""

import numpy as np
import pytest
import tifffile
from picture_stacks import make_picture_stack, texture

import renderapi
from renderapi.client import call_run_ws_client
from renderapi.client.programs.mipmaps import share_of
from renderapi.errors import ClientScriptError
from renderapi.rendering.pyramid import downsample


@pytest.fixture
def root(render, tmp_path):
    (tmp_path / "images").mkdir()
    make_picture_stack(render, tmp_path / "images", "pictures", {1: texture(1)})
    folder = tmp_path / "mipmaps"
    folder.mkdir()
    return folder


def run(render, root, *words):
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "pictures"
    )
    words = ["--rootDirectory", root, *words, "1"]
    call_run_ws_client("org.janelia.render.client.MipmapClient", [*where, *words])


def builder(render):
    metadata = renderapi.stack.get_full_stack_metadata("pictures", render=render)
    return metadata["currentVersion"].get("mipmapPathBuilder")


def files(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_levels_are_written_and_the_stack_knows_them(render, root, tmp_path):
    run(render, root, "--maxLevel", "2", "--format", "tiff")
    assert len(files(root)) == 8
    image = tmp_path / "images" / "pictures_1_0.0.png"
    level = tifffile.imread(f"{root}/2{image}.tif")
    assert np.array_equal(level, downsample(texture(1)[:300, :360], 2))
    expected = {"rootPath": f"{root}/", "numberOfLevels": 2, "extension": "tif"}
    assert expected.items() <= builder(render).items()


def test_levels_are_added_and_a_second_root_is_not_taken(render, root, tmp_path):
    run(render, root, "--maxLevel", "1")
    before = [path.stat().st_mtime_ns for path in files(root)]
    run(render, root, "--maxLevel", "2")
    assert builder(render)["numberOfLevels"] == 2
    assert [path.stat().st_mtime_ns for path in files(root / "1")] == before
    run(render, root, "--maxLevel", "1", "--forceGeneration")
    assert [path.stat().st_mtime_ns for path in files(root / "1")] != before
    assert builder(render)["numberOfLevels"] == 2
    other = tmp_path / "other"
    other.mkdir()
    run(render, other, "--maxLevel", "3", "--minLevel", "3")
    assert len(files(other)) == 4
    assert builder(render)["rootPath"] == f"{root}/"


def test_groups_split_the_tiles(render, root):
    run(render, root, "--maxLevel", "1", "--renderGroup", "2", "--numberOfRenderGroups", "2")
    assert len(files(root)) == 2


def test_files_are_removed(render, root):
    run(render, root, "--maxLevel", "2")
    run(render, root, "--maxLevel", "2", "--removeAll")
    assert files(root) == []


def test_the_root_must_be_there(render, root):
    with pytest.raises(ClientScriptError, match="not a folder"):
        run(render, root / "nowhere")


def test_shares_are_consecutive_and_complete():
    parts = [share_of(list(range(10)), group, 4) for group in (1, 2, 3, 4)]
    assert parts == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    with pytest.raises(ClientScriptError):
        share_of([], 3, 2)
