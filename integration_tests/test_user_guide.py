"""The tutorial of the client's user guide, as a reader would run it, with fewer sections.

Only what cannot be meant is changed: the guide's AffineTransform is AffineModel, commas are missing
there, and p and q of a match are a row of x and a row of y.
"""

from __future__ import annotations

import numpy as np
import pytest

import renderapi
from renderapi.tilespec import Layout, TileSpec
from renderapi.transform import AffineModel

ROWS, COLUMNS, SECTIONS = 10, 20, 3
OVERLAP, PIXEL_SIZE, WIDTH = 0.8, 3.0, 2048
STACK = "mystack"


@pytest.fixture
def guide(connection):
    """The guide's connection; it names client scripts, of which the embedded service has no use."""
    if connection["host"] == "local":
        scripts = "/usr/local/render/render-ws-java-client/src/scripts"
        connection = {**connection, "client_scripts": scripts}
    return renderapi.connect(**connection, memGB="2G")


def one_tile():
    layout = Layout(
        sectionId="1",
        scopeId="myscope",
        cameraId="mycamera",
        imageRow=0,
        imageCol=0,
        stageX=100.0,
        stageY=300.0,
        rotation=0.0,
        pixelsize=3.0,
    )
    at = AffineModel(B0=layout.stageX / layout.pixelsize, B1=layout.stageY / layout.pixelsize)
    return TileSpec(
        tileId="000000000000",
        z=0.0,
        width=2048,
        height=2048,
        imageUrl="/data/images/0_0_0.tif",
        maskUrl=None,
        layout=layout,
        tforms=[at],
    )


def many_tiles(sections):
    tilespecs = []
    for section in range(sections):
        for r in range(ROWS):
            for c in range(COLUMNS):
                layout = Layout(
                    sectionId=f"{section:05d}",
                    scopeId="myscope",
                    cameraId="mycamera",
                    imageRow=0,
                    imageCol=0,
                    stageX=c * WIDTH * OVERLAP * PIXEL_SIZE,
                    stageY=r * WIDTH * OVERLAP * PIXEL_SIZE,
                    rotation=0.0,
                    pixelsize=PIXEL_SIZE,
                )
                tileId = f"{section}_{r}_{c}"
                tilespecs.append(
                    TileSpec(
                        tileId=tileId,
                        z=section,
                        width=WIDTH,
                        height=WIDTH,
                        imageUrl=f"/data/images/{tileId}.tif",
                        maskUrl=None,
                        layout=layout,
                        tforms=[AffineModel(B0=c * WIDTH * OVERLAP, B1=r * WIDTH * OVERLAP)],
                    )
                )
    return tilespecs


def state(render):
    return renderapi.stack.get_full_stack_metadata(STACK, render=render)["state"]


def test_a_stack_of_one_tile(guide):
    renderapi.stack.create_stack(STACK, render=guide)
    assert state(guide) == "LOADING"
    renderapi.client.import_tilespecs(STACK, [one_tile()], render=guide)
    renderapi.stack.set_stack_state(STACK, "COMPLETE", render=guide)
    tile = renderapi.tilespec.get_tile_spec(STACK, "000000000000", render=guide)
    assert tile.imageUrl.endswith("/data/images/0_0_0.tif")
    assert tile.tforms[0].M[0, 2] == pytest.approx(100 / 3, abs=1e-9)
    assert tile.bbox[:2] == pytest.approx((100 / 3, 100), abs=1)


def test_many_sections_in_parallel(guide):
    renderapi.stack.create_stack(STACK, render=guide)
    tilespecs = many_tiles(SECTIONS)
    renderapi.client.import_tilespecs_parallel(STACK, tilespecs, close_stack=True, render=guide)
    assert state(guide) == "COMPLETE"
    assert renderapi.stack.get_z_values_for_stack(STACK, render=guide) == [0, 1, 2]
    last = renderapi.tilespec.get_tile_specs_from_z(STACK, SECTIONS - 1, render=guide)
    ids = sorted(tile.tileId for tile in last)
    assert ids == sorted(f"{SECTIONS - 1}_{r}_{c}" for r in range(ROWS) for c in range(COLUMNS))
    bounds = renderapi.stack.get_stack_bounds(STACK, render=guide)
    farthest = ((COLUMNS - 1) * OVERLAP + 1) * WIDTH, ((ROWS - 1) * OVERLAP + 1) * WIDTH
    assert (bounds["maxX"], bounds["maxY"]) == pytest.approx(farthest, abs=1)


def test_point_matches(guide, collection):
    """As the guide has it, point by point: they come back as sent, and `with_rows` makes rows."""
    points = [[0, 0], [1000, 1000], [1000, 0], [0, 1000]]
    matches_in = {
        "pGroupId": "0",
        "qGroupId": "1",
        "pId": "0_0_0",
        "qId": "1_0_0",
        "matches": {"p": points, "q": points, "w": [1, 1, 1, 1]},
    }
    renderapi.pointmatch.import_matches(collection, [matches_in], render=guide)
    (match,) = renderapi.pointmatch.get_matches_from_tile_to_tile(
        collection, "0", "0_0_0", "1", "1_0_0", render=guide
    )
    assert match["matches"] == {"p": points, "q": points, "w": [1, 1, 1, 1]}
    rows = [[0, 1000, 1000, 0], [0, 1000, 0, 1000]]
    made = renderapi.pointmatch.with_rows(match)["matches"]
    assert [np.asarray(made[side]).tolist() for side in "pq"] == [rows, rows]
    assert (match["pId"], match["qId"]) == ("0_0_0", "1_0_0")
