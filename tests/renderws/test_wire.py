"""Answers on the wire, as a plain socket sees them."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvicorn
from uvicorn.server import ServerState

from renderws.wire import GatheringProtocol

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def connect(filled_server):
    opened = []

    def connection():
        opened.append(socket.create_connection(("127.0.0.1", filled_server.port), timeout=60))
        return opened[-1]

    yield connection
    for one in opened:
        one.close()


def received(connection, until):
    """Everything that arrives up to some bytes, or the end."""
    found = b""
    while until is None or until not in found:
        part = connection.recv(1 << 16)
        if not part:
            break
        found += part
    return found


class Recorder(asyncio.Transport):
    """A transport that notes down each write of its own."""

    def __init__(self):
        super().__init__()
        self.writes = []
        self.closed = False

    def write(self, data):
        assert not self.closed
        self.writes.append(bytes(data))

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True


async def answer(scope, receive, send):
    headers = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"body"})


@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
def test_head_and_body_of_an_answer_are_one_write(last):
    async def exchange():
        config = uvicorn.Config(answer, http=GatheringProtocol, lifespan="off", log_config=None)
        config.load()
        protocol = config.http_protocol_class(config, ServerState(), {})
        recorder = Recorder()
        protocol.connection_made(recorder)
        protocol.data_received(HEALTH.replace(b"\r\n\r\n", b"\r\n" + last + b"\r\n"))
        for _ in range(20):
            await asyncio.sleep(0.01)
        closed = recorder.closed
        protocol.connection_lost(None)
        return recorder.writes, closed

    writes, closed = asyncio.run(exchange())
    (written,) = writes
    assert written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert written.endswith(b"\r\n\r\nbody")
    assert closed == bool(last)


def test_small_answers_on_a_kept_connection_are_whole(connect):
    client = connect()
    for _ in range(20):
        client.sendall(HEALTH)
        head, _, body = received(client, b"}").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"content-length: %d" % len(body) in head
        assert body


def test_requests_sent_at_once_are_answered_in_order(connect):
    client = connect()
    unknown = HEALTH.replace(b"/health", b"/nothing")
    client.sendall(HEALTH + unknown + HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    found = received(client, None)
    statuses = [part[:3] for part in found.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200", b"404", b"200"]


def test_what_is_no_http_is_refused_and_the_connection_closed(connect):
    client = connect()
    client.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
    assert received(client, None).startswith(b"HTTP/1.1 400 ")


def test_a_long_answer_comes_whole_to_a_slow_reader(connect):
    client = connect()
    path = b"/render-ws/swagger.json"
    client.sendall(
        HEALTH.replace(b"/health", path).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )
    found = b""
    while part := client.recv(997):
        found += part
    head, _, body = found.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head
    assert body.endswith(b"}")
    assert len(body) > 50_000
