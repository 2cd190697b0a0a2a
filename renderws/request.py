"""One request as it comes from the network."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from renderws.routes.answers import HttpError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]

_BODY_HEADERS = frozenset({"content-length", "transfer-encoding"})


class Request:
    """The parts of an ASGI scope that matter here, and the body once it was read."""

    def __init__(self, scope: Scope) -> None:
        self.method: str = scope["method"]
        raw = scope.get("raw_path") or scope["path"].encode()
        self.raw_path: str = raw.decode("latin-1")
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope.get("headers", ())
        }
        self.scheme: str = scope.get("scheme", "http")
        client = scope.get("client")
        self.is_loopback = client is None or client[0] in ("127.0.0.1", "::1")
        self.body = b""

    @property
    def url(self) -> str:
        """The request's own URI."""
        host = self.headers.get("host", "localhost")
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{host}{self.raw_path}{query}"


async def read_body(receive: Receive, request: Request, limit: int) -> bytes:
    """The whole body; 413 when it is larger than `limit` bytes."""
    if not request.headers.keys() & _BODY_HEADERS and request.method in ("GET", "HEAD"):
        return b""
    too_large = HttpError(
        413,
        f"the request body is larger than {limit} bytes; send it in parts",
        {"Connection": "close"},
    )
    length = request.headers.get("content-length", "0")
    if not length.isdigit():
        raise HttpError(400, "Content-Length is not a number")
    if int(length) > limit:
        raise too_large
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HttpError(400, "the client went away")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise too_large
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
