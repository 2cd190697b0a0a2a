"""The command line."""

import json
import signal
import time

import pytest
from server_process import ServerProcess

import renderapi
import renderapps.__main__
from renderapps.__main__ import main, status

OWNER = ["--render.owner", "me", "--render.project", "here"]


@pytest.fixture(autouse=True)
def own_store(monkeypatch, tmp_path):
    monkeypatch.delenv("RENDER_HOST", raising=False)
    monkeypatch.setenv("RENDER_STORE", str(tmp_path / "render.db"))


def test_list_shows_modules_and_json(capsys):
    assert status(["list"]) == 0
    assert "module.template_module  " in capsys.readouterr().out
    assert status(["list", "template", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["module"], row["class"]) == ("module.template_module", "Template")


def test_describe_shows_parameters_as_text_json_schema_and_example(capsys):
    assert status(["describe", "template_module"]) == 0
    text = capsys.readouterr().out
    assert "default_val" in text
    assert "(default a default value)" in text
    assert "render.owner" in text

    assert status(["describe", "template_module", "--json"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["required"] == ["example"]
    assert schema["properties"]["render"]["properties"]["port"]["type"] == ["integer", "null"]

    assert status(["describe", "template_module", "--example"]) == 0
    assert json.loads(capsys.readouterr().out)["example"] == "some text"


def test_run_passes_words_on_and_the_status_back(capsys, tmp_path):
    target = tmp_path / "o.json"
    words = ["run", "template_module", *OWNER, "--example", "x", "--output_json", str(target)]
    assert status(words) == 0
    assert json.loads(target.read_text())["args"]["example"] == "x"
    assert status(["run", "template_module", *OWNER]) == 2
    assert "example: missing, and required" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        status(["run", "template_module", "--help"])
    assert left.value.code == 0
    assert "--render.owner TEXT" in capsys.readouterr().out


def test_wrong_usage_is_status_2(capsys):
    assert status(["run", "no_such_module"]) == 2
    assert capsys.readouterr().err.startswith("renderapps: error: no module no_such_module")
    assert status(["run"]) == 2
    for words in ([], ["no_such_verb"], ["store"]):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == 2


@pytest.mark.parametrize(
    "verb",
    [[], ["list"], ["describe"], ["serve"], ["jobs"], ["view"], ["store"], ["doctor"]],
)
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([*verb, "--help"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("usage: renderapps")


def test_a_failure_is_one_line(capsys):
    assert status(["serve", "--host", "0.0.0.0", "--port", "0"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--token" in err


def test_serve_serves_until_it_is_told_to_stop(tmp_path):
    server = ServerProcess(tmp_path, "--read-only")
    try:
        render = renderapi.connect(
            host="127.0.0.1", port=server.port, owner="o", project="p", web_only=True
        )
        assert owners_when_up(render) == []
        with pytest.raises(renderapi.errors.RequestError):
            renderapi.stack.create_stack("s", render=render)
    finally:
        status = server.end()
    assert status in (0, -signal.SIGTERM, 128 + signal.SIGTERM)


def owners_when_up(render, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            return renderapi.render.get_owners(render=render)
        except renderapi.errors.RequestError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize(
    ("words", "missing", "told"),
    [
        (["demo"], {"skimage"}, "demo needs skimage: pip install 'render-python-apps[demo]'"),
        (["demo", "--tiles", "t"], {"matplotlib", "skimage"}, "demo needs matplotlib: pip"),
    ],
)
def test_the_demo_says_which_extra_it_needs(words, missing, told, capsys, monkeypatch):
    found = renderapps.__main__.find_spec
    monkeypatch.setattr(
        renderapps.__main__, "find_spec", lambda name: None if name in missing else found(name)
    )
    assert renderapps.__main__.status(words) == 1
    assert told in capsys.readouterr().err
