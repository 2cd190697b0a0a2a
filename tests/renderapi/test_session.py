"""Sessions: retries, time-outs, errors, pickling, and the embedded service."""

from __future__ import annotations

import os
import pickle
import socket

import pytest
import requests

import renderapi
from renderapi import errors, session, utils
from renderapi.session import RenderSession, local_host, local_store, new_session


@pytest.fixture
def quick(wire):
    """A session that retries without waiting, and the URL of a recording server."""
    quick = new_session()
    for adapter in quick.adapters.values():
        adapter.max_retries.backoff_factor = 0
    with quick:
        yield quick, f"{wire.host}:{wire.port}/render-ws/v1/x"


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_idempotent_calls_are_tried_again(wire, quick, method, status):
    wire.answers = [(status, b"busy"), (None, b""), (200, {"done": 1})]
    response = quick[0].request(method, quick[1])
    assert response.json() == {"done": 1}
    assert [asked.method for asked in wire.asked] == [method] * 3


@pytest.mark.parametrize("answer", [(503, b"busy"), (502, b""), (None, b"")])
@pytest.mark.parametrize(
    "change",
    [
        lambda render: renderapi.stack.rename_stack("a", "b", render=render),
        lambda render: renderapi.stack.clone_stack("a", "b", close_stack=False, render=render),
    ],
)
def test_renaming_and_cloning_are_not_done_twice(wire, change, answer):
    wire.answers = [answer, (200, b"")]
    with pytest.raises(errors.RequestError):
        change(wire.render)
    assert len(wire.asked) == 1


def test_what_was_never_sent_is_sent_again(wire, monkeypatch):
    once = new_session().get_adapter(f"http://h/render-ws/v1/owner/o/{'x/' * 4}stackId")
    assert once.max_retries.total == 4
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(errors.RenderError, match="no connection"):
            tried = []
            monkeypatch.setattr("time.sleep", tried.append)
            render = renderapi.Render("http://127.0.0.1", unused.getsockname()[1], "o", "p")
            renderapi.stack.rename_stack("a", "b", render=render)
    assert len(tried) >= 3  # between four attempts


def test_other_changes_share_the_connection_with_those(wire):
    wire.answers = [(200, b""), (200, b""), (201, b"")]
    render = wire.render
    renderapi.stack.rename_stack("a", "b", render=render)
    renderapi.stack.delete_stack("b", render=render)
    assert len(wire.asked) == 2 and len(wire.connections) == 1


def test_a_post_is_sent_once(wire, quick):
    wire.answers = [(503, b"busy"), (200, b"")]
    with pytest.raises(errors.RequestError, match="busy"):
        utils.post_json(quick[0], quick[1], {})
    assert len(wire.asked) == 1


def test_an_answer_that_stays_unavailable_is_an_error_with_its_text(wire, quick):
    wire.answers = [(503, b"down for maintenance")] * 9
    with pytest.raises(errors.RequestError, match="503: down for maintenance") as caught:
        utils.get_json(*quick)
    assert caught.value.status == 503
    assert len(wire.asked) == 5


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, errors.NotFoundError), (409, errors.ConflictError), (500, errors.RequestError)],
)
@pytest.mark.parametrize("call", [utils.get_json, utils.rest_delete])
def test_errors_name_url_status_and_text_of_the_service(wire, quick, call, status, kind):
    wire.answers = [(status, b"no stack S of owner O")]
    with pytest.raises(kind, match=f"{quick[1]}.*{status}.*no stack S of owner O") as caught:
        call(*quick)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.url) == (status, quick[1])


def test_nobody_listening_is_one_error_of_both_families():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/render-ws/v1"
        with new_session() as silent:
            silent.get_adapter(url).max_retries.backoff_factor = 0
            with pytest.raises(errors.RenderError, match="no connection") as caught:
                utils.get_json(silent, url)
    assert isinstance(caught.value, requests.ConnectionError)
    assert str(caught.value) == (
        f"no connection to {url[7:-13]} (Connection refused): check host and port, "
        f"and that the service is running; it was asked to GET {url}"
    )
    assert caught.value.status is None
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.url) == (str(caught.value), url)


def test_an_answer_that_takes_too_long_is_not_asked_for_again():
    with socket.create_server(("127.0.0.1", 0)) as deaf, new_session() as impatient:
        impatient.timeout = (1, 0.05)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        with pytest.raises(session.ServiceTimeout, match="no answer in time") as caught:
            utils.get_json(impatient, url)
    assert isinstance(caught.value, requests.Timeout)


def test_every_request_has_a_time_out():
    seen = []

    class Recording(requests.adapters.BaseAdapter):
        def send(self, request, **kwargs):
            seen.append(kwargs["timeout"])
            raise requests.ConnectionError

        def close(self):
            pass

    with new_session() as own:
        own.mount("http://", Recording())
        for keywords in ({}, {"timeout": 3}):
            with pytest.raises(requests.ConnectionError):
                own.get("http://h/", **keywords)
    assert seen == [session.TIMEOUT, 3]


def test_a_host_without_a_scheme_is_an_error_that_says_so():
    with pytest.raises(errors.RequestError, match="cannot send GET"):
        renderapi.render.get_owners(host=None)


VARIABLES = [
    v for name in ("http", "all", "no") for v in (f"{name}_proxy", f"{name}_proxy".upper())
]


@pytest.fixture
def no_proxies(monkeypatch):
    for name in (*VARIABLES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_settings_of_the_environment_are_those_that_requests_finds(no_proxies):
    """Also after the environment has changed: what was found before counts for its host only."""
    ours, theirs = new_session(), requests.Session()
    changes = [
        {},
        {"http_proxy": "http://127.0.0.1:9"},
        {"no_proxy": "b.invalid,127.0.0.0/8"},
        {"http_proxy": "http://127.0.0.1:10", "ALL_PROXY": "http://127.0.0.1:11"},
        {"REQUEST_METHOD": "GET"},
        {"REQUESTS_CA_BUNDLE": "/some/file"},
    ]
    urls = [
        "http://a.invalid/x",
        "http://b.invalid:80/y?z=/",
        "http://127.0.0.2:7/",
        "https://a.invalid",
    ]
    seen = set()
    for change in changes:
        for name, value in change.items():
            no_proxies.setenv(name, value)
        for url in urls * 2:
            for given in ({}, {"http": "http://127.0.0.1:12"}):
                for verify in (None, True, False):
                    asked = [
                        session.merge_environment_settings(url, dict(given), None, verify, None)
                        for session in (ours, theirs)
                    ]
                    assert asked[0] == asked[1]
                    seen.add(str(asked[0]))
    assert len(seen) > 10


def test_what_a_caller_does_to_its_proxies_concerns_that_call_only(no_proxies):
    no_proxies.setenv("http_proxy", "http://127.0.0.1:9")
    session = new_session()
    first = session.merge_environment_settings("http://a.invalid/", {}, None, None, None)
    first["proxies"].clear()
    second = session.merge_environment_settings("http://a.invalid/", {}, None, None, None)
    assert second["proxies"]["http"] == "http://127.0.0.1:9"


def test_the_environment_is_read_once_for_a_host(no_proxies):
    read = []
    no_proxies.setattr(
        "renderapi.session.get_environ_proxies", lambda url: read.append(url) or {"no": "proxy"}
    )
    session = new_session()
    for n in range(200):
        session.merge_environment_settings(f"http://h{n % 100}.invalid/{n}", {}, None, None, None)
        session.merge_environment_settings(f"http://h{n % 100}.invalid/", {}, None, None, None)
    assert len(read) == 200  # 64 hosts are remembered
    assert len(session._proxies) <= 64


def test_a_session_can_be_pickled_after_use(render):
    assert renderapi.render.get_owners(render=render) == []
    copy = pickle.loads(pickle.dumps(render))
    assert isinstance(copy.session, RenderSession)
    assert copy.session.timeout == render.session.timeout
    renderapi.stack.create_stack("s", render=copy)
    assert renderapi.render.get_owners(render=render) == ["test"]


def test_a_forked_process_opens_its_own_connections(wire):
    connection = wire.render
    renderapi.render.get_owners(render=connection)
    adapter = connection.session.get_adapter("http://h")
    connection.session._process = os.getpid() + 1
    assert connection.session.get_adapter("http://h") is not adapter
    renderapi.render.get_owners(render=connection)
    assert len(wire.connections) == 2


@pytest.mark.parametrize("name", ["a b.db", "Ünïcode/per%cent#?.db", "UPPER.db"])
def test_a_local_host_stands_for_any_path(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    host = local_host(path)
    assert local_store(f"{host}/render-ws/v1/owners/") == str(path)
    assert "/" not in host.removeprefix(session.LOCAL_SCHEME)
    assert renderapi.render.get_owners(host=host) == []
    assert not path.exists()  # nothing was written yet
    renderapi.stack.create_stack("s", host=host, owner="o", project="p")
    assert renderapi.render.get_owners(host=host) == ["o"]
    assert path.exists()


def test_a_local_host_is_reached_through_a_session_of_the_user(tmp_path):
    with requests.Session() as own:
        assert renderapi.render.get_owners(host=local_host(tmp_path / "s.db"), session=own) == []


def test_only_local_hosts_have_a_store():
    with pytest.raises(errors.RenderError, match="embedded"):
        local_store("http://h")
