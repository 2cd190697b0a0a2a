"""Voxels of detections as annotations."""

import numpy as np
import pytest
import shapely
from layered_stacks import run
from trakem2_scenes import montage

from renderapi.transform.slices import TileTransforms
from renderapps.module.tiles_by_id import tiles_with_ids
from renderapps.TrakEM2.annotations import read_annotations
from renderapps.TrakEM2.create_annotation_from_anish_csv import MakeAnnotationFileAnish
from renderapps.TrakEM2.rasters import rings_of_pixels

# two voxels side by side in plane 0 and one in plane 1; an empty line; a ring of eight voxels
CSV = """1,2,0,2,2,0,1,2,1,

0,0,0,1,0,0,2,0,0,0,1,0,2,1,0,0,2,0,1,2,0,2,2,0,
9999,0,1,
"""


@pytest.fixture
def given(render, tmp_path):
    montage(render)
    (tmp_path / "voxels.csv").write_text(CSV)
    return {
        "stack": "acquired",
        "csv_file": str(tmp_path / "voxels.csv"),
        "json_file": str(tmp_path / "out" / "a.json"),
        "pixel_size": 20.0,
        "offset_x": 5100.0,
        "offset_y": -100.0,
    }


def test_outlines_in_the_world(render, given):
    status, report = run(MakeAnnotationFileAnish, render, **given)
    assert status == 0
    assert (report["annotations"], report["empty_lines"]) == (3, [2])
    assert report["beside_all_tiles"] == ["4"]
    found = {a.oid: a for a in read_annotations(given["json_file"]).area_lists}
    assert [(a.oid, a.id) for a in found.values()] == [("1", 1), ("3", 3), ("4", 4)]
    first = found["1"].shape_at(0.0)
    assert first.equals(shapely.box(5100 + 20, -100 + 40, 5100 + 60, -100 + 60))
    assert found["1"].shape_at(1.0).area == 400
    assert found["3"].shape_at(0.0).area == 8 * 400
    assert [area.hole for area in found["3"].areas] == [False, True]


def test_local_coordinates_lead_to_the_same_places(render, given):
    run(MakeAnnotationFileAnish, render, **given)
    area = read_annotations(given["json_file"]).area_lists[0].areas[0]
    tiles = tiles_with_ids(render, "acquired", sorted(set(area.tileIds)))
    world = [
        TileTransforms(tiles[name]).forward(point[None])[0]
        for name, point in zip(area.tileIds, area.local_path, strict=True)
    ]
    np.testing.assert_allclose(world, area.global_path, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n1,2\n", "line 2 has 2 numbers"),
        ("1,2,x\n", "line 1: only whole numbers"),
        ("\n\n", "has no detections"),
    ],
)
def test_bad_files(render, given, tmp_path, capsys, text, message):
    (tmp_path / "voxels.csv").write_text(text)
    assert run(MakeAnnotationFileAnish, render, **given)[0] == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pixels_that_touch_at_a_corner_are_two_shapes_however_far_apart():
    rings = list(rings_of_pixels(np.array([0, 1, 10**9]), np.array([0, 1, 0])))
    assert [hole for _, hole in rings] == [False] * 3
    assert sorted(ring[:, 0].max() for ring, _ in rings) == [1, 2, 10**9 + 1]


def test_ring_has_corners_only():
    ((ring, hole),) = rings_of_pixels(np.repeat(np.arange(5), 5), np.tile(np.arange(5), 5))
    assert not hole
    assert len(ring) == 5
    assert shapely.Polygon(ring).equals(shapely.box(0, 0, 5, 5))
