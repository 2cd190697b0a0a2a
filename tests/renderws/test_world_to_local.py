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


AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
POLYNOMIAL = "mpicbg.trakem2.transform.PolynomialTransform2D"
CORNERS = [(0, 0), (299, 0), (0, 199), (299, 199), (150, 0), (299, 100)]


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        (AFFINE, "1 0 0 1 -100.5 -7.25"),
        (AFFINE, "1 0 0 1 100.5 7.25"),
        (AFFINE, "0.5 0 0 0.5 9.9 9.9"),
        (AFFINE, "0.5 0 0 0.5 -9.9 -300.01"),
        (AFFINE, "0.01 0 0 0.01 -0.999 0.999"),
        (AFFINE, "-1 0 0 1 -0.5 -0.5"),
        (AFFINE, "0 2 2 0 -0.5 17.999"),
        (AFFINE, "0.7 0.7 -0.7 0.7 -50.3 -0.9"),
        (POLYNOMIAL, "-3.7 1.1 0 -9.2 0 0.9"),
    ],
)
def test_border_pixels_of_fractional_places_are_found(bare_service, name, numbers):
    spec = {"className": name, "dataString": numbers}
    one = {"tileId": "t", "z": 1, "width": 300, "height": 200, "transforms": spec}
    for stack in ("s", "other"):
        bare_service.must(f"POST S:{stack}", {})
        body = {"tileIdToSpecMap": {"t": one}}
        bare_service.must(f"PUT S:{stack}/resolvedTiles?deriveData=true", body)
    local = [{"tileId": "t", "local": list(point)} for point in CORNERS]
    world = bare_service.must("PUT S:s/local-to-world-coordinates", local).json()
    back = bare_service.must("PUT S:s/world-to-local-coordinates", world).json()
    found = np.array([entries[0].get("local", [np.nan] * 2)[:2] for entries in back])
    assert np.allclose(found, CORNERS, atol=1e-4)
    named = bare_service.must("PUT S:s/tileIdsForCoordinates", world).json()
    assert [[entry["tileId"] for entry in entries] for entries in named] == [["t"]] * len(CORNERS)
    for entry, corner in zip(world, CORNERS, strict=True):
        x, y = map(repr, entry["world"][:2])
        (place,) = bare_service.must(f"GET S:s/z/1/world-to-local-coordinates/{x},{y}").json()
        assert np.allclose(place["local"][:2], corner, atol=1e-4)
        path = f"GET S:s/z/1/world-coordinates/{x},{y}/mapped-to-stack/other"
        assert np.allclose(bare_service.must(path).json()["world"], entry["world"], atol=1e-4)


def test_what_is_close_to_a_tile_is_not_in_it(bare_service):
    bare_service.must("POST S", {})
    spec = {"className": AFFINE, "dataString": "1 0 0 1 -100.5 -7.25"}
    tiles = {
        "t": {"z": 1, "width": 300, "height": 200, "transforms": spec},
        "plain": {"z": 1, "width": 9, "height": 9, "minX": 500, "minY": 0, "maxX": 509, "maxY": 9},
    }
    bare_service.must("PUT S/resolvedTiles?deriveData=true", {"tileIdToSpecMap": tiles})
    outside = [(-100.6, 0), (0, -7.3), (-101.4, 0), (198.6, 192.6), (-0.5, 5), (9.5, -0.6)]
    sent = [{"world": list(point)} for point in outside]
    answers = bare_service.must("PUT S/z/1/world-to-local-coordinates", sent).json()
    tiles_of = [[entry.get("tileId") for entry in entries] for entries in answers]
    assert tiles_of[:4] == [[None]] * 4
    named = bare_service.must("PUT S/z/1/tileIdsForCoordinates", sent[:3]).json()
    assert all("tileId" not in entry for entries in named for entry in entries)
