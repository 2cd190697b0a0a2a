"""The service without a socket: a transport for `requests` that calls the application in-process.

`http+local://<quoted path of the store file, or address of its database>/render-ws/v1/...` is
answered by the same ASGI application that uvicorn serves. The application is driven in the thread
of the caller, without an event loop: each message it sends suspends it until the caller wants the
next one, so streamed answers are made as they are read.
"""

from __future__ import annotations

import atexit
import io
import os
import shutil
import tempfile
import threading
import types
from collections.abc import Awaitable, Generator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as NoConnection
from requests.models import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from renderapi.databases import is_database
from renderapi.jsontext import collection_paused
from renderws.limits import OWN_USE
from renderws.request import Scope
from renderws.service import DIRECT, Service
from renderws.settings import Settings
from renderws.store.opening import open_store
from renderws.store.protocol import StoreError

_KEEP_OPEN = 16
_READING = ("GET", "HEAD")


class LocalService(BaseAdapter):
    """Adapter for `requests` that answers from a store file of this machine.

    One application serves all sessions of a process for one store file; another process opens its
    own on the same file. Files named by tile specifications may be anywhere: there is no service
    apart from the user's own process.
    """

    def __init__(self) -> None:
        super().__init__()

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer a request; time-outs, certificates and proxies have no part in it."""
        scope = _scope(request)
        entry = _OPEN.acquire(_store_path(scope["renderws.host"]), request.method in _READING)
        with collection_paused():  # what a request makes holds no garbage that it could find
            body = _Body(entry, scope, _body(request))
        try:
            response = _response(request, body.start)
            response.raw = body if stream else io.BytesIO(body.readall())
        finally:
            if not stream:
                body.close()
        return response

    def close(self) -> None:
        """Nothing to do: applications outlive the sessions that use them."""


@dataclass
class _Entry:
    service: Service
    file: tuple[int, int]
    users: int = 0
    closing: bool = False


@dataclass
class _OpenServices:
    """Applications of this process by process id and store path, least recently used first."""

    entries: dict[tuple[int, str], _Entry] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    empty: dict[int, str] = field(default_factory=dict)

    def acquire(self, path: str, reading: bool = False) -> _Entry:
        """The application for a store file; opened again when the file was replaced.

        Reading makes no file where there is none: an empty store, gone with the process, answers.
        """
        key = (os.getpid(), path)
        with self.lock:
            if reading and key not in self.entries and self._could_be_made(path):
                path = self._empty_store()
                key = (os.getpid(), path)
            entry = self.entries.pop(key, None)
            if entry is not None and entry.file != _identity(path):
                self._retire(entry)
                entry = None
            if entry is None:
                entry = _opened(path)
                self._make_room()
            self.entries[key] = entry
            entry.users += 1
            return entry

    @staticmethod
    def _could_be_made(path: str) -> bool:
        if is_database(path) or os.path.lexists(path):
            return False
        return os.access(os.path.dirname(path), os.W_OK)

    def _empty_store(self) -> str:
        pid = os.getpid()
        if pid not in self.empty:
            self.empty[pid] = tempfile.mkdtemp(prefix="renderws_empty_")
        return os.path.join(self.empty[pid], "render.db")

    def release(self, entry: _Entry) -> None:
        """The caller is done with an application."""
        with self.lock:
            entry.users -= 1
            if entry.closing and entry.users == 0:
                entry.service.close()

    def _make_room(self) -> None:
        for key, entry in list(self.entries.items()):
            if len(self.entries) < _KEEP_OPEN:
                return
            if key[0] != os.getpid():
                del self.entries[key]
            elif entry.users == 0:
                del self.entries[key]
                self._retire(entry)

    def _retire(self, entry: _Entry) -> None:
        entry.closing = True
        if entry.users == 0:
            entry.service.close()

    def close_all(self) -> None:
        """Close every idle application of this process; those in use close when they are done."""
        with self.lock:
            for key, entry in list(self.entries.items()):
                del self.entries[key]
                if key[0] == os.getpid():
                    self._retire(entry)
            if folder := self.empty.pop(os.getpid(), None):
                shutil.rmtree(folder, ignore_errors=True)


def close_local_services() -> None:
    """Close the store files that this process opened in-process; the next call opens them again."""
    _OPEN.close_all()


def _opened(path: str) -> _Entry:
    try:
        store = open_store(path)
    except StoreError as error:
        raise NoConnection(str(error)) from error
    except OSError as error:
        raise NoConnection(f"the store {path} cannot be opened: {error}") from error
    return _Entry(Service(store, Settings(**OWN_USE)), _identity(path))


def _identity(path: str) -> tuple[int, int]:
    """Which file it is; of a database the connections find out by themselves."""
    try:
        status = os.stat(path)
    except OSError:
        return (-1, -1)
    return (status.st_dev, status.st_ino)


_OPEN = _OpenServices()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: setattr(_OPEN, "lock", threading.Lock()))
atexit.register(close_local_services)


def _scope(request: PreparedRequest) -> Scope:
    """ASGI scope of a request, with the undecoded path."""
    scheme, _, rest = (request.url or "").partition("://")
    rest, _, query = rest.partition("#")[0].partition("?")
    host, slash, path = rest.partition("/")
    headers = [(k.lower().encode("latin-1"), _latin(v)) for k, v in request.headers.items()]
    return {
        "type": "http",
        "method": request.method,
        "scheme": scheme,
        "path": unquote(slash + path) or "/",
        "raw_path": (slash + path or "/").encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [*headers, (b"host", host.encode("latin-1"))],
        "renderws.host": host,
        DIRECT: True,
    }


def _latin(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")


def _store_path(host: str) -> str:
    path = unquote(host)
    if not is_database(path) and not os.path.isabs(path):
        raise NoConnection(
            f"'{path}' is neither the absolute path of a store file nor the address of a database"
        )
    return path


def _body(request: PreparedRequest) -> bytes:
    body: Any = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    if hasattr(body, "read"):
        return _body_of(body.read())
    return b"".join(_body_of(part) for part in body)


def _body_of(part: str | bytes) -> bytes:
    return part.encode() if isinstance(part, str) else part


@types.coroutine
def _suspend(message: Any) -> Generator[Any, None, None]:
    yield message


def _messages(service: Service, scope: Scope, body: bytes) -> Generator[dict[str, Any], None, None]:
    """Messages of the application for one request, each made when it is asked for."""
    # the size is announced, so that the limit for bodies holds here too
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
    scope["headers"].append((b"content-length", str(len(body)).encode()))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    def send(message: Any) -> Awaitable[None]:
        return _suspend(message)

    running = service(scope, receive, send)
    try:
        while True:
            yield running.send(None)
    except StopIteration:
        return
    finally:
        running.close()


def _response(request: PreparedRequest, start: dict[str, Any]) -> Response:
    response = Response()
    response.status_code = start["status"]
    response.reason = HTTPStatus(start["status"]).phrase
    response.headers = CaseInsensitiveDict(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]
    )
    response.encoding = get_encoding_from_headers(response.headers)
    response.url = request.url or ""
    response.request = request
    return response


class _Body(io.RawIOBase):
    """File over the body of an answer, made as it is read; closing it frees the application."""

    def __init__(self, entry: _Entry, scope: Scope, sent: bytes) -> None:
        super().__init__()
        self._entry = entry
        self._messages = _messages(entry.service, scope, sent)
        self._rest = memoryview(b"")
        try:
            self.start = next(self._messages)
        except BaseException:
            self.close()
            raise

    def _next(self) -> bytes:
        """The next part that is not empty; empty at the end."""
        for message in self._messages:
            if message["body"]:
                return message["body"]
        return b""

    def readable(self) -> bool:
        return True

    def readall(self) -> bytes:
        """All that was not read yet."""
        parts = [bytes(self._rest)] if self._rest else []
        parts += iter(self._next, b"")
        self._rest = memoryview(b"")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(self._next())
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._messages.close()
            _OPEN.release(self._entry)
        super().close()
