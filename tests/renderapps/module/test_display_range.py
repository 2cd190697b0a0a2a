"""Display ranges: never the wrong way round, by themselves or with what a tile has."""

import numpy as np
import pytest
import tifffile
from layered_stacks import put, read, run, tile

import renderapi
from renderapi.urls import path_to_url
from renderapps.dataimport.upload_tiledir import UploadTileDir
from renderapps.materialize.export_volume import ExportVolume
from renderapps.materialize.render_section_images import RenderSectionImages
from renderapps.module import ParameterError
from renderapps.module.catalogue import discover
from renderapps.module.display_range import DisplayRangeParameters
from renderapps.module.examples import read_example
from renderapps.stack.create_subvolume_stack import CreateSubvolumeStack
from renderapps.stack.merge_session_stacks import MergeSessionStacks
from renderapps.stack.set_stack_levels import SetStackLevels

BOX = {"minX": 0, "maxX": 900, "minY": 0, "maxY": 900, "minZ": 1, "maxZ": 1}


def with_ranges():
    """The modules that take a display range."""
    found = [entry.load() for entry in discover()]
    return [
        cls for cls in found if {"minIntensity", "maxIntensity"} <= set(cls.default_schema().fields)
    ]


@pytest.mark.parametrize("cls", with_ranges(), ids=lambda cls: cls.module_name())
def test_every_module_refuses_a_range_that_is_the_wrong_way_round(cls, capsys):
    assert issubclass(cls.default_schema, DisplayRangeParameters)
    given = read_example(cls) | {"minIntensity": 500.0, "maxIntensity": 255.0}
    with pytest.raises(ParameterError, match="minIntensity: not below maxIntensity 255"):
        cls(input_data=given, args=[])


def test_a_range_of_a_channel_is_checked_too():
    given = read_example(MergeSessionStacks)
    given["channel_stacks"] = {"GFP": {"stack": "a", "minIntensity": 500, "maxIntensity": 255}}
    with pytest.raises(ParameterError, match="channel GFP: minIntensity 500 is not below"):
        MergeSessionStacks(input_data=given, args=[])


@pytest.fixture
def images(render, tmp_path):
    """Tile a shows 10 to 200, the channel of tile b 5 to 1000."""
    tifffile.imwrite(tmp_path / "a.tif", np.full((30, 40), 77, np.uint8))
    tiles = [tile("a", 1.0, 100, 200), tile("b", 2.0, 100, 200, channels=("GFP",))]
    for spec in tiles:
        for pyramid in [spec.ip, *(channel.ip for channel in spec.channels or ())]:
            pyramid["0"].imageUrl, pyramid["0"].maskUrl = path_to_url(tmp_path / "a.tif"), None
    put(render, "raw", [[spec] for spec in tiles])


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"minIntensity": 200.0, "zs": [1]}, "tile a: minIntensity 200 .* maxIntensity 200"),
        ({"maxIntensity": 10.0, "zs": [1]}, "tile a: minIntensity 10 .* maxIntensity 10"),
        ({"maxIntensity": 4.0, "channels": ["GFP"], "zs": [2]}, "tile b channel GFP: minInt"),
    ],
)
def test_one_end_has_to_go_with_the_other_end_of_every_tile(render, images, caplog, given, named):
    before = {key: spec.to_dict() for key, spec in read(render, "raw").items()}
    with pytest.raises(renderapi.errors.RenderError, match=named):
        connection = {"host": render.DEFAULT_HOST, "owner": "test"}
        connection["project"] = render.DEFAULT_PROJECT
        SetStackLevels(
            input_data={"render": connection, "stack": "raw", "pool_size": 1} | given, args=[]
        ).run()
    assert {key: spec.to_dict() for key, spec in read(render, "raw").items()} == before


def test_one_end_that_goes_with_the_other_is_set(render, images):
    assert run(SetStackLevels, render, stack="raw", maxIntensity=11.0, zs=[1])[0] == 0
    assert (read(render, "raw")["a"].minint, read(render, "raw")["a"].maxint) == (10, 11)


def test_all_others_check_the_tiles_as_well(render, images, tmp_path, capsys):
    raw, low = {"input_stack": "raw"}, {"minIntensity": 201.0}
    assert run(CreateSubvolumeStack, render, **raw, **BOX, **low, output_stack="o")[0] == 1
    pictures = {"image_directory": str(tmp_path / "p"), "scale": 1.0, "zs": [1]}
    assert run(RenderSectionImages, render, **raw, **pictures, **low)[0] == 1
    volume = {"output_volume": str(tmp_path / "v.ome.zarr"), "zs": [1]}
    assert run(ExportVolume, render, **raw, **volume, **low)[0] == 1
    assert capsys.readouterr().err.count("tile a: minIntensity 201 is not below") == 3
    assert not (tmp_path / "p").exists() and not (tmp_path / "v.ome.zarr").exists()
    assert run(RenderSectionImages, render, **raw, **pictures, minIntensity=199.0)[0] == 0
    # what is drawn of tile b is its channel, 5 to 1000
    assert run(RenderSectionImages, render, **raw, **(pictures | {"zs": [2]}), **low)[0] == 0
    above = {"zs": [2], "minIntensity": 1000.0}
    assert run(RenderSectionImages, render, **raw, **(pictures | above))[0] == 1
    assert "tile b channel GFP: minIntensity 1000 is not below" in capsys.readouterr().err


def test_the_range_of_an_import_is_that_of_its_images(render, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "eight.tif", np.zeros((5, 5), np.uint8))
    given = {
        "inputTileDirectory": str(tmp_path / "in"),
        "outputStack": "new",
        "minIntensity": 300.0,
    }
    status, _ = run(UploadTileDir, render, **given)
    assert status == 1 and "eight.tif: minIntensity 300 is not below" in capsys.readouterr().err
    assert renderapi.render.get_stacks_by_owner_project(render=render) == []
