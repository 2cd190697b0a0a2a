"""TileConfiguration.txt of the Fiji stitching plug-ins."""

import pytest

from renderapps.dataimport.tile_configuration import read_tile_configuration
from renderapps.module.errors import RenderModuleException

PLANAR = """# Define the number of dimensions we are working on
dim = 2

# Define the image coordinates
tile_01.tif; ; (0.0, 0.0)
tile_02.tif; ; (-12.5, 1e3)
"""


def written(tmp_path, text):
    path = tmp_path / "TileConfiguration.txt"
    path.write_text(text)
    return path


def test_positions_and_names_are_read(tmp_path):
    images = read_tile_configuration(written(tmp_path, PLANAR), tmp_path)
    assert [(i.file.name, i.x, i.y, i.z) for i in images] == [
        ("tile_01.tif", 0.0, 0.0, None),
        ("tile_02.tif", -12.5, 1000.0, None),
    ]
    assert images[1].source.endswith("TileConfiguration.txt, line 6")


def test_a_third_coordinate_is_z(tmp_path):
    images = read_tile_configuration(written(tmp_path, "dim = 3\na.tif; ; (1, 2, 7)\n"), tmp_path)
    assert (images[0].x, images[0].y, images[0].z) == (1.0, 2.0, 7.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dim = 2\na.tif (1, 2)\n", r"line 2: expected 'file; ; \(x, y\)'"),
        ("dim = 2\na.tif; ; (1, 2, 3)\n", "line 2: 3 coordinates where dim is 2"),
        ("dim = 4\n", "line 1: dim must be 2 or 3"),
        ("dim = 2\na.czi; -3; (1, 2)\n", "line 2: '-3' is not the number of a series"),
        ("<?xml version='1.0'?>", "is no TileConfiguration but XML"),
        ("dim = 2\n", "lists no images"),
    ],
)
def test_a_line_that_cannot_be_understood_is_named(tmp_path, text, message):
    with pytest.raises(RenderModuleException, match=message):
        read_tile_configuration(written(tmp_path, text), tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RenderModuleException, match="No such file"):
        read_tile_configuration(tmp_path / "none.txt", tmp_path)


def test_series_of_a_file_are_numbered(tmp_path):
    text = "dim = 2\nmultiseries = true\na.tif; 0; (0.0, 0.0)\na.tif; 1; (9.0, 0.0)\x1a"
    images = read_tile_configuration(written(tmp_path, text), tmp_path)
    assert [(image.file.name, image.series, image.x) for image in images] == [
        ("a.tif", 0, 0.0),
        ("a.tif", 1, 9.0),
    ]
