"""Names and contents of polygon files."""

import json

import pytest
import shapely

from renderapps.module import RenderModuleException
from renderapps.pointmatch.polygon_files import (
    polygon_name,
    polygons_in,
    read_polygon,
    roi_of,
    write_polygon,
)

SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]


def write(folder, name, z, ring=SQUARE, **more):
    document = {"roi": roi_of(ring)} | ({} if z is None else {"z": z}) | more
    write_polygon(folder / name, document)
    return folder / name


def test_names_have_five_digits_and_tell_sections_apart():
    assert [polygon_name(z) for z in (0, 12.0, 123456, 3.5)] == [
        "polygon_00000.json",
        "polygon_00012.json",
        "polygon_123456.json",
        "polygon_00003.5.json",
    ]


def test_files_are_found_by_the_z_that_they_hold(tmp_path):
    write(tmp_path, "polygon_00001.json", 1)
    write(tmp_path, "polygon_00002.0.json", 2)  # as users once renamed them
    write(tmp_path, "some name.json", 7.5)
    write(tmp_path, "polygon_00009.json", None)  # its name says it
    write(tmp_path, ".1234.polygon_00004.json", 4)  # half-written
    (tmp_path / "report.json").write_text('{"status": "complete"}')
    found = polygons_in(tmp_path)
    assert sorted(found) == [1.0, 2.0, 7.5, 9.0]
    assert found[7.5].outline.equals(shapely.box(0, 0, 10, 10))
    assert json.loads(found[1.0].path.read_text())["roi"]["coordinates"][0][-1] == [0, 0]


def test_two_polygons_of_a_section_must_agree(tmp_path):
    write(tmp_path, "polygon_00001.json", 1)
    write(tmp_path, "polygon_00001.0.json", 1.0, SQUARE[1:] + SQUARE[:1])
    assert len(polygons_in(tmp_path)) == 1  # the same, from another corner
    write(tmp_path, "copy.json", 1, [(0, 0), (9, 0), (9, 9)])
    with pytest.raises(RenderModuleException, match=r"both hold a polygon of z=1: remove one"):
        polygons_in(tmp_path)


def test_a_ring_that_crosses_itself_is_taken_apart(tmp_path):
    path = write(tmp_path, "polygon_00001.json", 1, [(0, 0), (10, 10), (10, 0), (0, 10)])
    found = read_polygon(path)
    assert found.repaired
    assert found.outline.area == pytest.approx(50)
    assert found.outline.contains(shapely.Point(9, 5))
    assert not found.outline.contains(shapely.Point(5, 9))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "no polygon file"),
        ('{"z": 1, "roi": 5}', "not a Polygon"),
        ('{"z": 1, "roi": {"type": "Point", "coordinates": [1, 2]}}', "not a Polygon"),
        ('{"z": 1, "roi": {"type": "Polygon", "coordinates": []}}', "is empty"),
        ('{"z": 1, "roi": {"type": "Polygon"}}', "no rings"),
        ('{"z": 1, "roi": {"type": "Polygon", "coordinates": [[[0,0],[1,0]]]}}', "no rings"),
        (
            '{"z": 1, "roi": {"type": "Polygon", "coordinates": [[["a",0],[1,0],[2,2]]]}}',
            "no rings",
        ),
        ('{"z": 1, "roi": {"type": "Polygon", "coordinates": [[[0,0],[1,1],[2,2]]]}}', "no area"),
        ('{"z": "x", "roi": {"type": "Polygon", "coordinates": [[[0,0],[1,0],[2,2]]]}}', "no z"),
    ],
)
def test_what_is_wrong_is_told_with_the_file(tmp_path, text, words):
    path = tmp_path / "polygon_00001.json"
    path.write_text(text)
    with pytest.raises(RenderModuleException, match=words) as caught:
        polygons_in(tmp_path)
    assert str(path) in str(caught.value)


def test_a_folder_without_polygons_is_refused(tmp_path):
    with pytest.raises(RenderModuleException, match="has no polygon file"):
        polygons_in(tmp_path)
