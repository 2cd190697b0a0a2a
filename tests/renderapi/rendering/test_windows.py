"""Which part of the world a request shows."""

import pytest

from renderapi.errors import SpecError
from renderapi.rendering.parameters import Window, parse_parameters
from renderapi.rendering.windows import (
    box_parameters,
    layer_parameters,
    neighbourhood,
    raw_parameters,
    tile_parameters,
)

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def leaf(x, y, *labels):
    spec = {"type": "leaf", "className": AFFINE, "dataString": f"1 0 0 1 {x} {y}"}
    return {**spec, "metaData": {"labels": list(labels)}} if labels else spec


def tile(*leaves, tile_id="t"):
    return {
        "tileId": tile_id,
        "width": 100.0, "height": 80.0,
        "minX": 1000.0, "minY": 2000.0, "maxX": 1101.0, "maxY": 2080.5,
        "mipmapLevels": {"0": {"imageUrl": "file:///a.tif", "maskUrl": "file:///m.png"}},
        "transforms": {"type": "list", "specList": list(leaves)},
    }  # fmt: skip


def view(document):
    return tuple(document[key] for key in ("x", "y", "width", "height", "scale"))


def strings(document):
    return [leaf["dataString"] for leaf in document["tileSpecs"][0]["transforms"]["specList"]]


def test_image_sizes_are_truncated_and_canvas_sizes_rounded():
    window = Window(0, 0, 430, 340, 0.25)
    assert window.image_size == (107, 85)
    assert window.canvas_size == (108, 85)


def test_a_picture_without_pixels_is_refused():
    with pytest.raises(SpecError, match="nothing to draw"):
        parse_parameters({"width": 10, "height": 100, "scale": 0.05})


@pytest.mark.parametrize(
    ("key", "value"),
    [("width", 10.5), ("width", "wide"), ("scale", float("nan")), ("scale", 0), ("x", None)],
)
def test_parameters_that_are_no_numbers_name_their_key(key, value):
    if value is None:
        assert parse_parameters({key: value}).window.x == 0.0
        return
    with pytest.raises(SpecError, match=key):
        parse_parameters({key: value})


def test_whole_numbers_may_arrive_as_floats():
    assert parse_parameters({"width": 12.0, "height": "7"}).window.image_size == (12, 7)


def test_the_scale_of_the_query_overrides_that_of_the_path():
    document = box_parameters([], 1, 2, 30, 40, 0.5, {"scale": "0.25"})
    assert view(document) == (1.0, 2.0, 30, 40, 0.25)


def test_boxes_draw_tiles_by_ascending_tile_id():
    document = box_parameters([tile(tile_id=i) for i in ("b", "a", "B")], 0, 0, 9, 9)
    assert [spec["tileId"] for spec in document["tileSpecs"]] == ["B", "a", "b"]


def test_query_values_reach_the_document():
    query = {
        "minIntensity": "3.5", "maxIntensity": 200, "binaryMask": "True", "excludeMask": "no",
        "channels": ["a", "b"], "filter": "TRUE", "fillWithNoise": True, "unknown": "x",
    }  # fmt: skip
    document = box_parameters([], 0, 0, 5, 5, 1.0, query, mipmap_path_builder={"rootPath": "/m/"})
    assert (document["minIntensity"], document["maxIntensity"]) == (3.5, 200.0)
    assert document["binaryMask"] and document["doFilter"] and document["fillWithNoise"]
    assert not document["excludeMask"]
    assert document["channels"] == "b"
    assert document["mipmapPathBuilder"] == {"rootPath": "/m/"}
    assert "unknown" not in document


def test_filter_lists_are_found_by_name():
    names = box_parameters([], 0, 0, 5, 5, 1.0, {"filterListName": "simpleTest"})["filterSpecs"]
    assert [spec["className"].rsplit(".", 1)[1] for spec in names] == ["CLAHE"]
    with pytest.raises(SpecError, match="unknown filter list 'x'"):
        box_parameters([], 0, 0, 5, 5, 1.0, {"filterListName": "x"})


def test_the_default_channel_of_the_stack_is_used_when_none_is_asked_for():
    plain = box_parameters([], 0, 0, 5, 5, default_channel="DAPI")
    asked = box_parameters([], 0, 0, 5, 5, 1.0, {"channels": "GFP"}, default_channel="DAPI")
    assert (plain["channels"], asked["channels"]) == ("DAPI", "GFP")


def test_a_layer_covers_the_boxes_of_its_tiles():
    document = layer_parameters([tile()], query={"scale": 0.1})
    assert view(document) == (1000.0, 2000.0, 101, 80, 0.1)


def test_a_tile_is_drawn_over_its_stored_box():
    document = tile_parameters(tile(leaf(7, 8)))
    assert view(document) == (1000.0, 2000.0, 101, 80, 1.0)
    assert strings(document) == ["1 0 0 1 7 8"]


def test_a_tile_window_may_be_moved_and_resized():
    query = {"x": "10.5", "y": -3, "width": "20", "height": 30, "scale": 2}
    assert view(tile_parameters(tile(), query)) == (1010.5, 1997.0, 20, 30, 2.0)


def test_normalised_tiles_keep_all_transforms_in_label_mode_but_start_at_the_origin():
    query = {"normalizeForMatching": "true", "excludeAllTransforms": "false"}
    document = tile_parameters(tile(leaf(1, 2), leaf(30, 40)), query)
    assert strings(document) == ["1 0 0 1 1 2", "1 0 0 1 30 40"]
    assert view(document) == (0.0, 0.0, 100, 80, 1.0)
    assert document["tileSpecs"][0]["minX"] == 31.0


def test_all_transforms_may_be_left_out():
    for query in ({"excludeAllTransforms": "true"}, {"removeAllOption": "true"}):
        document = tile_parameters(tile(leaf(1, 2)), query)
        assert strings(document) == []
        assert view(document) == (0.0, 0.0, 100, 80, 1.0)


def test_an_explicit_exclude_all_transforms_wins_over_remove_all():
    query = {"excludeAllTransforms": "false", "removeAllOption": "true"}
    assert strings(tile_parameters(tile(leaf(1, 2)), query)) == ["1 0 0 1 1 2"]


def test_transforms_after_the_last_label_are_left_out():
    spec = tile(leaf(1, 1, "lens"), leaf(2, 2, "lens"), leaf(3, 3), leaf(4, 4, "m"), leaf(5, 5))
    after = tile_parameters(spec, {"excludeTransformsAfterLast": ["lens"]})
    assert strings(after) == ["1 0 0 1 1 1", "1 0 0 1 2 2"]
    first = tile_parameters(spec, {"excludeFirstTransformAndAllAfter": "m"})
    assert strings(first) == ["1 0 0 1 1 1", "1 0 0 1 2 2", "1 0 0 1 3 3"]
    assert len(strings(tile_parameters(spec, {"excludeTransformsAfterLast": "none"}))) == 5


def test_labels_of_enclosing_lists_count():
    nested = {"type": "list", "specList": [leaf(1, 1)], "metaData": {"labels": ["lens"]}}
    document = tile_parameters(tile(nested, leaf(2, 2)), {"excludeTransformsAfterLast": "lens"})
    assert strings(document) == ["1 0 0 1 1 1"]


def test_normalisation_without_labels_keeps_the_lens_or_at_most_two_transforms():
    query = {"normalizeForMatching": "true"}
    with_lens = tile(leaf(1, 1, "lens"), leaf(2, 2), leaf(3, 3))
    assert strings(tile_parameters(with_lens, query)) == ["1 0 0 1 1 1"]
    for count, kept in ((1, 0), (2, 1), (3, 2), (5, 2)):
        leaves = [leaf(n, n) for n in range(count)]
        assert len(strings(tile_parameters(tile(*leaves), query))) == kept


def test_the_neighbourhood_is_the_tile_and_a_share_on_every_side():
    assert neighbourhood(tile(), {"widthFactor": 0.5}) == (950.0, 1976.0, 200, 128)


def test_raw_images_and_masks_have_no_transforms():
    document = raw_parameters(tile(leaf(1, 2)), mask=True)
    assert view(document) == (0.0, 0.0, 100, 80, 1.0)
    assert document["tileSpecs"][0]["mipmapLevels"] == {"0": {"imageUrl": "file:///m.png"}}
    unmasked = tile()
    del unmasked["mipmapLevels"]["0"]["maskUrl"]
    with pytest.raises(SpecError, match="tile t has no mask"):
        raw_parameters(unmasked, mask=True)
