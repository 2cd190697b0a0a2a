"""Metadata of a TEM camera array."""

import json

import pytest

from renderapps.dataimport.temca_metadata import CameraArray, read_camera_array
from renderapps.module import RenderModuleException

META = {
    "temca_id": 4,
    "camera_info": {"camera_id": "C7", "width": 40, "height": 30},
    "calibration": {"highmag": {"x_nm_per_pix": 4.0}},
}


def image(name, stage, raster=(0, 0), angle=90.0):
    meta = {
        "stage_pos": stage, "raster_pos": raster, "angle": angle,
        "pixel_size_x_move": 2.0, "pixel_size_y_move": 4.0,
    }  # fmt: skip
    return {"img_path": name, "img_meta": meta}


def test_stage_positions_are_turned_into_whole_pixels(tmp_path):
    path = tmp_path / "meta.json"
    path.write_text(
        json.dumps([{"metadata": META}, {"data": [image("a.tif", [100.0, 40.0], (3, 1))]}])
    )
    array, (found,) = read_camera_array(path, tmp_path, 12.0)
    assert array == CameraArray("4", "C7", 4.0)
    assert (found.x, found.y) == (10, -50)  # (50, 10) turned by 90 degrees
    assert (found.row, found.column, found.tile_id) == (1, 3, "a.12.0")
    assert (found.stage, found.rotation) == ((100.0, 40.0), 90.0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"data": []}, "must be a JSON list"),
        ([{"metadata": META}], "no list of images"),
        ([{"data": [{"img_path": "a"}]}], "image 1: no 'img_meta'"),
        ([{"data": [image("a", ["x", 1])]}], "image 1: could not convert"),
    ],
)
def test_what_is_missing_is_named(tmp_path, content, reason):
    path = tmp_path / "meta.json"
    path.write_text(json.dumps(content))
    with pytest.raises(RenderModuleException, match=reason):
        read_camera_array(path, tmp_path, 0)
    path.write_text("{")
    with pytest.raises(RenderModuleException, match="is not JSON"):
        read_camera_array(path, tmp_path, 0)
