"""Mapping points of many tiles at once gives what mapping them one by one gives."""

from __future__ import annotations

import numpy as np
import pytest

from renderapi.errors import RenderError
from renderapi.rendering.inverse import world_to_local
from renderapi.rendering.many import ManyTiles
from renderapi.transform import AffineModel, Polynomial2DTransform
from renderapi.transform.specs import flatten, leaves, transform_points

AFFINE_LENS = AffineModel(1.01, 0.002, -0.003, 0.99, 4, -5, transformId="affine")
CURVED_LENS = Polynomial2DTransform(
    params=np.array([[1.0, 1.01, 0.002, 1e-6, 2e-6, 0], [2.0, 0.001, 0.99, 0, 1e-6, 3e-6]]),
    transformId="curved",
)
LOOKUP = {lens.transformId: lens.to_dict() for lens in (AFFINE_LENS, CURVED_LENS)}
LOOKUP["both"] = {
    "id": "both",
    "type": "list",
    "specList": [{"type": "ref", "refId": "affine"}, {"type": "ref", "refId": "curved"}],
}


def affine(rng, mirrored=False):
    angle, scale = rng.uniform(-3, 3), rng.uniform(0.2, 3)
    m = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    m = m @ np.diag([-1 if mirrored else 1, 1])
    return AffineModel(*m.ravel(), *rng.uniform(-3000, 3000, 2)).to_dict()


def tile(number, *specs, width=300, height=200, **rest):
    transforms = {"type": "list", "specList": list(specs)}
    return {
        "tileId": f"t{number}", "width": width, "height": height, "transforms": transforms, **rest
    }  # fmt: skip


def ref(name):
    return {"type": "ref", "refId": name}


@pytest.fixture(scope="module")
def tiles():
    rng = np.random.default_rng(3)
    leads = [(), (), ("affine",), ("affine",), ("curved",), ("curved",), ("both",)]
    leads.append(("affine", "affine"))
    made = [tile(n, *map(ref, ids), affine(rng, n % 2 == 0)) for n, ids in enumerate(leads)]
    odd_text = {**affine(rng), "dataString": "1e0  +2. -.5 1 7 8"}
    singular = {**affine(rng), "dataString": "1 2 2 4 5 6"}
    return [
        *made,
        tile(20, ref("curved"), affine(rng), meshCellSize=20),
        tile(21, ref("curved")),
        tile(22, affine(rng), affine(rng)),
        tile(23, odd_text),
        tile(24),
        tile(25, singular),
        tile(26, ref("curved"), singular),
        tile(27, affine(rng), width=1),
        tile(28, affine(rng), width=300.5),
    ]


def flat(one):
    specs = flatten(one["transforms"], LOOKUP)
    return {**one, "transforms": {"type": "list", "specList": specs}}


def owners_and_points(tiles, margin):
    rng = np.random.default_rng(4)
    owner = rng.integers(0, len(tiles), 3000)
    return owner, rng.uniform((-margin, -margin), (300 + margin, 200 + margin), (3000, 2))


def test_to_world_is_that_of_each_tile(tiles):
    owner, points = owners_and_points(tiles, 10)
    world = ManyTiles(tiles, LOOKUP).to_world(owner, points)
    for number, one in enumerate(tiles):
        mine = owner == number
        expected = transform_points(leaves(flat(one)["transforms"]["specList"]), points[mine])
        np.testing.assert_allclose(world[mine], expected, rtol=1e-13, atol=1e-9)


def test_to_local_is_that_of_each_tile(tiles):
    owner, points = owners_and_points(tiles, 30)
    many = ManyTiles(tiles, LOOKUP)
    world = many.to_world(owner, points)
    local = many.to_local(owner, world)
    inside = ~np.isnan(local[:, 0])
    assert 0.3 < inside.mean() < 0.9
    for number, one in enumerate(tiles):
        mine = owner == number
        expected = world_to_local(flat(one), world[mine])
        np.testing.assert_allclose(local[mine], expected, rtol=1e-9, atol=1e-6, err_msg=str(one))


def test_borders_belong_to_a_tile(tiles):
    corners = np.array([[0, 0], [299, 0], [299, 199], [0, 199]], float)
    many = ManyTiles(tiles[:4], LOOKUP)
    owner = np.repeat(np.arange(4), 4)
    points = np.tile(corners, (4, 1))
    local = many.to_local(owner, many.to_world(owner, points))
    np.testing.assert_allclose(local, points, atol=1e-7)


def test_no_points_and_no_tiles(tiles):
    nothing = np.empty(0, np.int64), np.empty((0, 2))
    assert ManyTiles([], {}).to_world(*nothing).shape == (0, 2)
    assert ManyTiles(tiles, LOOKUP).to_local(*nothing).shape == (0, 2)


def test_a_transform_that_cannot_be_read_is_an_error():
    with pytest.raises(RenderError, match="nowhere"):
        ManyTiles([tile(0, ref("nowhere"), affine(np.random.default_rng(0)))], {})
