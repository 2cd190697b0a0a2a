"""move_stack: everything arrives, twice the same, and what was interrupted is completed."""

import json
import signal
import subprocess
import sys

import pytest
from server_process import ServerProcess
from transfer_stacks import full_tile, group, put_stack

import renderapi
from renderapps.module import ParameterError, RenderModuleException
from renderapps.module.stacks import stack_state
from renderapps.module.tile_documents import read_section
from renderapps.transfer.move_stack import StackTransfer

SECTIONS, TILES = 20, 500


def sections_of(render, stack):
    zs = renderapi.stack.get_z_values_for_stack(stack, render=render)
    return {z: read_section(render, stack, z) for z in zs}


@pytest.fixture
def move(connections, stack):
    """Function that runs the module and gives its result."""

    def call(**options):
        data = {**connections, "stack_in": stack, "rewrite_urls": False} | options
        module = StackTransfer(input_data=data, args=[])
        module.run()
        return module.result

    return call


def test_every_field_reference_and_resolution_arrives(move, render, other):
    result = move(stack_out="copy")
    assert (result["tiles"], result["stack_out"]) == (2, "copy")
    assert sections_of(other, "copy") == sections_of(render, "raw")
    old, new = (
        renderapi.stack.get_full_stack_metadata(name, render=r)
        for name, r in (("raw", render), ("copy", other))
    )
    assert new["state"] == "COMPLETE"
    assert new["currentVersion"] == old["currentVersion"]
    assert new["stats"]["stackBounds"] == old["stats"]["stackBounds"]


def test_the_name_is_kept_by_default_and_a_second_run_changes_nothing(move, other):
    move()
    first = sections_of(other, "raw")
    move()
    assert sections_of(other, "raw") == first


def test_urls_are_rewritten_and_listed(move, other, images):
    result = move(rewrite_urls=True, data_destination="s3://lab/p", source_prefix=str(images))
    tile = renderapi.tilespec.get_tile_spec("raw", "t#1", render=other)
    assert tile.imageUrl == "s3://lab/p/tile=201=20100=25=3D1.tif"
    assert tile.maskUrl == "s3://lab/p/mask.tif"
    assert tile.channels[0].ip["0"].maskUrl.startswith("mask://")
    assert len(result["files"]) == 5
    assert result["files"][0]["old"].startswith("file:///")
    assert [url[:7] for url in result["unchanged_urls"]] == ["mask://"]


def test_nothing_is_written_when_only_the_list_is_wanted(connections, stack, other):
    data = {**connections, "stack_in": stack, "upload_json": False, "remove_masks": True}
    pairs = StackTransfer(input_data=data, args=[]).run()
    assert len(pairs) == 4
    assert all(old == new for old, new in pairs)
    assert stack_state(other, stack) is None


def test_sections_can_be_chosen(move, other):
    move(zs=[1.0], stack_out="some")
    assert renderapi.stack.get_z_values_for_stack("some", render=other) == [1.0]


def test_a_stack_is_not_copied_onto_itself(move, connections):
    with pytest.raises(RenderModuleException, match="onto itself"):
        move(render_target=connections["render_source"])


def test_missing_stacks_and_bad_destinations_are_named(move):
    with pytest.raises(RenderModuleException, match="no stack nothing"):
        move(stack_in="nothing")
    with pytest.raises(ParameterError, match="names no bucket"):
        move(data_destination="s3://lab:")


def test_from_the_command_line(connections, stack, other, tmp_path, capsys):
    parameters = tmp_path / "move.json"
    parameters.write_text(json.dumps({**connections, "stack_in": stack}))
    out = tmp_path / "out.json"
    arguments = ["--input_json", str(parameters), "--output_json", str(out)]
    with pytest.raises(SystemExit) as ended:
        StackTransfer.main([*arguments, "--stack_out", "from_flags"])
    assert ended.value.code == 0
    assert json.loads(out.read_text())["stack_out"] == "from_flags"
    assert stack_state(other, "from_flags") == "COMPLETE"
    with pytest.raises(SystemExit) as ended:
        StackTransfer.main(["--stack_in", "raw"])
    assert ended.value.code == 2
    assert "render_source" in capsys.readouterr().err


@pytest.fixture(scope="module")
def services(tmp_path_factory):
    """Two services, each a process of its own on a socket."""
    started = [ServerProcess(tmp_path_factory.mktemp(owner)) for owner in ("lab", "archive")]
    yield [
        renderapi.connect("127.0.0.1", server.port, owner, "project", web_only=True)
        for server, owner in zip(started, ("lab", "archive"), strict=True)
    ]
    for server in started:
        server.end()


KILLED = """
import os, signal
from renderapps.transfer.move_stack import StackTransfer
from renderapps.transfer.stack_copy import OutputStack

write, written = OutputStack.write, []

def and_die(*arguments, **options):
    if len(written) == 9:
        os.kill(os.getpid(), signal.SIGKILL)
    written.append(write(*arguments, **options))
    return written[-1]

OutputStack.write = and_die
StackTransfer.main()
"""


def test_ten_thousand_tiles_between_running_services_with_an_interruption(services, tmp_path):
    source, target = services
    sections = [
        [
            full_tile(f"z{z} t{n}", z, {"0": {"imageUrl": f"file:///data/{z}/{n}.tif"}})
            for n in range(TILES)
        ]
        for z in range(SECTIONS)
    ]
    put_stack(source, "big", sections)
    data = {
        "render_source": group(source),
        "render_target": group(target),
        "stack_in": "big",
        "rewrite_urls": False,
    }
    parameters = tmp_path / "move.json"
    parameters.write_text(json.dumps(data))
    command = [sys.executable, "-c", KILLED, "--input_json", str(parameters)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    (name,) = unfinished(target)
    assert 2 <= len(zs_of(target, name)) < SECTIONS
    assert stack_state(target, "big") is None

    module = StackTransfer(input_data=data, args=[])
    module.run()
    assert unfinished(target) == []
    assert module.result["tiles"] == SECTIONS * TILES
    expected = sections_of(source, "big")
    assert sections_of(target, "big") == expected
    assert expected[3.0].transforms.keys() == {"lens"}
    assert {t["transforms"]["specList"][0]["refId"] for t in expected[3.0].tiles} == {"lens"}
    versions = [
        renderapi.stack.get_full_stack_metadata("big", render=r)["currentVersion"] for r in services
    ]
    assert versions[0] == versions[1]
    StackTransfer(input_data=data, args=[]).run()
    assert sections_of(target, "big") == expected


def unfinished(render):
    names = renderapi.render.get_stacks_by_owner_project(render=render)
    return [name for name in names if "_unfinished_" in name]


def zs_of(render, stack):
    return renderapi.stack.get_z_values_for_stack(stack, render=render)
