"""Tokens, options and cache tags of a server process, from the client's side."""

from __future__ import annotations

import json
import os
import pickle
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

import renderapi
from renderapi.errors import RenderError, RequestError
from renderapi.session import new_session
from renderapi.tokens import carried, token_file, token_for, write_token

OWNERS = "/render-ws/v1/owners"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder of this test, and no token in the environment."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("RENDER_TOKEN", raising=False)
    return folder


def owners(server, session=None):
    session = session or new_session()
    return session.get(server.base + OWNERS, timeout=60).status_code


def test_the_client_finds_the_token_of_its_own_service(home, tmp_path, serve_process, monkeypatch):
    server = serve_process(tmp_path, "--token", "auto")
    path = token_file(server.port)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    render = renderapi.connect("http://127.0.0.1", server.port, "o", "p", "", "")
    renderapi.stack.create_stack("s", render=render)
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["s"]
    assert requests.get(server.base + OWNERS, timeout=60).status_code == 401
    assert requests.get(server.base + "/health", timeout=60).status_code == 200
    assert owners(server, new_session(with_token=False)) == 401
    monkeypatch.setenv("HOME", str(tmp_path / "somebody else"))
    assert owners(server) == 401
    with pytest.raises(RequestError, match="RENDER_TOKEN"):
        renderapi.stack.create_stack("t", render=render)
    monkeypatch.setenv("HOME", str(home))
    assert server.end() == 0
    assert not path.exists()


def test_the_token_may_come_from_the_environment(home, tmp_path, serve_process, monkeypatch):
    server = serve_process(tmp_path, env={"RENDER_TOKEN": "s3cret"})
    assert owners(server) == 401
    monkeypatch.setenv("RENDER_TOKEN", "s3cret")
    assert owners(server) == 200
    session = new_session()
    session.headers["Authorization"] = "Bearer other"
    assert owners(server, session) == 401


def test_a_token_comes_beside_the_work_and_is_in_no_pickled_session(
    home, tmp_path, serve_process, monkeypatch
):
    server = serve_process(tmp_path, env={"RENDER_TOKEN": "s3cret"})
    monkeypatch.setenv("RENDER_TOKEN", "of another service")
    sent = pickle.dumps(new_session())
    with carried("s3cret"):
        arrived, made = pickle.loads(sent), new_session()
    for session in (arrived, made):  # also in threads, which know nothing of where they started
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(owners, server, session).result() == 200
        assert b"s3cret" not in pickle.dumps(session)
        assert owners(server, pickle.loads(pickle.dumps(session))) == 401
    with carried("s3cret"):
        assert owners(server, new_session(with_token=False)) == 401
    assert owners(server) == 401


def test_a_token_file_that_others_can_read_is_not_used(home):
    path = write_token(1234, "abc")
    assert token_for("http://127.0.0.1:1234/render-ws/v1") == "abc"
    assert token_for("http://localhost:1234") == "abc"
    assert token_for("http://127.0.0.1:1235") is None
    assert token_for("http://elsewhere.example:1234") is None
    assert token_for("http://127.0.0.1:port") is None
    os.chmod(path, 0o640)
    assert token_for("http://127.0.0.1:1234") is None


def test_a_home_that_cannot_hold_the_token_is_an_error(home):
    (home / ".render").write_text("a file")
    with pytest.raises(RenderError, match="--token SECRET"):
        write_token(1234, "abc")


def test_options_of_the_command_line_reach_the_service(tmp_path, serve_process):
    folder = tmp_path / "resources"
    folder.mkdir()
    lists = {"namedFilterSpecLists": {"mine": [{"className": "X", "parameters": {}}]}}
    (folder / "filter_lists.json").write_text(json.dumps(lists))
    options = ["--omit-match-count", "--legacy-tile-size", "--access-log"]
    options += ["--max-tile-specs-to-render", "7", "--undelete-seconds", "5"]
    server = serve_process(tmp_path, *options, cwd=tmp_path)
    stack = server.base + "/render-ws/v1/owner/o/project/p/stack/s"
    tile = {"tileId": "t", "z": 1, "width": 64, "height": 48, "transforms": {}}
    with requests.Session() as session:
        session.post(stack, json={}, timeout=60)
        session.put(f"{stack}/resolvedTiles?deriveData=true", json={"tileIdToSpecMap": {"t": tile}})
        window = session.get(f"{stack}/tile/t/render-parameters", timeout=60).json()
        assert (window["width"], window["height"]) == (65, 49)
        collection = server.base + "/render-ws/v1/owner/o/matchCollection/m"
        points = {"p": [[1], [2]], "q": [[3], [4]], "w": [1]}
        match = {"pGroupId": "1", "pId": "a", "qGroupId": "1", "qId": "b", "matches": points}
        session.put(f"{collection}/matches", json=[match], timeout=60)
        (found,) = session.get(f"{collection}/group/1/matchesWithinGroup", timeout=60).json()
        assert "matchCount" not in found
        named = session.get(server.base + "/render-ws/v1/namedFilterSpecLists", timeout=60).json()
        assert named["namedFilterSpecLists"]["mine"] == [{"className": "X", "parameters": {}}]
    server.end()
    entry = json.loads(server.errors.splitlines()[0])
    assert (entry["method"], entry["status"]) == ("POST", 201)


def test_filter_lists_that_cannot_be_read_are_an_error(tmp_path):
    from renderws.serve import filter_lists

    assert filter_lists(tmp_path / "none.json") == {}
    path = tmp_path / "lists.json"
    for text in ("{", "[]", "{}", '{"namedFilterSpecLists": {"a": [1]}}'):
        path.write_text(text)
        with pytest.raises(RenderError, match=r"lists\.json"):
            filter_lists(path)


@pytest.mark.parametrize(
    "change",
    [
        ("PUT S/resolutionValues", [1, 2, 3]),
        ("PUT S/defaultChannel", b"DAPI"),
        ("PUT S/mipmapPathBuilder", {"rootPath": "/m", "numberOfLevels": 2, "extension": "png"}),
    ],
)
def test_the_tag_of_pictures_changes_with_the_stack(service, change):
    picture = "GET S/z/1.0/box/0,0,50,50,1/jpeg-image"
    before = service(picture).headers["ETag"]
    assert service(picture).headers["ETag"] == before
    service.must(*change)
    assert service(picture).headers["ETag"] != before
