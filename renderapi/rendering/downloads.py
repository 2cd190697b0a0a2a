"""Files that come over the network: bounded in bytes and, all in all, in time."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from time import monotonic
from typing import Any, BinaryIO
from urllib.parse import urljoin

from urllib3.connection import HTTPConnection, HTTPSConnection

from renderapi.errors import ImageError
from renderapi.rendering.limits import DrawingLimits
from renderapi.rendering.opening import Allow, address_of, ask

LONGEST_REDIRECTION = 5
_PIECE = 1 << 20


def fetch(url: str, allow: Allow | None, limits: DrawingLimits) -> bytes:
    """Content of an http(s) URL, permission for which was asked; redirections are asked about.

    Raises
    ------
    ImageError
        It is too long, takes too long or leads in circles.
    requests.RequestException
        No answer, or that of an error.
    """
    with _session(limits) as (session, deadline):
        for _ in range(LONGEST_REDIRECTION):
            with deadline.named(), session.get(url, allow_redirects=False, stream=True) as answer:
                if not answer.is_redirect:
                    answer.raise_for_status()
                    return _content(answer, limits, deadline)
                # followed by hand, so that a permitted host cannot lead to one that is not
                url = urljoin(url, answer.headers["location"])
            address = address_of(url)
            if address.scheme not in ("http", "https", "http+local"):
                raise ImageError(f"redirected to {url}, which is no page")
            ask(address, allow)
    raise ImageError(f"more than {LONGEST_REDIRECTION} redirections")


def object_stream(url: str) -> Any:
    """File of an object store (any scheme of fsspec) to read, as a context."""
    import fsspec

    if "::" in url:
        raise ImageError(f"{url} is a chain of addresses; give the one of the file itself")
    return fsspec.open(url, "rb")


def read_whole(stream: BinaryIO, limits: DrawingLimits) -> bytes:
    """What is left of a stream."""
    until = monotonic() + limits.download_seconds
    pieces: list[bytes] = []
    total = 0
    while piece := stream.read(_PIECE * 8):
        pieces.append(piece)
        total += len(piece)
        _check_length(total, limits)
        if monotonic() > until:
            raise _too_slow(limits)
    return b"".join(pieces)


def _content(answer: Any, limits: DrawingLimits, deadline: _Deadline) -> bytes:
    try:
        _check_length(int(answer.headers.get("content-length") or 0), limits)
    except ValueError:
        raise ImageError("the answer does not say how long it is") from None
    read = getattr(answer.raw, "read1", None)  # gives what has come, without waiting for more
    if read is None:
        return answer.content  # of the service in this process
    pieces: list[bytes] = []
    total = 0
    while piece := read(_PIECE, decode_content=True):
        pieces.append(piece)
        total += len(piece)
        _check_length(total, limits)
        deadline.check()
    return b"".join(pieces)


def _check_length(length: int, limits: DrawingLimits) -> None:
    if length > limits.download_bytes:
        raise ImageError(f"the file is longer than {limits.download_bytes} bytes")


def _too_slow(limits: DrawingLimits) -> ImageError:
    return ImageError(f"the file did not come within {limits.download_seconds:g} s")


@contextmanager
def _session(limits: DrawingLimits) -> Iterator[tuple[Any, _Deadline]]:
    """A session for one file, whose connections are cut when its time is over."""
    from renderapi.session import new_session

    deadline = _Deadline(limits)
    with new_session(with_token=False) as session, deadline:
        if math.isfinite(limits.download_seconds):
            session.timeout = limits.download_seconds
            for scheme in ("http://", "https://"):
                session.mount(scheme, _adapter(deadline))
        yield session, deadline


def _adapter(deadline: _Deadline) -> Any:
    """Adapter without retries, which would wait as long as the other side says."""
    from requests.adapters import HTTPAdapter

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.watch(super()._new_conn())

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.watch(super()._new_conn())

    adapter = HTTPAdapter()
    pools = adapter.poolmanager.pool_classes_by_scheme
    adapter.poolmanager.pool_classes_by_scheme = {
        scheme: type("WatchedPool", (pools[scheme],), {"ConnectionCls": kind})
        for scheme, kind in (("http", Plain), ("https", Secure))
    }
    return adapter


class _Deadline:
    """Shuts the connections it watches when the time is over, whatever waits for them.

    Time-outs of sockets count from one byte to the next: who sends a byte now and then would never
    be cut off.
    """

    def __init__(self, limits: DrawingLimits) -> None:
        self._limits = limits
        self._until = monotonic() + limits.download_seconds
        self._watched: list[socket.socket] = []
        self._lock = Lock()
        self._is_over = False
        self._timer: Timer | None = None

    def __enter__(self) -> _Deadline:
        if math.isfinite(self._limits.download_seconds):
            self._timer = Timer(self._limits.download_seconds, self._cut)
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        with self._lock:
            for watched in self._watched:
                watched.close()
            self._watched.clear()

    def watch(self, connection: socket.socket) -> socket.socket:
        """Have a connection cut in time; gives it back."""
        # a handle of our own: TLS takes that of the connection over
        handle = os.dup(connection.fileno())
        with self._lock:
            self._watched.append(socket.socket(fileno=handle))
        self.check()
        return connection

    def check(self) -> None:
        """Raise ImageError when the time is over."""
        if self._is_over or monotonic() > self._until:
            raise _too_slow(self._limits)

    @contextmanager
    def named(self) -> Iterator[None]:
        """Whatever a cut connection does to its reader becomes the error of `check`."""
        try:
            yield
        except ImageError:
            raise
        except Exception:
            self.check()
            raise

    def _cut(self) -> None:
        with self._lock:
            self._is_over = True
            for watched in self._watched:
                try:
                    watched.shutdown(socket.SHUT_RDWR)
                except OSError:  # the other side was first
                    continue
