"""What the readers of positions share: natural order, repeated files, names read from paths."""

import re

import pytest

from renderapps.dataimport.acquired_image import (
    AcquiredImage,
    fill_from_path,
    listed,
    natural_key,
    refuse_repeated_files,
)
from renderapps.module.errors import RenderModuleException


def image(path, line=2):
    return AcquiredImage(file=path, x=0.0, y=0.0, source=f"positions.csv, line {line}")


def test_natural_order_counts():
    names = ["S10", "S9", "10", "9", "S9_b", "", "s1"]
    assert sorted(names, key=natural_key) == ["", "9", "10", "S9", "S9_b", "S10", "s1"]


def test_a_list_is_cut_where_it_gets_long():
    assert listed(range(3)) == "0, 1, 2"
    assert listed(range(13), 3) == "0, 1, 2 and 10 more"


def test_a_file_listed_twice_is_refused_with_both_places(tmp_path):
    images = [image(tmp_path / "a.tif", 2), image(tmp_path / "b.tif", 3)]
    refuse_repeated_files(images)
    with pytest.raises(
        RenderModuleException, match=r"line 4: a.tif is listed twice, first in .* 2"
    ):
        refuse_repeated_files([*images, image(tmp_path / "a.tif", 4)])


def test_fields_are_read_from_the_path(tmp_path):
    pattern = re.compile(r"(?P<channel>\w+)/.*_S(?P<section>\d+)_F(?P<column>\d+)")
    (filled,) = fill_from_path([image(tmp_path / "DAPI" / "a_S0012_F003.tif")], pattern, tmp_path)
    assert (filled.channel, filled.section, filled.column, filled.row) == ("DAPI", "0012", 3, None)


def test_without_names_the_first_group_is_the_section(tmp_path):
    (filled,) = fill_from_path([image(tmp_path / "s7.tif")], re.compile(r"s(\d+)"), tmp_path)
    assert filled.section == "7"


def test_a_path_that_does_not_fit_is_named(tmp_path):
    with pytest.raises(RenderModuleException, match=r"line 2: section_pattern .* in 'x.tif'"):
        fill_from_path([image(tmp_path / "x.tif")], re.compile(r"s(\d+)"), tmp_path)
    with pytest.raises(RenderModuleException, match="could not convert"):
        fill_from_path([image(tmp_path / "x.tif")], re.compile(r"(?P<z>\w)"), tmp_path)
