"""A region goes to TrakEM2 and comes back: create_trakem2_subvolume_from_render and the import."""

import json

import numpy as np
import pytest
from layered_stacks import documents, run, shared, state, version
from lxml import etree
from trakem2_scenes import changed, edited, grids, montage, put, rotation, tile, without

import renderapi
from renderapi.channel import Channel
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapps.TrakEM2.create_trakem2_subvolume_from_render import CreateTrakEM2Project
from renderapps.TrakEM2.exporting import central_chunk, createchunks, z_name
from renderapps.TrakEM2.reader import read_project
from renderapps.TrakEM2.reimport_trakem2_to_render import ReImportTrakEM2ToRender

BOX = {"minX": 4990, "minY": -210, "maxX": 5800, "maxY": 400}


@pytest.fixture
def given(tmp_path):
    return BOX | {
        "inputStack": "acquired",
        "outputStack": "corrected",
        "outputXMLdir": str(tmp_path / "xml"),
    }


@pytest.fixture(params=[True, False], ids=["lens", "affine"])
def exported(request, render, given, tmp_path):
    """Parameters, and the project of a stack that was exported with them."""
    montage(render, bent=request.param)
    status, report = run(CreateTrakEM2Project, render, **given)
    assert status == 0, report
    (project,) = report["projects"]
    assert [s["tiles"] for s in project["sections"]] == [4, 4, 4]
    return given, tmp_path / "xml" / "0-2.5" / "project.xml"


def test_unchanged_project_gives_identical_tiles(render, exported):
    given, _ = exported
    status, report = run(ReImportTrakEM2ToRender, render, **given)
    assert status == 0, report
    assert documents(render, "corrected") == documents(render, "acquired")
    for z in (0.0, 1.0, 2.5):
        assert shared(render, "corrected", z) == shared(render, "acquired", z)
    assert version(render, "corrected") == version(render, "acquired")
    assert state(render, "corrected") == "COMPLETE"
    assert all(not section["moved_tiles"] for section in report["sections"])


def test_moved_and_rotated_patches_are_moved_in_the_world_and_no_others(render, exported):
    given, project = exported
    shift = np.array([[1, 0, 12.25], [0, 1, -7.5], [0, 0, 1.0]])
    turn = rotation(3.0, (400, 300))
    edited(project, "t1_z1", shift)
    edited(project, "t2_z2.5", turn)
    status, report = run(ReImportTrakEM2ToRender, render, **given)
    assert status == 0, report
    origin = np.array([BOX["minX"], BOX["minY"]])
    for z in (0.0, 1.0, 2.5):
        before, after = grids(render, "acquired", z), grids(render, "corrected", z)
        for name, points in before.items():
            expected = points
            if name == "t1_z1":
                expected = points + np.array((12.25, -7.5))
            if name == "t2_z2.5":
                canvas = points - origin
                expected = canvas @ turn[:2, :2].T + turn[:2, 2] + origin
            np.testing.assert_allclose(after[name], expected, atol=1e-6)
    moved = {section["z"]: section["moved_tiles"] for section in report["sections"]}
    assert moved == {0.0: [], 1.0: ["t1_z1"], 2.5: ["t2_z2.5"]}
    before = documents(render, "acquired")["t1_z1"]["transforms"]["specList"]
    after = documents(render, "corrected")["t1_z1"]["transforms"]["specList"]
    assert after[:-1] == before
    assert after[-1]["className"].endswith("AffineModel2D")


def test_deleted_hidden_and_new_patches_are_named(render, exported):
    given, project = exported
    without(project, "t0_z1")
    changed(project, "t1_z1", 'mres="', 'visible="false" mres="')
    text = project.read_text("latin-1")
    extra = '<t2_patch oid="9999" title="new" file_path="/n.tif" o_width="5" o_height="5"/>'
    place = text.index("</t2_layer>", text.index('z="1.0"'))
    project.write_text(text[:place] + extra + text[place:], "latin-1")
    status, report = run(ReImportTrakEM2ToRender, render, **given)
    assert status == 0, report
    (section,) = [s for s in report["sections"] if s["z"] == 1.0]
    assert section["deleted_tiles"] == ["t0_z1"]
    assert section["hidden_tiles"] == ["t1_z1"]
    assert section["unmatched_patches"] == ["patch 9999 (new)"]
    assert sorted(section["dropped_tiles"]) == ["t0_z1", "t1_z1"]
    assert sorted(grids(render, "corrected", 1.0)) == ["t2_z1", "t3_z1"]


def test_resized_canvas_is_refused(render, exported, capsys):
    given, project = exported
    text = project.read_text("latin-1")
    project.write_text(text.replace('layer_width="810.000000"', 'layer_width="900.0"'), "latin-1")
    assert run(ReImportTrakEM2ToRender, render, **given)[0] == 1
    assert "the canvas was 810 x 610" in capsys.readouterr().err
    assert "corrected" not in renderapi.render.get_stacks_by_owner_project(render=render)


def test_patch_in_another_layer_is_refused(render, exported, capsys):
    given, project = exported
    tree = etree.parse(project)
    first, second = tree.findall(".//t2_layer")[:2]
    second.append(first[0])
    tree.write(project, encoding="ISO-8859-1")
    assert run(ReImportTrakEM2ToRender, render, **given)[0] == 1
    assert "tile t0_z0 of z=0 was put into another layer" in capsys.readouterr().err


def test_stack_that_changed_since_the_export_is_refused(render, exported, capsys):
    given, _ = exported
    tiles = renderapi.tilespec.get_tile_specs_from_z("acquired", 1.0, render=render)
    tiles[0].tforms = tiles[0].tforms[:-1]
    renderapi.stack.set_stack_state("acquired", "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs("acquired", tilespecs=tiles[:1], render=render)
    renderapi.stack.set_stack_state("acquired", "COMPLETE", render=render)
    assert run(ReImportTrakEM2ToRender, render, **given)[0] == 1
    assert "tile t0_z1 has other transforms than when it was exported" in capsys.readouterr().err


def test_other_box_than_at_the_export_is_refused(render, exported, capsys):
    given, _ = exported
    assert run(ReImportTrakEM2ToRender, render, **given | {"minX": 4980})[0] == 1
    assert "was exported with minX 4990" in capsys.readouterr().err


def test_project_without_the_list_of_tiles(render, exported):
    """As older exports are: the tileId is the title, the places are computed from the stack."""
    given, project = exported
    project.with_name("project_tiles.json").unlink()
    edited(project, "t1_z1", np.array([[1, 0, 12.25], [0, 1, -7.5], [0, 0, 1.0]]))
    status, report = run(ReImportTrakEM2ToRender, render, **given)
    assert status == 0, report
    for z in (0.0, 1.0, 2.5):
        before, after = grids(render, "acquired", z), grids(render, "corrected", z)
        for name, points in before.items():
            shift = (12.25, -7.5) if name == "t1_z1" else (0, 0)
            np.testing.assert_allclose(after[name], points + np.array(shift), atol=1e-6)


def test_tiles_of_two_channels_come_back_with_both(render, given, tmp_path):
    def channel(name, high):
        return Channel(name, high, 2, ImagePyramid({"0": MipMap(f"file:///data/{name}.tif")}))

    both = [channel("DAPI", 4000), channel("PSD", 9000)]
    tiles = [
        tile(f"c{i}", 1.0, 5000 + 300 * i, 0, channels=both, imagePyramid=ImagePyramid())
        for i in range(2)
    ]
    put(render, "acquired", tiles)
    assert run(CreateTrakEM2Project, render, **given)[0] == 0
    project = tmp_path / "xml" / "1-1" / "project.xml"
    (layer,) = read_project(project).layers
    assert {patch.file_path for patch in layer.patches} == {"/data/DAPI.tif"}
    edited(project, "c1", np.array([[1, 0, 4.0], [0, 1, 3.0], [0, 0, 1.0]]))
    assert run(ReImportTrakEM2ToRender, render, **given)[0] == 0
    before, after = documents(render, "acquired"), documents(render, "corrected")
    assert after["c0"] == before["c0"]
    assert after["c1"]["channels"] == before["c1"]["channels"]
    moved = grids(render, "corrected", 1.0)["c1"] - grids(render, "acquired", 1.0)["c1"]
    np.testing.assert_allclose(moved, np.broadcast_to((4.0, 3.0), moved.shape), atol=1e-6)


def test_tiles_outside_the_box_are_left_out_or_carried(render, given, tmp_path):
    montage(render)
    given |= {"maxX": 5300}  # the tiles on the right begin at 5350
    _, report = run(CreateTrakEM2Project, render, **given)
    assert [s["tiles"] for s in report["projects"][0]["sections"]] == [2, 2, 2]
    assert run(ReImportTrakEM2ToRender, render, **given)[0] == 0
    assert sorted(grids(render, "corrected", 0.0)) == ["t0_z0", "t2_z0"]
    assert run(ReImportTrakEM2ToRender, render, **given, carry_outside=True)[0] == 0
    assert sorted(grids(render, "corrected", 0.0)) == ["t0_z0", "t1_z0", "t2_z0", "t3_z0"]


def test_chunks_go_out_and_each_section_comes_from_its_most_central_one(render, given, tmp_path):
    zs = [float(z) for z in range(6)]
    montage(render, zs=zs)
    given |= {"doChunk": True, "chunkSize": 4}
    status, _ = run(CreateTrakEM2Project, render, **given)
    folders = sorted(path.name for path in (tmp_path / "xml").iterdir())
    assert (status, folders) == (0, ["0-3", "2-5"])
    shift = np.array([[1, 0, 5.0], [0, 1, 0], [0, 0, 1.0]])
    edited(tmp_path / "xml" / "0-3" / "project.xml", "t0_z2", shift)  # 2 is nearer to 1.5
    edited(tmp_path / "xml" / "0-3" / "project.xml", "t0_z3", shift)  # 3 is nearer to 3.5
    assert run(ReImportTrakEM2ToRender, render, **given)[0] == 0
    moved = {z: grids(render, "corrected", z) for z in zs}
    for z in zs:
        before = grids(render, "acquired", z)[f"t0_z{z:g}"]
        expected = before + np.array((5.0 if z == 2 else 0.0, 0.0))
        np.testing.assert_allclose(moved[z][f"t0_z{z:g}"], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("first", "last", "n", "expected"),
    [
        (0, 10, 4, [(0, 3), (2, 5), (4, 7), (6, 9), (8, 10)]),
        (0, 9, 10, [(0, 9)]),
        (5, 5, 50, [(5, 5)]),
        (0, 99, 50, [(0, 49), (25, 74), (50, 99)]),
        (0.5, 4.5, 2, [(0.5, 1.5), (1.5, 2.5), (2.5, 3.5), (3.5, 4.5)]),
    ],
)
def test_chunks_are_inclusive_and_stop_when_the_last_section_is_covered(first, last, n, expected):
    assert [(chunk.first, chunk.last) for chunk in createchunks(first, last, n)] == expected


def test_most_central_chunk():
    chunks = createchunks(0, 99, 50)
    assert [central_chunk(chunks, z).first for z in (0, 24, 37, 38, 60, 99)] == [
        *(0, 0, 0, 25, 25, 50)
    ]


@pytest.mark.parametrize(("z", "name"), [(7, "00007"), (12.5, "00012.5"), (123456.0, "123456")])
def test_z_in_file_names(z, name):
    assert z_name(z) == name


def test_command_line_and_output(render, exported, capsys):
    _, project = exported
    found = read_project(project)
    assert [layer.z for layer in found.layers] == [0.0, 1.0, 2.5]
    titles = [patch.title for patch in found.layers[1].patches]
    assert titles == ["t0_z1", "t1_z1", "t2_z1", "t3_z1"]
    assert {patch.type for patch in found.layers[1].patches} == {0}
    tiles = json.loads(project.with_name("project_tiles.json").read_bytes())
    assert tiles["shift"] == [-4990.0, 210.0]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"minX": 6000}, 2, "minX: not below maxX"),
        ({"chunkSize": 3}, 2, "chunkSize: must be even"),
        ({"outputStack": "acquired"}, 2, "outputStack: is also inputStack"),
        ({"inputStack": "none"}, 1, "no stack none"),
        ({"minX": 90000, "maxX": 90010}, 1, "no tile of stack acquired lies in the box"),
        ({"minZ": 40}, 1, "no section in what was asked for"),
    ],
)
def test_bad_input_of_the_export(render, given, tmp_path, capsys, change, status, message):
    montage(render)
    assert run(CreateTrakEM2Project, render, **given | change)[0] == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "xml").exists()


def test_import_without_a_project(render, given, capsys):
    montage(render)
    assert run(ReImportTrakEM2ToRender, render, **given)[0] == 1
    assert "there is no project" in capsys.readouterr().err
