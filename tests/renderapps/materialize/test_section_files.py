"""Names of section images."""

from pathlib import Path

import pytest

from renderapps.materialize.section_files import java_number, section_path


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (301, "301.0"),
        (0, "0.0"),
        (0.05, "0.05"),
        (-2.5, "-2.5"),
        (0.001, "0.001"),
        (0.0005, "5.0E-4"),
        (0.00012, "1.2E-4"),
        (9999999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (12345678.5, "1.23456785E7"),
    ],
)
def test_numbers_are_written_as_java_writes_them(value, text):
    assert java_number(value) == text


@pytest.mark.parametrize(
    ("z", "tail"),
    [
        (0, "000/0/0.0.png"),
        (301, "000/3/301.0.png"),
        (3407, "003/4/3407.0.png"),
        (12099.5, "012/0/12099.5.png"),
    ],
)
def test_files_lie_in_folders_of_thousands_and_hundreds(z, tail):
    path = section_path(Path("/boxes"), "project", "stack", 0.02, z, "png")
    assert str(path) == f"/boxes/project/stack/sections_at_0.02/{tail}"


def test_custom_folders_and_padded_names():
    path = section_path(Path("/r"), "p", "s", 1, 301, "tif", ("before", None), padded=True)
    assert str(path) == "/r/before/00301.tif"
    path = section_path(Path("/r"), "p", "s", 1, 301, "tif", ("before", "after"))
    assert str(path) == "/r/before/after/301.0.tif"
