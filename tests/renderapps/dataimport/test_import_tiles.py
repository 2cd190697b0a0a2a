"""import_tiles: stacks as a microscope's files and table describe them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.urls import path_to_url
from renderapps.dataimport.import_tiles import ImportTiles
from renderapps.module import ParameterError, RenderModuleException


@pytest.fixture
def tiles(tmp_path):
    """Folder of 2 sections x 2 channels x 2 tiles, 30 x 20 pixels, with blanks in the names."""
    folder = tmp_path / "raw images"
    rows = []
    for section in ("S9", "S10"):
        for channel, offset in (("DAPI", 100), ("GFP", 1000)):
            for column in (0, 1):
                name = f"{channel}/{channel}_{section}_{column}.tif"
                (folder / channel).mkdir(parents=True, exist_ok=True)
                tifffile.imwrite(folder / name, np.full((20, 30), offset + column, np.uint16))
                rows.append((name, section, channel, 0, column, 3.0 + 2.5 * column, 7.0))
    header = "file,section,channel,row,column,stage_x,stage_y\n"
    text = header + "".join(",".join(map(str, row)) + "\n" for row in rows)
    (folder / "positions.csv").write_text(text)
    return folder


@pytest.fixture
def run(render, tiles):
    """Function that runs the module on the folder and gives its result."""

    def call(**options):
        parameters = {
            "render": {
                "host": render.DEFAULT_HOST,
                "owner": render.DEFAULT_OWNER,
                "project": render.DEFAULT_PROJECT,
            },
            "output_stack": "acquired",
            "image_directory": str(tiles),
            "positions_file": str(tiles / "positions.csv"),
            "columns": {"x": "stage_x", "y": "stage_y"},
            "position_unit": "micrometer",
            "pixel_size_nm": [100.0, 100.0, 70.0],
        } | options
        parameters = {name: value for name, value in parameters.items() if value is not None}
        module = ImportTiles(input_data=parameters, args=[])
        module.run()
        return module.result

    return call


def test_channels_go_into_the_tiles_of_one_stack(run, render, tiles):
    result = run()
    (stack,) = result["output_stacks"]
    assert stack["tiles"] == 4
    assert stack["sections"] == [
        {"z": 0.0, "sectionId": "S9", "tiles": 2},
        {"z": 1.0, "sectionId": "S10", "tiles": 2},
    ]
    metadata = renderapi.stack.get_full_stack_metadata("acquired", render=render)
    version = metadata["currentVersion"]
    assert metadata["state"] == "COMPLETE"
    assert [version[f"stackResolution{axis}"] for axis in "XYZ"] == [100.0, 100.0, 70.0]
    first, second = renderapi.tilespec.get_tile_specs_from_z("acquired", 1.0, render=render)
    assert (first.tileId, second.tileId) == ("S10_0", "S10_1")
    assert (second.width, second.height) == (30, 20)
    np.testing.assert_allclose(second.tforms[0].M, [[1, 0, 25.0], [0, 1, 0], [0, 0, 1]])
    layout = second.layout
    assert (layout.sectionId, layout.imageRow, layout.imageCol) == ("S10", 0, 1)
    assert (layout.stageX, layout.stageY, layout.pixelsize) == (5.5, 7.0, 0.1)
    assert [channel.name for channel in second.channels] == ["DAPI", "GFP"]
    assert second.channels[1].ip["0"].imageUrl == path_to_url(tiles / "GFP" / "GFP_S10_1.tif")
    assert (second.channels[1].minIntensity, second.channels[1].maxIntensity) == (1000, 1001)


def test_the_pixels_arrive_where_the_stage_was(run, render):
    run()
    renders = {
        channel: renderapi.image.get_bb_image(
            "acquired", 0.0, 0, 0, 55, 20, img_format="tiff16", channel=channel, render=render
        )
        for channel in ("DAPI", "GFP")
    }
    expected = np.where(np.arange(55) < 25, 100, 101)
    np.testing.assert_array_equal(renders["DAPI"], np.tile(expected, (20, 1)))
    np.testing.assert_array_equal(renders["GFP"], np.tile(expected + 900, (20, 1)))


def test_each_channel_may_have_a_stack_of_its_own(run, render, tiles):
    result = run(output_stack="ACQ_{channel}")
    assert [stack["stack"] for stack in result["output_stacks"]] == ["ACQ_DAPI", "ACQ_GFP"]
    tile = renderapi.tilespec.get_tile_specs_from_z("ACQ_GFP", 0.0, render=render)[1]
    assert tile.tileId == "GFP_S9_1"
    assert not tile.channels
    assert tile.imageUrl == path_to_url(tiles / "GFP" / "GFP_S9_1.tif")


def test_one_channel_chosen_of_several_is_a_plain_tile(run, render):
    run(channels=["GFP"])
    tile = renderapi.tilespec.get_tile_specs_from_z("acquired", 0.0, render=render)[0]
    assert not tile.channels
    assert tile.imageUrl.endswith("GFP_S9_0.tif")


def test_the_display_range_follows_the_data_or_what_is_given(run, render):
    def shown(**options):
        stacks = run(**options)["output_stacks"]
        return [(c["minIntensity"], c["maxIntensity"]) for c in stacks[0]["channels"]]

    assert shown() == shown(intensity_range="data") == [(100.0, 256.0), (1000.0, 1001.0)]
    assert shown(intensity_range="type") == [(0.0, 65535.0)] * 2
    assert shown(intensity_range="dtype") == [(0.0, 65535.0)] * 2
    assert shown(minIntensity=5, maxIntensity=300) == [(5.0, 300.0), (5.0, 300.0)]


def test_running_again_gives_the_same_and_an_existing_stack_may_be_protected(run, render):
    run()
    before = [
        t.to_dict() for t in renderapi.tilespec.get_tile_specs_from_stack("acquired", render=render)
    ]
    run()
    after = [
        t.to_dict() for t in renderapi.tilespec.get_tile_specs_from_stack("acquired", render=render)
    ]
    assert after == before
    with pytest.raises(RenderModuleException, match="stack acquired has tiles"):
        run(existing="fail")
    run(existing="replace", channels=["DAPI"])
    (tile, *_) = renderapi.tilespec.get_tile_specs_from_stack("acquired", render=render)
    assert tile.tileId == "DAPI_S9_0"


def test_a_missing_file_is_an_error_or_reported(run, tiles):
    (tiles / "GFP" / "GFP_S9_1.tif").unlink()
    (tiles / "GFP" / "GFP_S10_0.tif").write_bytes(b"not an image")
    with pytest.raises(RenderModuleException, match=r"2 of 8 files .*GFP_S9_1.tif \(no such file"):
        run()
    result = run(skip_missing=True)
    assert sorted(Path(entry["file"]).name for entry in result["skipped_files"]) == [
        "GFP_S10_0.tif",
        "GFP_S9_1.tif",
    ]
    assert [entry["missing_channels"] for entry in result["incomplete_tiles"]] == [["GFP"]] * 2
    assert result["output_stacks"][0]["tiles"] == 4


def test_files_that_are_cut_short_are_found_at_import(run, render, tiles):
    path = sorted(tiles.rglob("*.tif"))[0]
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    with pytest.raises(RenderModuleException, match="cut short: 10 bytes are missing"):
        run()
    assert renderapi.render.get_stacks_by_owner_project(render=render) == []


def test_a_grid_needs_no_table(run, render):
    grid = {
        "rows": 1,
        "columns": 2,
        "overlap": 0.2,
        "first_index": 0,
        "file_pattern": "{channel}/{channel}_{section}_{index}.tif",
    }
    run(positions_file=None, columns={}, position_unit="pixel", grid=grid)
    tiles = renderapi.tilespec.get_tile_specs_from_z("acquired", 0.0, render=render)
    assert [(t.tforms[0].B0, t.tforms[0].B1) for t in tiles] == [(0.0, 0.0), (24.0, 0.0)]


def test_a_tile_configuration_and_a_section_pattern(run, render, tiles):
    lines = [f"GFP/GFP_{s}_{c}.tif; ; ({c * 25 - 3}, 4)" for s in ("S9", "S10") for c in (0, 1)]
    (tiles / "TileConfiguration.txt").write_text("dim = 2\n" + "\n".join(lines))
    run(
        positions_file=None,
        columns={},
        position_unit="pixel",
        tile_configuration=str(tiles / "TileConfiguration.txt"),
        section_pattern=r"_(S\d+)_",
    )
    tile = renderapi.tilespec.get_tile_specs_from_z("acquired", 1.0, render=render)[1]
    assert (tile.layout.sectionId, tile.tforms[0].B0, tile.tforms[0].B1) == ("S10", 22.0, 4.0)


def test_eight_bit_images_are_shown_from_0_to_255(run, render, tiles):
    for path in tiles.rglob("*.tif"):
        tifffile.imwrite(path, np.full((20, 30), 77, np.uint8))
    run(channels=["GFP"])
    image = renderapi.image.get_bb_image("acquired", 0.0, 0, 0, 55, 20, render=render)
    assert (image[..., 0] == 77).all()


def test_masks_come_with_the_tiles(run, render, tiles):
    mask = np.zeros((20, 30), np.uint8)
    mask[:, 10:] = 255
    tifffile.imwrite(tiles / "mask.tif", mask)
    run(channels=["GFP"], mask_file=str(tiles / "mask.tif"))
    image = renderapi.image.get_bb_image("acquired", 0.0, 0, 0, 30, 20, render=render)
    assert (image[:, :9, 3] == 0).all()
    assert (image[:, 11:, 3] == 255).all()
    tifffile.imwrite(tiles / "mask.tif", mask[:5])
    with pytest.raises(RenderModuleException, match=r"mask\.tif is not as large as .*\.tif"):
        run(channels=["GFP"], mask_file=str(tiles / "mask.tif"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"positions_file": None},
            "give one of positions_file, grid, .*; none",
        ),
        ({"pixel_size_nm": None}, "pixel_size_nm: needed where position_unit is micrometer"),
        ({"section_pattern": "("}, "section_pattern: not a regular expression"),
        ({"section_pattern": "S9"}, "section_pattern: needs a group in parentheses"),
        ({"columns": {"colour": "a"}}, "columns"),
        ({"image_directory": "/nowhere/at/all"}, "image_directory: no such folder"),
    ],
)
def test_wrong_parameters_are_listed(run, options, problem):
    with pytest.raises(ParameterError, match=problem):
        run(**options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"channels": ["Cy5"]}, "no images of channel Cy5; there are DAPI, GFP"),
        ({"columns": {"x": "stage_x"}}, "no column for y"),
    ],
)
def test_what_the_table_cannot_give_is_said(run, options, problem):
    with pytest.raises(RenderModuleException, match=problem):
        run(**options)


def test_the_command_line_reports_one_line_and_its_exit_status(tmp_path, tiles):
    command = [sys.executable, "-m", "renderapps.dataimport.import_tiles"]
    flags = {
        "--render.host": "local",
        "--render.store": tmp_path / "store.db",
        "--render.owner": "me",
        "--render.project": "p",
        "--output_stack": "acquired",
        "--image_directory": tiles,
        "--positions_file": tiles / "positions.csv",
        "--columns.x": "stage_x",
        "--columns.y": "stage_y",
        "--output_json": tmp_path / "out.json",
    }
    arguments = [str(part) for pair in flags.items() for part in pair]
    done = subprocess.run(command + arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert json.loads((tmp_path / "out.json").read_text())["output_stacks"][0]["tiles"] == 4
    (tiles / "positions.csv").write_text("file,stage_x,stage_y\na.tif,1,left\n")
    failed = subprocess.run(command + arguments, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.count("\n") == 1
    assert "line 2: stage_y is 'left', not a number" in failed.stderr
