"""Every module of these themes on the command line: help, wrong parameters, a missing stack."""

import json
import subprocess
import sys

import pytest
from layered_stacks import layers, read

from renderapps.module.catalogue import discover
from renderapps.module.examples import read_example

THEMES = ("stack", "datamanagement")
ENTRIES = [e for e in discover() if e.theme in THEMES or e.name == "materialize.create_views"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_help_and_wrong_parameters(entry, capsys):
    module = entry.load()
    with pytest.raises(SystemExit) as end:
        module.main(["--help"])
    assert end.value.code == 0 and "--render.owner" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        module.main(["--no_such_parameter", "1", "--render.owner", "me"])
    lines = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert any("no_such_parameter" in line for line in lines)
    assert all(line.startswith(f"{entry.name}: error: ") for line in lines)


ABSENT_IS_NO_ERROR = {"stack.delete_stacks"}
READS_STACKS = [e for e in ENTRIES if e.name != "stack.append_fast_stacks"]


@pytest.mark.parametrize("entry", READS_STACKS, ids=lambda entry: entry.name)
def test_a_stack_that_is_not_there(entry, render, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = read_example(entry.name)
    example["render"] |= {"host": render.DEFAULT_HOST}
    (tmp_path / "in.json").write_text(json.dumps(example))
    status = entry.load().exit_status(["--input_json", str(tmp_path / "in.json")])
    lines = capsys.readouterr().err.splitlines()
    if entry.name in ABSENT_IS_NO_ERROR:
        assert (status, len(lines)) == (0, 1) and lines[0].startswith(f"{entry.name}: ")
    else:
        assert status == 1 and len(lines) == 1 and "no stack" in lines[0]


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("set_stack_levels", ["--maxIntensity", "4000"]),
        ("apply_global_affine_to_stack", ["--transformId", "t", "--B0", "10", "--in_place"]),
    ],
)
def test_as_a_program(module, arguments, render, tmp_path):
    layers(render, "raw")
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    flags = [part for k, v in connection.items() for part in (f"--render.{k}", v)]
    command = [sys.executable, "-m", f"renderapps.stack.{module}", *flags, "--stack", "raw"]
    report = ["--output_json", str(tmp_path / "out.json"), "--pool_size", "1"]
    done = subprocess.run([*command, *arguments, *report], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads((tmp_path / "out.json").read_text())["sections"]) == 3
    tile = read(render, "raw")["a_1"]
    assert tile.maxint == 4000 or tile.minX == 10


def test_two_processes_write_the_same_as_one(render, monkeypatch):
    """Sections are edited in worker processes, which write to the embedded service themselves."""
    from layered_stacks import documents, run

    from renderapps.module.effort import ALWAYS
    from renderapps.stack.regex_replace_filenames import ReplaceFileNames

    monkeypatch.setattr(ReplaceFileNames, "effort", ALWAYS)
    layers(render, "raw")
    given = {"input_stack": "raw", "regex_find": "data", "regex_replace": "moved"}
    for output, size in (("one", 1), ("two", 2)):
        status, _ = run(ReplaceFileNames, render, **given, output_stack=output, pool_size=size)
        assert status == 0
    assert documents(render, "one") == documents(render, "two")
