"""Sites of an ATLAS project, placed over light microscopy."""

import numpy as np
import pytest
from atlas_project import HEIGHT, NAMES, TILES, WIDTH, expected, light_stack, write_project
from layered_stacks import documents, run, version
from PIL import Image

from renderapi.errors import SpecError
from renderapi.transform.slices import TileTransforms
from renderapps.cross_modal_registration.atlas_sites import ribbon_number, row_and_column
from renderapps.cross_modal_registration.atlas_utils import (
    AtlasTransform,
    find_node_by_field,
    find_nodes_by_field,
    get_protocol_metadata,
    local_path,
    read_xml,
    traverse,
)
from renderapps.cross_modal_registration.import_atlas_project import ImportAtlasProject

CORNERS = np.array([(0, 0), (WIDTH, 0), (0, HEIGHT), (WIDTH, HEIGHT), (7, 11)], float)


@pytest.fixture
def given(render, tmp_path):
    light_stack(render)
    return {
        "project_path": str(write_project(tmp_path)),
        "site_name": "area",
        "output_stack": "EM",
        "LM_stack": "LM",
        "LM_pixel_size": 0.1,
    }


def world(document, points):
    return TileTransforms(document).forward(points)


def test_tiles_lie_where_their_stage_coordinates_are(render, given):
    status, report = run(ImportAtlasProject, render, **given)
    assert status == 0, report
    made = documents(render, "EM")
    assert sorted(made) == sorted(TILES)
    for uid, document in made.items():
        np.testing.assert_allclose(world(document, CORNERS), expected(uid, CORNERS), atol=1e-6)
        assert (document["z"], document["width"], document["height"]) == (17.0, WIDTH, HEIGHT)
        assert document["layout"]["sectionId"] == "4003"
        assert (document["minIntensity"], document["maxIntensity"]) == (0, 255)
    layout = made["uid2"]["layout"]
    assert (layout["imageRow"], layout["imageCol"], layout["temca"]) == (1, 2, "Gemini")
    url = made["uid1"]["mipmapLevels"]["0"]["imageUrl"]
    assert url.endswith(f"/Ribbon0004/brain_data/site/{NAMES['uid1']}_flip.jpg")
    assert version(render, "EM")["stackResolutionX"] == 107.0


def test_images_as_acquired_are_placed_the_other_way_up(render, given):
    run(ImportAtlasProject, render, **given, flip=False)
    document = documents(render, "EM")["uid1"]
    raw = CORNERS * (1, -1) + (0, HEIGHT)  # the same places, counted from the lower edge
    np.testing.assert_allclose(world(document, raw), expected("uid1", CORNERS), atol=1e-6)
    level = document["mipmapLevels"]["0"]
    assert level["imageUrl"].endswith(f"{NAMES['uid1']}.tif")
    assert "maskUrl" not in level


def test_places_of_older_imports(render, given):
    """M10 and M11 negated, of the affine of images as acquired."""
    run(ImportAtlasProject, render, **given, flip=False)
    exact = documents(render, "EM")["uid1"]["transforms"]["specList"][0]["dataString"].split()
    run(ImportAtlasProject, render, **given | {"placement": "as_before", "output_stack": "old"})
    old = documents(render, "old")["uid1"]["transforms"]["specList"][0]["dataString"].split()
    m00, m10, m01, m11, b0, b1 = map(float, exact)
    assert list(map(float, old)) == pytest.approx([m00, -m10, m01, -m11, b0, b1])


def test_images_and_masks(render, given, tmp_path):
    status, report = run(ImportAtlasProject, render, **given, make_tiles=True)
    assert (status, report["images"]) == (0, 2)
    folder = tmp_path / "Ribbon0004" / "brain_data" / "site"
    mask = np.asarray(Image.open(folder / f"{NAMES['uid1']}_mask.tif"))
    assert (mask[-1] == 0).all()  # the first line as acquired has no data
    assert (mask[:-1] == 255).all()
    image = np.asarray(Image.open(folder / f"{NAMES['uid1']}_flip.jpg")).astype(int)
    assert image.shape == (HEIGHT, WIDTH)
    assert abs(image[:-8] - (255 - 100)).max() <= 2
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert run(ImportAtlasProject, render, **given, make_tiles=True)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_short_names(render, given):
    run(ImportAtlasProject, render, **given, short_names=True)
    url = documents(render, "EM")["uid1"]["mipmapLevels"]["0"]["imageUrl"]
    assert url.endswith("Tile_r1-c1_S_046_9_flip.jpg")


def test_sites_without_data_are_named(render, tmp_path):
    light_stack(render)
    path = write_project(tmp_path, sites=("good", "planned"))
    _, report = run(
        ImportAtlasProject, render, project_path=str(path), site_name="area", output_stack="EM",
        LM_stack="LM",
    )  # fmt: skip
    assert report["skipped_sites"] == [{"site": "planned", "reason": "it has no acquired data"}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"site_name": "none"}, "no set of sites none; it has area"),
        ({"LM_dataset_name": "other"}, "no data set other"),
        ({"ribbon": 9}, "stack LM has no section 9003"),
        ({"LM_stack": "none"}, "no stack none"),
    ],
)
def test_bad_input(render, given, capsys, change, message):
    assert run(ImportAtlasProject, render, **given | change)[0] == 1
    assert message in capsys.readouterr().err


def test_file_that_is_another_kind_of_xml(render, given, tmp_path, capsys):
    (tmp_path / "other.a5proj").write_text("<a/>")
    change = {"project_path": str(tmp_path / "other.a5proj")}
    assert run(ImportAtlasProject, render, **given | change)[0] == 1
    assert "is not an ATLAS project" in capsys.readouterr().err


def test_xml_becomes_nested_dicts(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text('<r><a k="1">t</a><b>1</b><b><c>2</c></b><e/></r>')
    document = read_xml(path)
    assert document == {"r": {"a": {"@k": "1", "#text": "t"}, "b": ["1", {"c": "2"}], "e": None}}
    assert dict(traverse(document))["obj['r']['b'][1]['c']"] == "2"


def test_nodes_are_found_by_their_fields():
    document = {"x": [{"Name": "a", "v": 1}, {"y": {"Name": "a", "v": 2}}], "Name": "b"}
    assert find_node_by_field(document, "Name", "a")["v"] == 1
    nodes, paths = find_nodes_by_field(document, "Name", "a")
    assert [node["v"] for node in nodes] == [1, 2]
    assert paths == ["obj['x'][0]['Name']", "obj['x'][1]['y']['Name']"]
    assert find_node_by_field(document, "Name", "c") is None


def test_transforms_are_for_rows_in_files_and_for_columns_here():
    found = AtlasTransform({"M11": "2", "M12": "3", "M41": "5", "M42": "7", "UID": "x"})
    # x' = 2 x + 0 y + 5, y' = 3 x + 1 y + 7
    np.testing.assert_allclose(found.tform([(1, 10)]), [(7, 20)])
    np.testing.assert_allclose(found.inverse_tform(found.tform([(4, -2)])), [(4, -2)])
    np.testing.assert_allclose(found.tform([(1, 10, 4)]), [(7, 20, 4)])
    found.load_from_openCV([[1, 2, 3], [4, 5, 6]])
    np.testing.assert_allclose(found.tform([(1, 1)]), [(6, 15)])
    assert found.to_tuple()[:4] == (1, 2, 0, 3)


def test_pixel_size_of_a_protocol():
    tile = {
        "PixelSizeX": {"IdealValue": "0.003", "Units": "um"},
        "PixelCountX": {"IdealValue": "4096"},
        "PixelCountY": {"IdealValue": "2048"},
    }
    assert get_protocol_metadata("u", {"a": {"UID": "u", "Tile": tile}}) == (3.0, 4096, 2048)


def test_names_and_numbers(tmp_path):
    assert row_and_column("Tile_r12-c3_S_046") == (12, 3)
    assert row_and_column("odd") == (None, None)
    assert ribbon_number(tmp_path / "Ribbon0012" / "p.a5proj") == 12
    with pytest.raises(SpecError, match="names no ribbon"):
        ribbon_number(tmp_path / "slides" / "p.a5proj")
    project = tmp_path / "brain" / "brain.a5proj"
    assert local_path("C:\\x\\brain\\s\\m.ve-mif", project) == tmp_path / "brain/s/m.ve-mif"
