"""How requests come off the wire and answers are put on it.

uvicorn writes the head of an answer and its body apart. Small answers then travel in two packets,
and cost two system calls here and two at the client: here, what is written in one turn of the loop
leaves in one piece. uvicorn knows no end of headers, and no deadlines: see `renderws.connections`.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from renderws.connections import Connections


class _Gathering:
    """A transport that writes at the end of the turn; all else is that of the real one."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self.written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            part = parts[0] if len(parts) == 1 else b"".join(parts)
            self.written += len(part)
            self._transport.write(part)


class RefusedRequest(Exception):
    """Stops the parser."""


class GatheringProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol on a transport that gathers what is written, within limits.

    The limits are those of `app_state["connections"]`; without it there are none. What is done for
    every request calls uvicorn's class by its name, which takes a third of the time of `super()`.
    """

    since = 0.0
    begun: float | None = None
    served = False
    mark: tuple[int, float] | None = None
    _most_header = 1 << 62
    _silent = 0
    _registry: Connections | None = None

    def connection_made(self, transport: Any) -> None:
        self._gathering = _Gathering(transport, self.loop)
        super().connection_made(self._gathering)  # type: ignore[arg-type]
        self.since = monotonic()
        self._registry = self.app_state.get("connections")
        if self._registry is not None:
            self._most_header = self._registry.max_header_bytes
            self._registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._registry is not None:
            self._registry.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._silent += len(data)
        HttpToolsProtocol.data_received(self, data)
        if self._silent > self._most_header:
            self._refuse_header()

    def on_message_begin(self) -> None:
        HttpToolsProtocol.on_message_begin(self)
        self.begun = monotonic()

    def on_headers_complete(self) -> None:
        if self._silent > self._most_header and self._header_size() > self._most_header:
            self._refuse_header()
            raise RefusedRequest
        self.begun = None
        self._silent = 0
        HttpToolsProtocol.on_headers_complete(self)

    def _header_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse_header(self) -> None:
        if self.is_idle:
            self.refuse(431, f"first line and headers are larger than {self._most_header} bytes")
        else:  # trailers, or chunks of nothing
            self.abort()

    def on_body(self, body: bytes) -> None:
        self._silent = 0
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        self._silent = 0
        HttpToolsProtocol.on_message_complete(self)

    def on_response_complete(self) -> None:
        self.since = monotonic()
        self.served = True
        HttpToolsProtocol.on_response_complete(self)

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def sending(self) -> tuple[int, int]:
        """Bytes that the client has taken, and that wait for it."""
        waiting = self.transport.get_write_buffer_size()
        return self._gathering.written - waiting, waiting

    def refuse(self, status: int, line: str) -> None:
        """Answer with one line and close."""
        if self.transport.is_closing():
            return
        text = line.encode()
        head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(text)
        again = b"retry-after: 1\r\n" if status == 503 else b""
        status_line = STATUS_LINE[status] + head + again
        self.transport.write(status_line + b"connection: close\r\n\r\n" + text)
        self.transport.close()

    def close(self) -> None:
        """Close when everything was sent."""
        self.transport.close()

    def abort(self) -> None:
        """Close at once."""
        self.transport.abort()
