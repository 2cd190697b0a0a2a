"""The chain from raw tiles to an aligned volume, on sections that lie as they are known to lie."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr

import renderapi
from renderapps.alignment.align_stack import AlignStack
from renderapps.alignment.chain import Step
from renderapps.alignment.chain_plan import BEGUN, DRAWN, Size, grid_pairs, plan
from renderapps.alignment.chain_steps import (
    STEPS,
    Wanted,
    across_steps,
    last_steps,
    montage_steps,
)
from renderapps.demo.acquisition import QUICK_PLAN, read_truth, simulate
from renderapps.demo.section_accuracy import section_errors
from renderapps.module.errors import ParameterError, RenderModuleException

PLAN = replace(QUICK_PLAN, rows=2, columns=2)


def parameters(folder, raw, **more):
    return {
        "render": {
            "host": "local",
            "store": str(folder / "r.db"),
            "owner": "me",
            "project": "p",
        },
        "import_parameters": {
            "image_directory": str(raw / "raw"),
            "positions_file": str(raw / "raw" / "positions.csv"),
            "columns": {"x": "stage_x_um", "y": "stage_y_um"},
            "position_unit": "micrometer",
            "pixel_size_nm": [100, 100, 70],
            "z_start": 5,
            "z_step": 2,
        },
        "output_stack": "aligned",
        "output_volume": str(folder / "volume.ome.zarr"),
        "working_directory": str(folder / "work"),
        "search_radius": 12,
        "pool_size": 1,
        **more,
    }


def run(given):
    module = AlignStack(input_data=given, args=[])
    module.run()
    return module.result


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    return folder, simulate(folder, PLAN)


@pytest.fixture(scope="module")
def chain(tmp_path_factory, raw):
    folder = tmp_path_factory.mktemp("chain")
    return folder, parameters(folder, raw[0]), run(parameters(folder, raw[0]))


def test_sections_come_to_lie_on_each_other(chain, raw):
    _folder, given, result = chain
    render = renderapi.connect(**given["render"])
    truth = read_truth(raw[1].truth_file)
    before = section_errors(render, "aligned_montage", truth, PLAN)
    after = section_errors(render, "aligned", truth, PLAN)
    assert np.median(before) > 5
    assert np.median(after) <= 0.3 and after.max() <= 2
    assert renderapi.stack.get_z_values_for_stack("aligned", render=render) == [5.0, 7.0]
    assert [step["step"] for step in result["steps"]][-3:] == ["fine", "report", "volume"]
    assert not any(step["kept"] for step in result["steps"])


def test_the_volume_is_what_the_service_draws(chain):
    folder, given, _ = chain
    render = renderapi.connect(**given["render"])
    volume = zarr.open_group(folder / "volume.ome.zarr", mode="r")["0"]
    bounds = renderapi.stack.get_stack_bounds("aligned", render=render)
    width, height = volume.shape[-1], volume.shape[-2]
    box = renderapi.image.get_bb_image(
        "aligned",
        5,
        int(np.floor(bounds["minX"])),
        int(np.floor(bounds["minY"])),
        width,
        height,
        channel="DAPI_1",
        img_format="tiff16",
        render=render,
    )
    assert (np.asarray(volume[0, 0]) == box).mean() > 0.99


def test_the_report_compares_the_result_with_the_montage(chain):
    _folder, given, _ = chain
    work = Path(given["working_directory"])
    found = json.loads((work / "json" / "report_output.json").read_text())
    assert [entry["tiles"] for entry in found["sections"]] == [4, 4]
    assert [entry["pairs"] for entry in found["sections"]] == [4, 4]
    assert found["totals"]["holes"] == 0 and found["totals"]["displaced_tiles"] == 0
    assert found["totals"]["correlation"] > found["totals"]["correlation_before"] + 0.3
    assert (work / "report.html").is_file()


def test_a_second_run_keeps_every_step_and_a_changed_one_what_is_before_it(chain):
    _folder, given, _ = chain
    assert all(step["kept"] for step in run(given)["steps"])
    changed = {**given, "step_parameters": {"fine": {"bending": 4.0}}, "output_volume": None}
    kept = {step["step"]: step["kept"] for step in run(changed)["steps"]}
    again = {name for name in kept if not kept[name]}
    assert again == {"fine", "report"}


def test_matches_of_an_earlier_run_do_not_stay(chain):
    _, given, _ = chain
    render = renderapi.connect(**given["render"])
    name = "aligned_montage_matches"
    ends = {"p": [[1.0], [2.0]], "q": [[3.0], [4.0]], "w": [1.0]}
    stale = {"pGroupId": "old", "pId": "a", "qGroupId": "old", "qId": "b", "matches": ends}
    renderapi.pointmatch.import_matches(name, [stale], render=render)
    run({**given, "stop_after": "matches", "search_radius": 13})
    groups = renderapi.pointmatch.get_match_groupIds(name, render=render)
    assert groups and "old" not in groups
    run({**given, "stop_after": "matches"})  # as the other tests expect it


def test_a_step_whose_stack_is_gone_is_run_again(chain):
    _folder, given, _ = chain
    given = {**given, "output_volume": None, "stop_after": "montage"}
    render = renderapi.connect(**given["render"])
    renderapi.stack.delete_stack("aligned_montage", render=render)
    kept = {step["step"]: step["kept"] for step in run(given)["steps"]}
    assert kept["matches"] and not kept["montage"]


def test_a_changed_table_starts_from_the_import(chain, raw, tmp_path):
    _, given, _ = chain
    table = tmp_path / "positions.csv"
    table.write_bytes(raw[1].positions_file.read_bytes())
    moved = {**given["import_parameters"], "positions_file": str(table)}
    given = {**given, "import_parameters": moved, "stop_after": "import"}
    assert not run(given)["steps"][0]["kept"]
    assert run(given)["steps"][0]["kept"]
    table.write_text(table.read_text() + "\n")
    assert not run(given)["steps"][0]["kept"]


def test_one_section_is_stitched_and_named_as_wanted(raw, tmp_path, chain):
    _, given, _ = chain
    given = {
        **parameters(tmp_path, raw[0]),
        "render": given["render"],
        "input_stack": "aligned_acquired",
        "import_parameters": {},
        "output_stack": "one",
        "output_volume": None,
        "step_parameters": {"matches": {}, "pairs": {"zs": [5.0]}, "montage": {"zs": [5.0]}},
    }
    result = run(given)
    assert [step["step"] for step in result["steps"]] == [
        "pairs",
        "matches",
        "montage",
        "result",
        "report",
    ]
    render = renderapi.connect(**given["render"])
    assert renderapi.stack.get_z_values_for_stack("one", render=render) == [5.0]


def test_a_dry_run_says_what_it_takes_and_writes_nothing(raw, tmp_path, capsys):
    given = parameters(tmp_path / "none", raw[0], dry_run=True)
    result = run(given)
    assert next(entry["step"] for entry in result["plan"]) == "import"
    assert all(entry["disk_bytes"] >= 0 <= entry["seconds"] for entry in result["plan"])
    assert "in all" in capsys.readouterr().out
    assert not (tmp_path / "none" / "work").exists()


def planned(size, side, *names, **parameters):
    """Seconds of a core that a plan says of the last of some steps."""
    steps = [Step(n, STEPS[n], parameters.get(n, {})) for n in names]
    return plan(steps, size, 1, side)[-1]["core_seconds"] - BEGUN


def test_a_plan_counts_what_the_fine_step_was_asked_for():
    def seconds(**asked):
        given = {"scale": 1.0, "neighbours": 2, **asked}
        return planned(Size(6, 6, 6e8), 10_000.0, "fine", fine=given)

    def near(value):
        return pytest.approx(value, abs=0.2)  # plans are rounded to 0.1 s

    once = seconds(rounds=1)
    drawing = 6e8 / DRAWN
    assert seconds() == near(2 * once)  # sections are compared twice where nothing is said
    assert seconds(rounds=3) == near(3 * once)
    assert seconds(rounds=1, scale=0.5) - drawing == near((once - drawing) / 4)
    pairs = 5 + 4  # of six sections, each with the two that follow
    assert seconds(rounds=1, neighbours=1) - drawing == near((once - drawing) * 5 / pairs)
    far = seconds(rounds=1, long_range=[4]) - drawing
    assert far == near((once - drawing) * (pairs + 2) / pairs)


def test_a_plan_counts_the_pairs_of_a_grid():
    grid = np.arange(3 * 25).reshape(3, 5, 5)  # of three sections of 5 x 5 tiles
    assert grid_pairs(Size(75, 3, 0.0)) == grid[:, 1:].size + grid[:, :, 1:].size
    assert grid_pairs(Size(7, 7, 0.0)) == 0


def test_a_plan_counts_pixels_of_reduced_sections_and_reads_images_that_are_not_reduced():
    size, scale = Size(8000, 1000, 3.2e10), {"reduced": {"scale": 0.25}}
    few, many = (
        planned(size, side, "reduced", "rough_matches", **scale) for side in (2048.0, 4096.0)
    )
    assert 2 * few < many < 4 * few  # of a quarter and of a whole million pixels
    without = planned(size, 4096.0, "reduced", **scale)
    assert without - planned(size, 4096.0, "mipmaps", "reduced", **scale) == pytest.approx(
        planned(size, 4096.0, "mipmaps"), abs=0.2
    )


def test_a_plan_is_what_steps_took_on_real_sections():
    """Processor seconds that `benchmarks chain_plan` measured: four sections of 4 x 2 tiles."""
    taken = {"matches": 2.18, "reduced": 0.91, "rough_matches": 6.89, "fine": 72.3}
    taken |= {"report": 1.07, "volume": 3.34}
    size = Size(32, 4, 32 * 2048.0**2)
    side = (size.pixels / 4) ** 0.5
    wanted = Wanted(Path(), "o", "raw", {"image_directory": "."}, output_volume="v")
    steps = [*montage_steps(wanted), *across_steps(wanted, range(4), side)]
    steps += last_steps(wanted, "o")
    said = {entry["step"]: entry["core_seconds"] for entry in plan(steps, size, 1, side)}
    assert all(seconds / 2 < said[name] < 2 * seconds for name, seconds in taken.items()), said


def test_what_is_wrong_is_said(raw, tmp_path):
    given = parameters(tmp_path, raw[0])
    with pytest.raises(ParameterError, match="input_stack or import_parameters"):
        AlignStack(input_data={**given, "input_stack": "s"}, args=[])
    with pytest.raises(ParameterError, match="no step fin; there are: import"):
        AlignStack(input_data={**given, "step_parameters": {"fin": {}}}, args=[])
    with pytest.raises(ParameterError, match="step import: colums"):
        run({**given, "step_parameters": {"import": {"colums": {}}}})
    missing = {**given["import_parameters"], "columns": {"x": "nowhere"}}
    with pytest.raises(RenderModuleException, match=r"step import .*nowhere.*finished steps are"):
        run({**given, "import_parameters": missing})


def test_the_verb_and_the_module_from_the_command_line(raw, tmp_path, capsys):
    from renderapps.__main__ import status

    words = ["align", str(raw[0] / "raw"), "--output", str(tmp_path / "out")]
    words += ["--columns", "x=stage_x_um", "y=stage_y_um", "--unit", "micrometer"]
    assert status([*words, "--dry-run"]) == 0
    assert not (tmp_path / "out").exists()
    capsys.readouterr()
    given = tmp_path / "given.json"
    given.write_text(json.dumps(parameters(tmp_path, raw[0], stop_after="pairs")))
    assert status(["run", "alignment.align_stack", "--input_json", str(given)]) == 0
    assert (tmp_path / "work" / "ledger.json").is_file()
    assert status(["align", str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")]) == 1
    assert "nowhere is not a folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert status(["align", str(tmp_path / "empty"), "--output", str(tmp_path / "out")]) == 1
    assert "say which one with --positions" in capsys.readouterr().err
