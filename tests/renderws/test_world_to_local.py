"""World to local against a mesh laid out here, triangle by triangle, as the contract says."""

from __future__ import annotations

import numpy as np
import pytest

WIDTH, HEIGHT, CELL = 1000, 730, 64.0
COEFFICIENTS = ((5, 1.02, 0.03, 3e-5, -2e-5, 4e-5), (-7, 0.02, 0.97, 2e-5, 5e-5, -3e-5))


def to_world(points):
    """x' = a0 + a1 x + a2 y + a3 x x + a4 x y + a5 y y, y' likewise."""
    x, y = np.asarray(points, float).reshape(-1, 2).T
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    return (np.array(COEFFICIENTS) @ terms).T


def triangles():
    columns = int(WIDTH / CELL + 0.5)
    cell = WIDTH / (columns - 1)
    rows = int(HEIGHT / (2 * np.sqrt(0.75 * cell * cell)) + 0.5) + 1
    dx, dy = (WIDTH - 1) / (columns - 1), (HEIGHT - 1) / (rows - 1)
    even = [[(i * dx, j * dy) for i in range(columns)] for j in range(rows)]
    odd = [[(i * dx - dx / 2, j * dy - dy / 2) for i in range(columns)] for j in range(rows)]
    last = columns - 1
    for j in range(1, rows):
        a, b, c = even[j - 1], even[j], odd[j]
        for i in range(1, columns):
            yield a[i - 1], a[i], c[i]
        for i in range(2, columns):
            yield a[i - 1], c[i], c[i - 1]
        for i in range(1, columns - 1):
            yield c[i], b[i], b[i - 1]
            yield c[i], c[i + 1], b[i]
        yield a[0], c[1], b[0]
        yield b[last - 1], c[last], b[last]
        yield c[last], a[last], b[last]


def back(points):
    """Local points by the affine of the triangle that holds each; every triangle is asked."""
    local = np.full(points.shape, np.nan)
    for source in map(np.array, triangles()):
        target = to_world(source)
        edges = np.roll(target, -1, axis=0) - target
        to_point = points[:, None] - target
        cross = edges[:, 0] * to_point[..., 1] - edges[:, 1] * to_point[..., 0]
        inside = (cross >= 0).all(axis=1)
        affine = np.linalg.solve(np.column_stack([target, np.ones(3)]), source)
        local[inside] = np.column_stack([points[inside], np.ones(inside.sum())]) @ affine
    return local


@pytest.fixture
def curved(bare_service):
    numbers = " ".join(str(value) for row in COEFFICIENTS for value in row)
    name = "mpicbg.trakem2.transform.PolynomialTransform2D"
    tile = {
        "tileId": "t", "z": 9, "width": WIDTH, "height": HEIGHT, "meshCellSize": CELL,
        "transforms": {"type": "list", "specList": [
            {"type": "leaf", "className": name, "dataString": numbers}]},
    }  # fmt: skip
    bare_service.must("POST S", {})
    bare_service.must("PUT S/resolvedTiles?deriveData=true", {"tileIdToSpecMap": {"t": tile}})
    return bare_service


def test_points_go_back_by_the_triangles_of_the_mesh(curved):
    rng = np.random.default_rng(0)
    raw = rng.uniform((1, 1), (WIDTH - 2, HEIGHT - 2), (400, 2))
    world = to_world(raw)
    expected = back(world)
    assert 0.05 < np.nanmax(np.abs(expected - raw)) < 0.5  # the mesh shows
    sent = [{"world": point} for point in world.tolist()]
    answer = curved.must("PUT S/z/9/world-to-local-coordinates", sent).json()
    found = np.array([entries[0].get("local", [np.nan] * 3)[:2] for entries in answer])
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert np.nanmax(np.abs(found - expected)) < 1e-9
    for (x, y), same in zip(world[:5].tolist(), answer, strict=False):
        assert curved.must(f"GET S/z/9/world-to-local-coordinates/{x!r},{y!r}").json() == same


def test_points_go_forth_exactly(curved):
    raw = np.random.default_rng(1).uniform(-50, 1100, (50, 2))
    sent = [{"tileId": "t", "local": point} for point in raw.tolist()]
    answer = curved.must("PUT S/z/9/local-to-world-coordinates", sent).json()
    found = np.array([entry["world"] for entry in answer])
    assert np.allclose(found, np.column_stack([to_world(raw), np.full(50, 9.0)]), atol=1e-9)
