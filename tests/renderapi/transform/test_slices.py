"""Points between the coordinate spaces of a tile."""

import numpy as np
import pytest

from renderapi.errors import RenderError, SpecError
from renderapi.transform.slices import TileTransforms, entries_of, up_to_label

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
POINTS = np.array([(0, 0), (100, 0), (30, 70), (100, 100)], float)


def leaf(text, name=AFFINE, **more):
    return {"type": "leaf", "className": name, "dataString": text, **more}


# double, then move by (10, 20), then turn by 90 degrees: (x, y) -> (-y, x)
DOUBLE, MOVE, TURN = leaf("2 0 0 2 0 0"), leaf("1 0 0 1 10 20"), leaf("0 1 -1 0 0 0")
TILE = {
    "tileId": "t",
    "transforms": {
        "type": "list",
        "specList": [
            {"type": "ref", "refId": "lens"},
            {"type": "list", "specList": [MOVE, MOVE]},
            {**TURN, "metaData": {"labels": ["turned"]}},
        ],
    },
}
SHARED = {"lens": DOUBLE}


@pytest.fixture
def transforms():
    return TileTransforms(TILE, SHARED)


def test_an_entry_counts_as_one_whatever_it_holds(transforms):
    assert len(transforms) == 3


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (0, 0, lambda x, y: (x, y)),
        (0, 1, lambda x, y: (2 * x, 2 * y)),
        (0, 2, lambda x, y: (2 * x + 20, 2 * y + 40)),
        (0, -1, lambda x, y: (2 * x + 20, 2 * y + 40)),
        (0, None, lambda x, y: (-2 * y - 40, 2 * x + 20)),
        (1, None, lambda x, y: (-y - 40, x + 20)),
        (-1, None, lambda x, y: (-y, x)),
        (1, 2, lambda x, y: (x + 20, y + 40)),
    ],
)
def test_points_go_through_the_part_between_two_spaces_and_back(transforms, start, stop, expected):
    moved = transforms.forward(POINTS, start, stop)
    np.testing.assert_allclose(moved, [expected(x, y) for x, y in POINTS])
    np.testing.assert_allclose(transforms.backward(moved, start, stop), POINTS, atol=1e-9)


def test_way_back_through_a_polynomial():
    bent = leaf(
        "1 1.001 0.02 1e-5 2e-5 0 -2 0.01 0.99 0 1e-5 1e-5",
        "mpicbg.trakem2.transform.PolynomialTransform2D",
    )
    there = TileTransforms({"tileId": "t", "transforms": {"type": "list", "specList": [bent]}})
    np.testing.assert_allclose(there.backward(there.forward(POINTS)), POINTS, atol=1e-7)


def test_points_that_no_point_leads_to_are_nan_and_the_others_are_found():
    # x' = x^2 has no inverse for negative x'
    parabola = leaf("0 0 0 1 0 0 0 0 1 0 0 0", "mpicbg.trakem2.transform.PolynomialTransform2D")
    there = TileTransforms({"tileId": "t", "transforms": {"type": "list", "specList": [parabola]}})
    found = there.backward(np.array([(4.0, 5.0), (-1.0, 5.0), (np.nan, 0.0), (9.0, 1.0)]))
    assert np.isnan(found[[1, 2]]).all()
    np.testing.assert_allclose(np.abs(found[[0, 3]]), [(2, 5), (3, 1)], atol=1e-6)


@pytest.mark.parametrize(("start", "stop"), [(4, None), (0, -4), (2, 1)])
def test_spaces_that_a_tile_does_not_have_are_refused_by_name(transforms, start, stop):
    with pytest.raises(SpecError, match="tile t"):
        transforms.forward(POINTS, start, stop)


def test_missing_reference_names_the_tile():
    with pytest.raises(RenderError, match=r"tile t.*lens"):
        TileTransforms(TILE, {}).forward(POINTS)


def test_number_of_entries_up_to_a_label():
    assert up_to_label(entries_of(TILE), "turned") == 3
    with pytest.raises(SpecError, match="label other"):
        up_to_label(entries_of(TILE), "other")
