"""The seam: the user's script where one is configured, Python otherwise."""

import json
import os
import subprocess
import sys

import pytest

import renderapi
from renderapi.client import call_run_ws_client, renderclientaccess, run_subprocess_mode, scripts
from renderapi.client.__main__ import main
from renderapi.errors import ClientScriptError
from renderapi.render import RenderClient

VALIDATE = "org.janelia.render.client.ValidateTilesClient"


@pytest.fixture
def recorder(tmp_path):
    """A client script that writes its arguments to a file, and fails if one of them is `fail`."""
    script = tmp_path / "scripts" / "run_ws_client.sh"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/seen\n'
        'for word in "$@"; do [ "$word" != fail ] || exit 3; done\necho done\n'
    )
    script.chmod(0o755)
    return script


def seen(script):
    return (script.parent.parent / "seen").read_text().splitlines()


def where(render):
    return renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "test", "project", "example"
    )


def test_a_configured_script_is_run_with_memory_class_and_arguments(recorder):
    call_run_ws_client("some.Class", ["--z", 1.5, True], memGB="3G", client_script=str(recorder))
    assert seen(recorder) == ["3G", "some.Class", "--z", "1.5", "True"]


def test_a_render_client_gives_script_and_memory(recorder):
    client = RenderClient(str(recorder), "2G", host="http://h")
    assert call_run_ws_client("C", ["a"], renderclient=client, subprocess_mode="check_output") == (
        b"done\n"
    )
    assert seen(recorder) == ["2G", "C", "a"]


def test_a_failing_script_is_an_error_unless_it_is_only_called(recorder):
    arguments = {"memGB": "1G", "client_script": str(recorder)}
    for mode in ("check_call", "check_output", None):
        with pytest.raises(ClientScriptError):
            call_run_ws_client("C", ["fail"], subprocess_mode=mode, **arguments)
    assert call_run_ws_client("C", ["fail"], subprocess_mode="call", **arguments) == 3
    with pytest.raises(ClientScriptError, match="Java cannot reach the embedded service"):
        call_run_ws_client("C", ["fail", "http+local://x"], **arguments)


def test_a_missing_program_is_not_hidden():
    arguments = {"memGB": "1G", "client_script": "/nowhere/run_ws_client.sh"}
    for error in (FileNotFoundError, ClientScriptError):
        with pytest.raises(error, match=r"/nowhere/run_ws_client\.sh is not a file"):
            call_run_ws_client("C", [], **arguments)
    with pytest.raises(FileNotFoundError, match="no_such_folder"):
        call_run_ws_client("C", [], memGB="1G", client_script="true", cwd="/no_such_folder")


def test_subprocess_modes():
    fail = [sys.executable, "-c", "raise SystemExit(4)"]
    assert run_subprocess_mode(fail, "call", nonsense=1) == 4
    with pytest.raises(subprocess.CalledProcessError):
        run_subprocess_mode(fail, "no such mode")
    where = [sys.executable, "-c", "import os; print(os.getcwd())"]
    output = run_subprocess_mode(where, "check_output", cwd=os.sep)
    assert output.strip() == os.sep.encode()


def test_without_a_script_python_runs(render, example):
    arguments = [
        *renderapi.stack.make_stack_params(render.DEFAULT_HOST, None, "test", "project", "example")
    ]
    assert call_run_ws_client(VALIDATE, [*arguments, "3407"]) == 0
    assert call_run_ws_client(VALIDATE, [*arguments, "3407"], subprocess_mode="check_output") == b""
    assert call_run_ws_client(VALIDATE, [*arguments, "1"], subprocess_mode="call") == 1
    with pytest.raises(ClientScriptError, match="ValidateTilesClient"):
        call_run_ws_client(VALIDATE, [*arguments, "1"])


def test_an_unknown_class_is_refused():
    with pytest.raises(ClientScriptError, match="no program for org"):
        call_run_ws_client("org.Nonsense")


def test_renderclientaccess_finds_the_script(recorder):
    @renderclientaccess
    def client(stack, client_script=None, memGB=None, host=None, render=None, **kwargs):
        return client_script, memGB, host

    folder = str(recorder.parent)
    assert client("s") == (None, None, None)
    assert client("s", client_scripts=folder) == (str(recorder), None, None)
    plain = renderapi.render.Render("http://h", client_scripts=folder)
    assert client("s", render=plain) == (str(recorder), None, "http://h")
    with_script = RenderClient(str(recorder), "5G", host="http://h")
    assert client("s", render=with_script) == (str(recorder), "5G", "http://h")
    with pytest.raises(ClientScriptError, match="is not a file"):
        client("s", client_scripts="/nowhere")
    unchecked = RenderClient("/nowhere", validate_client=False, host="http://h")
    assert client("s", render=unchecked)[0] == "/nowhere"
    assert client("s", client_scripts="")[0] is None
    assert client("s", client_script="")[0] is None
    with pytest.raises(ValueError, match="not a Render"):
        client("s", render="text")


def test_renderclientaccess_works_on_functions_that_take_only_keywords(recorder):
    @renderclientaccess
    def client(**kwargs):
        return kwargs["client_script"]

    assert client(client_scripts=str(recorder.parent)) == str(recorder)


def test_the_module_runs_a_class_from_the_shell(render, example, capsys):
    assert main([VALIDATE, *where(render), "3407"]) == 0
    assert main([VALIDATE, *where(render), "--nonsense"]) == 1
    assert "unknown option --nonsense" in capsys.readouterr().err
    assert main([]) == 1
    assert main(["--help"]) == 0
    assert "ImportJsonClient" in capsys.readouterr().out
    assert main(["TilePairClient", "--help"]) == 0
    assert "--xyNeighborFactor" in capsys.readouterr().out


def test_the_drop_in_script_writes_the_same_file_as_the_function(render, example, tmp_path):
    ours, by_script = tmp_path / "function.json", tmp_path / "script.json"
    renderapi.client.tilePairClient("example", 3407, 3408, outjson=str(ours), render=render)
    script = scripts.directory() / scripts.SCRIPT
    command = [
        "bash",
        str(script),
        "1G",
        "org.janelia.render.client.TilePairClient",
        *where(render),
    ]
    environment = {**os.environ, "RENDERAPI_PYTHON": sys.executable}
    arguments = ["--minZ", "3407", "--maxZ", "3408", "--toJson", str(by_script)]
    subprocess.run([*command, *arguments], check=True, env=environment, capture_output=True)
    assert by_script.read_bytes() == ours.read_bytes()
    assert len(json.loads(ours.read_bytes())["neighborPairs"]) == 20
    bad = subprocess.run([*command, "--nonsense"], env=environment, capture_output=True)
    assert bad.returncode == 1
    assert b"unknown option --nonsense" in bad.stderr
    asked = subprocess.run([*command[:4], "--help"], env=environment, capture_output=True)
    assert asked.returncode == 1  # as the Java clients
    assert b"--xyNeighborFactor" in asked.stdout


def test_a_connection_can_use_the_drop_in_script(render, example, tmp_path, monkeypatch):
    monkeypatch.setenv("RENDERAPI_PYTHON", sys.executable)
    client = RenderClient(
        memGB="1G",
        client_scripts=str(scripts.directory()),
        **{key: render.DEFAULT_KWARGS[key] for key in ("host", "owner", "project")},
    )
    pairs = renderapi.client.tilePairClient("example", 3407, 3408, render=client)
    assert len(pairs["neighborPairs"]) == 20


def test_the_functions_of_subprocess_can_be_replaced(monkeypatch):
    seen = []
    monkeypatch.setattr("subprocess.check_call", lambda words, **more: seen.append((words, more)))
    run_subprocess_mode(["program", "word"], cwd="/", unknown=1)
    assert seen == [(["program", "word"], {"cwd": "/"})]
