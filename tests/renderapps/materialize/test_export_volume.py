"""export_volume: what is in the volume is what the sections show."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorstore
import tifffile

import renderapi
from renderapps.dataimport.import_tiles import ImportTiles
from renderapps.materialize import export_volume
from renderapps.materialize.export_volume import ExportVolume
from renderapps.materialize.volume_planes import plane_zs
from renderapps.module import ParameterError, RenderModuleException
from renderapps.module.effort import ALWAYS


@pytest.fixture
def export(connection, stack, tmp_path):
    """Function that writes the volume and gives its path and the module's result."""

    def call(**options):
        parameters = {
            "render": connection,
            "input_stack": stack,
            "output_volume": str(tmp_path / "out" / "volume.ome.zarr"),
            "chunk": [1, 16, 16],
            "shard": [1, 16, 32],
            "levels": 2,
            "pool_size": 1,
        } | options
        module = ExportVolume(input_data=parameters, args=[])
        module.run()
        return tmp_path / "out" / "volume.ome.zarr", module.result

    return call


def read(path, level=0):
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path / str(level))}}
    return tensorstore.open(spec).result().read().result()


def test_the_values_are_those_of_the_tiles_and_a_missing_plane_is_empty(export, section_pixels):
    path, result = export()
    volume = read(path)
    assert volume.shape == (2, 3, 40, 110)
    assert volume.dtype == np.uint16
    for index, channel in enumerate(("DAPI", "GFP")):
        np.testing.assert_array_equal(volume[index, 0], section_pixels(channel, "a"))
        np.testing.assert_array_equal(volume[index, 1], 0)
        np.testing.assert_array_equal(volume[index, 2], section_pixels(channel, "b"))
    assert result["empty_planes_z"] == [1.0]
    assert (result["sections"], result["levels"]) == (2, 2)


def test_the_volume_lies_where_the_stack_does(export):
    path, _ = export()
    ome = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    scale, shift = ome["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [1.0, 40.0, 5.0, 4.0]
    assert shift["translation"] == [0.0, 0.0, 100.0, -28.0]
    windows = [channel["window"] for channel in ome["omero"]["channels"]]
    assert [(w["start"], w["end"]) for w in windows] == [(0.0, 40000.0)] * 2


def test_a_level_is_the_mean_of_four_pixels(export, section_pixels):
    path, _ = export()
    full = section_pixels("GFP", "b").astype(np.float64).reshape(20, 2, 55, 2)
    np.testing.assert_array_equal(read(path, 1)[1, 2], np.floor(full.mean(axis=(1, 3)) + 0.5))


def test_one_channel_keeps_its_axis_unless_it_is_not_wanted(export, tmp_path):
    whole, _ = export(channels=["GFP"])
    alone = tmp_path / "alone"
    _, result = export(channels=["GFP"], channel_axis=False, output_volume=str(alone))
    assert result["channels"] == ["GFP"]
    for level in (0, 1):
        assert read(whole, level).ndim == 4 and read(whole, level).shape[0] == 1
        np.testing.assert_array_equal(read(alone, level), read(whole, level)[0])
    for path, names in ((whole, "czyx"), (alone, "zyx")):
        metadata = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
        (multiscale,) = metadata["multiscales"]
        assert "".join(axis["name"] for axis in multiscale["axes"]) == names
        scales = multiscale["datasets"][1]["coordinateTransformations"]
        assert {len(t[t["type"]]) for t in scales} == {len(names)}
        assert len(metadata["omero"]["channels"]) == 1


def test_sections_are_what_the_service_draws(export, render, stack):
    path, _ = export(channels=["GFP"])
    for plane, z in ((0, 0.0), (2, 2.0)):
        image = renderapi.image.get_bb_image(
            stack, z, -7, 20, 110, 40, 1.0, img_format="tiff16", channel="GFP", render=render
        )
        np.testing.assert_array_equal(read(path)[0, plane], image)


@pytest.mark.parametrize("scale", [0.5, 0.2, 0.1])
def test_below_full_scale_voxels_are_means_of_blocks(export, section_pixels, scale):
    path, result = export(scale=scale, channels=["GFP"])
    step = round(1 / scale)
    full = section_pixels("GFP", "b").astype(np.float64)
    blocks = full.reshape(40 // step, step, 110 // step, step)
    np.testing.assert_array_equal(read(path)[0, 2], np.floor(blocks.mean(axis=(1, 3)) + 0.5))
    assert result["voxel_nm_zyx"] == [40.0, 5.0 * step, 4.0 * step]
    # the first voxel is centred on the middle of its block
    middle = (step - 1) / 2
    assert result["origin_nm_zyx"] == pytest.approx([0, 5 * (20 + middle), 4 * (-7 + middle)])


@pytest.mark.parametrize("scale", [0.5, 0.25, 0.3])
def test_abutting_tiles_show_no_gap_below_full_scale(connection, render, tmp_path, scale):
    """2 x 2 tiles of constant 200, one next to the other, at a place that no block begins at."""
    tifffile.imwrite(tmp_path / "t.tif", np.full((64, 64), 200, np.uint8))
    corners = [(x, y) for y in (3, 67) for x in (5, 69)]
    rows = "".join(f"t.tif,{x},{y},t{x}_{y}\n" for x, y in corners)
    for k, (x, y) in enumerate(corners):
        shutil.copy(tmp_path / "t.tif", tmp_path / f"t{k}.tif")
        rows = rows.replace(f"t.tif,{x},{y},", f"t{k}.tif,{x},{y},")
    (tmp_path / "p.csv").write_text("file,x,y,tile_id\n" + rows)
    common = {"render": connection, "pool_size": 1}
    parameters = {
        "render": connection, "output_stack": "flat", "image_directory": str(tmp_path),
        "positions_file": str(tmp_path / "p.csv"),
    }  # fmt: skip
    ImportTiles(input_data=parameters, args=[]).run()
    module = ExportVolume(
        input_data=common
        | {"input_stack": "flat", "output_volume": str(tmp_path / "v"), "scale": scale},
        args=[],
    )
    module.run()
    volume = read(tmp_path / "v")
    assert volume.shape == (1, int(128 * scale), int(128 * scale))
    assert (volume == 200).all()
    assert module.result["voxel_nm_zyx"] == [None, None, None]
    assert "no resolution in z, y, x" in module.result["warnings"][0]
    (multiscale,) = json.loads((tmp_path / "v" / "zarr.json").read_text())["attributes"]["ome"][
        "multiscales"
    ]
    assert [axis.get("unit") for axis in multiscale["axes"]] == [None] * 3


def test_eight_bits_hold_the_display_range(export, section_pixels):
    path, _ = export(dtype="uint8", minIntensity=1000, maxIntensity=3000, channels=["DAPI"])
    values = section_pixels("DAPI", "a").astype(np.float64)
    shown = np.floor(np.maximum(values - 1000, 0) * 256 / 2001 + 0.5).clip(0, 255)
    np.testing.assert_array_equal(read(path)[0, 0], shown)


def test_bounds_z_and_deep_shards(export, section_pixels, monkeypatch):
    monkeypatch.setattr(export_volume, "DRAWN", ALWAYS)
    path, result = export(
        bounds={"minX": 3, "maxX": 47, "minY": 15, "maxY": 40},
        chunk=[2, 8, 8],
        shard=[4, 8, 16],
        halve_z=True,
        z_step=2,
        pool_size=2,
    )
    expected = np.zeros((2, 25, 44), np.uint16)
    for plane, section in enumerate("ab"):
        expected[plane, 5:] = section_pixels("GFP", section)[:20, 10:54]
    np.testing.assert_array_equal(read(path)[1], expected)
    assert result["empty_planes_z"] == []
    assert read(path, 1).shape == (2, 1, 13, 22)
    first = expected[:, :2, :2].mean()
    assert read(path, 1)[1, 0, 0, 0] == np.floor(first + 0.5)


def test_one_section_of_one_channel_stack_has_no_channel_axis(export, connection, stack, render):
    tiles = renderapi.tilespec.get_tile_specs_from_z(stack, 0.0, render=render)
    for tile in tiles:
        tile.ip, tile.channels = tile.channels[0].ip, None
    renderapi.stack.create_stack("plain", render=render)
    renderapi.resolvedtiles.put_tilespecs("plain", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("plain", "COMPLETE", render=render)
    path, result = export(input_stack="plain")
    assert read(path).shape == (1, 40, 110)
    assert result["channels"] == []


@pytest.fixture
def change(stack, render):
    """Function that changes the tiles of the last section."""

    def call(function):
        tiles = renderapi.tilespec.get_tile_specs_from_z(stack, 2.0, render=render)
        for tile in tiles:
            function(tile)
        renderapi.stack.set_stack_state(stack, "LOADING", render=render)
        renderapi.resolvedtiles.put_tilespecs(stack, tilespecs=tiles, render=render)
        renderapi.stack.set_stack_state(stack, "COMPLETE", render=render)

    return call


def test_a_channel_that_a_later_section_lacks_is_refused_before_anything_is_drawn(export, change):
    change(lambda tile: tile.channels.pop())
    with pytest.raises(RenderModuleException, match="no channel GFP at z=2; it has DAPI; choose"):
        export()
    path, result = export(channels=["DAPI"])
    assert result["channels"] == ["DAPI"]
    assert read(path).shape == (1, 3, 40, 110)


def test_a_channel_that_only_a_later_section_has_is_refused_too(export, change):
    def rename(tile):
        tile.channels[1].name = "Cy5"

    change(rename)
    with pytest.raises(RenderModuleException, match="no channel GFP at z=2; it has DAPI, Cy5"):
        export()


def test_the_pixel_type_suits_all_sections(export, stack, render):
    for z, high in ((0.0, 255), (2.0, 40000)):
        tiles = renderapi.tilespec.get_tile_specs_from_z(stack, z, render=render)
        for tile in tiles:
            for channel in tile.channels:
                channel.maxIntensity = high
        renderapi.stack.set_stack_state(stack, "LOADING", render=render)
        renderapi.resolvedtiles.put_tilespecs(stack, tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state(stack, "COMPLETE", render=render)
    path, result = export()
    assert result["dtype"] == "uint16"
    assert "above 255 in 1 of 2 sections, first at z=2" in result["warnings"][0]
    ome = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    assert ome["omero"]["channels"][0]["window"]["end"] == 40000


def test_an_existing_volume_is_kept_unless_it_is_to_be_replaced(export):
    path, _ = export()
    with pytest.raises(RenderModuleException, match=r"volume\.ome\.zarr exists"):
        export()
    _, result = export(overwrite=True, zs=[2.0])
    assert read(path).shape == (2, 1, 40, 110)
    assert result["sections"] == 1


@pytest.mark.parametrize("step", [1e-7, 1e-320])
def test_a_step_that_makes_millions_of_planes_is_refused(step):
    with pytest.raises(RenderModuleException, match="give a larger z_step"):
        plane_zs([0.0, 1.0], step)


def test_only_a_volume_is_replaced(export, tmp_path):
    path, _ = export()
    shutil.rmtree(path)
    path.mkdir()
    (path / "thesis.txt").write_text("years of work")
    with pytest.raises(RenderModuleException, match="is not a volume: it is left as it is"):
        export(overwrite=True)
    assert [p.name for p in path.iterdir()] == ["thesis.txt"]
    with pytest.raises(ParameterError, match="is a file, not a folder"):
        export(overwrite=True, output_volume=str(path / "thesis.txt"))


def test_a_failure_leaves_no_volume_and_keeps_what_is_finished(export, tmp_path, stack):
    image = tmp_path / "raw" / "GFP_b_1.tif"
    image.rename(tmp_path / "aside.tif")
    with pytest.raises(RenderModuleException, match=r"GFP_b_1\.tif.*the same command goes on"):
        export()
    assert [p.name for p in (tmp_path / "out").iterdir()] == [".volume.ome.zarr.unfinished"]
    (tmp_path / "aside.tif").rename(image)
    path, result = export()
    assert 0 < result["kept_tasks"] < result["tasks"]
    assert [p.name for p in (tmp_path / "out").iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel_axis": False}, r"2 channels \(DAPI, GFP\) need the axis c"),
        ({"channels": ["Cy5"]}, "stack acquired has no channel Cy5 at z=0, 2; it has DAPI, GFP"),
        ({"z_step": 1.5}, "z=2 lies between two planes"),
        ({"zs": [1.0]}, "stack acquired has no section at z=1"),
        ({"scale": 0.001}, "has no pixels"),
        ({"input_stack": "nothing"}, "no stack nothing in project"),
    ],
)
def test_what_cannot_be_written_is_said(export, options, message):
    with pytest.raises(RenderModuleException, match=message):
        export(**options)


def test_wrong_parameters_are_listed(export):
    with pytest.raises(ParameterError) as raised:
        export(shard=[1, 20, 32], bounds={"minX": 5, "maxX": 5, "minY": 0, "maxY": 1}, scale=0)
    assert len(raised.value.problems) >= 2


def test_planes_follow_the_step():
    assert plane_zs([3.0, 4.0, 6.0], 1.0) == (3.0, 4.0, None, 6.0)
    assert plane_zs([0.1, 0.2, 0.3], 0.1) == (0.1, 0.2, 0.3)


def test_the_command_line(stack, render, tmp_path):
    store = tmp_path / "render.db"
    command = [sys.executable, "-m", "renderapps.materialize.export_volume", "--pool_size", "1"]
    command += ["--render.store", str(store), "--render.owner", "test", "--render.project"]
    command += ["project", "--input_stack", stack, "--output_volume", str(tmp_path / "v.zarr")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert (tmp_path / "v.zarr" / "zarr.json").exists()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
