"""SIGKILL of a module whose workers write files.

Its workers end, nothing is half-written under a final name, and the next run completes and tidies.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorstore
import tifffile
from waiting import children, is_alive, wait_until

import renderapi
from renderapi.tilespec import ImagePyramid, MipMap, TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.dataimport.generate_mipmaps import GenerateMipMaps
from renderapps.materialize.export_volume import ExportVolume
from renderapps.module import RenderModuleException
from renderws.local import close_local_services

KILLED_AT_RENAME = """
import os, signal, sys

target = sys.argv.pop(1)

def watch(event, arguments):
    # the volume is moved aside first, then the new one takes its name
    if event == "os.rename" and os.fspath(arguments[1]) == target:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
from renderapps.materialize.export_volume import ExportVolume
ExportVolume.main()
"""
EXPORTED_BY_WORKERS = """
import os, sys, time

target = sys.argv.pop(1)

def watch(event, arguments):
    # it is never done: a fast machine would be before anybody looks
    if event == "os.rename" and os.fspath(arguments[1]) == target:
        time.sleep(600)

sys.addaudithook(watch)
from renderapps.materialize import export_volume
from renderapps.module.effort import ALWAYS
export_volume.DRAWN = ALWAYS  # however little there is to draw
export_volume.ExportVolume.main()
"""
GENERATED_WITHOUT_END = """
import time
from renderapps.dataimport.generate_mipmaps import GenerateMipMaps
from renderapps.module import OutputStack

OutputStack.write = lambda *_, **__: time.sleep(600)  # it is never done, either
GenerateMipMaps.main()
"""
SIDE, COLUMNS, LAYERS = 256, 4, 8

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks for processes in /proc"
)

PARENT = """
import sys, time
from pathlib import Path
from renderapps.module.parallel import map_tasks

def forever(item):
    Path(item).write_text("")
    time.sleep(600)

if __name__ == "__main__":
    map_tasks(forever, sys.argv[1:], pool_size=2)
"""


def killed(process):
    """Kill a process, and wait until those that it started are gone."""
    workers = children(process.pid)
    process.kill()
    process.wait()
    wait_until(lambda: not any(map(is_alive, workers)), "its workers go on without it")
    return workers


def test_workers_end_when_their_parent_is_killed_in_the_middle_of_their_work(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PARENT)
    marks = [tmp_path / "one", tmp_path / "two"]
    with subprocess.Popen([sys.executable, program, *map(str, marks)]) as process:
        wait_until(lambda: all(mark.exists() for mark in marks), "no worker started")
        assert len(killed(process)) >= 2  # two workers, and what watches over them


def pixels(z, column):
    return np.random.default_rng([z, column]).integers(1, 255, (SIDE, SIDE), dtype=np.uint8)


@pytest.fixture
def store(tmp_path):
    """A store with a stack of LAYERS x COLUMNS tiles, which no process has open."""
    path = tmp_path / "render.db"
    render = renderapi.connect(host="local", store=path, owner="o", project="p")
    renderapi.stack.create_stack("raw", render=render)
    tiles = []
    for z in range(LAYERS):
        for column in range(COLUMNS):
            image = tmp_path / "raw" / f"{z}_{column}.tif"
            image.parent.mkdir(exist_ok=True)
            tifffile.imwrite(image, pixels(z, column))
            pyramid = ImagePyramid({"0": MipMap(path_to_url(image))})
            place = [AffineModel(B0=SIDE * column)]
            tiles.append(
                TileSpec(
                    tileId=f"{z}_{column}", z=float(z), width=SIDE, height=SIDE, maxint=255,
                    imagePyramid=pyramid, tforms=place, sectionId=str(z),
                )
            )  # fmt: skip
    renderapi.resolvedtiles.put_tilespecs("raw", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)
    close_local_services()
    return path


def run_of(command, store, path, options):
    """A command that is running with parameters from a file."""
    render = {"host": "local", "owner": "o", "project": "p"}
    path.write_text(json.dumps({"render": render, "input_stack": "raw", "pool_size": 2, **options}))
    environment = {**os.environ, "RENDER_STORE": str(store)}
    return subprocess.Popen([*command, "--input_json", str(path)], env=environment, cwd=path.parent)


def completed(module, store, options):
    """Run a module in this process, which needs no workers."""
    render = renderapi.connect(host="local", store=store, owner="o", project="p")
    group = {"host": render.DEFAULT_HOST, "owner": "o", "project": "p"}
    parameters = {"render": group, "input_stack": "raw", "pool_size": 1, **options}
    module(input_data=parameters, args=[]).run()


def leftovers(folder):
    return [path for path in folder.rglob(".*") if path.is_file() or path.is_dir()]


def test_a_killed_generation_of_mipmaps_leaves_whole_files_and_is_completed(store, tmp_path):
    output = tmp_path / "mipmaps"
    options = {"output_stack": "reduced", "output_directory": str(output), "levels": 2}
    command = [sys.executable, "-c", GENERATED_WITHOUT_END]
    with run_of(command, store, tmp_path / "generate.json", options) as process:
        there = lambda: any(output.rglob("*.tif")) or process.poll() is not None  # noqa: E731
        wait_until(there, "no mipmap was made")
        assert process.poll() is None
        process.send_signal(signal.SIGSTOP)
        killed(process)
    for path in output.rglob("[!.]*.tif"):
        assert tifffile.imread(path).shape in ((SIDE // 2,) * 2, (SIDE // 4,) * 2)
    completed(GenerateMipMaps, store, options)
    assert leftovers(output) == []
    assert len(list(output.rglob("*.tif"))) == 2 * LAYERS * COLUMNS
    render = renderapi.connect(host="local", store=store, owner="o", project="p")
    assert renderapi.stack.get_full_stack_metadata("reduced", render=render)["state"] == "COMPLETE"
    for tile in renderapi.tilespec.get_tile_specs_from_stack("reduced", render=render):
        assert sorted(tile.ip.levels) == ["0", "1", "2"]


def test_a_killed_export_leaves_no_volume_and_is_completed(store, tmp_path):
    volume = tmp_path / "out" / "v.ome.zarr"
    options = {"output_volume": str(volume), "chunk": [1, 64, 64], "shard": [1, 128, 128]}
    command = [sys.executable, "-c", EXPORTED_BY_WORKERS, str(volume)]
    with run_of(command, store, tmp_path / "export.json", options) as process:
        parts = lambda: volume.parent.glob(".*/records/*")  # noqa: E731
        wait_until(lambda: any(parts()) or process.poll() is not None, "nothing was drawn")
        process.send_signal(signal.SIGSTOP)
        assert not volume.exists()
        killed(process)
    assert not volume.exists() and leftovers(volume.parent)
    completed(ExportVolume, store, options)
    assert leftovers(volume.parent) == []
    assert_holds(volume, range(LAYERS))


def test_a_volume_whose_replacement_is_killed_between_two_renames_is_put_back(store, tmp_path):
    volume = tmp_path / "out" / "v.ome.zarr"
    options = {"output_volume": str(volume), "chunk": [1, 64, 64], "shard": [1, 128, 128]}
    completed(ExportVolume, store, {**options, "zs": [2.0]})
    close_local_services()
    command = [sys.executable, "-c", KILLED_AT_RENAME, str(volume)]
    again = {**options, "zs": [1.0, 2.0], "overwrite": True, "pool_size": 1}
    with run_of(command, store, tmp_path / "again.json", again) as process:
        assert process.wait() == -signal.SIGKILL
    assert not volume.exists() and leftovers(volume.parent)
    with pytest.raises(RenderModuleException, match="exists: name another volume, or give over"):
        completed(ExportVolume, store, options)
    assert_holds(volume, [2])
    completed(ExportVolume, store, {**options, "overwrite": True})
    assert leftovers(volume.parent) == []
    assert_holds(volume, range(LAYERS))


def assert_holds(volume, layers):
    """The pixels of a volume are those of the tiles, layer by layer."""
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(volume / "0")}}
    found = tensorstore.open(spec).result().read().result()
    expected = [np.hstack([pixels(z, c) for c in range(COLUMNS)]) for z in layers]
    np.testing.assert_array_equal(found.reshape(len(layers), SIDE, SIDE * COLUMNS), expected)
