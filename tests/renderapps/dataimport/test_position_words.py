"""Words of a command line that say which tiles to import."""

import argparse

import pytest

from renderapps.dataimport.position_words import add_position_words, import_parameters
from renderapps.module.errors import RenderModuleException


def given(folder, *words):
    parser = argparse.ArgumentParser()
    add_position_words(parser)
    return import_parameters(folder, parser.parse_args(words))


@pytest.mark.parametrize(
    ("name", "text", "parameter"),
    [
        ("positions.csv", "file,x,y\na.tif,0,0\n", "positions_file"),
        ("TileConfiguration.txt", "dim = 2\na.tif; ; (0, 0)\n", "tile_configuration"),
        ("session.mdoc", "PixelSpacing = 1\n", "mdoc_file"),
    ],
)
def test_the_one_table_of_a_folder_is_taken_for_what_it_is(tmp_path, name, text, parameter):
    (tmp_path / name).write_text(text)
    (tmp_path / "a.tif").write_bytes(b"")
    assert given(tmp_path) == {
        "image_directory": str(tmp_path),
        parameter: str(tmp_path / name),
        "position_unit": "pixel",
    }


def test_a_text_file_that_is_no_tile_configuration_is_a_table(tmp_path):
    table = tmp_path / "places.txt"
    table.write_text("file\tx\ty\na.tif\t0\t0\n")
    found = given(tmp_path, "--positions", str(table), "--columns", "x=stage", "y=b=c")
    assert found["positions_file"] == str(table)
    assert found["columns"] == {"x": "stage", "y": "b=c"}


def test_unit_and_pixel_size_are_passed_on(tmp_path):
    (tmp_path / "p.csv").write_text("file,x,y\n")
    found = given(tmp_path, "--unit", "micrometer", "--pixel-size-nm", "4", "4", "40")
    assert (found["position_unit"], found["pixel_size_nm"]) == ("micrometer", [4, 4, 40])


@pytest.mark.parametrize(
    ("names", "words", "said"),
    [
        ([], [], "none; say which one with --positions"),
        (["a.csv", "b.csv"], [], "a.csv, b.csv; say which one"),
        (["a.csv"], ["--columns", "x"], "--columns x: give FIELD=COLUMN"),
        (["a.csv"], ["--columns", "=x"], "give FIELD=COLUMN"),
    ],
)
def test_what_is_not_clear_is_refused(tmp_path, names, words, said):
    for name in names:
        (tmp_path / name).write_text("file,x,y\n")
    with pytest.raises(RenderModuleException, match=said):
        given(tmp_path, *words)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RenderModuleException, match="nothing is not a folder"):
        given(tmp_path / "nothing")
