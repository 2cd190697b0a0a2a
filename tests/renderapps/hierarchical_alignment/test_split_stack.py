"""split_stack and split_stack_2: the column stacks show the stack that was cut, where it was."""

import numpy as np
import pytest
import tifffile
from layered_stacks import documents, run, state
from server_process import ServerProcess
from stored_stacks import store

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.transform.slices import TileTransforms
from renderapi.urls import path_to_url, url_to_path
from renderapps.hierarchical_alignment.cells import CellGrid
from renderapps.hierarchical_alignment.split_stack import SplitStack
from renderapps.hierarchical_alignment.split_stack_2 import SplitStack as SplitStack2

BOTH = [SplitStack, SplitStack2]
WIDTH, HEIGHT, CORNER = 512, 256, (40.0, -16.0)
GIVEN = {"input_stack": "rough", "output_split_k": 4, "output_size": 64}


@pytest.fixture
def picture(render, tmp_path):
    """One tile of 512 x 256 at (40, -16) in sections 0 and 1.5: a slope, steepest in x."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pixels = (0.2 * x + 0.4 * y).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    tiles = [
        TileSpec(
            tileId=f"t{z}",
            z=z,
            width=WIDTH,
            height=HEIGHT,
            minint=0,
            maxint=255,
            imageUrl=path_to_url(tmp_path / "a.tif"),
            tforms=[AffineModel(B0=CORNER[0], B1=CORNER[1])],
        )
        for z in (0.0, 1.5)
    ]
    store(render, "rough", tiles)
    return pixels.astype(float)


def drawn(render, stack, x, y, width, height, scale=1.0):
    image = renderapi.image.get_bb_image(stack, 0, x, y, width, height, scale, render=render)
    return image[..., 0].astype(float)


@pytest.mark.parametrize("module", BOTH)
def test_each_cell_shows_its_part_at_its_place(render, picture, tmp_path, module):
    status, report = run(module, render, **GIVEN, image_directory=str(tmp_path / "cells"))
    assert status == 0
    suffix = "_v2" if module is SplitStack2 else ""
    assert report["output_stacks"] == [f"rough_{k}{suffix}" for k in range(8)]
    assert (report["rows"], report["cols"], report["output_split_k"]) == (2, 4, 4)
    for k, stack in enumerate(report["output_stacks"]):
        row, column = divmod(k, 4)
        x, y = CORNER[0] + 128 * column, CORNER[1] + 128 * row
        assert state(render, stack) == "COMPLETE"
        tiles = documents(render, stack)
        assert set(tiles) == {f"{stack}_{row}_{column}_{k}_{z}" for z in ("0", "1.5")}
        tile = tiles[f"{stack}_{row}_{column}_{k}_0"]
        corner = TileTransforms(tile).forward(np.zeros((1, 2)))[0]
        np.testing.assert_allclose(corner, (x, y), atol=1e-9)
        assert tile["layout"] | {"sectionId": "0.0", "temca": "heir_4", "camera": "virtual"} == (
            tile["layout"] | {"imageRow": row, "imageCol": column, "stageX": x, "stageY": y}
        )
        (level,) = tile["mipmapLevels"]
        image = tifffile.imread(url_to_path(tile["mipmapLevels"][level]["imageUrl"]))
        np.testing.assert_array_equal(image, drawn(render, "rough", x, y, 128, 128, 0.5))
        inner = (x + 8, y + 8, 104, 104, 0.25)
        found, expected = drawn(render, stack, *inner), drawn(render, "rough", *inner)
        np.testing.assert_allclose(found, expected, atol=1)


@pytest.mark.parametrize("module", BOTH)
def test_each_stack_says_which_box_of_the_input_it_shows(render, picture, tmp_path, module):
    for _ in range(2):  # a second run replaces the stacks, which drops what is said of them
        run(module, render, **GIVEN, image_directory=str(tmp_path / "cells"))
    suffix = "_v2" if module is SplitStack2 else ""
    base = renderapi.render.format_preamble(
        render.DEFAULT_HOST, None, render.DEFAULT_OWNER, render.DEFAULT_PROJECT, "rough_6" + suffix
    )
    assert render.session.get(f"{base}/hierarchicalData").json() == {
        "roughTilesStackId": {
            "owner": render.DEFAULT_OWNER,
            "project": render.DEFAULT_PROJECT,
            "stack": "rough",
        },
        "tier": 1,
        "tierRow": 1,
        "tierColumn": 2,
        "totalTierRowCount": 2,
        "totalTierColumnCount": 4,
        "scale": 0.5,
        "fullScaleBounds": {
            "minX": 40 + 2 * 128,
            "minY": -16 + 128,
            "maxX": 40 + 3 * 128,
            "maxY": -16 + 2 * 128,
            "minZ": 0.0,
            "maxZ": 1.5,
        },
    }


@pytest.mark.parametrize(
    ("module", "labels", "size", "level"),
    [
        (SplitStack, ["middle_center", "to_global", "identity"], 128, "1"),
        (SplitStack2, ["scale", "middle_center", "to_global", "identity"], 64, "0"),
    ],
)
def test_tiles_are_made_as_documented(render, picture, tmp_path, module, labels, size, level):
    run(module, render, **GIVEN, image_directory=str(tmp_path), close_stack=False)
    stack = "rough_5_v2" if module is SplitStack2 else "rough_5"
    assert state(render, stack) == "LOADING"
    tile = documents(render, stack)[f"{stack}_1_1_5_1.5"]
    specs = tile["transforms"]["specList"]
    assert [spec["metaData"]["labels"][0] for spec in specs] == labels
    assert specs[-3]["dataString"] == "1.0 0.0 0.0 1.0 -64.0 -64.0"
    assert specs[-2]["dataString"] == "1.0 0.0 0.0 1.0 232.0 176.0"
    assert (tile["width"], tile["height"], list(tile["mipmapLevels"])) == (size, size, [level])
    assert (tile["minIntensity"], tile["maxIntensity"]) == (0, 255)


@pytest.mark.parametrize("module", BOTH)
def test_pictures_are_addresses_where_the_service_has_one(tmp_path, module):
    server = ServerProcess(tmp_path)
    port = server.port
    try:
        render = renderapi.connect(host="127.0.0.1", port=port, owner="test", project="project")
        tile = TileSpec(
            tileId="t",
            z=3.0,
            width=100,
            height=50,
            imageUrl="file:///a.tif",
            tforms=[AffineModel()],
        )
        store(render, "rough", [tile])
        group = {"host": "127.0.0.1", "port": port, "owner": "test", "project": "project"}
        given = {"input_stack": "rough", "output_split_k": 1, "output_size": 40, "pool_size": 1}
        made = module(input_data={"render": group} | given, args=[])
        made.run()
        (stack,) = made.result["output_stacks"]
        (tile,) = documents(render, stack).values()
        (entry,) = tile["mipmapLevels"].values()
        scale = "0.4" if module is SplitStack2 else "0.25"
        base = f"http://127.0.0.1:{port}/render-ws/v1/owner/test/project/project/stack/rough"
        assert entry["imageUrl"] == f"{base}/z/3/box/0,0,100,50,{scale}/tiff-image?name=z3.tif"
    finally:
        server.end()


def test_masks_that_are_not_used_are_told(render, picture, tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", np.full((20, 30), 255, np.uint8))
    tile = renderapi.tilespec.get_tile_specs_from_z("rough", 1.5, render=render)[0]
    tile.ip["0"].maskUrl = path_to_url(tmp_path / "mask.tif")
    renderapi.stack.set_stack_state("rough", "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs("rough", tilespecs=[tile], render=render)
    renderapi.stack.set_stack_state("rough", "COMPLETE", render=render)
    _, report = run(SplitStack, render, **GIVEN, image_directory=str(tmp_path / "cells"))
    one, other = report["sections"]
    assert "ignored_masks" not in one
    assert other["ignored_masks"][0]["mask_size"] == [30, 20]


@pytest.mark.parametrize("module", BOTH)
def test_running_twice_gives_the_same_and_draws_nothing(render, picture, tmp_path, module):
    cells = {"image_directory": str(tmp_path / "cells")}
    first = run(module, render, **GIVEN, **cells)[1]
    before = [documents(render, stack) for stack in first["output_stacks"]]
    again = run(module, render, **GIVEN, **cells)[1]
    assert [documents(render, stack) for stack in first["output_stacks"]] == before
    assert [s["images_made"] for s in first["sections"]] == [8, 8]
    assert [s["images_made"] for s in again["sections"]] == [0, 0]


@pytest.mark.parametrize("module", BOTH)
def test_host_local_needs_a_folder(render, picture, module, capsys):
    assert run(module, render, **GIVEN)[0] == 2
    line = capsys.readouterr().err
    assert "image_directory: missing" in line
    assert "renderapps serve" in line


def test_an_open_stack_has_no_bounds(render, picture, tmp_path, capsys):
    renderapi.stack.set_stack_state("rough", "LOADING", render=render)
    assert run(SplitStack, render, **GIVEN, image_directory=str(tmp_path))[0] == 1
    assert "rough is LOADING" in capsys.readouterr().err


def test_sides_that_are_no_multiples_and_thin_stacks():
    for width, height, k in ((16003.0, 997.0, 7), (5000.0, 10.0, 3), (1.0 / 3, 7.1, 5)):
        grid = CellGrid(1.5, -2.0, width, height, k, 100)
        assert max(grid.rows, grid.columns) == k
        assert len(grid.cells) == grid.rows * grid.columns
        last = grid.cells[-1]
        assert last.x + grid.cell_size[0] == pytest.approx(1.5 + width)
        assert last.y + grid.cell_size[1] == pytest.approx(-2 + height)
    grid = CellGrid(0, 0, 1000.0, 400.0, 3, 100, exact=True)
    assert grid.cell_size == (1000 / 3, 400.0)
    assert grid.box_size == (333, 400)
    assert grid.picture_size == (99, 120)
    (spec, *_) = grid.transforms(grid.cells[0])["specList"]
    numbers = [float(n) for n in spec["dataString"].split()]
    assert numbers == [1000 / 3 / 99, 0, 0, 400 / 120, 0, 0]
    assert CellGrid(0, 0, 100.0, 100.0, 1, 500).scale == 1
