"""The chain after SIGKILL between its steps and within them: as if it had never been killed."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from layered_stacks import documents, shared

import renderapi
from renderapps.alignment.align_stack import AlignStack
from renderapps.alignment.chain import LOCK
from renderapps.alignment.chain_steps import STEPS
from renderapps.demo.acquisition import QUICK_PLAN, simulate
from renderapps.module.errors import RenderModuleException

PLAN = replace(QUICK_PLAN, rows=1, columns=2)
STOPPED = """
import fnmatch, os, signal, sys

pattern, text = sys.argv.pop(1), sys.argv.pop(1)

def watch(event, arguments):
    # files take their names by being renamed: where a step begins, within it, and where it ends
    if event == "os.rename" and fnmatch.fnmatch(os.fspath(arguments[1]), pattern):
        if text.encode() in open(arguments[0], "rb").read():
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
from renderapps.alignment.align_stack import AlignStack
AlignStack.main()
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    simulate(folder, PLAN)
    return folder / "raw"


def parameters(folder, raw, **more):
    return {
        "render": {"host": "local", "store": str(folder / "r.db"), "owner": "me", "project": "p"},
        "import_parameters": {
            "image_directory": str(raw),
            "positions_file": str(raw / "positions.csv"),
            "columns": {"x": "stage_x_um", "y": "stage_y_um"},
            "position_unit": "micrometer",
            "pixel_size_nm": [100, 100, 70],
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
    return {step["step"]: step["kept"] for step in module.result["steps"]}


def killed(given, folder, pattern, text=""):
    """Run the chain until a file with a text in it is about to get a name that fits a pattern."""
    (folder / "given.json").write_text(json.dumps(given))
    words = [
        sys.executable,
        "-c",
        STOPPED,
        pattern,
        text,
        "--input_json",
        str(folder / "given.json"),
    ]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def made(given):
    """Where every tile of the result lies, and the voxels of the volume."""
    render = renderapi.connect(**given["render"])
    warps = {}
    for z in renderapi.stack.get_z_values_for_stack("aligned", render=render):
        warps |= {name: t.to_dict() for name, t in shared(render, "aligned", z).items()}
    tiles = documents(render, "aligned").values()
    places = {tile["tileId"]: tile["transforms"]["specList"] for tile in tiles}
    folder = given["output_volume"]
    volume = None if folder is None else zarr.open_group(folder, mode="r")["0"][:]
    return (places, warps), volume


@pytest.fixture(scope="module")
def whole(raw, tmp_path_factory):
    """What a run makes that was never killed."""
    given = parameters(tmp_path_factory.mktemp("whole"), raw)
    run(given)
    return given, made(given)


def same(one, other):
    assert one[0] == other[0]
    np.testing.assert_array_equal(one[1], other[1])


def test_a_run_that_was_killed_again_and_again_ends_like_one_that_was_not(raw, tmp_path, whole):
    given = parameters(tmp_path, raw)
    killed(given, tmp_path, "*/tile_pairs.json")  # within a step
    killed(given, tmp_path, "*/json/montage.json")  # between two
    killed(given, tmp_path, "*/flow_*.npz")  # within, before anything of it is stored
    ledger = json.loads((tmp_path / "work" / "ledger.json").read_text())
    assert "rough" in ledger and "fine" not in ledger
    kept = run(given)
    assert kept["matches"] and kept["rough"] and not kept["fine"]
    same(made(given), whole[1])


def test_what_a_killed_run_has_changed_is_not_taken_for_what_it_was(whole, tmp_path):
    given, expected = whole
    other = {**given, "step_parameters": {"fine": {"bending": 40.0}}, "output_volume": None}
    # its stack has been replaced, and the ledger does not say so yet
    killed(other, tmp_path, "*/ledger.json", '"fine"')
    assert made(given)[0] != expected[0]
    assert not run(given)["fine"]
    same(made(given), expected)


def test_a_second_run_in_one_folder_is_refused_by_name(whole):
    fcntl = pytest.importorskip("fcntl")
    given, _ = whole
    work = Path(given["working_directory"])
    with (work / LOCK).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RenderModuleException, match=f"another run is at work in {work}"):
            run(given)
    assert all(run(given).values())


@pytest.mark.soak
@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("places", "result")])
def test_killed_at_the_end_of_any_step(raw, tmp_path, whole, step):
    given = parameters(tmp_path, raw)
    killed(given, tmp_path, f"*/json/{step}_output.json", '"complete"')
    kept = run(given)
    assert not kept[step]
    same(made(given), whole[1])
