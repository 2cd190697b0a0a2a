"""One request as it comes from the network."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from functools import cached_property
from typing import Any

from renderapi.rendering.limits import Stop
from renderws.bodies import Receive, too_large
from renderws.routes.answers import HttpError

__all__ = ["Receive", "Request", "Scope", "has_body"]

Scope = MutableMapping[str, Any]


class Request:
    """The parts of an ASGI scope that matter here, and the body once it was read.

    `stop` tells whoever draws for the request when to give up.
    """

    def __init__(self, scope: Scope, new_stop: Callable[[], Stop] = Stop) -> None:
        self._new_stop = new_stop
        self.method: str = scope["method"]
        raw = scope.get("raw_path") or scope["path"].encode()
        self.raw_path: str = raw.decode("latin-1")
        self.query: str = scope.get("query_string", b"").decode("latin-1")
        self.headers = {
            str(name, "latin-1"): str(value, "latin-1")  # ASGI names them in lower case
            for name, value in scope.get("headers", ())
        }
        self.scheme: str = scope.get("scheme", "http")
        client = scope.get("client")
        self.is_loopback = client is None or client[0] in ("127.0.0.1", "::1")
        self.body = b""

    @cached_property
    def stop(self) -> Stop:
        """Means to stop what is drawn for the request; few requests need one."""
        return self._new_stop()

    @property
    def url(self) -> str:
        """The request's own URI."""
        host = self.headers.get("host", "localhost")
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{host}{self.raw_path}{query}"


def has_body(request: Request, limit: int) -> bool:
    """Whether a body comes with the request.

    Raises
    ------
    HttpError
        413 when it is going to be larger than `limit` bytes, 415 when it is compressed.
    """
    headers = request.headers
    is_announced = "content-length" in headers or "transfer-encoding" in headers
    if not is_announced and request.method in ("GET", "HEAD"):
        return False
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise HttpError(400, "Content-Length is not a number")
    if len(length) > 18 or int(length) > limit:
        raise too_large(limit)
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise HttpError(
            415,
            "the request body is compressed (Content-Encoding); send it as it is",
            {"Accept-Encoding": "identity", "Connection": "close"},
        )
    return True
