"""Points carried along by reference tiles: known places, the topmost tile, and nothing beyond."""

import numpy as np
import pytest
from marshmallow import ValidationError

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform
from renderapps.module.fields import prepare
from renderapps.module.fitting import FitRules, Placement, fit_and_place
from renderapps.module.tile_documents import Section
from renderapps.registration.carrying import carried_targets, carry, tile_grids
from renderapps.registration.fit_parameters import FitParameters, fit_rules

LENS = AffineModel(M00=1.1, transformId="lens").to_dict()


def tile(name, *tforms):
    return TileSpec(tileId=name, z=1.0, width=100, height=80, tforms=list(tforms)).to_dict()


def section(*tiles):
    return Section(1.0, list(tiles), {"lens": LENS})


BEFORE = section(
    tile("r1", ReferenceTransform(refId="lens")),
    tile("r2", ReferenceTransform(refId="lens"), AffineModel(B0=90)),
)
AFTER = section(
    tile("r2", ReferenceTransform(refId="lens"), AffineModel(B0=1090)),
    tile("r1", ReferenceTransform(refId="lens"), AffineModel(B0=500, M11=2)),
)


def test_points_go_with_the_topmost_tile_and_nowhere_without_one():
    points = np.array([[11, 20], [100, 20], [150, 20], [300, 20], [50, 200], [np.nan, 1]], float)
    expected = [[511, 40], [1100, 20], [1150, 20], *[[np.nan, np.nan]] * 3]
    np.testing.assert_allclose(carry(points, BEFORE, AFTER), expected, atol=1e-9)
    only_r2 = section(AFTER.tiles[0])
    gone = carry(points, BEFORE, only_r2)
    assert np.isnan(gone[0]).all() and gone[1].tolist() == pytest.approx([1100, 20])
    assert np.isnan(carry(points, section(), AFTER)).all()


def test_tiles_come_to_lie_where_their_reference_went():
    """An affine tile within r1 follows it exactly; one that the shared space lacks is named."""
    source = [tile("a", AffineModel(M00=0.5, M11=0.5, B0=5, B1=7)), tile("lost")]
    raw = tile_grids(source, 3)
    assert raw[0].tolist()[1] == [49.5, 0.0]
    placed = section(tile("a", AffineModel(M00=0.5, M11=0.5, B0=15, B1=17)))
    targets = carried_targets(source, raw, placed, BEFORE, AFTER)
    np.testing.assert_allclose(targets[0], raw[0] * [0.5, 1.0] + [515, 34], atol=1e-9)
    rules = FitRules("affine")
    done, fits, dropped = fit_and_place(source, {}, raw, targets, rules, Placement(None))
    assert [t["tileId"] for t in done] == ["a"] and fits[0]["rms"] < 1e-9
    assert dropped[0]["tileId"] == "lost" and "0 points" in dropped[0]["reason"]
    assert carried_targets([], [], placed, BEFORE, AFTER) == []


def test_the_parameters_of_a_fit():
    args = prepare(FitParameters()).load(
        {"transform_type": "rigid", "max_epsilon": 2.0, "min_points": 5}
    )
    assert fit_rules(args) == FitRules("rigid", 2, 5, None, 2.0)
    with pytest.raises(ValidationError, match="goes with translation"):
        prepare(FitParameters()).load({"transform_type": "homography", "max_epsilon": 2.0})
