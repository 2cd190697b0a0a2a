"""Projects read from files that other hands wrote."""

import gzip

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapps.TrakEM2.reader import read_project, rings_of

# As TrakEM2 saves: a template before the data, a calibration, labels, channels in one layer.
FOREIGN = """<?xml version="1.0" encoding="ISO-8859-1"?>
<!DOCTYPE trakem2_anything [
    <!ELEMENT trakem2 (project,t2_layer_set,t2_display)>
    <!ELEMENT project (anything)>
    <!ELEMENT anything EMPTY>
] >

<trakem2>
    <project id="0" title="My work" unuid="1319834.33.911" mipmaps_folder="trakem2.mipmaps/"
        storage_folder="" mipmaps_format="4">
        <anything id="2" expanded="true"/>
    </project>
    <t2_layer_set oid="3" width="20.0" height="20.0" layer_width="2000.0" layer_height="1500.5"
        title="Top Level">
        <t2_calibration pixelWidth="0.004" pixelHeight="0.004" unit="micron"/>
        <t2_area_list oid="60" transform="matrix(2.0,0.0,0.0,2.0,10.0,20.0)" title="syn"
            style="stroke:none;fill:#00ff00;" fill_paint="true">
            <t2_area layer_id="11">
                <t2_path d="M 0 0 L 10 0 L 10 10 L 0 10 z"/>
                <t2_path d="M 2 2 L 4 2 L 4 4 z"/>
                <t2_path d="M 2 2 L 4 2 L 4 4"/>
            </t2_area>
        </t2_area_list>
        <t2_treeline oid="70" transform="matrix(1,0,0,1,5,5)">
            <t2_node x="1.0" y="2.0" lid="11" c="5">
                <t2_node x="3.0" y="4.0" lid="12"><t2_tag name="spine" key="S"/></t2_node>
                <t2_node x="9.0" y="4.0" lid="12"/>
            </t2_node>
        </t2_treeline>
        <t2_layer oid="12" thickness="1.0" z="1.5" title="">
            <t2_patch oid="31" width="100.0" height="50.0" title="b" type="1"
                transform="matrix(1.0,0.0,0.0,1.0,7.0,8.0)" file_path="images/b&amp;c.tif"
                o_width="100" o_height="50" min="10.0" max="4000.0" mres="32">
                <ict_transform class="mpicbg.trakem2.transform.AffineModel2D" data="1 0 0 1 5 6"/>
            </t2_patch>
        </t2_layer>
        <t2_layer oid="11" thickness="1.0" z="0.0" title="">
            <t2_label oid="80" transform="matrix(1,0,0,1,0,0)" title="note"/>
            <t2_patch oid="20" title="a" type="0" transform="matrix(1,0,0,1,0,0)"
                file_path="stack.tif-----#slice=3" o_width="100" o_height="50" visible="false"
                alpha_mask_id="419">
                <ict_transform_list>
                    <iict_transform class="mpicbg.trakem2.transform.TranslationModel2D" data="1 2"/>
                    <ict_transform_list>
                        <ict_transform class="mpicbg.trakem2.transform.PolynomialTransform2D"
                            data="0 1 0 0 0 1"/>
                    </ict_transform_list>
                    <iict_transform class="mpicbg.trakem2.transform.AffineModel2D"
                        data="1 0 0 1 0 0"/>
                </ict_transform_list>
            </t2_patch>
            <t2_patch oid="21" title="a" type="0" transform="matrix(1,0,0,1,0,0)" locked="true"
                file_path="/abs/stack.tif-----#slice=4" o_width="100" o_height="50">
                <iict_transform_list>
                    <iict_transform class="mpicbg.trakem2.transform.RigidModel2D" data="0 3 4"/>
                </iict_transform_list>
            </t2_patch>
            <t2_layer_set oid="90" layer_width="5" layer_height="5">
                <t2_layer oid="91" z="0.0"><t2_patch oid="92" file_path="/n.tif" o_width="5"
                    o_height="5"/></t2_layer>
            </t2_layer_set>
        </t2_layer>
    </t2_layer_set>
    <t2_display id="100" layer_id="11"/>
</trakem2>
"""


@pytest.fixture(params=[".xml", ".xml.gz"])
def project(request, tmp_path):
    path = tmp_path / f"work{request.param}"
    data = FOREIGN.encode("latin-1")
    path.write_bytes(gzip.compress(data) if request.param.endswith("gz") else data)
    return read_project(path)


def test_layers_come_by_z_with_their_patches_in_order(project):
    assert [(layer.oid, layer.z) for layer in project.layers] == [(11, 0.0), (12, 1.5)]
    assert [patch.oid for patch in project.layers[0].patches] == [20, 21]


def test_canvas_and_calibration_are_those_of_the_top_layer_set(project):
    assert (project.layer_width, project.layer_height) == (2000.0, 1500.5)
    assert project.calibration["pixelWidth"] == "0.004"
    assert (project.unuid, project.attributes["title"]) == ("1319834.33.911", "My work")


def test_coordinate_transforms_of_every_form_are_flattened_in_order(project):
    kinds = {
        patch.oid: [leaf["className"].rsplit(".")[-1] for leaf in patch.ct]
        for layer in project.layers
        for patch in layer.patches
    }
    assert kinds == {
        20: ["TranslationModel2D", "PolynomialTransform2D", "AffineModel2D"],
        21: ["RigidModel2D"],
        31: ["AffineModel2D"],
    }


def test_attributes_of_patches(project):
    hidden, locked = project.layers[0].patches
    (last,) = project.layers[1].patches
    assert (hidden.visible, locked.visible, hidden.locked, locked.locked) == (
        *(False, True),
        *(False, True),
    )
    assert (hidden.alpha_mask_id, hidden.min, hidden.type) == (419, None, 0)
    assert (last.min, last.max, last.type) == (10.0, 4000.0, 1)
    assert last.file_path == "images/b&c.tif"
    assert last.transform == (1.0, 0.0, 0.0, 1.0, 7.0, 8.0)


def test_areas_keep_closed_rings_and_count_open_paths(project):
    (areas,) = project.area_lists
    (area,) = areas.areas
    assert areas.transform == (2.0, 0.0, 0.0, 2.0, 10.0, 20.0)
    assert [len(ring) for ring in area.rings] == [5, 4]
    np.testing.assert_array_equal(area.rings[1], [(2, 2), (4, 2), (4, 4), (2, 2)])
    assert (area.layer_id, area.open_paths) == (11, 1)


def test_trees_keep_parents_and_tags(project):
    (tree,) = project.trees
    assert [node.parent for node in tree.nodes] == [None, 0, 0]
    assert [(node.x, node.layer_id) for node in tree.nodes] == [(1, 11), (3, 12), (9, 12)]
    assert tree.nodes[1].tags == ["spine"]
    assert tree.nodes[0].confidence == 5


def test_what_is_not_read_is_counted(project):
    assert project.ignored == {"t2_label": 1, "t2_patch of a nested layer set": 1}


def test_path_data_without_blanks_and_with_commas():
    rings, left_open = rings_of("M1,2L3,4L5,7z M0 0 L1 0")
    assert left_open == 1
    np.testing.assert_array_equal(rings[0], [(1, 2), (3, 4), (5, 7), (1, 2)])


BAD = {
    "not XML": ("hello", "not a whole XML file"),
    "cut short": (FOREIGN[:2500], "not a whole XML file"),
    "another kind": ("<a><b/></a>", "not a TrakEM2 project"),
    "no oid": (FOREIGN.replace('oid="31" ', ""), "no oid"),
    "no size": (FOREIGN.replace('o_width="100" o_height="50" min', "min"), "patch 31.*o_width"),
    "matrix": (FOREIGN.replace("matrix(1.0,0.0,0.0,1.0,7.0,8.0)", "rotate(3)"), "t2_patch 31"),
    "infinite": (FOREIGN.replace('min="10.0"', 'min="1e999"'), "not a finite number"),
    "two points": (FOREIGN.replace("M 2 2 L 4 2 L 4 4 z", "M 2 2 L 4 2 z"), "three points"),
    "entities": (
        FOREIGN.replace("    <!ELEMENT anything EMPTY>", '    <!ENTITY lol "lol">').replace(
            'title="a"', 'title="&lol;"'
        ),
        "declares entities",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_with_one_line_that_names_them(tmp_path, case):
    text, message = BAD[case]
    path = tmp_path / "bad.xml"
    path.write_text(text, "latin-1")
    with pytest.raises(SpecError, match=message) as caught:
        read_project(path)
    assert "bad.xml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_external_document_type_is_not_read(tmp_path):
    secret = tmp_path / "secret.dtd"
    secret.write_text("<!ENTITY")  # would be an error if it were read
    text = FOREIGN.replace(
        "<!DOCTYPE trakem2_anything [", f'<!DOCTYPE trakem2_anything SYSTEM "{secret}" ['
    )
    path = tmp_path / "work.xml"
    path.write_text(text, "latin-1")
    assert len(read_project(path).layers) == 2


def test_gzip_cut_short_is_refused(tmp_path):
    path = tmp_path / "cut.xml.gz"
    path.write_bytes(gzip.compress(FOREIGN.encode())[:-40])
    with pytest.raises(SpecError, match="not a whole XML file"):
        read_project(path)
