"""Answers on the wire, as a plain socket sees them."""

from __future__ import annotations

import socket

import pytest

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
def connect(filled_server):
    opened = []

    def connection():
        opened.append(socket.create_connection(("127.0.0.1", filled_server.port), timeout=30))
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


def test_head_and_body_of_a_small_answer_arrive_together(connect):
    client = connect()
    for _ in range(20):
        client.sendall(HEALTH)
        found = client.recv(1 << 16)
        head, _, body = found.partition(b"\r\n\r\n")
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
