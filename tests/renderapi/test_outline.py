"""Outlines of tiles: corners and areas computed by hand."""

import numpy as np
import pytest
import shapely

from renderapi.errors import SpecError
from renderapi.outline import border_points, tile_polygon, union_of
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, ReferenceTransform
from renderapps.shapely import tilespec_to_bounding_box_polygon


def tile(*tforms, width=200, height=100):
    return TileSpec(tileId="t", z=0, width=width, height=height, tforms=list(tforms))


def test_corners_in_order_through_every_transform():
    there = tile(AffineModel(M00=2, M11=2), AffineModel(B0=5, B1=-7))
    polygon = tilespec_to_bounding_box_polygon(there)
    expected = [(5, -7), (5, 193), (405, 193), (405, -7), (5, -7)]
    np.testing.assert_array_equal(polygon.exterior.coords, expected)
    assert polygon.area == 400 * 200


def test_border_has_the_points_asked_for_on_every_edge():
    ring = border_points(200, 100, 3)
    assert len(ring) == 16
    np.testing.assert_array_equal(ring[:5], [(0, 0), (0, 25), (0, 50), (0, 75), (0, 100)])


def test_bent_edges_are_followed_by_points_between_the_corners():
    # y' = y + x (200 - x) / 400: the lower and the upper edge bulge by 25, the area stays
    bulge = Polynomial2DTransform(
        params=np.array([[0, 1, 0, 0, 0, 0], [0, 0.5, 1, -1 / 400, 0, 0]])
    )
    straight, bent = tile_polygon(tile(bulge)), tile_polygon(tile(bulge), 99)
    assert straight.bounds == (0, 0, 200, 100)
    assert bent.bounds == pytest.approx((0, 0, 200, 125))
    assert bent.area == pytest.approx(200 * 100)


def test_references_are_resolved_from_transforms_or_documents():
    there = tile(ReferenceTransform("r"))
    shared = AffineModel(B0=10, transformId="r")
    for references in ([shared], {"r": shared.to_dict()}):
        assert tile_polygon(there, reference_transforms=references).bounds == (10, 0, 210, 100)


def test_outline_in_a_space_between_the_transforms():
    there = tile(AffineModel(M00=2, M11=2), AffineModel(B0=5, B1=-7))
    assert tile_polygon(there, stop=1).bounds == (0, 0, 400, 200)


def test_crossed_ring_is_repaired():
    # the corners become (0,0), (0,100), (-200,100), (200,0): a bow tie
    twisted = Polynomial2DTransform(params=np.array([[0, 1, 0, 0, -0.02, 0], [0, 0, 1, 0, 0, 0.0]]))
    polygon = tile_polygon(tile(twisted))
    assert polygon.is_valid
    assert polygon.area == pytest.approx(200 * 50 / 2)


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (tile(AffineModel(M00=0, M11=1)), "no area"),
        (tile(width=None), "no width"),
        (tile(ReferenceTransform("r")), "tile t.*r"),
    ],
)
def test_tiles_without_an_outline_are_refused_by_name(there, message):
    with pytest.raises(Exception, match=message) as caught:
        tile_polygon(there)
    assert "t" in str(caught.value)


def test_union_of_tiles_apart_and_touching():
    boxes = [shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10), shapely.box(30, 0, 40, 10)]
    together = union_of(boxes)
    assert together.area == 300
    assert len(shapely.get_parts(together)) == 2


def test_refusal_is_a_spec_error():
    with pytest.raises(SpecError):
        tile_polygon(tile(AffineModel(M00=0, M11=1)))
