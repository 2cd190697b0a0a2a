"""The secret that a protected service asks for, and where the client finds it.

A token that came with the work from another machine counts first (`carried`), then `RENDER_TOKEN`.
Without them, a service on this machine that was started with `--token auto` has left its token in a
file that only its user can read.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from urllib.parse import urlsplit

from renderapi.errors import RenderError
from renderapi.files import atomic_path

VARIABLE = "RENDER_TOKEN"
_FOLDER = (".render", "tokens")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_carried: ContextVar[str | None] = ContextVar("token of sessions that are made", default=None)


def token_file(port: int) -> Path:
    """Where a service of this user that listens at `port` of this machine keeps its token."""
    return Path.home().joinpath(*_FOLDER, str(port))


def write_token(port: int, token: str) -> Path:
    """Leave a token for the clients of the same user; gives the file, which nobody else can read.

    Raises
    ------
    RenderError
        The file cannot be written.
    """
    path = token_file(port)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(temporary, flags, 0o600), "w") as file:
                file.write(token)
    except OSError as error:
        raise RenderError(
            f"the token cannot be written to {path}: {error.strerror or error}; give --token SECRET"
        ) from error
    return path


@contextmanager
def carried(token: str | None) -> Iterator[None]:
    """Sessions that are made or unpickled within use this token, whatever the environment says.

    A pickled session never holds a token: whoever sends one elsewhere sends it beside.
    """
    before = _carried.set(token)
    try:
        yield
    finally:
        _carried.reset(before)


def carried_token() -> str | None:
    """The token for sessions that are made here and now; None: as `token_for` finds it."""
    return _carried.get()


def token_for(url: str) -> str | None:
    """The token for a service, None when none is known."""
    token = os.environ.get(VARIABLE)
    if token:
        return token
    port = _own_port("/".join(url.split("/", 3)[:3]))
    if port is None:
        return None
    path = os.path.join(os.path.expanduser("~"), *_FOLDER, str(port))
    return _own_text(path) if os.path.exists(path) else None


@functools.lru_cache(maxsize=64)
def _own_port(site: str) -> int | None:
    """Port of a URL on this machine; None of any other."""
    try:
        parts = urlsplit(site)
        return (parts.port or 80) if parts.hostname in _LOOPBACK else None
    except ValueError:
        return None


def _own_text(path: str) -> str | None:
    """Text of a file of this user that others cannot read; None without such a file."""
    try:
        with open(path) as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "getuid") and (
                status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077
            ):
                return None
            return file.read().strip() or None
    except OSError:
        return None
