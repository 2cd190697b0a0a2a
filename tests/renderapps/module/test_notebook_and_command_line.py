"""Manners in a notebook, and what a run leaves on the terminal."""

import json
import subprocess
import sys

import numpy as np
import pytest
from argschema.fields import Str

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.module import RenderModule, RenderParameters
from renderapps.stack.set_stack_levels import SetStackLevels


class Parameters(RenderParameters):
    stack = Str(required=True)


class Told(RenderModule):
    """Says something of its work."""

    default_schema = Parameters

    def run(self):
        self.output({"output_stack": "t", "tiles": 3, "skipped_files": ["a"]})


@pytest.fixture
def connection(render):
    return {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}


@pytest.fixture
def flags(render, connection):
    renderapi.stack.create_stack("raw", render=render)
    tiles = [
        TileSpec(tileId=f"t{z}", z=z, width=9, height=9, tforms=[AffineModel()]) for z in (1, 2)
    ]
    renderapi.resolvedtiles.put_tilespecs("raw", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)
    where = [word for key, value in connection.items() for word in (f"--render.{key}", value)]
    return [*where, "--stack", "raw", "--maxIntensity", "99", "--pool_size", "1"]


def test_the_words_of_a_kernel_are_not_those_of_a_module(connection, monkeypatch):
    monkeypatch.setattr("sys.argv", ["ipykernel_launcher.py", "-f", "/run/kernel-1.json"])
    module = Told(input_data={"render": connection, "stack": "s"})
    assert module.args["stack"] == "s"
    assert "Told" in repr(module)
    assert "stack s" in repr(module)


def test_a_script_that_is_the_module_reads_its_words_over_what_it_gives(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from renderapps.module import RenderModule, RenderParameters\n"
        "from argschema.fields import Str\n"
        "class P(RenderParameters):\n    stack = Str()\n"
        "class M(RenderModule):\n    default_schema = P\n"
        "given = {'render': {'owner': 'o', 'project': 'p'}, 'stack': 'given'}\n"
        "print(M(input_data=given).args['stack'])\n"
    )
    command = [sys.executable, str(script), "--stack", "flag"]
    assert subprocess.check_output(command, text=True, cwd=tmp_path) == "flag\n"


def test_run_gives_the_output(connection):
    found = Told(input_data={"render": connection, "stack": "s"}, args=[]).run()
    assert found == {"output_stack": "t", "tiles": 3, "skipped_files": ["a"]}


def test_output_takes_the_options_of_json_dump(connection, tmp_path):
    class Encoder(json.JSONEncoder):
        def default(self, o):
            return "ours" if isinstance(o, complex) else super().default(o)

    module = Told(input_data={"render": connection, "stack": "s"}, args=[])
    path = tmp_path / "o.json"
    value = {"a": 1j, "n": np.float32(2), "p": path, "l": np.arange(2)}
    module.output(value, str(path), cls=Encoder, indent=4)
    expected = {"a": "ours", "n": 2.0, "p": str(path), "l": [0, 1]}
    assert json.loads(path.read_text()) == module.result == expected
    assert '\n    "a": "ours"' in path.read_text()
    module.output({"a": 1j}, default=lambda o: "by function")
    assert module.result == {"a": "by function"}


def test_one_line_says_what_was_made_unless_it_is_not_wanted(flags, capsys):
    assert SetStackLevels.exit_status(flags) == 0
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("stack.set_stack_levels: ")
    assert "raw" in err
    assert "2 sections" in err
    assert SetStackLevels.exit_status([*flags, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_requests_of_the_embedded_service_do_not_bury_what_a_module_says(flags):
    command = [sys.executable, "-m", "renderapps", "run", "set_stack_levels", *flags]
    done = subprocess.run(
        [*command, "--log_level", "INFO"], capture_output=True, text=True, check=True
    )
    assert "renderws.access" not in done.stderr
    assert "GET " not in done.stderr
    done = subprocess.run(
        [*command, "--log_level", "DEBUG"], capture_output=True, text=True, check=True
    )
    assert "renderws.access" in done.stderr


def test_a_run_that_finds_no_stack_leaves_no_store(tmp_path, capsys):
    store = tmp_path / "render.db"
    words = ["--render.store", str(store), "--render.host", "local", "--render.owner", "o"]
    words += ["--render.project", "p", "--stack", "raw", "--maxIntensity", "9"]
    assert SetStackLevels.exit_status(words) == 1
    err = capsys.readouterr().err
    assert "no stack raw" in err
    assert f"(store {store})" in err
    assert list(tmp_path.iterdir()) == []
