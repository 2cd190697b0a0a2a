"""Trials of the limits of connections and bodies, on plain sockets."""

from __future__ import annotations

import re
import socket
import time
from contextlib import ExitStack, contextmanager, suppress

import requests
from limit_trials import trial
from waiting import is_left, wait_until

STACK = "/render-ws/v1/owner/o/project/p/stack/s"
HEAD = b"PUT %b/resolvedTiles HTTP/1.1\r\nHost: localhost\r\n" % STACK.encode()
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


@contextmanager
def connected(server, *sent):
    """Connections, one for each of what is sent at once."""
    with ExitStack() as stack:
        opened = []
        for data in sent:
            address = ("127.0.0.1", server.port)
            opened.append(stack.enter_context(socket.create_connection(address, timeout=60)))
            opened[-1].sendall(data)
        yield opened


def outcome(server, sent):
    """Status of the answer to bytes on a connection of their own, or "closed"."""
    with connected(server, sent) as (connection,):
        return status(connection)


def status(connection):
    """Status of an answer, or the word for no answer."""
    found = re.match(rb"HTTP/1.1 (\d+) ", connection.recv(1 << 16))
    return int(found[1]) if found else "closed"


@trial("--max-connections", "2")
def max_connections(server):
    with connected(server, b"", b"") as (first, second):
        time.sleep(0.1)
        assert outcome(server, HEALTH + b"\r\n") == 200
        second.sendall(HEALTH + b"\r\n")
        assert status(second) == 200
        return status(first)


@trial("--max-header-bytes", "1K")
def max_header_bytes(server):
    assert outcome(server, HEALTH + b"X: " + b"x" * 800 + b"\r\n\r\n") == 200
    return outcome(server, HEALTH + b"X: " + b"x" * 1024 + b"\r\n\r\n")


@trial("--header-seconds", "0.5")
def header_seconds(server):
    return outcome(server, HEALTH)


@trial("--body-seconds", "0.5")
def body_seconds(server):
    return outcome(server, HEAD + b"Content-Length: 9\r\n\r\n{")


@trial("--send-seconds", "0.5")
def send_seconds(server):
    stack = server.base + STACK
    requests.post(stack, json={}, timeout=60)
    tile = {"z": 1, "minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "groupId": "g" * 900}
    tiles = {"tileIdToSpecMap": {f"t{n}": tile for n in range(16_000)}}
    assert requests.put(f"{stack}/resolvedTiles", json=tiles, timeout=60).ok
    asked = HEALTH.replace(b"/health", f"{STACK}/z/1/tile-specs".encode()) + b"\r\n"
    with connected(server, asked) as (connection,):
        assert status(connection) == 200
        wait_until(lambda: is_left(connection))
        with suppress(ConnectionError):
            while part := connection.recv(1 << 20):
                assert not part.endswith(b"]")
    return "closed"


@trial("--max-bodies-bytes", "1M")
def max_bodies_bytes(server):
    return outcome(server, HEAD + b"Content-Length: 2000000\r\n\r\n" + b" " * 2_000_000)


@trial("--max-values", "100")
def max_values(server):
    stack = server.base + STACK
    requests.post(stack, json={}, timeout=60)
    for count, expected in ((12, 200), (16, None)):
        sent = [{"world": [1, 2, 3]}] * count
        answer = requests.put(f"{stack}/tileIdsForCoordinates", json=sent, timeout=60)
        assert expected in (None, answer.status_code), answer.text
    return answer.status_code
