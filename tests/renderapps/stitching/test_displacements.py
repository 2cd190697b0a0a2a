"""Implausible displacements."""

from renderapps.stitching.displacements import Placement, find_mistakes


def placed(positions, size=100):
    return {
        tile: Placement((x, y, x + size, y + size), (x + size / 2, y + size / 2))
        for tile, (x, y) in positions.items()
    }


GRID = {f"{r}{c}": (c * 95.0, r * 95.0) for r in range(3) for c in range(3)}


def test_plausible_shifts_keep_every_tile():
    after = {tile: (x + 5 * int(tile[0]), y - 3) for tile, (x, y) in GRID.items()}
    verdict = find_mistakes(placed(GRID), placed(after), distance_threshold=6)
    assert verdict.kept == sorted(GRID)
    assert verdict.dropped == {}
    assert verdict.group_sizes == [9]


def test_a_tile_that_jumped_is_dropped_as_displaced():
    after = dict(GRID, **{"11": (150.0, 95.0)})
    verdict = find_mistakes(placed(GRID), placed(after), distance_threshold=50)
    assert verdict.dropped == {"11": "displaced"}
    assert verdict.group_sizes == [8, 1]


def test_a_group_that_moved_together_is_dropped_as_disconnected():
    after = {t: (x + (400 if t[1] == "2" else 0), y) for t, (x, y) in GRID.items()}
    verdict = find_mistakes(placed(GRID), placed(after), distance_threshold=50)
    assert verdict.dropped == {t: "disconnected" for t in ("02", "12", "22")}
    both = find_mistakes(placed(GRID), placed(after), 50, minimum_group_size=3)
    assert both.dropped == {}


def test_a_tile_the_stitcher_lost_is_missing():
    after = {t: p for t, p in GRID.items() if t != "00"}
    verdict = find_mistakes(placed(GRID), placed(after), 50)
    assert verdict.dropped == {"00": "missing"}


def test_without_neighbours_nothing_is_contradicted():
    verdict = find_mistakes(placed(GRID), placed(GRID), 50, edge_threshold=90)
    assert verdict.kept == sorted(GRID)
    assert verdict.separate == [[t] for t in sorted(GRID)[1:]]
    old = find_mistakes(placed(GRID), placed(GRID), 50, 90, largest_group_only=True)
    assert old.kept == []
    assert set(old.dropped.values()) == {"disconnected"}


def test_an_island_that_nothing_contradicts_is_kept_and_listed():
    island = {f"i{k}": (2000.0 + 95 * k, 0.0) for k in range(3)}
    moved = {tile: (x + 30, y - 70) for tile, (x, y) in island.items()}
    verdict = find_mistakes(placed(GRID | island), placed(GRID | moved), 50)
    assert verdict.dropped == {}
    assert verdict.group_sizes == [9, 3]
    assert verdict.separate == [["i0", "i1", "i2"]]
    old = find_mistakes(placed(GRID | island), placed(GRID | moved), 50, largest_group_only=True)
    assert set(old.dropped) == set(island)


def test_isolated_tiles_are_kept():
    apart = {f"t{k}": (1000.0 * k, 0.0) for k in range(3)}
    verdict = find_mistakes(placed(apart), placed(apart), 50)
    assert verdict.kept == ["t0", "t1", "t2"]


def test_exchanged_tiles_are_dropped_unless_that_is_explained():
    after = dict(GRID, **{"11": GRID["02"], "02": GRID["11"]})
    assert set(find_mistakes(placed(GRID), placed(after), 50).dropped) == {"11", "02"}
    verdict = find_mistakes(placed(GRID), placed(after), 50, explained=["11", "02"])
    assert verdict.dropped == {}


def test_a_section_of_one_tile_is_kept_and_an_empty_one_is_no_error():
    one = placed({"a": (0.0, 0.0)})
    assert find_mistakes(one, one, 50).kept == ["a"]
    assert find_mistakes({}, {}, 50).kept == []


def test_neighbours_of_different_sizes_are_judged_by_the_larger_one():
    """Centres 76 px apart: more than the side of the small tile, less than that of the large."""
    large = placed({"large": (0.0, 0.0)})
    before = large | placed({"small": (100.0, 0.0)}, size=40)
    after = large | placed({"small": (130.0, 0.0)}, size=40)
    assert find_mistakes(before, after, 50).group_sizes == [2]
    assert find_mistakes(before, after, 10).dropped == {"small": "displaced"}
