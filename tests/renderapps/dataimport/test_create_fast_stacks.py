"""create_fast_stacks on a simulated project: stacks, files and names of the catalogue."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image
from statetable_project import HEIGHT, SCALE, WIDTH, pixels, rows_of, write_table

import renderapi
from renderapi.urls import path_to_url, url_to_path
from renderapps.dataimport import create_fast_stacks, create_fast_stacks_multi
from renderapps.module import ParameterError, RenderModuleException


@pytest.fixture
def project(tmp_path):
    """Folder of the project; blanks and percent signs in its path, and its table."""
    root = tmp_path / "my lab 50%" / "M33"
    root.mkdir(parents=True)
    write_table(root / "table", rows_of(root))
    return root


def group(render):
    return {
        "host": render.DEFAULT_HOST,
        "owner": render.DEFAULT_OWNER,
        "project": render.DEFAULT_PROJECT,
    }


@pytest.fixture
def run(render, project):
    def call(module=create_fast_stacks, **options):
        data = {
            "render": group(render),
            "statetableFile": str(project / "table"),
            "projectDirectory": str(project),
            "pool_size": 1,
        } | options
        instance = module.CreateFastStack(input_data=data, args=[])
        instance.run()
        return instance.result

    return call


def test_there_is_a_stack_for_each_channel_with_every_section(run, render):
    result = run(section_thickness_nm=70)
    names = [entry["stack"] for entry in result["output_stacks"]]
    assert names == ["ACQ_DAPI_1", "ACQ_GFP", "ACQ_PSD95", "ACQ_DAPI_2", "ACQ_Gephyrin"]
    assert result["mipmaps_written"] == 2 * 2 * 3 * 2 * 2 * 3
    for name in names:
        zs = renderapi.stack.get_z_values_for_stack(name, render=render)
        assert zs == [400.0, 401.0, 500.0, 501.0]
        metadata = renderapi.stack.get_full_stack_metadata(name, render=render)
        assert metadata["state"] == "COMPLETE"
        version = metadata["currentVersion"]
        assert version["stackResolutionX"] == pytest.approx(103)
        assert version["stackResolutionZ"] == 70
    both = renderapi.tilespec.get_tile_specs_from_z("ACQ_GFP", 400.0, render=render)
    assert sorted(tile.tileId for tile in both) == [
        "104000000000001", "104000000001001", "204000000000001", "204000000001001",
    ]  # fmt: skip


def test_a_tile_is_as_the_catalogue_says(run, render, project):
    run()
    tile = renderapi.tilespec.get_tile_spec_raw("ACQ_PSD95", "105000001001002", render=render)
    assert (tile.z, tile.width, tile.height) == (501.0, WIDTH, HEIGHT)
    assert (tile.minint, tile.maxint) == (0.0, 50000.0)
    layout = tile.layout.to_dict()
    assert layout == {
        "sectionId": "5001", "temca": "Leica", "camera": "zyla", "imageRow": 0, "imageCol": 0,
        "stageX": 16.18, "stageY": 20.0, "rotation": 0.0, "pixelsize": SCALE,
    }  # fmt: skip
    np.testing.assert_array_equal(tile.tforms[0].M, [[1, 0, 60], [0, 1, 0.5], [0, 0, 1]])
    below = "Ribbon0005/session01/PSD95"
    name = "PSD95_S0001_F0001_Z00"
    assert tile.imageUrl == path_to_url(project / "raw" / "data" / below / f"{name}.tif")
    folder = project / "processed" / "downsamp_images" / below
    raw = pixels(5, 1, 1, "PSD95", 1).astype(int)
    for level in (1, 2, 3):
        url = tile.ip[level].imageUrl
        assert url == path_to_url(folder / f"{name}_mip0{level}.jpg")
        assert "%20" in url
        assert "50%25" in url
        raw = raw[: len(raw) // 2 * 2, : raw.shape[1] // 2 * 2]
        raw = (raw[::2, ::2] + raw[1::2, ::2] + raw[::2, 1::2] + raw[1::2, 1::2]) // 4
        shown = np.array(Image.open(url_to_path(url)))
        assert shown.shape == raw.shape
        assert np.abs(shown.astype(int) - raw // 256).mean() < 8  # of JPEG


def test_the_tiles_are_also_in_json_files(run, render, project):
    result = run()
    below = "processed/downsamp_tilespec/Ribbon0004/session02/GFP"
    path = project / below / "project_test_ACQ_GFP_0401.json"
    assert str(path) in result["output_stacks"][1]["files"]
    specs = json.loads(path.read_text())
    assert [spec["tileId"] for spec in specs] == ["204000001000001", "204000001001001"]


def test_sessions_become_stacks_of_multi_channel_tiles(run, render, project):
    result = run(create_fast_stacks_multi, outputStackPrefix="ACQ_")
    assert [entry["stack"] for entry in result["output_stacks"]] == ["ACQ_Session1", "ACQ_Session2"]
    assert [entry["tiles"] for entry in result["output_stacks"]] == [8, 8]
    tile = renderapi.tilespec.get_tile_spec_raw("ACQ_Session2", "204000000001000", render=render)
    assert [channel.name for channel in tile.channels] == ["DAPI_2", "GFP", "Gephyrin"]
    assert tile.imageUrl == tile.channels[0].ip["0"].imageUrl
    assert tile.channels[2].ip["3"].imageUrl.endswith("Gephyrin_S0000_F0001_Z00_mip03.jpg")
    files = [os.path.relpath(f, project) for f in result["output_stacks"][0]["files"]]
    folder = "processed/downsamp_tilespec/Ribbon000{}/session01/DAPI_1/project_test_ACQ_Session1_"
    assert files == [
        folder.format(4) + "0400.json", folder.format(4) + "0401.json",
        folder.format(5) + "0500.json", folder.format(5) + "0501.json",
    ]  # fmt: skip


def test_8_bit_images_are_not_black(render, run, tmp_path):
    root = tmp_path / "eight"
    root.mkdir()
    table = write_table(root / "table", rows_of(root, np.uint8, sections=1, frames=1))
    run(statetableFile=str(table), projectDirectory=str(root))
    tile = renderapi.tilespec.get_tile_spec_raw("ACQ_GFP", "104000000000001", render=render)
    assert tile.maxint == 255
    small = np.array(Image.open(url_to_path(tile.ip["1"].imageUrl)))
    raw = pixels(4, 1, 0, "GFP", 0, np.uint8)
    assert abs(small.mean() - raw.mean()) < 2
    shown = renderapi.image.get_bb_image("ACQ_GFP", 400.0, 0, 1, 60, 40, render=render)
    assert shown[..., 0].mean() > 150


def test_dim_images_lose_their_grey_levels_only_if_asked_to(render, run, tmp_path):
    """What fills a sixtieth of the range has 4 grey levels left in 8 bit; 16 bit keeps all."""
    root = tmp_path / "dim"
    root.mkdir()
    rows = list(rows_of(root, sections=1, frames=1))
    for row in rows:
        if row["zstack"] == 0:
            tifffile.imwrite(row["full_path"], tifffile.imread(row["full_path"]) // 64)
    table = write_table(root / "table", rows)
    options = {"statetableFile": str(table), "projectDirectory": str(root), "levels": 1}
    (warning, *_) = run(**options)["warnings"]
    assert "channel DAPI_1: no pixel of 2 images is above 10" in warning
    assert "have 4 grey levels; give convert_to_8bit false" in warning
    assert run(**options, convert_to_8bit=False)["warnings"] == []
    tile = renderapi.tilespec.get_tile_spec_raw("ACQ_GFP", "104000000000001", render=render)
    small = tifffile.imread(url_to_path(tile.ip["1"].imageUrl))
    raw = pixels(4, 1, 0, "GFP", 0) // 64
    quarters = [raw[y::2, x::2].astype(int) for y in (0, 1) for x in (0, 1)]
    np.testing.assert_array_equal(small, sum(quarters) // 4)


def test_mipmaps_and_raw_images_show_the_same_brightness(render, run):
    run()
    full, small = (
        renderapi.image.get_bb_image("ACQ_PSD95", 400.0, 0, 1, 60, 48, scale, render=render)
        for scale in (1.0, 0.5)
    )
    assert abs(full[..., 0].mean() - small[..., 0].mean()) < 4


def test_tables_of_single_sections_fill_one_stack(render, run, project, tmp_path):
    rows = [row for row in rows_of(project) if row["ch_name"] == "GFP" and row["session"] == 1]
    for section in (0, 1):
        table = tmp_path / f"section {section}"
        write_table(table, [row for row in rows if row["section"] == section])
        run(statetableFile=str(table), close_stack=False)
    zs = renderapi.stack.get_z_values_for_stack("ACQ_GFP", render=render)
    assert zs == [400.0, 401.0, 500.0, 501.0]
    metadata = renderapi.stack.get_full_stack_metadata("ACQ_GFP", render=render)
    assert metadata["state"] == "LOADING"
    run(statetableFile=str(table), delete_stack=True)
    assert renderapi.stack.get_z_values_for_stack("ACQ_GFP", render=render) == [401.0, 501.0]


def test_append_keeps_the_tiles_of_other_sessions(render, run, project, tmp_path):
    def tiles(existing):
        for session in (1, 2):
            rows = [
                row
                for row in rows_of(project)
                if row["ch_name"] == "GFP" and row["session"] == session
            ]
            run(statetableFile=str(write_table(tmp_path / "some", rows)), existing=existing)
        found = renderapi.tilespec.get_tile_specs_from_z("ACQ_GFP", 400.0, render=render)
        return sorted(tile.tileId[0] for tile in found)

    assert tiles("overwrite_z") == ["2", "2"]
    assert tiles("append") == ["1", "1", "2", "2"]


def test_unreadable_images_and_wrong_sizes_are_named_and_nothing_is_written(run, render, project):
    path = next((project / "raw").rglob("GFP_S0001*Z00.tif"))
    content = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(RenderModuleException, match=r"1 images .* line \d+: .*GFP_S0001"):
        run()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RenderModuleException, match="GFP_S0001"):
        run()
    path.write_bytes(content)
    rows = [row | {"width": 71} for row in rows_of(project)]
    write_table(project / "table", rows)
    with pytest.raises(RenderModuleException, match=r"is 70 x 50 pixels, the table says 71 x 50"):
        run()
    assert renderapi.render.get_stacks_by_owner_project(render=render) == []
    with pytest.raises(ParameterError, match="contradicts existing append"):
        run(delete_stack=True, existing="append")


def test_stacks_that_cannot_be_written_are_found_before_the_first_file(run, render, project):
    run()
    for stack in ("ACQ_DAPI_1", "ACQ_GFP"):
        renderapi.stack.delete_stack(stack, render=render)
    renderapi.stack.set_stack_state("ACQ_Gephyrin", "READ_ONLY", render=render)
    shutil.rmtree(project / "processed")
    with pytest.raises(RenderModuleException, match="stack ACQ_Gephyrin is READ_ONLY"):
        run()
    assert len(renderapi.render.get_stacks_by_owner_project(render=render)) == 3
    assert not (project / "processed").exists()


def test_in_a_process_of_its_own(render, project, tmp_path):
    parameters = {
        "render": group(render),
        "statetableFile": str(project / "table"),
        "projectDirectory": str(project),
        "pool_size": 2,
        "levels": 1,
    }
    path, out = tmp_path / "in.json", tmp_path / "out.json"
    path.write_text(json.dumps(parameters))
    command = [sys.executable, "-m", "renderapps", "run", "create_fast_stacks"]
    done = subprocess.run(
        [*command, "--input_json", str(path), "--output_json", str(out)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert len(json.loads(out.read_text())["output_stacks"]) == 5


def test_from_the_command_line(render, project, tmp_path):
    path = tmp_path / "in.json"
    data = {"render": group(render), "statetableFile": str(project / "table")}
    path.write_text(json.dumps(data | {"projectDirectory": str(project)}))
    flags = ["--input_json", str(path), "--pool_size", "1", "--outputStackPrefix", "X_"]
    with pytest.raises(SystemExit) as ended:
        create_fast_stacks_multi.CreateFastStack.main(flags)
    assert ended.value.code == 0
    names = renderapi.render.get_stacks_by_owner_project(render=render)
    assert sorted(names) == ["X_Session1", "X_Session2"]
