"""Tiles of a statetable: every number of the table in its place."""

from pathlib import Path

import numpy as np

from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.dataimport.statetable import StateRow
from renderapps.dataimport.statetable_tiles import TileMaker, per_channel

ROW = StateRow(
    path=Path("/p/raw/data/Ribbon0004/session01/DAPI_1/DAPI_1_S0002_F0003_Z00.tif"),
    channel="DAPI_1",
    ribbon=4,
    session=1,
    section=2,
    frame=3,
    zstack=0,
    tile_id="17",
    z=402.0,
    width=70,
    height=50,
    scale=0.103,
    stage=(10.5, 20.25),
    affine=(1.1, 0.2, 300.0, -0.3, 0.9, -40.0),
    source="table, line 2",
)


def test_a_tile_has_the_numbers_of_its_row():
    small = Path("/p/small/a_mip01.jpg")
    maker = TileMaker({ROW.path: {1: small}}, {ROW.path: (5.0, 9.0)}, "Leica", "zyla")
    (planned,) = per_channel([ROW], "ACQ")
    tile = maker.tile(planned)
    (affine,) = tile["transforms"]["specList"]
    # x' = a00 x + a01 y + a02, y' = a10 x + a11 y + a12
    expected = [[1.1, 0.2, 300.0], [-0.3, 0.9, -40.0], [0, 0, 1]]
    np.testing.assert_allclose(AffineModel(json=affine).M, expected)
    assert tile["layout"] == {
        "sectionId": "4002",
        "temca": "Leica",
        "camera": "zyla",
        "imageRow": 0,
        "imageCol": 0,
        "stageX": 10.5,
        "stageY": 20.25,
        "rotation": 0.0,
        "pixelsize": 0.103,
    }
    assert tile["mipmapLevels"] == {
        "0": {"imageUrl": path_to_url(ROW.path)},
        "1": {"imageUrl": path_to_url(small)},
    }
    assert (tile["tileId"], tile["z"], tile["width"], tile["height"]) == ("17", 402.0, 70, 50)
    assert (tile["minIntensity"], tile["maxIntensity"]) == (5.0, 9.0)
    assert planned.stack == "ACQ_DAPI_1"
