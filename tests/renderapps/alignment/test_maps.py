"""Maps go out and come in: relative, [2, z, y, x], x first, and mean the same both ways."""

import json
import subprocess
import sys

import numpy as np
import pytest
from layered_stacks import documents, run, shared
from section_series import put_sections

import renderapi
from renderapi.transform.slices import TileTransforms
from renderapps.alignment.export_maps import ExportMaps
from renderapps.alignment.import_maps import ImportMaps

STRIDE, ROWS, COLUMNS = 20.0, 6, 7
POINTS = np.array([[10.0, 20.0], [33.0, 47.0], [80.5, 61.25], [100.0, 90.0]])


@pytest.fixture
def given(render, tmp_path):
    """Stack `rough` of sections 0, 1, 4 and a map for the latter two, in pixels of half scale."""
    put_sections(render, "rough", [np.zeros((120, 120), np.uint8)] * 3, tmp_path / "i", [0, 1, 4])
    y, x = np.mgrid[:ROWS, :COLUMNS] * STRIDE
    maps = np.zeros((2, 2, ROWS, COLUMNS), np.float32)
    maps[0, 0], maps[1, 0] = 3 + 0.05 * x, -2 + 0.02 * y  # linear: bilinear is exact
    maps[0, 1], maps[1, 1] = 0.1 * y, 0.03 * x
    np.save(tmp_path / "map.npy", maps)
    return {
        "input_stack": "rough",
        "output_stack": "warped",
        "map_file": str(tmp_path / "map.npy"),
        "map_zs": [1, 4],
        "stride": STRIDE,
        "scale": 0.5,
        "origin": [-10, -10],
    }


def moved(render, stack, z, points):
    tile = documents(render, stack)[f"s{z:g}"]
    lookup = {key: t.to_dict() for key, t in shared(render, stack, z).items()}
    return TileTransforms(tile, lookup).forward(points)


def wanted(z, points):
    """By hand: half-scale pixels, the first node at (-10, -10)."""
    x, y = (points * 0.5 + 10).T
    shift = (3 + 0.05 * x, -2 + 0.02 * y) if z == 1 else (0.1 * y, 0.03 * x)
    return points + np.stack(shift, axis=1) / 0.5


def test_a_map_moves_points_as_it_says(render, given):
    status, report = run(ImportMaps, render, **given)
    assert status == 0
    assert report["sections_without_map"] == [0.0]
    np.testing.assert_allclose(moved(render, "warped", 0, POINTS), POINTS)
    for z in (1, 4):
        np.testing.assert_allclose(moved(render, "warped", z, POINTS), wanted(z, POINTS), atol=1e-4)
    cells = {key: tile["meshCellSize"] for key, tile in documents(render, "warped").items()}
    assert cells == {"s0": 64, "s1": STRIDE / 0.5, "s4": STRIDE / 0.5}  # as small as the map's


def test_what_comes_out_is_what_went_in(render, given, tmp_path):
    run(ImportMaps, render, **given)
    out = {"input_stack": "warped", "map_file": str(tmp_path / "out.npy"), "scale": 0.5}
    status, report = run(ExportMaps, render, **out)
    assert status == 0
    assert report["sections_without_warp"] == [0.0]
    values, about = np.load(tmp_path / "out.npy"), json.loads((tmp_path / "out.json").read_text())
    assert values.shape == (2, 3, ROWS, COLUMNS)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[:, 1:], np.load(given["map_file"]), atol=1e-5)
    assert not values[:, 0].any()
    assert (about["zs"], about["stride"], about["origin"]) == ([0, 1, 4], STRIDE, [-10, -10])
    again = {k: given[k] for k in ("input_stack", "output_stack")} | {"map_file": out["map_file"]}
    assert run(ImportMaps, render, **again, existing="replace")[0] == 0  # the .json says the rest
    np.testing.assert_allclose(moved(render, "warped", 1, POINTS), wanted(1, POINTS), atol=1e-4)


def test_fields_of_one_span_go_out_on_the_finest_grid(render, given, tmp_path):
    """As those of a stack of which one section is torn."""
    run(ImportMaps, render, **given | {"zs": [0, 1]})
    fine = np.zeros((2, 1, 2 * ROWS - 1, 2 * COLUMNS - 1), np.float32)
    fine[0, 0, :, COLUMNS:] = 8  # jumps between two nodes
    np.save(tmp_path / "fine.npy", fine)
    second = given | {"map_file": str(tmp_path / "fine.npy"), "map_zs": [4], "zs": [4]}
    run(ImportMaps, render, **second | {"stride": STRIDE / 2})
    out = {"input_stack": "warped", "map_file": str(tmp_path / "out.npy"), "scale": 0.5}
    status, report = run(ExportMaps, render, **out)
    assert (status, report["stride"]) == (0, STRIDE / 2), report
    values = np.load(tmp_path / "out.npy")
    np.testing.assert_allclose(values[:, 2], fine[:, 0], atol=1e-5)
    coarse = np.load(given["map_file"])[:, 0]
    np.testing.assert_allclose(values[:, 1, ::2, ::2], coarse, atol=1e-5)
    halves = (coarse[:, :, :-1] + coarse[:, :, 1:]) / 2
    np.testing.assert_allclose(values[:, 1, ::2, 1::2], halves, atol=1e-5)


def test_an_inverse_map_leads_back(render, given, tmp_path):
    run(ImportMaps, render, **given)
    out = {"input_stack": "warped", "map_file": str(tmp_path / "back.npy"), "direction": "inverse"}
    assert run(ExportMaps, render, **out)[0] == 0
    back = {"input_stack": "rough", "output_stack": "again", "map_file": out["map_file"]}
    assert run(ImportMaps, render, **back)[0] == 0
    inner = POINTS[1:]  # at the border a field goes on as it is there, and so does its inverse
    there = moved(render, "warped", 1, inner)
    np.testing.assert_allclose(moved(render, "again", 1, inner), there, atol=0.02)
    forward = back | {"output_stack": "backward", "direction": "forward"}
    assert run(ImportMaps, render, **forward)[0] == 0
    np.testing.assert_allclose(moved(render, "backward", 1, there), inner, atol=0.02)


def test_unknown_nodes_are_filled_in_and_counted(render, given):
    maps = np.load(given["map_file"])
    maps[:, 0, 2:4, 3] = np.nan
    maps[:, 1] = np.nan
    np.save(given["map_file"], maps)
    status, report = run(ImportMaps, render, **given)
    entries = {entry["z"]: entry for entry in report["sections"]}
    assert (status, entries[1]["unknown_nodes"], entries[4]["warp"]) == (0, 2, None)
    away = moved(render, "warped", 1, POINTS) - wanted(1, POINTS)
    assert np.abs(away).max() < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"map_zs": [1]}, "has 2 sections, and 1 z values belong to it"),
        ({"map_zs": [11, 12]}, "has none of the sections of stack rough"),
        ({"stride": None}, "nothing says how far apart the nodes"),
    ],
)
def test_maps_that_do_not_fit_are_refused(render, given, capsys, change, message):
    assert run(ImportMaps, render, **(given | change))[0] == 1
    assert message in capsys.readouterr().err


def test_files_that_are_no_maps_and_stacks_without_warps(render, given, tmp_path, capsys):
    np.save(given["map_file"], np.zeros((3, 2, 4, 4)))
    assert run(ImportMaps, render, **given)[0] == 1
    assert "is no map: it holds (3, 2, 4, 4)" in capsys.readouterr().err
    out = {"input_stack": "rough", "map_file": str(tmp_path / "x.npy")}
    assert run(ExportMaps, render, **out)[0] == 1
    assert "no section of stack rough ends in a warp" in capsys.readouterr().err
    assert not (tmp_path / "x.npy").exists()


def test_from_the_command_line(tmp_path):
    place = {"host": "local", "store": str(tmp_path / "render.db"), "owner": "me", "project": "p"}
    render = renderapi.connect(**place)
    put_sections(render, "rough", [np.zeros((60, 60), np.uint8)], tmp_path / "i")
    np.save(tmp_path / "map.npy", np.ones((2, 1, 3, 3), np.float32))
    (tmp_path / "in.json").write_text(json.dumps({"render": place}))

    def command(module, **given):
        flags = [word for key, value in given.items() for word in (f"--{key}", str(value))]
        words = [sys.executable, "-m", f"renderapps.alignment.{module}", "--quiet", *flags]
        words += ["--input_json", str(tmp_path / "in.json")]
        done = subprocess.run(words, capture_output=True, text=True)
        return done.returncode, done.stderr

    path = tmp_path / "map.npy"
    into = {"input_stack": "rough", "output_stack": "warped", "map_file": path, "stride": 30}
    assert command("import_maps", **into) == (0, "")
    np.testing.assert_allclose(moved(render, "warped", 0, POINTS), POINTS + 1)
    out = {"input_stack": "warped", "map_file": tmp_path / "out.npy"}
    assert command("export_maps", **out) == (0, "")
    assert (np.load(tmp_path / "out.npy") == 1).all()
    assert command("export_maps", **out | {"scale": 0})[0] == 2
