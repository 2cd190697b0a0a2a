"""Connections that idle, stall, trickle or flood hold neither others nor memory up."""

from __future__ import annotations

import re
import resource
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
from server_process import limited_memory
from waiting import is_left, wait_until

STACK = "/render-ws/v1/owner/o/project/p/stack/s"
HEAD = b"Host: localhost\r\n"
MEGABYTE = 1 << 20
AT_ONCE = b"GET /health HTTP/1.1\r\n" + HEAD + b"\r\n"


@pytest.fixture
def serve(tmp_path, serve_process):
    servers = []

    def start(*options, **popen):
        servers.append(serve_process(tmp_path, *options, **{**limited_memory(), **popen}))
        return servers[-1]

    yield start
    for server in servers:
        assert server.end() == 0
        assert server.errors == ""


@pytest.fixture
def connect():
    opened = []

    def connection(server, sent=b""):
        opened.append(socket.create_connection(("127.0.0.1", server.port), timeout=60))
        opened[-1].sendall(sent)
        return opened[-1]

    yield connection
    for one in opened:
        one.close()


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    limited_memory()["preexec_fn"]()


def status(connection):
    """Status of the answer that comes, 0 when the connection is closed without one."""
    found = re.match(rb"HTTP/1.1 (\d+) ", connection.recv(1 << 16))
    return int(found[1]) if found else 0


def memory(server, kind="VmRSS"):
    """Megabytes."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"{kind}:\s*(\d+) kB", text)[1]) / 1024


def answers(server):
    """A server that waits for others before it answers takes 20 s."""
    assert requests.get(f"{server.base}/health", timeout=15).status_code == 200


def large(size, more=b""):
    return b"PUT %s/resolvedTiles HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n" % (
        STACK.encode(), HEAD, more, size
    )  # fmt: skip


@contextmanager
def fed(connections):
    """Something of their bodies goes on coming, again and again."""
    ended = threading.Event()

    def feed():
        while not ended.wait(0.2):
            for one in connections:
                one.sendall(b" ")

    feeding = threading.Thread(target=feed)
    feeding.start()
    yield
    ended.set()
    feeding.join()


def status_while_sending(connection, part):
    """Status of the answer that comes although more and more is sent; 0 without one."""
    connection.settimeout(0.2)
    for _ in range(150):
        with suppress(OSError):
            connection.sendall(part)
        with suppress(TimeoutError):
            return status(connection)
    raise AssertionError("what comes bit by bit is waited for")


def test_more_idle_connections_than_descriptors_do_not_keep_others_out(serve, connect):
    mine = resource.getrlimit(resource.RLIMIT_NOFILE)
    if mine[1] < 4096:
        pytest.skip("this process may not have enough descriptors itself")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, mine[1]))
    try:
        server = serve(preexec_fn=few_descriptors)
        with requests.Session() as session:
            session.trust_env = False
            session.get(f"{server.base}/health", timeout=60)
            for _ in range(3):
                for number in range(500):
                    connect(server, b"GET / HT" if number % 2 else b"")
                answers(server)
            # whoever asked for something before is closed last
            assert session.get(f"{server.base}/health", timeout=60).status_code == 200
        descriptors = len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
        assert descriptors < 900
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, mine)


def test_connections_that_are_all_busy_are_kept_and_new_ones_refused(serve, connect):
    server = serve("--max-connections", "2")
    busy = [connect(server, large(1000, b"Expect: 100-continue\r\n")) for _ in range(2)]
    assert [status(one) for one in busy] == [100, 100]  # their bodies are waited for
    with fed(busy):
        assert status(connect(server)) == 503
    # a body of which nothing came for so long gives way
    wait_until(lambda: status(connect(server, AT_ONCE)) == 200, pause=0.3)
    assert status(busy[0]) == 503
    assert status(connect(server, AT_ONCE)) == 200  # closes the idle one


def test_headers_have_a_deadline_and_a_size(serve, connect):
    server = serve("--header-seconds", "1", "--max-header-bytes", "2K")
    for begun in (b"GET /", AT_ONCE[:-2], b"GET / HTTP/1.1\r\nX: " + b"x" * 1000):
        more = b"x: y\r\n" if begun == AT_ONCE[:-2] else b"x"
        assert status_while_sending(connect(server, begun), more) == 408
    silent = connect(server)
    later = connect(server, AT_ONCE)
    assert status(later) == 200
    assert silent.recv(1) == b""  # closed, since it was never used
    later.sendall(AT_ONCE)
    assert status(later) == 200
    for path, header in ((b"/", b"X: " + b"x" * 3000), (b"/" + b"x" * 3000, b"")):
        sent = b"GET " + path + b" HTTP/1.1\r\n" + HEAD + header
        assert status(connect(server, sent + b"\r\n\r\n")) == 431
        assert status(connect(server, sent)) == 431  # not waiting for its end


def test_endless_headers_and_trailers_take_no_memory(serve, connect):
    server = serve()
    answers(server)
    before = memory(server)
    chunked = large(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    for sent in (b"GET / HTTP/1.1\r\nX: ", b"GET /", chunked + b"1\r\n{\r\n0\r\nX: "):
        connection = connect(server, sent)
        with pytest.raises(OSError):
            for _ in range(100):
                connection.sendall(b"x" * MEGABYTE)
    assert memory(server) < before + 30


def test_bodies_have_a_deadline(serve, connect):
    server = serve("--body-seconds", "1")
    stalled = connect(server, large(1000) + b"{")
    trickling = connect(server, large(1000))
    assert status_while_sending(trickling, b" ") == 408
    assert status(stalled) == 408
    assert requests.post(server.base + STACK, json={}, timeout=60).status_code == 201


def test_stalled_bodies_share_one_memory_and_give_it_back(serve, connect):
    server = serve("--max-bodies-bytes", "100M")
    assert requests.post(server.base + STACK, json={}, timeout=60).status_code == 201
    part = b" " * (30 * MEGABYTE)
    whole = part + b'{"tileIdToSpecMap":{}}'
    resolved = f"{server.base}{STACK}/resolvedTiles"
    assert requests.put(resolved, data=whole, timeout=60).status_code == 400
    before = memory(server)
    stalled = []
    for _ in range(8):
        connection = connect(server, large(300 * MEGABYTE))
        connection.settimeout(5)
        try:
            connection.sendall(part)
        except OSError:
            connection.close()
        stalled.append(connection)
    assert memory(server) < before + 130
    answers(server)

    def tried():
        """An answer but for that of a full memory: after 2 s stalled ones give way."""
        found = requests.put(resolved, data=whole, timeout=60)
        return None if found.status_code == 503 else (found.status_code, found.text)

    answered, text = wait_until(tried, "nothing gives way", pause=0.3)
    assert answered == 400
    assert "no tiles" in text
    for connection in stalled:
        connection.close()
    wait_until(lambda: memory(server) < before + 40, "memory is kept")


def test_a_client_that_takes_nothing_of_its_answer_is_left(serve, connect):
    server = serve("--send-seconds", "1")
    tile = {"z": 1, "minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "groupId": "g" * 900}
    tiles = {"tileIdToSpecMap": {f"t{n}": tile for n in range(20_000)}}
    requests.post(server.base + STACK, json={}, timeout=60)
    assert requests.put(f"{server.base}{STACK}/resolvedTiles", json=tiles, timeout=60).ok
    connection = connect(server)
    connection.sendall(b"GET %s/z/1/tile-specs HTTP/1.1\r\n%b\r\n" % (STACK.encode(), HEAD))
    assert connection.recv(100)
    wait_until(lambda: is_left(connection))
    with pytest.raises(OSError):
        while connection.recv(MEGABYTE):
            pass
        raise OSError("it is at its end")


def test_compressed_bodies_are_refused(serve):
    server = serve()
    for coding, expected in (("gzip", 415), ("br", 415), ("identity", 201)):
        headers = {"Content-Encoding": coding}
        answer = requests.post(server.base + STACK, data=b"{}", headers=headers, timeout=60)
        assert answer.status_code == expected
