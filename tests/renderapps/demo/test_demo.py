"""The demonstration: two runs of the whole chain on small input, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import renderapi
from renderapps.demo.__main__ import MARKER, main
from renderapps.demo.accuracy import TileError, within_limits


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Output folder of a quick run, and its exit status."""
    folder = tmp_path_factory.mktemp("demo") / "out put"
    return folder, main(["--quick", "--output", str(folder)])


def test_it_goes_well_and_says_how_well(demo):
    folder, status = demo
    assert status == 0
    report = (folder / "report.md").read_text()
    assert "18 tiles stitched" in report
    assert "0 dropped" in report
    rows = [
        line.split("|")
        for line in report.split("## Same places")[0].splitlines()
        if line.startswith(("| stage |", "| stitched |"))
    ]
    (stage_median, _), (median, worst) = (map(float, row[2:4]) for row in rows)
    assert stage_median > 1
    assert median <= 0.3
    assert worst <= 1
    assert "The sections are stitched, and aligned with each other." in report
    (apart, farthest), (together, _) = (
        map(float, line.split("|")[2:4])
        for line in report.split("## Same places")[1].splitlines()
        if line.startswith(("| stitched |", "| aligned |"))
    )
    assert farthest >= apart > 5
    assert together <= 0.3


def test_pictures_volume_and_pages_are_there(demo):
    folder, _ = demo
    page = (folder / "report.html").read_text()
    for when in ("before", "after"):
        for z in ("0.0", "1.0"):
            name = f"pictures/{when}/{z}.png"
            assert name in page
            with Image.open(folder / name) as image:
                assert image.mode == "L"
                assert min(image.size) > 500
                assert np.array(image).std() > 20
    for name in ("residuals", "seam", "sections"):
        with Image.open(folder / "pictures" / f"{name}.png") as image:
            assert image.size[0] > 500
    group = json.loads((folder / "volume.ome.zarr" / "zarr.json").read_text())
    assert group["attributes"]["ome"]["version"] == "0.5"


def test_every_step_leaves_its_parameters_and_its_output(demo):
    folder, _ = demo
    inputs = sorted(p for p in (folder / "json").glob("[0-9]*.json") if "output" not in p.name)
    assert len(inputs) == 14
    for path in inputs:
        output = json.loads(path.read_text())["output_json"]
        assert Path(output).is_file()


def test_the_report_names_commands_that_work(demo, capsys):
    from renderapps.__main__ import status

    folder, _ = demo
    assert f"--store '{folder / 'render.db'}'" in (folder / "report.md").read_text()
    again = ["run", "stitching.solve_montage", "--input_json"]
    step = folder / "json" / "05_solve_montage.json"
    assert status([*again, str(step), "--model", "affine", "--output_stack", "other"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("stitching.solve_montage: output stack other")


def test_running_again_is_safe(demo):
    folder, _ = demo
    (folder / "pictures" / "after" / "0.0.png").unlink()
    before = (folder / "report.md").read_text().split("## What was run")[0]
    assert main(["--quick", "--output", str(folder)]) == 0
    assert (folder / "report.md").read_text().split("## What was run")[0] == before
    assert (folder / "pictures" / "after" / "0.0.png").exists()


def own_tiles(raw, out):
    """The words for tiles of the user; no worker processes."""
    words = ["--tiles", str(raw), "--positions", str(raw / "positions.csv"), "--pool-size", "1"]
    words += ["--columns", "x=stage_x_um", "y=stage_y_um", "--unit", "micrometer"]
    return [*words, "--pixel-size-nm", "100", "100", "70", "--output", str(out)]


def said_of_own_tiles(raw, out):
    """The report, once it was looked at for what it says of all tiles of the user."""
    report = (out / "report.md").read_text()
    assert "The true positions of these tiles are not known." in report
    assert f"--image-root {out} --image-root '{raw}'" in report
    return report


@pytest.mark.soak
def test_the_users_own_tiles(demo, tmp_path):
    """In the short form they are stitched below, and all else is as in `demo`."""
    raw, out = demo[0] / "raw", tmp_path / "own"
    assert main(own_tiles(raw, out)) == 0
    assert "stitched, and aligned with each other." in said_of_own_tiles(raw, out)


def test_sections_with_nothing_in_common_are_stitched_and_no_earlier_result_stays(demo, tmp_path):
    """The second section is noise; the folder holds the result of a run before."""
    folder, _ = demo
    raw, out = tmp_path / "ra w", tmp_path / "out"
    shutil.copytree(folder, out)
    shutil.copytree(folder / "raw", raw)
    for path in raw.rglob("*S0001*.tif"):
        noise = np.random.default_rng(0).integers(0, 20000, (200, 200))
        tifffile.imwrite(path, noise.astype(np.uint16))
    assert main(own_tiles(raw, out)) == 0
    assert "but not aligned with each other" in said_of_own_tiles(raw, out)
    render = renderapi.connect(
        host="local", store=out / "render.db", owner="demo", project="array_tomography"
    )
    stacks = renderapi.render.get_stacks_by_owner_project(render=render)
    assert "stitched" in stacks and "aligned" not in stacks


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--tiles", str(Path(__file__).parent)], "say which one with --positions"),
        (["--tiles", ".", "--positions", "p.csv", "--columns", "x"], "give FIELD=COLUMN"),
    ],
)
def test_wrong_use_is_said_in_one_line(tmp_path, capsys, words, message):
    assert main([*words, "--output", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_with_other_files_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["--output", str(tmp_path)]) == 1
    assert "holds files that are not of this demonstration" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    assert MARKER not in [p.name for p in tmp_path.iterdir()]


def test_the_limits_are_on_the_median_and_the_worst():
    def errors(*distances):
        return [TileError("0", 0, k, d, 0.0) for k, d in enumerate(distances)]

    assert within_limits(errors(0.3, 0.1, 1.0))
    assert not within_limits(errors(0.31, 0.31, 0.31))
    assert not within_limits(errors(0.1, 0.1, 1.01))
