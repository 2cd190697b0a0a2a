"""Connections, their defaults, and the decorator that fills them in."""

from __future__ import annotations

import inspect
import pickle

import pytest

import renderapi
from renderapi import render as render_module
from renderapi.errors import ClientScriptError
from renderapi.render import Render, RenderClient, connect, renderaccess

KEYS = {"host", "port", "owner", "project", "client_scripts", "session"}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """No RENDER variables."""
    for name in list(render_module.os.environ):
        if "RENDER_" in name:
            monkeypatch.delenv(name)


@pytest.fixture
def scripts(tmp_path):
    """Folder with an empty client script."""
    (tmp_path / "run_ws_client.sh").touch()
    return str(tmp_path)


def answering(monkeypatch, answers):
    """Answer the prompts from a dict by argument, and return the list of what was asked."""
    asked = []

    def answer(prompt):
        name = prompt.split()[-1].rstrip(":")
        asked.append(name)
        return answers[name]

    monkeypatch.setattr(render_module, "raw_input", answer)
    return asked


def test_defaults_of_a_connection_are_its_arguments():
    connection = Render("h", 1, "o", "p", "c", session="any object")
    assert connection.DEFAULT_KWARGS == {
        "host": "h",
        "port": 1,
        "owner": "o",
        "project": "p",
        "client_scripts": "c",
        "session": "any object",
    }
    assert connection.make_kwargs(owner="q", port=None, z=3) == {
        **connection.DEFAULT_KWARGS,
        "owner": "q",
        "z": 3,
    }
    assert Render(create_session=False).session is None
    assert Render(unknown=1).session is not None


def test_run_passes_the_connection():
    connection = Render("h")
    assert connection.run(lambda a, render, b: (a, render, b), 1, b=2, render="x") == (
        1,
        connection,
        2,
    )


def test_a_client_needs_a_script_that_is_a_file(scripts, tmp_path):
    client = RenderClient(client_scripts=scripts, host="h", memGB="3G")
    assert client.client_script == f"{scripts}/run_ws_client.sh"
    assert set(client.DEFAULT_KWARGS) == KEYS | {"client_script", "memGB"}
    assert RenderClient(client.client_script).DEFAULT_KWARGS["memGB"] == "1G"
    with pytest.raises(ClientScriptError, match="give client_script"):
        RenderClient()
    with pytest.raises(ClientScriptError, match="nothing is not a file"):
        RenderClient(str(tmp_path / "nothing"))
    assert RenderClient(validate_client=False).client_script is None
    assert RenderClient("nothing", validate_client=False).client_script == "nothing"


@pytest.mark.parametrize("prefix", ["RENDER", "DEFAULT_RENDER"])
def test_connect_reads_the_environment(monkeypatch, scripts, prefix):
    values = {"HOST": "h", "PORT": "80", "PROJECT": "p", "OWNER": "o", "CLIENT_SCRIPTS": scripts}
    for name, value in values.items():
        monkeypatch.setenv(f"{prefix}_{name}", value)
    monkeypatch.setenv(f"{prefix}_CLIENT_HEAP", "5G")
    connection = connect()
    assert isinstance(connection, RenderClient)
    defaults = connection.DEFAULT_KWARGS
    assert defaults.pop("session") is connection.session
    assert defaults == {
        "host": "http://h",
        "port": 80,
        "owner": "o",
        "project": "p",
        "client_scripts": scripts,
        "client_script": f"{scripts}/run_ws_client.sh",
        "memGB": "5G",
    }
    monkeypatch.setenv(f"{prefix}_CLIENT_SCRIPT", __file__)
    assert connect(client_scripts="elsewhere").client_script == __file__


def test_connect_never_asks_where_nobody_can_answer():
    given = {"host": "h", "port": 1, "project": "p", "owner": "o"}
    for missing in given:
        with pytest.raises(ValueError, match=f"{missing}= or set RENDER_{missing.upper()}"):
            connect(**{name: value for name, value in given.items() if name != missing})
    assert type(connect(**given)) is Render
    assert type(connect(**given, web_only=True)) is Render


def test_connect_asks_in_order_for_what_is_missing(monkeypatch, scripts):
    answers = {"host": "h", "port": "8080", "project": "p", "owner": "o", "client_scripts": scripts}
    asked = answering(monkeypatch, answers)
    connection = connect()
    assert asked == ["host", "port", "project", "owner", "client_scripts"]
    assert isinstance(connection, RenderClient)
    assert connection.DEFAULT_PORT == "8080"
    del asked[:]
    assert type(connect(web_only=True)) is Render
    assert asked == ["host", "port", "project", "owner"]


@pytest.mark.parametrize("empty", ["host", "project", "owner", "client_scripts"])
def test_an_empty_answer_is_an_error(monkeypatch, empty):
    answers = {"host": "h", "port": "1", "project": "p", "owner": "o", "client_scripts": "c"}
    answering(monkeypatch, {**answers, empty: ""})
    with pytest.raises(ValueError, match=f"no {empty}"):
        connect()


def test_an_empty_text_that_is_given_is_taken(monkeypatch):
    monkeypatch.setenv("RENDER_PROJECT", "from the environment")
    connection = connect("h", 1, owner="", project="")
    assert (connection.DEFAULT_OWNER, connection.DEFAULT_PROJECT) == ("", "")
    assert connect("", 1, "o", "p").DEFAULT_HOST == "http://"
    monkeypatch.setenv("RENDER_PROJECT", "")
    with pytest.raises(ValueError, match="no project"):
        connect("h", 1, owner="o")


@pytest.mark.parametrize("scripts", [{"client_scripts": ""}, {"client_script": ""}])
def test_empty_client_scripts_are_none(monkeypatch, scripts):
    assert type(connect("h", 1, "o", "p", **scripts)) is Render
    monkeypatch.setenv("RENDER_CLIENT_SCRIPTS", "")
    monkeypatch.setenv("RENDER_CLIENT_SCRIPT", "")
    assert type(connect("h", 1, "o", "p")) is Render
    with pytest.raises(ClientScriptError, match="give client_script"):
        RenderClient(**scripts)


def test_a_port_that_is_no_number_is_an_error(monkeypatch):
    monkeypatch.setenv("RENDER_PORT", "http")
    with pytest.raises(ValueError, match="http"):
        connect("h", owner="o", project="p")
    assert connect("h", "any", "o", "p").DEFAULT_PORT == "any"


def test_connect_adds_the_scheme_unless_told_not_to():
    rest = (1, "o", "p")
    assert connect("h", *rest).DEFAULT_HOST == "http://h"
    assert connect("https://h", *rest).DEFAULT_HOST == "https://h"
    assert connect("h", *rest, force_http=False).DEFAULT_HOST == "h"


def test_connect_without_a_usable_script_gives_a_plain_connection():
    connection = connect("h", 1, "o", "p", client_scripts="nowhere")
    assert type(connection) is Render
    assert connection.DEFAULT_CLIENT_SCRIPTS == "nowhere"


def test_connect_passes_sessions_on():
    assert connect("h", 1, "o", "p", session="mine").session == "mine"
    assert connect("h", 1, "o", "p", create_session=False).session is None


def test_local_needs_only_owner_and_project(monkeypatch, tmp_path):
    asked = answering(monkeypatch, {})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="no project"):
        connect("local")
    by_argument = connect("local", store=tmp_path / "a.db", owner="o", project="p")
    monkeypatch.setenv("RENDER_STORE", str(tmp_path / "b.db"))
    by_variable = connect("local", port=80, owner="o", project="p")
    monkeypatch.delenv("RENDER_STORE")
    by_default = connect("local", owner="o", project="p")
    stores = [
        renderapi.session.local_store(connection.DEFAULT_HOST)
        for connection in (by_argument, by_variable, by_default)
    ]
    assert stores == [str(tmp_path / name) for name in ("a.db", "b.db", "render.db")]
    assert by_variable.DEFAULT_PORT is None
    assert connect(by_variable.DEFAULT_HOST, owner="o", project="p").DEFAULT_PORT is None
    assert asked == []


@renderaccess
def named(a, b=1, host=None, port=None, owner=None, session=None, render=None, **kwargs):
    """A function that names the connection."""
    return {**kwargs, "a": a, "b": b, "host": host, "port": port, "owner": owner, "s": session}


@renderaccess
def unnamed(a, **kwargs):
    """A function that takes the connection only as keywords."""
    return kwargs


def test_decorated_functions_keep_signature_name_and_pickle():
    assert str(inspect.signature(named)).startswith("(a, b=1, host=None")
    assert inspect.getfullargspec(named).args[:3] == ["a", "b", "host"]
    assert named.__doc__ == "A function that names the connection."
    assert named.__wrapped__.__name__ == "named"
    assert pickle.loads(pickle.dumps(renderapi.stack.create_stack)) is renderapi.stack.create_stack


def test_explicit_arguments_win_over_the_connection_over_defaults():
    connection = Render("h", 1, "o", session="s")
    result = named("A", render=connection)
    assert (result["host"], result["port"], result["owner"], result["s"]) == ("h", 1, "o", "s")
    assert result["b"] == 1
    assert named("A", 2, "H", None, "O", render=connection)["host"] == "H"
    assert named("A", 2, "H", None, "O", render=connection)["port"] == 1
    assert named("A", owner=None, render=connection)["owner"] == "o"
    assert named(a="A", render=connection)["a"] == "A"


def test_connection_reaches_functions_that_take_only_keywords(scripts):
    assert set(unnamed(1, render=Render("h"))) == KEYS | {"render"}
    client = RenderClient(client_scripts=scripts)
    assert set(unnamed(1, render=client)) == KEYS | {"render", "client_script", "memGB"}


def test_without_a_connection_a_session_is_made_for_the_call():
    assert isinstance(named(1)["s"], renderapi.session.RenderSession)
    assert named(1, session="mine")["s"] == "mine"
    session = unnamed(1, render=Render(create_session=False))["session"]
    assert isinstance(session, renderapi.session.RenderSession)


def test_only_connections_are_accepted():
    with pytest.raises(ValueError, match="is not a Render"):
        named(1, render={"host": "h"})
    with pytest.raises(TypeError, match="multiple values"):
        named(1, 2, b=3)
    with pytest.raises(TypeError):
        unnamed(1, 2)


def test_urls_of_service_and_stack():
    assert render_module.format_baseurl("http://h", None) == "http://h/render-ws/v1"
    assert render_module.format_baseurl("http://h", 80) == "http://h:80/render-ws/v1"
    preamble = render_module.format_preamble("http://h", 80, "o", "p", "s")
    assert preamble == "http://h:80/render-ws/v1/owner/o/project/p/stack/s"
    with pytest.raises(renderapi.errors.RenderError, match="cannot name"):
        render_module.format_preamble("http://h", 80, None, "p", "s")


def test_projects_and_stacks_of_an_owner(render):
    for project, stack in [("b", "s1"), ("a", "s2"), ("b", "s3")]:
        renderapi.stack.create_stack(stack, project=project, render=render)
    assert renderapi.render.get_projects_by_owner(render=render) == ["a", "b"]
    stacks = renderapi.render.get_stacks_by_owner_project(project="b", render=render)
    assert sorted(stacks) == ["s1", "s3"]
    assert renderapi.render.get_stacks_by_owner_project("test", "a", render=render) == ["s2"]


def test_the_embedded_service_needs_no_scripts_and_uses_none(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("RENDER_CLIENT_SCRIPTS", str(tmp_path))
    (tmp_path / "run_ws_client.sh").touch()
    there = {"store": tmp_path / "render.db", "owner": "O", "project": "P"}
    assert type(renderapi.connect("local", **there)) is renderapi.Render
    assert caplog.records == []
    given = renderapi.connect("local", client_scripts=str(tmp_path), **there)
    assert given.DEFAULT_CLIENT_SCRIPTS is None
    assert "bulk operations run in Python" in caplog.text
