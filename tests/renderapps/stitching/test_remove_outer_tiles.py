"""The rim of sections, on a live service."""

import json
import subprocess
import sys

import pytest
from layered_stacks import put, read, run, tile, version

from renderapps.stitching.remove_outer_tiles import RemoveOuterTiles

GIVEN = {"inputStack": "acquired", "outputStack": "inner"}


@pytest.fixture
def stack(render):
    """4 x 4 tiles at z=1, 2 x 2 at z=2; corner 00 of z=1 is missing, a tile lies far away."""
    first = [tile(f"{r}{c}", 1.0, 36.0 * c, 27.0 * r) for r in range(4) for c in range(4) if r or c]
    second = [tile(f"x{r}{c}", 2.0, 36.0 * c, 27.0 * r) for r in range(2) for c in range(2)]
    put(render, "acquired", [[*first, tile("far", 1.0, 9000, 0)], second])


def test_only_tiles_with_neighbours_all_around_stay(render, stack, tmp_path):
    folder = tmp_path / "kept"
    status, report = run(RemoveOuterTiles, render, **GIVEN, jsonDirectory=str(folder))
    assert status == 0
    assert sorted(read(render, "inner")) == ["11", "12", "21", "22"]
    assert version(render, "inner") == version(render, "acquired")
    first, second = report["sections"]
    reasons = {entry["tileId"]: entry["reason"] for entry in first["dropped"]}
    assert len(reasons) == 12 and reasons["far"] == "no neighbour"
    assert sorted(first["dropped_tiles"]) == sorted(reasons)
    assert report["warnings"] == ["section z=2 has outer tiles only"]
    assert second["tiles"] == 0
    written = json.loads((folder / "inner_z0001.json").read_text())
    assert sorted(entry["tileId"] for entry in written) == ["11", "12", "21", "22"]


def test_running_again_gives_the_same_and_the_input_stays(render, stack):
    for _ in range(2):
        assert run(RemoveOuterTiles, render, **GIVEN)[0] == 0
        assert len(read(render, "inner")) == 4
    assert len(read(render, "acquired")) == 20


def test_nothing_left_writes_nothing(render, stack):
    status, report = run(RemoveOuterTiles, render, **GIVEN, rim_layers=3)
    assert status == 1 and report["status"] == "failed"
    assert "no tiles are left" in report["error"]


def test_from_the_command_line_and_bad_input(render, stack, tmp_path):
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"render": connection, "pool_size": 1} | GIVEN))
    command = [sys.executable, "-m", "renderapps.stitching.remove_outer_tiles"]

    def go(*flags):
        whole = [*command, "--input_json", str(path), *flags]
        return subprocess.run(whole, capture_output=True, text=True)

    assert go("--min_neighbors", "3").returncode == 0
    # 10 and 01 lost a neighbour with the corner
    assert len(read(render, "inner")) == 15 - 3 - 2
    missing = go("--inputStack", "none")
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1
    assert go("--min_neighbors", "0").returncode == 2
    same = go("--outputStack", "acquired")
    assert same.returncode == 2 and "also an input" in same.stderr
