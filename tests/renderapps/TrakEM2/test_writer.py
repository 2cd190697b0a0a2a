"""Projects written: what a strict parser, and our own reader, find in them."""

import gzip

import numpy as np
import pytest
from lxml import etree

from renderapi.errors import SpecError
from renderapps.TrakEM2.project import Area, AreaList, Layer, Node, Patch, Project, Tree
from renderapps.TrakEM2.reader import read_project
from renderapps.TrakEM2.writer import write_project

CT = [
    {"className": "mpicbg.trakem2.transform.AffineModel2D", "dataString": "1 0 0 1 2 3"},
    {"className": "mpicbg.trakem2.transform.PolynomialTransform2D", "dataString": "0 1 0 0 0 1"},
]


def example() -> Project:
    patches = [
        Patch(20, 'a "quoted" & <odd> é', (1.0, 0.1, -0.1, 1.0, 1e-7, 2 / 3), "/a b/é.tif", 64, 32),
        Patch(21, "b", (1.0, 0.0, 0.0, 1.0, -5.0, 6.5), "b.tif", 64, 32, 0, 1.0, 255.0, ct=CT),
        Patch(22, "漢", (1.0, 0.0, 0.0, 1.0, 0.0, 0.0), "c.tif", 9, 9, visible=False, locked=True),
    ]
    ring = np.array([(0, 0), (10, 0), (10.25, 10), (0, 0)], float)
    return Project(
        unuid="1.2.3",
        layer_width=700.0,
        layer_height=500.25,
        storage_folder="/somewhere/",
        layers=[Layer(10, 3.25, title="layer", patches=patches), Layer(11, 4.0)],
        area_lists=[AreaList(60, (1.0, 0.0, 0.0, 1.0, 3.0, 4.0), "syn", [Area(10, [ring])])],
        trees=[Tree(70, nodes=[Node(1.5, 2.0, 10), Node(3.0, 4.0, 11, 2.5, 4, 0, ["tip"])])],
        calibration={"pixelWidth": "0.004", "unit": "micron"},
    )


def without_styles(project: Project) -> Project:
    for patch in (p for layer in project.layers for p in layer.patches):
        patch.attributes = {}
    for areas in project.area_lists:
        areas.attributes = {}
    project.attributes = {}
    return project


@pytest.mark.parametrize("name", ["p.xml", "p.xml.gz"])
def test_what_is_written_is_read_back_equal(tmp_path, name):
    write_project(example(), tmp_path / name)
    found, wanted = without_styles(read_project(tmp_path / name)), example()
    for one, other in ((found, wanted), (wanted, found)):
        assert one.layers == other.layers
        assert one.trees == other.trees
    np.testing.assert_array_equal(
        found.area_lists[0].areas[0].rings[0], wanted.area_lists[0].areas[0].rings[0]
    )
    assert (found.unuid, found.layer_height, found.calibration) == (
        wanted.unuid,
        wanted.layer_height,
        wanted.calibration,
    )


def test_strict_parser_and_the_order_of_attributes(tmp_path):
    write_project(example(), tmp_path / "p.xml")
    tree = etree.parse(tmp_path / "p.xml", etree.XMLParser(resolve_entities=False))
    patch = tree.find(".//t2_patch")
    assert (
        list(patch.attrib)[:14]
        == [
            *(
                "oid",
                "width",
                "height",
                "transform",
                "links",
                "type",
                "file_path",
                "title",
                "style",
            ),
            *("o_width", "o_height", "mres"),
        ][:14]
    )
    layer_set = tree.find("t2_layer_set")
    assert layer_set.get("layer_width") == "700.000000"
    kinds = [child.tag for child in layer_set]
    assert kinds.index("t2_area_list") < kinds.index("t2_layer")
    assert tree.find(".//t2_path").get("d") == "M 0 0 L 10 0 L 10.25 10 z"
    leaves = tree.find(".//ict_transform_list")
    assert [leaf.tag for leaf in leaves] == ["iict_transform", "ict_transform"]


def test_bytes_are_the_same_twice(tmp_path):
    for name in ("a.xml.gz", "b.xml.gz"):
        write_project(example(), tmp_path / name)
    assert (tmp_path / "a.xml.gz").read_bytes() == (tmp_path / "b.xml.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.xml.gz").read_bytes()).startswith(b"<?xml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: setattr(p.layers[1], "oid", 20), "oid 20 is given to two objects"),
        (lambda p: setattr(p.layers[1], "oid", 3), "oid 3 is given to two objects"),
        (lambda p: setattr(p.layers[1], "oid", 2**63), "is not a number that TrakEM2 reads"),
    ],
)
def test_numbers_that_trakem2_cannot_use_are_refused(tmp_path, change, message):
    project = example()
    change(project)
    with pytest.raises(SpecError, match=message):
        write_project(project, tmp_path / "p.xml")
    assert not list(tmp_path.iterdir())


def test_other_file_names_are_refused(tmp_path):
    with pytest.raises(SpecError, match=r"named \.xml"):
        write_project(example(), tmp_path / "project.json")


def test_failed_writing_leaves_what_was_there(tmp_path):
    path = tmp_path / "p.xml"
    path.write_text("old")
    project = example()
    project.layers[0].patches[1].title = "a\x00b"
    with pytest.raises(ValueError, match="XML compatible"):
        write_project(project, path)
    assert path.read_text() == "old"
