"""`renderapps stacks`, `--version`, completion."""

import json
import shutil
import subprocess

import pytest

import renderapi
from renderapi import stackchanges
from renderapi.render import get_stacks_by_owner_project
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.__main__ import parser, status
from renderapps.commands.completion import SCRIPTS, candidates
from renderapps.module import OutputStack, RenderModuleException, written
from renderapps.module.section_module import stack_zs
from renderapps.module.stack_listing import stacks_there


@pytest.fixture
def store(tmp_path, monkeypatch):
    for name in ("RENDER_OWNER", "RENDER_PROJECT", "RENDER_HOST", "RENDER_STORE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "lab 50%.db"


def make_stacks(store, names):
    render = renderapi.connect(host="local", store=store, owner="me", project="brain")
    for name in names:
        renderapi.stack.create_stack(name, stackResolutionX=4, render=render)
        tiles = [
            TileSpec(tileId=f"t{z}", z=z, width=9, height=9, tforms=[AffineModel()])
            for z in (1, 2.5)
        ]
        renderapi.resolvedtiles.put_tilespecs(name, tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state(names[0], "COMPLETE", render=render)
    return render


def test_stacks_are_listed_with_what_they_hold(store, capsys):
    make_stacks(store, ["acquired", "b"])
    assert status(["stacks", "--store", str(store)]) == 0
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["owner", "project", "stack"]
    words = first.split()
    assert words[:6] == ["me", "brain", "acquired", "COMPLETE", "2", "2"]
    assert "1 to 2.5" in first
    assert "4 x 1 x 1" in first
    assert second.split()[2:4] == ["b", "LOADING"]
    assert status(["stacks", "--store", str(store), "--json", "--owner", "me"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["stack"], row["tiles"]) for row in rows] == [("acquired", 2), ("b", None)]


def test_an_empty_store_is_said_and_not_made(store, capsys):
    assert status(["stacks", "--store", str(store)]) == 0
    assert capsys.readouterr().out == f"no stacks in store {store}\n"
    assert not store.exists()


def test_a_missing_stack_is_told_with_the_store_and_the_stacks_there_are(store):
    render = renderapi.connect(host="local", store=store, owner="me", project="brain")
    with pytest.raises(RenderModuleException, match="there are no stacks at all: check owner"):
        stack_zs(render, "acquird")
    assert not store.exists()
    make_stacks(store, ["acquired", "b"])
    with pytest.raises(RenderModuleException) as raised:
        stack_zs(render, "acquird")
    assert str(raised.value) == (
        f"no stack acquird in project brain of owner me (store {store}); there are acquired, b"
    )


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        status(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("renderapps 0.")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["com"], ["completion"]),
        (["st"], ["stacks", "store"]),
        (["describe", "dataimport.import_til"], ["dataimport.import_tiles"]),
        (["run", "import_tiles", "--mask"], ["--mask_file"]),
        (["run", "dataimport.import_tiles", "--render.o"], ["--render.owner"]),
        (["run", "nothing", "--"], []),
        (["store", "back"], ["backup"]),
        (["store", "backup", "--st"], ["--store"]),
        (["stacks", "--js"], ["--json"]),
        (["completion", ""], ["--help", "-h", "bash", "fish", "zsh"]),
        (["none", ""], []),
    ],
)
def test_words_are_completed(words, found):
    assert candidates(words, parser()) == found


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_shells_take_the_scripts(shell, capsys, tmp_path):
    assert status(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "renderapps _complete" in script
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    (tmp_path / "script").write_text(script)
    subprocess.run([shell, "-n", str(tmp_path / "script")], check=True)


def test_what_a_run_builds_is_not_listed_as_long_as_it_goes_on(store, capsys):
    render = make_stacks(store, ["acquired", "mine_unfinished_0123abcd"])

    def listed():
        assert status(["stacks", "--store", str(store), "--json"]) == 0
        return [row["stack"] for row in json.loads(capsys.readouterr().out)]

    output = OutputStack(render, "out", [1.0], {}, state="LOADING", may_be_empty=True)
    with written([output], "my.module") as run:
        (built,) = set(get_stacks_by_owner_project(render=render)) - set(listed())
        assert built == f"out_unfinished_{run.id}"
        with pytest.raises(RenderModuleException) as raised:
            stack_zs(render, "none")
        assert built not in str(raised.value) and "acquired" in str(raised.value)
        assert stacks_there(render) == ["acquired", "mine_unfinished_0123abcd"]
        stackchanges.unlock_stack("out", run.id, render=render)  # as where the lock was lost
        assert built in listed() and built in stacks_there(render)
        stackchanges.lock_stack("out", run.id, run.holder, 60, render=render)
    assert listed() == ["acquired", "mine_unfinished_0123abcd", "out"]
