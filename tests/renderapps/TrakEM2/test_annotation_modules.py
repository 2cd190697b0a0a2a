"""Annotations from a project to local and to world coordinates, against places known before."""

import json
from pathlib import Path

import numpy as np
import pytest
from layered_stacks import run
from trakem2_scenes import grids, montage, tile

import renderapi
from renderapi.transform.slices import TileTransforms
from renderapps.module.tiles_by_id import tiles_with_ids
from renderapps.TrakEM2.annotation_import import are_holes
from renderapps.TrakEM2.annotations import read_annotations
from renderapps.TrakEM2.create_trakem2_subvolume_from_render import CreateTrakEM2Project
from renderapps.TrakEM2.ImportTrakEM2Annotations import ImportTrakEM2Annotations
from renderapps.TrakEM2.transform_local_annotation_json_to_global import (
    TransformLocalAnnotation,
    transform_annotations,
)

ORIGIN = np.array([4990.0, -210.0])
BOX = {"minX": 4990, "minY": -210, "maxX": 5760, "maxY": 370}
# world coordinates of section 1; the square reaches over four tiles, the hole lies on one
SQUARE = np.array([(5300, 10), (5420, 10), (5420, 130), (5300, 130), (5300, 10)], float)
HOLE = np.array([(5310, 20), (5330, 20), (5330, 50), (5310, 20)], float)


def path_of(ring, scale=2.0, shift=(3.0, 4.0)):
    """Path data in the frame of an area list with matrix(scale,0,0,scale,shift)."""
    points = (ring[:-1] - ORIGIN - shift) / scale
    return "M " + " L ".join(f"{x!r} {y!r}" for x, y in points.tolist()) + " z"


def area_list(oid, layer, *rings):
    paths = "".join(f'<t2_path d="{path_of(ring)}"/>' for ring in rings)
    area = f'<t2_area layer_id="{layer}">{paths}</t2_area>'
    matrix = "matrix(2.0,0.0,0.0,2.0,3.0,4.0)"
    return f'<t2_area_list oid="{oid}" transform="{matrix}">{area}</t2_area_list>'


@pytest.fixture
def given(render, tmp_path):
    """A project with annotations: two good ones, one beside all tiles, one without areas."""
    montage(render)
    xml = {"inputStack": "acquired", "outputStack": "back", "outputXMLdir": str(tmp_path / "xml")}
    assert run(CreateTrakEM2Project, render, **BOX, **xml)[0] == 0
    project = tmp_path / "xml" / "0-2.5" / "project.xml"
    text = project.read_text("latin-1")
    layer = text[: text.index('z="1.0"')].rsplit('oid="', 1)[1].split('"')[0]
    lists = [
        area_list(900, layer, SQUARE, HOLE),
        area_list(901, layer, HOLE),
        area_list(902, layer, HOLE + 90000),
        '<t2_area_list oid="903"/>',
    ]
    place = text.index("<t2_layer ")
    project.write_text(text[:place] + "".join(lists) + text[place:], "latin-1")
    return {
        "EMstack": "acquired",
        "trakem2project": str(project),
        "output_annotation_file": str(tmp_path / "out" / "local.json"),
        "output_bounding_box_file": str(tmp_path / "out" / "frames.json"),
    }


def world_of(render, stack, area):
    """World places of an area's local path, through each tile by itself."""
    tiles = tiles_with_ids(render, stack, sorted(set(area.tileIds)))
    return np.array(
        [
            TileTransforms(tiles[name]).forward(point[None])[0]
            for name, point in zip(area.tileIds, area.local_path, strict=True)
        ]
    )


def test_good_annotations_are_written_and_the_bad_one_is_named(render, given, capsys):
    status, report = run(ImportTrakEM2Annotations, render, **given)
    assert status == 1
    assert "annotation 902" in capsys.readouterr().err
    assert [bad["oid"] for bad in report["failed_annotations"]] == ["902"]
    assert report["empty_annotations"] == ["903"]
    found = read_annotations(given["output_annotation_file"])
    assert [(a.oid, a.id, len(a.areas)) for a in found.area_lists] == [("900", 0, 2), ("901", 1, 1)]
    square, hole = found.area_lists[0].areas
    assert (square.hole, hole.hole, square.z) == (False, True, 1.0)
    assert len(set(square.tileIds)) > 1
    np.testing.assert_allclose(world_of(render, "acquired", square), SQUARE, atol=1e-5)
    np.testing.assert_allclose(world_of(render, "acquired", hole), HOLE, atol=1e-5)


def test_topmost_tile_is_the_one_that_is_annotated(render, given):
    run(ImportTrakEM2Annotations, render, **given)
    square = read_annotations(given["output_annotation_file"]).area_lists[0].areas[0]
    # tiles overlap here; patches are painted in the order of their ids
    assert square.tileIds[2] == "t3_z1"


def test_frames_of_all_sections_are_the_canvas(render, given):
    run(ImportTrakEM2Annotations, render, **given)
    found = read_annotations(given["output_bounding_box_file"])
    assert [a.id for a in found.area_lists] == [0, 1, 2]
    canvas = np.array([(0, 0), (0, 580), (770, 580), (770, 0), (0, 0)]) + ORIGIN
    for areas in found.area_lists:
        world = world_of(render, "acquired", areas.areas[0])
        np.testing.assert_allclose(world, canvas, atol=1e-4)


def test_local_annotations_follow_another_alignment(render, given, tmp_path):
    run(ImportTrakEM2Annotations, render, **given)
    moved = [tile(f"t{i}_z1", 41.0, 7000 + 350 * (i % 2), 800 + 260 * (i // 2)) for i in range(4)]
    from trakem2_scenes import put

    put(render, "aligned", moved)
    result = tmp_path / "global.json"
    status, report = run(
        TransformLocalAnnotation,
        render,
        stack="aligned",
        input_annotation_file=given["output_annotation_file"],
        output_annotation_file=str(result),
    )
    assert (status, report["annotations"]) == (0, 2)
    square = read_annotations(result).area_lists[0].areas[0]
    np.testing.assert_allclose(square.global_path, np.add(SQUARE, [2000, 1000]), atol=1e-5)
    assert square.z == 41.0
    as_dict = json.loads(Path(given["output_annotation_file"]).read_bytes())
    assert transform_annotations(render, "aligned", as_dict) == json.loads(result.read_bytes())


def test_annotation_on_a_tile_that_is_not_there_is_named(render, given, tmp_path, capsys):
    run(ImportTrakEM2Annotations, render, **given)
    renderapi.stack.set_stack_state("acquired", "LOADING", render=render)
    renderapi.stack.delete_tile("acquired", "t3_z1", render=render)
    result = tmp_path / "global.json"
    status, report = run(
        TransformLocalAnnotation,
        render,
        stack="acquired",
        input_annotation_file=given["output_annotation_file"],
        output_annotation_file=str(result),
    )
    assert status == 1
    assert "lies on tile t3_z1, which stack acquired does not have" in capsys.readouterr().err
    assert {bad["oid"] for bad in report["failed_annotations"]} == {"900"}
    assert [a.oid for a in read_annotations(result).area_lists] == ["901"]


def test_file_that_is_no_annotation(render, given, tmp_path, capsys):
    (tmp_path / "bad.json").write_text("[]")
    status, _ = run(
        TransformLocalAnnotation,
        render,
        stack="acquired",
        input_annotation_file=str(tmp_path / "bad.json"),
        output_annotation_file=str(tmp_path / "g.json"),
    )
    assert status == 1
    assert "an annotation file is an object with a list area_lists" in capsys.readouterr().err
    assert not (tmp_path / "g.json").exists()


def test_project_that_is_not_xml(render, given, tmp_path, capsys):
    (tmp_path / "p.xml").write_text("{}")
    status, _ = run(
        ImportTrakEM2Annotations, render, **given | {"trakem2project": str(tmp_path / "p.xml")}
    )
    assert status == 1
    assert "p.xml is not a whole XML file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_rings_in_rings():
    def square(half):
        return np.array([(-half, -half), (half, -half), (half, half), (-half, half)], float)

    assert are_holes([square(10), square(5), square(2), square(1) + 50]) == [
        *(False, True, False, False)
    ]


def test_scene_is_what_it_is_said_to_be(render, given):
    """The tiles overlap where the annotation lies, else the tests above say little."""
    places = grids(render, "acquired", 1.0)
    assert places["t1_z1"][:, 0].min() < 5400 < places["t0_z1"][:, 0].max()
