"""World points back to the pixels of a tile."""

import numpy as np
import pytest
from slow_renderer import Slow, Source

from renderapi.rendering.inverse import world_to_local
from renderapi.transform.specs import leaves, transform_points

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
CURVED = {
    "className": "mpicbg.trakem2.transform.PolynomialTransform2D",
    "dataString": "12.5 1.01 -0.03 2e-5 -1e-5 3e-5 -7.25 0.02 0.99 1e-5 2e-5 -4e-5",
}


def tile(*specs, width=400, height=320):
    transforms = {"type": "list", "specList": list(specs)}
    return {"tileId": "t", "width": width, "height": height, "transforms": transforms}


def affine(text):
    return {"className": AFFINE, "dataString": text}


def inside(random, count=500, width=400, height=320):
    return random.uniform([0, 0], [width - 1, height - 1], (count, 2))


@pytest.mark.parametrize(
    "text", ["0.98 0.05 -0.04 1.02 10.3 20.7", "-1 0.1 0.2 1 399 0", "2 0 0 2 1e6 -1e6"]
)
def test_affine_tiles_are_inverted_exactly_in_both_orientations(text):
    local = inside(np.random.default_rng(1))
    spec = affine(text)
    world = transform_points(leaves([spec]), local)
    assert np.allclose(world_to_local(tile(spec), world), local, atol=1e-8)


def test_the_border_belongs_to_the_tile_and_what_lies_beyond_does_not():
    spec = affine("0.98 0.05 -0.04 1.02 10.3 20.7")
    corners = np.array([[0, 0], [399, 0], [0, 319], [399, 319], [199.5, 0], [399, 7.3]])
    beyond = np.array([[-0.01, 5], [399.01, 5], [5, -0.01], [5, 319.01]])
    world = transform_points(leaves([spec]), np.concatenate([corners, beyond]))
    local = world_to_local(tile(spec), world)
    assert np.allclose(local[:6], corners, atol=1e-8)
    assert np.isnan(local[6:]).all()


def test_curved_tiles_are_inverted_within_a_mesh_cell():
    local = inside(np.random.default_rng(2), 2000) * 0.98 + 2
    world = transform_points(leaves([CURVED]), local)
    found = world_to_local(tile(CURVED), world)
    assert not np.isnan(found).any()
    assert np.abs(found - local).max() < 0.3


def test_a_finer_mesh_is_nearer():
    local = inside(np.random.default_rng(2), 500) * 0.9 + 10
    world = transform_points(leaves([CURVED]), local)
    coarse, fine = (
        np.abs(world_to_local({**tile(CURVED), "meshCellSize": size}, world) - local).max()
        for size in (64, 8)
    )
    assert fine < coarse / 10


def test_each_point_goes_back_by_the_affine_of_its_triangle():
    """The triangle is found by a plain search over the mesh of the slow renderer."""
    local = inside(np.random.default_rng(3), 60) * 0.95 + 5
    world = transform_points(leaves([CURVED]), local)
    found = world_to_local(tile(CURVED), world)
    source = Source(np.zeros((320, 400)), None, 0, 255)
    mesh = list(Slow({}, {}).triangles(tile(CURVED), source, 0, 400))
    for point, result in zip(world, found, strict=True):
        for triangle, target in mesh:
            weights = np.linalg.solve(np.vstack([np.transpose(target), np.ones(3)]), [*point, 1])
            if (weights >= 0).all():
                assert np.allclose(weights @ np.array(triangle), result, atol=1e-9)
                break
        else:
            pytest.fail("no triangle holds the point")


def test_a_tile_without_transforms_is_the_identity_without_a_border():
    points = np.array([[-5.0, 1e6], [3.0, 4.0]])
    assert np.array_equal(world_to_local(tile(), points), points)


def test_points_that_are_no_numbers_lie_nowhere():
    assert np.isnan(world_to_local(tile(affine("1 0 0 1 0 0")), [[np.nan, 1], [np.inf, 2]])).all()


def test_no_points_give_no_points():
    assert world_to_local(tile(CURVED), np.empty((0, 2))).shape == (0, 2)


def test_a_flat_transform_has_no_inverse():
    assert np.isnan(world_to_local(tile(affine("1 1 1 1 0 0")), [[5.0, 5.0]])).all()
