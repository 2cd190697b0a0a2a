"""Grids: the order of the indices, names of files, positions."""

import pytest

from renderapps.dataimport.tile_grid import TileGrid, grid_images
from renderapps.module.errors import RenderModuleException


def grid(pattern="t{index}.tif", rows=2, columns=3, **options):
    overlaps = {"overlap_x": 0.1, "overlap_y": 0.2}
    return TileGrid(rows=rows, columns=columns, file_pattern=pattern, **overlaps | options)


def touched(directory, *names):
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def size(path):
    return 100, 50


@pytest.mark.parametrize(
    ("order", "snake", "expected"),
    [
        ("row-major", False, [[1, 2, 3], [4, 5, 6]]),
        ("row-major", True, [[1, 2, 3], [6, 5, 4]]),
        ("column-major", False, [[1, 3, 5], [2, 4, 6]]),
        ("column-major", True, [[1, 4, 5], [2, 3, 6]]),
    ],
)
def test_the_order_of_acquisition(order, snake, expected):
    laid = grid(order=order, snake=snake)
    assert [[laid.index(r, c) for c in range(3)] for r in range(2)] == expected


def test_positions_follow_from_the_size_and_the_overlap(tmp_path):
    touched(tmp_path, *(f"t{n}.tif" for n in range(1, 7)))
    images, unused = grid_images(grid(), tmp_path, size)
    assert [(i.file.name, i.row, i.column, i.x, i.y) for i in images] == [
        ("t1.tif", 0, 0, 0.0, 0.0),
        ("t2.tif", 0, 1, 90.0, 0.0),
        ("t3.tif", 0, 2, 180.0, 0.0),
        ("t4.tif", 1, 0, 0.0, 40.0),
        ("t5.tif", 1, 1, 90.0, 40.0),
        ("t6.tif", 1, 2, 180.0, 40.0),
    ]
    assert unused == []


def test_short_field_names_and_widths(tmp_path):
    touched(tmp_path, "img_p01.tif", "img_p1.tif", "img_p00.tif")
    images, unused = grid_images(grid("img_p{p:02d}.tif", rows=1, columns=1), tmp_path, size)
    assert [i.file.name for i in images] == ["img_p01.tif"]
    assert [path.name for path in unused] == ["img_p00.tif"]  # and p1 does not fit the pattern


def test_rows_and_columns_in_the_name(tmp_path):
    touched(tmp_path, "col0075_row0021.png", "col0076_row0022.png")
    laid = grid(
        "col{column:04d}_row{row:04d}.png", rows=2, columns=2, first_row=21, first_column=75
    )
    images, _ = grid_images(laid, tmp_path, size)
    assert [i.file.name for i in images] == [
        "col0075_row0021.png",
        "col0076_row0021.png",
        "col0075_row0022.png",
        "col0076_row0022.png",
    ]


def test_sections_and_channels_are_found_in_the_names_and_missing_tiles_are_expected(tmp_path):
    pattern = "{channel}/{channel}_S{section:04d}_F{index:02d}.tif"
    names = [f"{c}/{c}_S{s:04d}_F{f:02d}.tif" for c in "AB" for s in (9, 10) for f in (1, 2)]
    touched(tmp_path, *names[:-1], "A/B_S0009_F01.tif")
    images, unused = grid_images(grid(pattern, rows=1, columns=2), tmp_path, size)
    assert [i.file.relative_to(tmp_path).as_posix() for i in images] == names
    assert [(i.channel, i.section) for i in images[::2]] == [
        ("A", "0009"),
        ("A", "0010"),
        ("B", "0009"),
        ("B", "0010"),
    ]
    assert unused == []


def test_z_in_the_name(tmp_path):
    touched(tmp_path, "z2.5_1.tif")
    images, _ = grid_images(grid("z{z}_{index}.tif", rows=1, columns=1), tmp_path, size)
    assert images[0].z == 2.5


def test_brackets_in_a_name_are_literal(tmp_path):
    touched(tmp_path, "[a]1.tif", "a1.tif")
    images, unused = grid_images(grid("[a]{index}.tif", rows=1, columns=1), tmp_path, size)
    assert [i.file.name for i in images] == ["[a]1.tif"]
    assert unused == []


def test_an_asterisk_stands_for_what_the_grid_does_not_know(tmp_path):
    touched(tmp_path, "c1_r0_cam3.png", "c0_r0_cam7.png", "c2_r0_cam1.jpg")
    laid = grid("c{column}_r{row}_cam*.png", rows=1, columns=3)
    images, _ = grid_images(laid, tmp_path, size)
    assert [i.file.name for i in images] == ["c0_r0_cam7.png", "c1_r0_cam3.png", "c2_r0_cam*.png"]
    touched(tmp_path, "c1_r0_cam4.png")
    with pytest.raises(RenderModuleException, match=r"c1_r0_cam3.* and .*c1_r0_cam4"):
        grid_images(laid, tmp_path, size)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("none{index:02d}.tif", "its first tile would be 'none01.tif'"),
        ("t{row}.tif", "must hold {index}, or {row} and {column}"),
        ("t{tile}.tif", "unknown field {tile}; known are channel, column, index, row, section, z"),
        ("t{index.tif", "file_pattern 't{index.tif'"),
    ],
)
def test_patterns_that_cannot_work_are_refused(tmp_path, pattern, message):
    with pytest.raises(RenderModuleException, match=message):
        grid_images(grid(pattern), tmp_path, size)
