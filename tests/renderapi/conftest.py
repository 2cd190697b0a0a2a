"""A small real HTTP server that records what it is asked and answers what it is told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest

import renderapi


class Asked(NamedTuple):
    """One request: the path as it was on the wire (below /render-ws/v1), query pairs, JSON body."""

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Any
    headers: dict[str, str]


@dataclass
class Wire:
    """The server: `answers` are given in turn, each (status, bytes or JSON value)."""

    host: str
    port: int
    asked: list[Asked] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    @property
    def render(self):
        """A new connection to this server."""
        return renderapi.Render(self.host, self.port, "O", "P")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        wire: Wire = self.server.wire  # type: ignore[attr-defined]
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        wire.connections.add(self.client_address)
        wire.asked.append(
            Asked(
                self.command,
                path.removeprefix("/render-ws/v1"),
                parse_qsl(query, keep_blank_values=True),
                json.loads(body) if body else None,
                dict(self.headers),
            )
        )
        status, value = wire.answers.pop(0) if wire.answers else (200, {})
        if status is None:
            self.close_connection = True
            return
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = _answer

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def wire():
    """A server on the loopback interface."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.wire = Wire("http://127.0.0.1", server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.wire
    server.shutdown()
    thread.join()
    server.server_close()
