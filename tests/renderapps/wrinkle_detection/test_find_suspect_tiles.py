"""Suspect tiles among flat, folded and bent ones, on a live service."""

import json
import subprocess
import sys

import numpy as np
import pytest
from layered_stacks import run
from stored_stacks import store

from renderapi.pointmatch import import_matches, set_collection_metadata
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.wrinkle_detection.find_suspect_tiles import FindSuspectTiles

GIVEN = {"stack": "rough", "matchCollection": "m"}
SIDE, BORDER = 400.0, 150.0
JUMP = np.array([26.0, -9.0])
LENS = AffineModel(M00=1.1, M11=1.1)
SECTIONS = range(5)


def flattened(name, raw):
    """Where the tissue on a tile was before it was folded (f2) or bent (b2)."""
    if name == "f2":
        return raw + np.where(raw[:, :1] < BORDER, 0, JUMP)
    if name == "b2":
        return raw + 40.0 * ((raw - SIDE / 2) / SIDE) ** 2
    return raw


def matched(column, z, rng, count=120):
    """Matches of a tile with that of the section above, after the lens of both, and 0.4 px off."""
    names = f"{column}{z}", f"{column}{z + 1}"
    here = rng.uniform(3, SIDE - 3, (count, 2))
    bare = next((n for n in names if n in ("f2", "b2")), names[0])
    flat = flattened(bare, here)
    ends = {names[0]: flat, names[1]: flat} | {bare: here}
    p, q = ((1.1 * ends[n] + rng.normal(0, 0.4, (count, 2))).T.tolist() for n in names)
    return {
        "pGroupId": f"{z}.0", "pId": names[0], "qGroupId": f"{z + 1}.0", "qId": names[1],
        "matches": {"p": p, "q": q, "w": [1.0] * count},
    }  # fmt: skip


@pytest.fixture
def matches(render):
    """Three columns of tiles: f2 is folded, b2 bent, c all flat; few matches of c4."""
    tiles = []
    for z in SECTIONS:
        for number, column in enumerate("fbc"):
            tile = TileSpec(
                tileId=f"{column}{z}", z=float(z), width=int(SIDE), height=int(SIDE),
                sectionId=f"{z}.0",
            )  # fmt: skip
            tile.tforms = [LENS, AffineModel(B0=900.0 * number + 70 * z, B1=-30.0 * z)]
            tiles.append(tile)
    store(render, "rough", tiles, [], resolution=(4, 4, 50))
    rng = np.random.default_rng(8)
    made = [
        matched(column, z, rng)
        for z in SECTIONS[:-1]
        for column in "fbc"
        if (column, z) != ("c", 3)
    ]
    made.append(matched("c", 3, rng, count=5))
    import_matches("m", made, render=render)
    set_collection_metadata("m", {"local_transforms": 1}, render=render)
    return {(m["pId"], m["qId"]): m["matches"] for m in made}


def expected_residual(matches, pair, side):
    """Root mean square of what an affine leaves of the matches, the lens taken off one end."""
    here, there = (np.transpose(matches[pair][k]) for k in (side, "pq".replace(side, "")))
    design = np.column_stack([here, np.ones(len(here))])
    solution, *_ = np.linalg.lstsq(design, there, rcond=None)
    return np.sqrt(((design @ solution - there) ** 2).sum(axis=1).mean())


def test_folded_tiles_are_found_and_told_from_bent_and_matched_ones(render, matches):
    status, report = run(FindSuspectTiles, render, **GIVEN)
    assert status == 0
    assert report["tiles_to_split"] == ["f2"]
    suspects = {entry["tileId"]: entry for entry in report["suspects"]}
    assert set(suspects) == {"f1", "f2", "f3", "b1", "b2", "b3"}
    folded = suspects["f2"]
    assert (folded["z"], folded["sections"], folded["sections_off"]) == (2.0, 2, 2)
    assert (folded["pieces"], folded["matches"]) == (2, 240)
    both = {
        1.0: expected_residual(matches, ("f1", "f2"), "q"),
        3.0: expected_residual(matches, ("f2", "f3"), "p"),
    }
    assert folded["residual"] == pytest.approx(max(both.values()), abs=1e-3)
    assert folded["at_z"] == max(both, key=both.get)
    for name in ("f1", "f3", "b1", "b2", "b3"):
        assert suspects[name]["pieces"] == 1 and "one piece" in suspects[name]["note"], name
    found = [entry["residual"] for entry in report["suspects"]]
    assert found == sorted(found, reverse=True)
    unchecked = {e["tileId"]: e["reason"] for s in report["sections"] for e in s["unchecked_tiles"]}
    assert unchecked == {"c4": "fewer than 12 matches with any one other section"}


def test_a_fold_that_one_section_sees_may_be_in_the_other_tile(render, matches):
    points = matches["f1", "f2"]
    pair = {"pGroupId": "1.0", "pId": "f1", "qGroupId": "2.0", "qId": "f2", "matches": points}
    import_matches("one", [pair], render=render)
    given = GIVEN | {"matchCollection": "one", "local_transforms": 1}
    status, report = run(FindSuspectTiles, render, **given)
    assert status == 0 and report["tiles_to_split"] == []
    notes = {entry["tileId"]: entry["note"] for entry in report["suspects"]}
    assert set(notes) == {"f1", "f2"}
    assert all("one section only" in note for note in notes.values())


def test_the_limit_is_that_of_the_residual(render, matches):
    _, report = run(FindSuspectTiles, render, **GIVEN, max_residual=1000)
    assert report["suspects"] == []
    _, report = run(FindSuspectTiles, render, **GIVEN, max_residual=0.05, zs=[1])
    assert {entry["tileId"] for entry in report["suspects"]} == {"f1", "b1", "c1"}


def test_from_the_command_line_and_bad_input(render, matches, tmp_path):
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    path, report = tmp_path / "in.json", tmp_path / "out.json"
    path.write_text(json.dumps({"render": connection, "pool_size": 1} | GIVEN))
    module = "renderapps.wrinkle_detection.find_suspect_tiles"

    def go(*flags):
        whole = [sys.executable, "-m", module, "--input_json", str(path), *flags]
        return subprocess.run(whole, capture_output=True, text=True)

    assert go("--output_json", str(report)).returncode == 0
    assert json.loads(report.read_text())["tiles_to_split"] == ["f2"]
    missing = go("--matchCollection", "none")
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1
    assert go("--min_inliers", "1").returncode == 2
