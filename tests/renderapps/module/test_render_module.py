"""The render group, running from Python and from the command line, and exit statuses."""

import json
import logging
import os
import subprocess
import sys

import pytest
from argschema import ArgSchema
from argschema.fields import Str
from marshmallow import ValidationError

import renderapi
from renderapps.module import (
    ParallelParameters,
    ParameterError,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    ZParameters,
)
from renderapps.module.template_module import Template


class Parameters(ZParameters, ParallelParameters, RenderParameters):
    what = Str(load_default="nothing")


class Fails(RenderModule):
    """Fails as it is told to."""

    default_schema = Parameters

    def run(self):
        if self.args["what"] == "one line":
            raise RenderModuleException("stack a has no tiles;\n import some")
        if self.args["what"] == "a bug":
            raise KeyError("key")
        if self.args["what"] == "a key":
            raise KeyboardInterrupt
        self.output({"done": True})


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path):
    for name in ("HOST", "PORT", "OWNER", "PROJECT", "STORE", "CLIENT_SCRIPTS"):
        monkeypatch.delenv(f"RENDER_{name}", raising=False)
    monkeypatch.setenv("RENDER_STORE", str(tmp_path / "render.db"))
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


LOCAL = {"owner": "me", "project": "here"}


def module(render=LOCAL, **data):
    return Fails(input_data={"render": render, **data}, args=[])


def problems(render, **data):
    with pytest.raises(ParameterError) as caught:
        module(render, **data)
    return caught.value.problems


def test_the_connection_is_that_of_the_parameters(tmp_path):
    render = module({**LOCAL, "store": str(tmp_path / "x.db")}).render
    assert (render.DEFAULT_OWNER, render.DEFAULT_PROJECT) == ("me", "here")
    assert renderapi.session.local_host(tmp_path / "x.db") == render.DEFAULT_HOST
    assert render.DEFAULT_PORT is None

    far = {**LOCAL, "host": "server", "port": "8080"}
    assert module(far).render.DEFAULT_HOST == "http://server"
    assert module(far).render.DEFAULT_PORT == 8080


def test_what_is_absent_comes_from_the_environment(monkeypatch):
    for name, value in (("HOST", "h"), ("PORT", "99"), ("OWNER", "o"), ("PROJECT", "p")):
        monkeypatch.setenv(f"RENDER_{name}", value)
    args = Fails(args=[]).args["render"]
    assert (args["host"], args["port"], args["owner"], args["project"]) == ("h", 99, "o", "p")
    assert module({"host": "other", "port": 1, "owner": "x"}).args["render"]["port"] == 1
    assert module({"owner": "x"}).args["render"]["owner"] == "x"
    assert module({"host": "local"}).args["render"]["port"] is None


def test_owner_and_project_are_needed_one_clear_line_each():
    told = [
        "render.owner: missing: give --render.owner or set RENDER_OWNER",
        "render.project: missing: give --render.project or set RENDER_PROJECT",
    ]
    assert problems({}) == told
    with pytest.raises(ParameterError) as caught:
        Fails(args=[])
    assert caught.value.problems == told


def test_a_server_needs_a_port_and_has_no_store_file():
    assert problems({**LOCAL, "host": "server"}) == [
        "render.port: missing: give --render.port or set RENDER_PORT"
    ]
    assert problems({**LOCAL, "host": "server", "port": 1, "store": "a.db"}) == [
        "render.store: only for host local, not for server (got 'a.db')"
    ]
    assert problems({**LOCAL, "port": 80.7}) == ["render.port: not a valid integer (got 80.7)"]


def test_a_cluster_cannot_reach_the_embedded_service():
    (line,) = problems(LOCAL, dask_scheduler="tcp://a:1")
    assert line.startswith("dask_scheduler: needs a render web service that its workers can reach")
    far = {**LOCAL, "host": "server", "port": 1}
    assert module(far, dask_scheduler="tcp://a:1").args["dask_scheduler"] == "tcp://a:1"


def test_pool_size_is_the_number_of_processors_by_default():
    assert module().args["pool_size"] == os.cpu_count()
    assert problems(LOCAL, pool_size=0)[0].startswith("pool_size: must be greater than or equal")


def test_sections_are_named_one_by_one_or_as_a_range():
    assert problems(LOCAL, zs=[1], minZ=0)[0].startswith("zs: give zs, or minZ and maxZ, not both")
    assert problems(LOCAL, minZ=2, maxZ=1)[0].startswith("minZ: minZ 2 is above maxZ 1")
    assert module(zValues=[1, "2.5"]).args["zs"] == [1.0, 2.5]


def test_a_schema_must_be_one_of_a_module():
    with pytest.raises(RenderModuleException, match="ArgSchema is not a schema of a module"):
        RenderModule(schema_type=ArgSchema, args=[])
    with pytest.raises(ValidationError):
        RenderModule(input_data={"render": LOCAL}, schema_type=Unfillable, args=[])


class Unfillable(RenderParameters):
    never = Str(required=True)


def test_a_failure_is_an_exception_from_python_and_not_an_exit():
    with pytest.raises(RenderModuleException):
        module(what="one line").run()
    good = module()
    good.run()
    assert good.result == {"done": True}


ARGV = ["--render.owner", "me", "--render.project", "here"]


@pytest.mark.parametrize(
    ("what", "status", "told"),
    [
        ("nothing", 0, ": done\n"),
        ("one line", 1, "error: stack a has no tiles; import some\n"),
        ("a bug", 1, "error: KeyError: 'key'\n"),
        ("a key", 130, "error: stopped by the keyboard\n"),
    ],
)
def test_exit_status_and_one_line_on_stderr(capsys, what, status, told):
    with pytest.raises(SystemExit) as left:
        Fails.main([*ARGV, "--what", what])
    assert left.value.code == status
    written = capsys.readouterr().err
    assert written.endswith(told)
    assert written.count("\n") == 1


def test_debug_shows_the_traceback(capsys):
    assert Fails.exit_status([*ARGV, "--what", "one line", "--log_level", "DEBUG"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_wrong_parameters_are_status_2_with_every_problem(capsys):
    assert Fails.exit_status(["--what", "a", "b", "--bogus"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all(": error: " in line for line in lines)


def test_the_template_runs_as_a_program(tmp_path):
    target = tmp_path / "out.json"
    command = [sys.executable, "-m", "renderapps.module.template_module", *ARGV]
    run = subprocess.run(
        [*command, "--example", "text", "--output_json", str(target)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (0, "")
    assert run.stderr == "module.template_module: done\n"
    assert json.loads(target.read_text())["args"]["example"] == "text"
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 2
    assert run.stderr == "module.template_module: error: example: missing, and required\n"


def test_the_template_writes_its_parameters():
    template = Template(input_data={"render": LOCAL, "example": "text"}, args=[])
    template.run()
    assert template.result["args"]["example"] == "text"
    assert template.result["args"]["default_val"] == "a default value"


def test_the_log_level_of_a_run_ends_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("RENDER_STORE", str(tmp_path / "render.db"))
    before = logging.getLogger().level
    flags = ["--example", "a", "--render.owner", "me", "--render.project", "p"]
    assert Template.exit_status([*flags, "--log_level", "CRITICAL"]) == 0
    assert logging.getLogger().level == before
