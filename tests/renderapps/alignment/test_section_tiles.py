"""Tiles that a solution has moved: the change comes after all that they had."""

import numpy as np
import pytest

from renderapi.errors import RenderError
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Polynomial2DTransform, estimate_dstpts
from renderapps.alignment.models import Model, with_changes
from renderapps.alignment.section_tiles import SectionTiles, with_map
from renderapps.module.tile_documents import Section

POINTS = np.array([[0.0, 0.0], [40.0, 0.0], [7.0, 30.0]])
CHANGE = np.array([[0.0, -1.5, 20.0], [1.2, 0.3, -7.0], [0, 0, 1]])
TURN = AffineModel(M00=0, M01=-1, M10=1, M11=0, B0=4)
STRETCH = AffineModel(M00=2, B1=5)
BEND = Polynomial2DTransform(params=[[0, 1, 0, 1e-3, 0, 0], [0, 0, 1, 0, 0, 2e-3]])


@pytest.mark.parametrize(
    ("tforms", "local", "count"),
    [
        ([TURN, STRETCH], 0, 1),
        ([BEND, TURN, STRETCH], 1, 2),
        ([TURN, BEND], 0, 3),
        ([BEND, TURN], 0, 3),
        ([], 0, 1),
        ([BEND], 1, 2),
    ],
)
def test_the_change_is_applied_after_the_transforms(tforms, local, count):
    tile = TileSpec(tileId="a", z=1, width=40, height=30, tforms=tforms).document()
    before = estimate_dstpts(tforms, POINTS) if tforms else POINTS
    centre, size = np.array([300.0, -20.0]), 25.0
    terms = with_changes(np.zeros((1, 3, 2)), CHANGE[None], centre[None], np.array([size]))[0]
    moved = TileSpec(json=with_map(tile, {}, local, Model("affine"), terms, centre, size))
    assert len(moved.tforms) == count
    assert [t.to_dict() for t in moved.tforms[:local]] == [t.to_dict() for t in tforms[:local]]
    expected = before @ CHANGE[:2, :2].T + CHANGE[:2, 2]
    np.testing.assert_allclose(estimate_dstpts(moved.tforms, POINTS), expected, atol=1e-6)
    assert len(tile["transforms"]["specList"]) == len(tforms)  # the tile itself is as it was


def test_points_of_bent_and_plain_tiles_come_to_the_world_together():
    lists = {"a": [TURN], "b": [BEND, TURN], "c": [STRETCH, BEND]}
    tiles = [TileSpec(tileId=n, z=1.0, width=40, height=30, tforms=t) for n, t in lists.items()]
    section = SectionTiles.of(Section(1.0, [tile.document() for tile in tiles]))
    owner = np.array([2, 0, 1, 2, 1, 0, 1])
    points = np.random.default_rng(0).uniform(0, 30, (7, 2))
    names = list(lists)
    for after in (0, 1):
        expected = [
            estimate_dstpts(lists[names[o]][after:], p[None])[0] if lists[names[o]][after:] else p
            for o, p in zip(owner, points, strict=True)
        ]
        np.testing.assert_allclose(section.to_world(owner, points, after), expected, atol=1e-12)
    with pytest.raises(RenderError, match="tile a has 1 transforms"):
        section.to_world(owner, points, 2)
