"""Text lists as TrakEM2 imports them."""

import pytest

from renderapps.dataimport.text_list import read_text_list
from renderapps.module import RenderModuleException


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\na b.tif\t1\t2.5\t3\t40\t30\n\nd/c.tif\t-4\t5e1\t3\n",
        "a b.tif, 1, 2.5, 3, 40, 30, 0, 255, 0\nd/c.tif,-4,50,3\n",
        "a b.tif;1;2.5;3\nd/c.tif;-4;50;3",
    ],
)
def test_the_separator_is_that_of_the_first_line(tmp_path, text):
    (tmp_path / "list.txt").write_text(text)
    images = read_text_list(tmp_path / "list.txt", tmp_path)
    found = [(image.file, image.x, image.y, image.z) for image in images]
    assert found == [
        (tmp_path / "a b.tif", 1, 2.5, 3),
        (tmp_path / "d" / "c.tif", -4, 50, 3),
    ]


def test_blanks_separate_where_nothing_else_does_and_z_may_be_absent(tmp_path):
    (tmp_path / "list.txt").write_text("/abs/a.tif  10   20\n")
    (image,) = read_text_list(tmp_path / "list.txt", tmp_path)
    assert (str(image.file), image.x, image.y, image.z) == ("/abs/a.tif", 10, 20, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a.tif 1\n", "line 1: expected file, x and y"),
        ("a.tif 1 2\nb.tif 1 y\n", "line 2: expected numbers, found '1 y'"),
        ("a.tif 1 inf\n", "line 1: expected numbers"),
        ("\n#\n", "lists no images"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, reason):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(RenderModuleException, match=reason):
        read_text_list(tmp_path / "list.txt", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "a.tif 1,5 2\nb.tif 3 4,25\n",
        "a.tif\t1,5\t2\nb.tif\t3\t4,25\n",
        "a.tif;1,5;2,0;\nb.tif;3;4,25;\n",
        "a.tif,1.5,2,\nb.tif,3,4.25,\n",
        "a.tif|1.5|2\nb.tif|3|4.25\n\x1a",
    ],
)
def test_decimal_commas_and_trailing_separators(tmp_path, text):
    (tmp_path / "list.txt").write_bytes(text.encode("utf-16"))
    images = read_text_list(tmp_path / "list.txt", tmp_path)
    found = [(image.file.name, image.x, image.y, image.z) for image in images]
    assert found == [("a.tif", 1.5, 2, None), ("b.tif", 3, 4.25, None)]


def test_a_table_with_a_header_is_told_from_a_list(tmp_path):
    (tmp_path / "list.txt").write_text("file,x,y\na.tif,1,2\n")
    with pytest.raises(RenderModuleException, match="line of names is a positions_file"):
        read_text_list(tmp_path / "list.txt", tmp_path)
