"""Validation of tiles: both validators, and what is done with invalid tiles."""

import pytest
from picture_stacks import make_picture_stack, texture

import renderapi
from renderapi.client import call_run_ws_client
from renderapi.client.programs.validators import TemTileSpecValidator, WarpedTileSpecValidator
from renderapi.errors import ClientScriptError
from renderapi.transform import AffineModel

SMALL = "minSize:10,maxSize:5000"
CLASSES = "org.janelia.alignment.spec.validator."


@pytest.fixture
def stack(render, tmp_path):
    make_picture_stack(render, tmp_path, "pictures", {1: texture(1)})
    (tmp_path / "pictures_1_0.0.png").unlink()
    return "pictures"


def run(render, *words):
    where = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "pictures"
    )
    call_run_ws_client("org.janelia.render.client.ValidateTilesClient", [*where, *words, "1"])


def tile_ids(render):
    return sorted(renderapi.stack.get_stack_tileIds("pictures", render=render))


def state(render):
    return renderapi.stack.get_full_stack_metadata("pictures", render=render)["state"]


def test_invalid_tiles_are_no_failure_and_stay(render, stack):
    run(render)
    assert len(tile_ids(render)) == 4
    assert state(render) == "COMPLETE"


def test_invalid_tiles_are_removed_where_asked(render, stack):
    name = CLASSES + "TemTileSpecValidator"
    run(render, "--validatorClass", name, "--validatorData", SMALL, "--removeInvalidTiles")
    assert tile_ids(render) == ["1.0.1", "1.1.0", "1.1.1"]
    assert state(render) == "LOADING"


def test_the_stack_is_completed_where_asked(render, stack):
    words = ["--validatorClass", CLASSES + "TemTileSpecValidator", "--validatorData", SMALL]
    run(render, *words, "--removeInvalidTiles", "--completeStackAfterRemoval")
    assert state(render) == "COMPLETE"


def test_unknown_validators_and_data_are_refused(render, stack):
    with pytest.raises(ClientScriptError, match="no validator Strict"):
        run(render, "--validatorClass", "Strict")
    with pytest.raises(ClientScriptError, match="unknown 'size'"):
        TemTileSpecValidator("size:3")
    with pytest.raises(ClientScriptError, match="no number"):
        TemTileSpecValidator("minSize:x")


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"x")
    return path.as_uri()


def tile(image, **more):
    spec = renderapi.tilespec.TileSpec(
        tileId="t", z=1, width=100, height=100, imageUrl=image, tforms=[AffineModel()]
    ).to_dict()
    return {**spec, "minX": 0, "minY": 0, "maxX": 1000, "maxY": 1000, **more}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"minX": -1}, "is below 0"),
        ({"maxY": 400001}, "is above 400000"),
        ({"maxX": 499}, "width 499"),
        ({"maxY": 5001}, "height 5001"),
        ({"z": None}, "z missing"),
        ({"transforms": {"specList": [{"className": "x", "dataString": ""}]}}, "unknown"),
        ({"transforms": {"specList": [{"type": "ref", "refId": "r"}]}}, "not found: r"),
    ],
)
def test_limits_of_the_tem_validator(image, change, reason):
    problems = TemTileSpecValidator().problems([tile(image, **change)], {})
    assert (reason is None and not problems) or reason in problems["t"]


def test_numbers_of_the_data_string_replace_the_defaults(image):
    checked = TemTileSpecValidator("maxSize:900,minCoordinate:-5")
    assert checked.limits == {
        "minCoordinate": -5, "maxCoordinate": 400000, "minSize": 500, "maxSize": 900,
    }  # fmt: skip
    assert "width 1000" in checked.problems([tile(image)], {})["t"]


def test_the_warped_validator_measures_the_distance_from_a_rotation(image):
    turned = AffineModel(0, -1, 1, 0, 5, 5).to_dict()
    stretched = AffineModel(41, 0, 0, 41, 0, 0).to_dict()
    good = tile(image, transforms={"specList": [turned]})
    bad = tile(image, transforms={"specList": [stretched]})
    check = WarpedTileSpecValidator()
    assert check.problems([good], {}) == {}
    # the corners of 99 x 99 stretched 41 times lie 40 * 49.5 * sqrt(2) from where they were
    assert "2800.1" in check.problems([bad], {})["t"]
    assert WarpedTileSpecValidator("maxDeltaThreshold:2801").problems([bad], {}) == {}
