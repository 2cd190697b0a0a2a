"""The line that a module leaves on stderr."""

import pytest

from renderapps.module.summary import summary


@pytest.mark.parametrize(
    ("result", "parameters", "line"),
    [
        (
            {"output_stack": "b", "sections": [{"z": 1, "tiles": 4}, {"z": 2, "tiles": 5}],
             "failed_sections": [], "kept_zs": [7.0]},
            {}, "output stack b; 2 sections, 9 tiles",
        ),
        (
            {"output_stacks": [{"stack": "a", "tiles": 4}, {"stack": "b", "tiles": 4}],
             "skipped_files": [{"file": "x"}], "incomplete_tiles": [], "unused_files": ["p", "q"],
             "pixel_size_nm": None, "warnings": ["b.tif: 2 other\npages"]},
            {},
            "output stacks a, b; 8 tiles; left out: 1 skipped file, 2 unused files; "
            "warning: b.tif: 2 other pages",
        ),
        (
            {"sections": [{"z": 1.0, "file": "/o/1.png", "ignored_masks": [1, 2]}]},
            {"input_stack": "a", "image_directory": "/o"},
            "image directory /o; 1 section; left out: 2 ignored masks",
        ),
        (
            {"output_volume": "/v", "shape_zyx": [3, 4, 5], "voxel_nm_zyx": [1, 1, 1],
             "dtype": "uint8", "sections": 2, "empty_planes_z": [1.0], "warnings": []},
            {}, "output volume /v; 2 sections; left out: 1 empty planes z",
        ),
        ({"pairs": 7, "matches": 1}, {"match_collection": "m"},
         "match collection m; 7 pairs, 1 match"),
        ({}, {"output_stack": "t"}, "output stack t"),
    ],
)  # fmt: skip
def test_what_was_made_where_how_much_and_what_was_left_out(result, parameters, line):
    assert summary(result, parameters) == line
