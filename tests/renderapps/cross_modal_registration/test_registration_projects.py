"""EM tiles are moved over LM tiles in TrakEM2 and come back."""

import numpy as np
import pytest
from layered_stacks import documents, run, shared, version
from lxml import etree
from trakem2_scenes import changed, edited, grids, montage, put, rotation, tile, without

from renderapi.channel import Channel
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapps.cross_modal_registration.import_EM_registration_projects import (
    ImportEMRegistrationProjects,
)
from renderapps.cross_modal_registration.import_EM_registration_projects_multi import (
    ImportEMRegistrationMultiProjects,
)
from renderapps.cross_modal_registration.import_LM_subset_from_EM_registration import (
    ImportEMRegistrationProjects as ImportLMSubset,
)
from renderapps.cross_modal_registration.import_LM_subset_from_EM_registration_multi import (
    ImportLMSubsetFromEMRegistrationMultiProjects,
)
from renderapps.cross_modal_registration.make_EM_LM_registration_projects import (
    makeEMLMRegistrationProjects,
)
from renderapps.cross_modal_registration.make_EM_LM_registration_projects_multi import (
    makeEMLMRegistrationMultiProjects,
)
from renderapps.cross_modal_registration.registration_projects import range_of
from renderapps.TrakEM2.reader import read_project

ZS = (0.0, 1.0, 2.5)
ORIGIN = np.array([4960.0, -240.0])  # a box from 5000 - 20, -200 - 20 with a margin of 20


def light(render, stack, channel=None):
    """LM tiles below the EM tiles, and one far from them."""

    def channels(name):
        pyramid = ImagePyramid({"0": MipMap(f"file:///lm/{name}.tif")})
        more = {"channels": [Channel(channel, 4000, 1, pyramid)], "imagePyramid": ImagePyramid()}
        return more if channel else {}

    tiles = [
        tile(f"{stack}_{name}_z{z:g}", z, x, -150, bent=False, angle=0, **channels(name))
        for z in ZS
        for name, x in (("near", 5100), ("far", 90000))
    ]
    put(render, stack, tiles)


@pytest.fixture
def single(render, tmp_path):
    montage(render, "EM")
    light(render, "LM")
    return {
        "inputStack": "EM",
        "LMstack": "LM",
        "outputStack": "EM_registered",
        "outputXMLdir": str(tmp_path / "xml"),
    }


@pytest.fixture
def several(render, tmp_path):
    montage(render, "EM")
    light(render, "LM_PSD")
    light(render, "LM_MBP", "MBP")
    return {
        "inputStack": "EM",
        "LMstacks": ["LM_PSD", "LM_MBP"],
        "outputStack": "registered",
        "outputXMLdir": str(tmp_path / "xml"),
        "minX": 4980,
        "minY": -220,
        "maxX": 5800,
        "maxY": 400,
        "buffersize": 20,
    }


def test_layers_boxes_and_files(render, single, tmp_path):
    status, report = run(makeEMLMRegistrationProjects, render, **single)
    assert status == 0, report
    names = sorted(path.name for path in (tmp_path / "xml").glob("*.xml"))
    assert names == ["00000.xml", "00001.xml", "00002.5.xml"]
    project = read_project(tmp_path / "xml" / "00001.xml")
    titles = {layer.z: [patch.title for patch in layer.patches] for layer in project.layers}
    assert titles == {0.0: [f"t{i}_z1" for i in range(4)], 1.0: ["LM_near_z1"]}
    assert all(patch.ct for patch in project.layers[0].patches)  # the lens is kept
    assert [entry["LM_tiles"] for entry in report["sections"]] == [{"LM": 1}] * 3


def test_untouched_projects_give_identical_tiles(render, single):
    run(makeEMLMRegistrationProjects, render, **single)
    status, report = run(ImportEMRegistrationProjects, render, **single)
    assert status == 0, report
    assert documents(render, "EM_registered") == documents(render, "EM")
    assert shared(render, "EM_registered", 1.0) == shared(render, "EM", 1.0)
    assert version(render, "EM_registered") == version(render, "EM")


def test_known_misfit_is_corrected_exactly(render, several, tmp_path):
    """All tiles of a section turned and shifted on the canvas, as by a script."""
    assert run(makeEMLMRegistrationMultiProjects, render, **several)[0] == 0
    change = rotation(4.0, (500, 200)) @ np.array([[1, 0, 31.0], [0, 1, -12.0], [0, 0, 1]])
    for i in range(4):
        edited(tmp_path / "xml" / "00001.xml", f"t{i}_z1", change)
    status, report = run(ImportEMRegistrationMultiProjects, render, **several)
    assert status == 0, report
    for z in ZS:
        before, after = grids(render, "EM", z), grids(render, "registered", z)
        assert sorted(before) == sorted(after)
        for name, points in before.items():
            canvas = points - ORIGIN
            moved = canvas @ change[:2, :2].T + change[:2, 2] + ORIGIN
            expected = moved if z == 1.0 else points
            np.testing.assert_allclose(after[name], expected, atol=1e-6)


def test_display_ranges_and_channels_in_the_project(render, several, tmp_path):
    run(makeEMLMRegistrationMultiProjects, render, **several)
    project = read_project(tmp_path / "xml" / "00000.xml")
    em, psd, mbp = (layer.patches[0] for layer in project.layers)
    assert [(p.min, p.max, p.type) for p in (em, psd, mbp)] == [
        *((3.0, 240.0, 0), (1500.0, 8000.0, 1), (0.0, 10000.0, 1))
    ]
    assert mbp.file_path == "/lm/near.tif"
    assert (project.layer_width, project.layer_height) == (860.0, 660.0)


def test_moved_reference_is_refused(render, single, tmp_path, capsys):
    run(makeEMLMRegistrationProjects, render, **single)
    shift = np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 1.0]])
    edited(tmp_path / "xml" / "00001.xml", "LM_near_z1", shift)
    assert run(ImportEMRegistrationProjects, render, **single)[0] == 1
    message = capsys.readouterr().err
    assert "tile LM_near_z1 of stack LM was moved by 0.5 px" in message


def test_resized_canvas_is_refused(render, single, tmp_path, capsys):
    run(makeEMLMRegistrationProjects, render, **single)
    path = tmp_path / "xml" / "00000.xml"
    tree = etree.parse(path)
    tree.find("t2_layer_set").set("layer_height", "99.0")
    tree.write(path, encoding="ISO-8859-1")
    assert run(ImportEMRegistrationProjects, render, **single)[0] == 1
    assert "undo the resizing" in capsys.readouterr().err


def test_missing_project_is_named_and_sections_can_be_chosen(render, single, tmp_path, capsys):
    run(makeEMLMRegistrationProjects, render, **single, maxZ=1)
    assert run(ImportEMRegistrationProjects, render, **single)[0] == 1
    assert "00002.5.xml" in capsys.readouterr().err
    assert run(ImportEMRegistrationProjects, render, **single, maxZ=1)[0] == 0
    assert {document["z"] for document in documents(render, "EM_registered").values()} == {0, 1}


def test_hidden_and_deleted_tiles_are_named(render, single, tmp_path):
    run(makeEMLMRegistrationProjects, render, **single)
    path = tmp_path / "xml" / "00001.xml"
    without(path, "t0_z1")
    changed(path, "t1_z1", 'mres="', 'visible="false" mres="')
    _, report = run(ImportEMRegistrationProjects, render, **single)
    section = report["sections"][1]
    assert (section["deleted_tiles"], section["hidden_tiles"]) == (["t0_z1"], ["t1_z1"])


def test_project_without_the_list_of_tiles(render, single, tmp_path):
    run(makeEMLMRegistrationProjects, render, **single)
    (tmp_path / "xml" / "00001_tiles.json").unlink()
    shift = np.array([[1, 0, 8.0], [0, 1, 2.0], [0, 0, 1.0]])
    edited(tmp_path / "xml" / "00001.xml", "t2_z1", shift)
    status, report = run(ImportEMRegistrationProjects, render, **single)
    assert status == 0, report
    before, after = grids(render, "EM", 1.0), grids(render, "EM_registered", 1.0)
    for name, points in before.items():
        expected = points + np.array((8.0, 2.0) if name == "t2_z1" else (0, 0))
        np.testing.assert_allclose(after[name], expected, atol=1e-6)


@pytest.mark.parametrize("index", [0, 1])
def test_subset_of_an_LM_stack(render, several, tmp_path, index):
    run(makeEMLMRegistrationMultiProjects, render, **several)
    stack = several["LMstacks"][index]
    given = several | {"outputStack": "subset", "LMstack_index": index}
    without(tmp_path / "xml" / "00000.xml", f"{stack}_near_z0")
    edited(tmp_path / "xml" / "00001.xml", "t2_z1", rotation(4.0, (5, 2)))
    status, report = run(ImportLMSubsetFromEMRegistrationMultiProjects, render, **given)
    assert status == 0, report
    made = documents(render, "subset")
    assert sorted(made) == [f"{stack}_near_z1", f"{stack}_near_z2.5"]
    assert made[f"{stack}_near_z1"] == documents(render, stack)[f"{stack}_near_z1"]


def test_subset_of_the_one_LM_stack(render, single):
    run(makeEMLMRegistrationProjects, render, **single)
    assert run(ImportLMSubset, render, **single | {"outputStack": "subset"})[0] == 0
    assert sorted(documents(render, "subset")) == ["LM_near_z0", "LM_near_z1", "LM_near_z2.5"]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"doChunk": True}, 2, "doChunk: has no meaning here"),
        ({"LMstack": "EM"}, 1, "stack EM is both EM and LM"),
        ({"LMstack": "none"}, 1, "no stack none"),
        ({"minX": 99990, "maxX": 99999}, 1, "no tile of stack EM lies in the box"),
    ],
)
def test_bad_input(render, single, tmp_path, capsys, change, status, message):
    assert run(makeEMLMRegistrationProjects, render, **single | change)[0] == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "xml").exists()


def test_index_beyond_the_stacks(render, several, capsys):
    given = several | {"LMstack_index": 2}
    assert run(ImportLMSubsetFromEMRegistrationMultiProjects, render, **given)[0] == 2
    assert "there are 2 LMstacks" in capsys.readouterr().err


def test_last_range_that_fits_counts():
    ranges = {"PSD": [1, 2], "DAPI": [3, 4]}
    assert range_of("a_PSD_DAPI", ranges) == (3, 4)
    assert range_of("a_PSD", ranges) == (1, 2)
    assert range_of("a", ranges) is None
