"""Masks of the wrong size are not used, and every module that draws says so."""

import json

import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.urls import path_to_url
from renderapps.materialize.create_views import CreateViews
from renderapps.materialize.export_volume import ExportVolume
from renderapps.materialize.mask_check import ignored_masks
from renderapps.materialize.render_section_images import RenderSectionImages


@pytest.fixture
def masked(stack, render, tmp_path):
    """The second tile of z = 2 has a mask of 30 x 40 pixels, the first one of its own size."""
    good, bad = tmp_path / "good.tif", tmp_path / "bad.tif"
    tifffile.imwrite(good, np.full((40, 60), 255, np.uint8))
    tifffile.imwrite(bad, np.zeros((40, 30), np.uint8))
    tiles = renderapi.tilespec.get_tile_specs_from_z(stack, 2.0, render=render)
    for tile, mask in zip(tiles, (good, bad), strict=True):
        for channel in tile.channels:
            channel.ip["0"].maskUrl = path_to_url(mask)
    renderapi.stack.set_stack_state(stack, "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs(stack, tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state(stack, "COMPLETE", render=render)
    return {"tileId": tiles[1].tileId, "mask": path_to_url(bad)}


def test_sizes_are_compared_by_headers(masked, stack, render):
    tiles = renderapi.tilespec.get_tile_specs_from_z(stack, 2.0, render=render)
    expected = [masked | {"mask_size": (30, 40), "image_size": (60, 40)}]
    assert ignored_masks([tile.to_dict() for tile in tiles]) == expected


@pytest.mark.parametrize("module", [ExportVolume, RenderSectionImages, CreateViews])
def test_reports_name_them(module, masked, stack, connection, tmp_path):
    where = {
        ExportVolume: {"output_volume": str(tmp_path / "v.ome.zarr")},
        RenderSectionImages: {
            "image_directory": str(tmp_path / "out"),
            "channel": "GFP",
            "scale": 1.0,
        },
        CreateViews: {"output_directory": str(tmp_path / "out"), "scale": 1.0},
    }
    common = {"render": connection, "input_stack": stack, "pool_size": 1}
    run = module(input_data=common | where[module], args=[])
    run.run()
    result = json.loads(json.dumps(run.result, default=str))
    if module is ExportVolume:
        (found,) = result["ignored_masks"]
        assert found["z"] == 2.0
        assert "1 masks are not as large as their images" in result["warnings"][0]
    else:
        first, second = sorted(result["sections"], key=lambda section: section["z"])
        assert "ignored_masks" not in first
        (found,) = second["ignored_masks"]
    assert {key: found[key] for key in masked} == masked
