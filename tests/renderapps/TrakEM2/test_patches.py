"""Tiles as patches and back, and the edit between two places."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.errors import SpecError
from renderapi.transform.specs import leaves, transform_points
from renderapps.TrakEM2.patches import edit_of, mask_path, patch_tile, slice_number, tile_patch
from renderapps.TrakEM2.placement import canvas_matrix
from renderapps.TrakEM2.project import Patch, as_array, compose, map_points, translation

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
LENS = {
    "type": "leaf",
    "className": "mpicbg.trakem2.transform.PolynomialTransform2D",
    "dataString": "-3.5 1.0 0.001 1e-6 2e-6 3e-6 -20.25 0.002 1.0 -1e-6 4e-6 -2e-6",
}
POINTS = np.array([(0, 0), (99, 0), (0, 49), (99, 49), (40, 20)], float)


def tile(*specs, **more):
    return {
        "tileId": "t_1",
        "z": 3.0,
        "width": 100.0,
        "height": 50.0,
        "minIntensity": 5,
        "maxIntensity": 200,
        "mipmapLevels": {"0": {"imageUrl": "file:///data/a%20b/1.tif"}},
        "transforms": {"type": "list", "specList": list(specs)},
    } | more


def affine(text):
    return {"type": "leaf", "className": AFFINE, "dataString": text}


def world(tile_):
    return transform_points(leaves(tile_["transforms"]["specList"]), POINTS)


numbers = st.floats(-3, 3).map(lambda v: round(v, 6))


@given(st.lists(st.tuples(*[numbers] * 4, *[st.floats(-9e4, 9e4)] * 2), min_size=1, max_size=3))
def test_affine_tile_lies_where_it_lay(parts):
    there = tile(*[affine(" ".join(map(repr, part))) for part in parts])
    patch = tile_patch(there, 10, (-1000.0, 250.0))
    assert patch.ct == []
    np.testing.assert_allclose(
        map_points(patch.transform, POINTS),
        world(there) + np.array((-1000.0, 250.0)),
        rtol=1e-12,
        atol=1e-6,
    )


def test_tile_with_a_lens_lies_where_it_lay_and_comes_back():
    there = tile(LENS, affine("1.01 0.02 -0.03 0.99 -1234.6 567.4"))
    patch = tile_patch(there, 10, (2000.0, 3000.0))
    assert [leaf["className"] for leaf in patch.ct] == [LENS["className"], AFFINE]
    back = patch_tile(patch, 3.0, Path("/x"))
    np.testing.assert_allclose(world(back), world(there) + np.array((2000.0, 3000.0)), atol=1e-9)
    assert (back["minIntensity"], back["maxIntensity"]) == (5, 200)
    assert back["mipmapLevels"]["0"]["imageUrl"] == "file:///data/a%20b/1.tif"
    assert (back["z"], back["width"], back["tileId"]) == (3.0, 100.0, "10")


def test_untouched_patch_has_no_edit():
    patch = tile_patch(tile(LENS), 10, (20.0, 30.0))
    assert edit_of(canvas_matrix(patch), patch, (20.0, 30.0)) is None


@given(st.tuples(*[numbers] * 4, *[st.floats(-500, 500)] * 2).filter(
    lambda m: abs(m[0] * m[3] - m[1] * m[2]) > 0.1
))  # fmt: skip
def test_edit_maps_the_old_place_to_the_new_one(matrix):
    shift = (-700.0, 400.0)
    there = tile(LENS, affine("0.9 0.1 -0.1 0.9 1300 -80"))
    patch = tile_patch(there, 10, shift)
    exported = canvas_matrix(patch)
    patch.transform = compose(matrix, patch.transform)  # what a person did on the canvas
    edit = edit_of(exported, patch, shift)
    expected = map_points(matrix, world(there) + np.array(shift)) - shift
    found = world(there) if edit is None else map_points(edit, world(there))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_move_by_a_hundredth_of_a_pixel_is_an_edit():
    patch = tile_patch(tile(affine("1 0 0 1 5 6")), 10)
    before = canvas_matrix(patch)
    patch.transform = compose(translation(0.01, 0.0), patch.transform)
    np.testing.assert_allclose(
        as_array(edit_of(before, patch, (0.0, 0.0))), as_array(translation(0.01, 0.0)), atol=1e-12
    )


def test_type_follows_the_display_range():
    assert tile_patch(tile(), 1).type == 0
    assert tile_patch(tile(maxIntensity=4000), 1).type == 1
    assert tile_patch(tile(), 1, type=4).type == 4


def test_paths_below_the_folder_are_relative_if_asked():
    assert tile_patch(tile(), 1).file_path == "/data/a b/1.tif"
    assert tile_patch(tile(), 1, folder=Path("/data")).file_path == "a b/1.tif"
    assert tile_patch(tile(), 1, folder=Path("/other")).file_path == "/data/a b/1.tif"


def test_pages_of_stack_files_go_both_ways():
    level = {"imageUrl": "file:///s.tif", "imageSliceNumber": 2}
    patch = tile_patch(tile(mipmapLevels={"0": level}), 1)
    assert patch.file_path == "/s.tif-----#slice=3"
    assert slice_number(patch) == 2
    back = patch_tile(patch, 0.0, Path("/x"))["mipmapLevels"]["0"]
    assert (back["imageUrl"], back["imageSliceNumber"]) == ("file:///s.tif", 2)


def test_channel_gives_image_and_range_where_the_tile_has_none():
    channel = {
        "name": "DAPI",
        "minIntensity": 7,
        "maxIntensity": 9000,
        "mipmapLevels": {"0": {"imageUrl": "file:/c.tif"}},
    }
    there = tile(mipmapLevels={}, minIntensity=None, maxIntensity=None, channels=[channel])
    patch = tile_patch(there, 1)
    assert (patch.file_path, patch.min, patch.max) == ("/c.tif", 7, 9000)


@pytest.mark.parametrize(
    ("there", "arguments", "message"),
    [
        (tile(LENS), {"affine_only": True}, "tile t_1 has transforms that are not affine"),
        (tile(mipmapLevels={}), {}, "tile t_1 has no image"),
        (tile(mipmapLevels={"0": {"imageUrl": "s3://b/k.tif"}}), {}, "TrakEM2 opens files only"),
        (
            tile(
                {
                    "type": "leaf",
                    "className": "org.janelia.alignment.transform.SEMDistortionTransformA",
                    "dataString": "19.4 64.8 24.4 972.0 0",
                }
            ),
            {},
            "tile t_1 has org.janelia.*does not know",
        ),
    ],
)
def test_what_trakem2_cannot_show_is_refused_by_name(there, arguments, message):
    with pytest.raises(SpecError, match=message):
        tile_patch(there, 1, **arguments)


@pytest.mark.parametrize(("mask", "text"), [(419, "41/9.518.zip"), (1234, "12/34.518.zip")])
def test_masks_lie_in_folders_of_two_digits(mask, text):
    patch = Patch(518, "t", (1, 0, 0, 1, 0, 0), "/a.tif", 5, 5, alpha_mask_id=mask)
    expected = Path("/p/trakem2.1.2.3/trakem2.masks") / text
    assert mask_path(patch, Path("/p"), "1.2.3") == expected


def test_windows_paths_become_urls_with_slashes():
    patch = Patch(1, "t", (1, 0, 0, 1, 0, 0), "images\\a b.tif", 5, 5)
    assert patch_tile(patch, 0.0, Path("/p"))["mipmapLevels"]["0"]["imageUrl"] == (
        "file:///p/images/a%20b.tif"
    )
