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


def run(render, root, *words, stack="pictures"):
    where = renderapi.stack.make_stack_params(render.DEFAULT_HOST, None, "test", "project", stack)
    words = ["--rootDirectory", root, *words, "1"]
    call_run_ws_client("org.janelia.render.client.MipmapClient", [*where, *words])


def builder(render, stack="pictures"):
    metadata = renderapi.stack.get_full_stack_metadata(stack, render=render)
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


def deep_stack(render, folder, pixels, maximum):
    """A stack of one tile, shown from 0 to a maximum intensity."""
    path = folder / "source.tif"
    tifffile.imwrite(path, pixels)
    height, width = pixels.shape
    tile = renderapi.tilespec.TileSpec(
        tileId="t", z=1, width=width, height=height, sectionId="1.0", minint=0, maxint=maximum,
        imageUrl=path.as_uri(),
    )  # fmt: skip
    renderapi.stack.create_stack("deep", render=render)
    renderapi.resolvedtiles.put_tilespecs("deep", tilespecs=[tile], render=render)
    renderapi.stack.set_stack_state("deep", "COMPLETE", render=render)
    return path


def shown(render):
    return renderapi.image.get_bb_image(
        "deep", 1, 0, 0, 200, 100, scale=0.5, img_format="png", render=render
    )


@pytest.mark.parametrize(
    ("depth", "maximum", "written", "tolerance"),
    [
        (np.uint8, 255, np.uint8, 0),
        (np.uint8, 65535, np.uint16, 0),
        (np.uint16, 200, np.uint8, 2),  # the display ranges of 8 and 16 bit are rounded differently
        (np.uint16, 5000, np.uint16, 0),
    ],
)
def test_the_depth_of_a_level_follows_the_maximum_intensity(
    render, tmp_path, depth, maximum, written, tolerance
):
    rng = np.random.default_rng(1)
    top = 256 if maximum < 256 else min(2 * maximum, np.iinfo(depth).max)
    pixels = rng.integers(0, top, (100, 200)).astype(depth)
    path = deep_stack(render, tmp_path, pixels, maximum)
    before = shown(render).astype(int)
    root = tmp_path / "mipmaps"
    root.mkdir()
    run(render, root, "--maxLevel", "1", stack="deep")
    level = tifffile.imread(f"{root}/1{path}.tif")
    assert level.dtype == written
    assert builder(render, "deep")["numberOfLevels"] == 1
    path.write_bytes(b"nothing that could be drawn")  # what is shown now is the level
    assert np.abs(shown(render) - before).max() <= tolerance


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
