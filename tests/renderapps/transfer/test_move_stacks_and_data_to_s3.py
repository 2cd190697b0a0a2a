"""A project goes to a server with the S3 protocol and comes back, pixel for pixel."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.rendering import sources
from renderapi.urls import path_to_url, url_to_path
from renderapps.module import ParameterError, RenderModuleException
from renderapps.module.stacks import stack_state
from renderapps.module.tile_documents import read_section
from renderapps.transfer.move_stacks_and_data_to_s3 import MoveStacksAndDataToS3
from renderapps.transfer.storage import Storage
from renderapps.transfer.url_rewriting import quote_key


@pytest.fixture
def move(connections, stack, moto, images):
    """Function that runs the module towards the bucket and gives its result."""

    def call(**options):
        data = {
            **connections,
            "input_stacks": [stack],
            "data_destination": "s3://lab/project",
            "source_prefix": str(images.parent),
            "upload_data": True,
            "endpoint_url": moto,
            "retries": 1,
        } | options
        module = MoveStacksAndDataToS3(input_data=data, args=[])
        try:
            module.run()
        finally:
            call.result = module.result
        return module.result

    return call


def test_images_mipmaps_and_masks_arrive_and_a_second_run_skips_them(move, other, moto, images):
    result = move(output_prefix="cloud_")
    assert (len(result["uploaded"]), result["skipped"]) == (5, [])
    files = list(images.rglob("*.tif"))
    assert result["bytes"] == sum(file.stat().st_size for file in files)
    tile = renderapi.tilespec.get_tile_spec("cloud_raw", "t#1", render=other)
    url = tile.ip["1"].imageUrl
    assert url == "s3://lab/project/raw=20data=2050=25/mips/tile=201.tif"
    again = move(output_prefix="cloud_")
    assert (again["uploaded"], len(again["skipped"]), again["bytes"]) == ([], 5, 0)


def test_the_renderer_reads_the_uploaded_images(move, other, moto, images, monkeypatch):
    move()
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto)
    url = renderapi.tilespec.get_tile_spec("raw", "t/0", render=other).imageUrl
    np.testing.assert_array_equal(
        sources.read_image(url), tifffile.imread(images / "tile 0 100%=1.tif")
    )


def test_an_interrupted_upload_is_completed(move, other, images):
    hidden = images / "mips" / "tile 1.tif"
    hidden.rename(images / "hidden")
    with pytest.raises(RenderModuleException, match=r"1 of 5 files .* no stack was written"):
        move()
    assert len(move.result["uploaded"]) == 4
    assert move.result["missing"] == [{"url": path_to_url(hidden), "reason": "no such file"}]
    assert stack_state(other, "raw") is None
    (images / "hidden").rename(hidden)
    result = move()
    assert (len(result["uploaded"]), len(result["skipped"])) == (1, 4)
    assert stack_state(other, "raw") == "COMPLETE"


def test_a_server_that_is_busy_is_asked_again(move, faults):
    faults.refusals = 7
    assert len(move()["uploaded"]) == 5
    assert faults.uploads >= 12


def test_an_upload_that_was_damaged_is_found_and_repeated(move, faults, other, moto, images):
    faults.damages = 1
    assert len(move()["uploaded"]) == 5
    assert faults.uploads == 6
    storage = Storage(endpoint_url=moto)
    for file in images.rglob("*.tif"):
        key = quote_key(f"/{file.relative_to(images.parent)}")
        assert storage.digest(f"s3://lab/project{key}") == storage.digest(str(file))


def test_a_changed_image_of_the_same_size_is_uploaded_again(move, images):
    move()
    path = images / "mask.tif"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert move()["uploaded"] == ["s3://lab/project/raw=20data=2050=25/mask.tif"]


def test_check_only_writes_nothing(move, other):
    result = move(check_only=True)
    assert (len(result["absent"]), result["stacks"]) == (5, [])
    assert stack_state(other, "raw") is None
    move()
    assert len(move(check_only=True)["skipped"]) == 5


def test_a_project_comes_back(move, render, other, connections, images, tmp_path):
    move()
    restored = renderapi.connect(
        host="local", store=tmp_path / "back.db", owner="lab", project="back"
    )
    target = dict(
        connections["render_target"], host=restored.DEFAULT_HOST, owner="lab", project="back"
    )
    folder = tmp_path / "restored here"
    result = move(
        render_source=connections["render_target"],
        render_target=target,
        data_destination=str(folder),
        source_prefix="s3://lab/project",
    )
    assert len(result["uploaded"]) == 5
    for z in (0.0, 1.0):
        old, new = read_section(render, "raw", z), read_section(restored, "raw", z)
        was, becomes = path_to_url(images.parent), path_to_url(folder)
        assert json.loads(json.dumps(old.tiles).replace(was, becomes)) == new.tiles
    for file in images.rglob("*.tif"):
        copy = folder / file.relative_to(images.parent)
        assert copy.read_bytes() == file.read_bytes()
    tile = renderapi.tilespec.get_tile_spec("raw", "t/0", render=restored)
    assert url_to_path(tile.imageUrl).is_file()


def test_buckets_and_parameters_that_do_not_fit_are_named(move):
    with pytest.raises(RenderModuleException, match="no bucket shop"):
        move(data_destination="s3://shop")
    with pytest.raises(ParameterError, match="check_only: needs upload_data"):
        move(check_only=True, upload_data=False)
    with pytest.raises(ParameterError, match="as many as input_stacks"):
        move(output_stacks=["a", "b"])
    with pytest.raises(RenderModuleException, match="no stack nothing"):
        move(input_stacks=["nothing"])


def test_from_the_command_line_in_a_process_of_its_own(connections, stack, moto, images, tmp_path):
    data = {
        **connections,
        "input_stacks": [stack],
        "upload_data": True,
        "data_destination": "s3://lab",
        "endpoint_url": moto,
    }
    parameters, out = tmp_path / "in.json", tmp_path / "out.json"
    parameters.write_text(json.dumps(data))
    command = [sys.executable, "-m", "renderapps", "run", "move_stacks_and_data_to_s3"]
    done = subprocess.run(
        [*command, "--input_json", str(parameters), "--output_json", str(out)],
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert len(json.loads(out.read_text())["uploaded"]) == 5
