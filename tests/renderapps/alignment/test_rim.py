"""Neighbours on the sides of tiles, and the rim of a section."""

import numpy as np
import pytest

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.alignment.placed_outlines import outlines_of
from renderapps.alignment.rim import rim_tiles, side_neighbours
from renderapps.module.tile_documents import Section


def turned(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return AffineModel(M00=c, M01=-s, M10=s, M11=c, B0=500)


def grid(rows, columns, width=100, height=40, step=(90, 36), degrees=0.0, shift=0.0):
    """Tiles of a grid, rows shifted against each other, turned as a whole."""
    tiles = [
        TileSpec(
            tileId=f"{r}{c}",
            z=1.0,
            width=width,
            height=height,
            tforms=[
                AffineModel(B0=c * step[0] + (r % 2) * shift, B1=r * step[1]),
                turned(degrees),
            ],
        ).to_dict()
        for r in range(rows)
        for c in range(columns)
    ]
    return Section(1.0, tiles)


def neighbours_of(section, threshold=None):
    placed = outlines_of(section)
    return side_neighbours(placed.polygons, placed.corners, threshold)


@pytest.mark.parametrize("degrees", [0.0, 45.0, 90.0, 200.0])
def test_sides_are_those_of_the_tile_and_corners_are_none(degrees):
    found = neighbours_of(grid(3, 3, degrees=degrees)).beside
    assert found["11"] == {"left": ["10"], "right": ["12"], "upper": ["01"], "lower": ["21"]}
    assert found["00"] == {"right": ["01"], "lower": ["10"]}
    assert len(neighbours_of(grid(3, 3, degrees=degrees)).pairs()) == 12


def test_tiles_that_only_touch_are_neighbours_and_those_apart_are_not():
    assert len(neighbours_of(grid(1, 2, step=(100, 40))).pairs()) == 1
    assert neighbours_of(grid(1, 2, step=(101, 40))).pairs() == []
    assert neighbours_of(grid(1, 2), threshold=89).pairs() == []
    assert len(neighbours_of(grid(1, 2), threshold=91).pairs()) == 1


@pytest.mark.parametrize("degrees", [0.0, 45.0])
def test_the_rim_of_a_grid(degrees):
    outer = rim_tiles(neighbours_of(grid(5, 6, degrees=degrees)))
    inner = {f"{r}{c}" for r in range(5) for c in range(6)} - set(outer)
    assert inner == {f"{r}{c}" for r in (1, 2, 3) for c in (1, 2, 3, 4)}
    assert outer["00"] == "2 neighbours, 4 are needed"
    two = rim_tiles(neighbours_of(grid(5, 6, degrees=degrees)), layers=2)
    assert {f"{r}{c}" for r in range(5) for c in range(6)} - set(two) == {"22", "23"}


def test_corners_alone_go_where_three_neighbours_are_enough():
    outer = rim_tiles(neighbours_of(grid(3, 4)), min_neighbors=3)
    assert sorted(outer) == ["00", "03", "20", "23"]


def test_in_shifted_rows_a_side_without_neighbour_counts():
    """The outermost tile of a row has two above and two below, but none beside it."""
    found = neighbours_of(grid(5, 4, shift=40.0))
    assert sum(map(len, found.beside["20"].values())) >= 3
    outer = rim_tiles(found)
    inner = {f"{r}{c}" for r in range(5) for c in range(4)} - set(outer)
    assert inner == {"11", "12", "21", "22", "31", "32"}


def test_a_tile_alone_is_outer_and_one_without_area_is_told():
    lonely = grid(1, 1)
    assert rim_tiles(neighbours_of(lonely)) == {"00": "no neighbour"}
    lonely.tiles[0]["transforms"]["specList"][0]["dataString"] = "0 0 0 0 1 1"
    assert "no area" in outlines_of(lonely).skipped["00"]
    assert neighbours_of(lonely).tiles == []
