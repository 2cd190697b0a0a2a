"""The service on a socket: addresses, permissions, start and stop."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette

from renderapi.databases import is_database, kept_password
from renderapi.errors import RenderError
from renderapi.tokens import token_file, write_token
from renderws.app import create_app
from renderws.connections import KEEP_ALIVE_SECONDS
from renderws.freed_memory import keep_freed_memory
from renderws.limits import Limits
from renderws.settings import Settings
from renderws.store import opening
from renderws.warming import warm_up_aside
from renderws.wire import GatheringProtocol

WORKER_VARIABLE = "RENDERWS_WORKER"
FILTER_LISTS = Path("resources", "filter_lists.json")
AUTO = "auto"
BACKLOG = 2048
ACCEPTED_AT_ONCE = 20  # a turn of the loop; closing those beyond the limit takes a few turns

Announce = Callable[[str], Any]


def serve(
    store_path: str | os.PathLike[str],
    host: str = "127.0.0.1",
    port: int = 8080,
    token: str | None = None,
    workers: int = 1,
    access_log: bool = False,
    announce: Announce = print,
    ready: Announce | None = None,
    **options: Any,
) -> None:
    """Serve a store until the process is told to stop (SIGINT, SIGTERM); running requests finish.

    Parameters
    ----------
    store_path
        The store file, made when there is none, or the address of a database.
    host, port
        Address to listen at; port 0 picks a free one.
    token
        Secret that every request must carry; "auto": a new one, in a file where the clients of the
        same user of this machine find it (`renderapi.tokens`).
    workers
        Processes that share the address and the store.
    access_log
        Write one JSON line about every request to the standard error.
    announce
        Called with the lines that say where the service is and who can reach it.
    ready
        Called with the address, `http://host:port`, once requests can be sent there.
    **options
        Permissions and limits: those of `served_settings`.

    Raises
    ------
    RenderError
        For an address that may not be used, or that is taken.
    """
    own_token = token == AUTO
    secret = secrets.token_urlsafe(32) if own_token else token
    settings = served_settings(host, token=secret, **options)
    store_path = _kept(store_path)
    open_store(store_path).close()
    listener = _listen(host, port)
    port = listener.getsockname()[1]
    if access_log:
        log_requests()
    with listener, _token_in_file(listener, settings) if own_token else nullcontext():
        for line in start_lines(listener, store_path, settings):
            announce(line)
        if ready is not None:
            ready(address_of(listener))
        if workers > 1:
            _run_workers(store_path, settings, listener, workers)
        else:
            _run_here(
                store_path, settings, listener, partial(_abandon, port if own_token else None)
            )


def served_settings(
    host: str,
    image_roots: Iterable[str | os.PathLike[str]] = (),
    token: str | None = None,
    insecure: bool = False,
    allow_origins: Iterable[str] = (),
    allowed_hosts: Iterable[str] = (),
    threads: int | None = None,
    **fields: Any,
) -> Settings:
    """Settings of a service that listens at `host`.

    Parameters
    ----------
    host
        Addresses that other machines can reach are refused without a token unless `insecure`.
    image_roots
        Folders below which image files may be opened; by default the working directory.
    token
        Secret that every request must carry.
    allow_origins
        Origins of web pages, beside our own, that may change things.
    allowed_hosts
        Hosts from which http(s) images may be read; by default none.
    threads
        Threads for requests.
    **fields
        Further fields of `renderws.settings.Settings`, such as `read_only`.

    Raises
    ------
    RenderError
        When that would be unsafe; for folders and fields that do not exist.
    """
    if not is_loopback(host) and token is None and not insecure:
        raise RenderError(
            f"{host} can be reached from other machines: give --token (the client reads"
            " RENDER_TOKEN), or --insecure to let everybody in"
        )
    if threads is not None:
        fields["threads"] = threads
    fields.setdefault("filter_lists", filter_lists())
    fields.setdefault("warm_up", True)
    try:
        return Settings(
            image_roots=_folders(image_roots),
            allowed_hosts=tuple(allowed_hosts),
            host_names=_names_of(host),
            token=token,
            allow_origins=tuple(allow_origins),
            check_origin=True,
            **fields,
        )
    except TypeError as error:
        raise RenderError(f"no such setting of the service: {error}") from error


def _folders(image_roots: Iterable[str | os.PathLike[str]]) -> tuple[Path, ...]:
    roots = tuple(Path(root).resolve() for root in image_roots) or (Path.cwd(),)
    missing = [str(root) for root in roots if not root.is_dir()]
    if missing:
        raise RenderError(f"image root {', '.join(missing)} is not a folder")
    return roots


def _names_of(host: str) -> tuple[str, ...]:
    """Names by which requests may call a service at `host`."""
    names = {"localhost", host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
    return tuple(sorted(names))


def filter_lists(path: Path = FILTER_LISTS) -> dict[str, list[dict[str, Any]]]:
    """Named filter lists of a file, by default of the working directory; none without the file.

    Raises
    ------
    RenderError
        The file cannot be read, or does not hold `{"namedFilterSpecLists": {name: [{...}]}}`.
    """
    try:
        found = orjson.loads(path.read_bytes())["namedFilterSpecLists"]
        good = all(isinstance(f, dict) for specs in found.values() for f in list(specs))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RenderError(f"the filter lists in {path} cannot be read: {error}") from error
    if not good:
        raise RenderError(f"the filter lists in {path} must be lists of className and parameters")
    return dict(found)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def log_requests() -> None:
    """Write one JSON line about every request of this process to the standard error."""
    logger = logging.getLogger("renderws.access")
    logger.setLevel(logging.INFO)
    logger.addHandler(logging.StreamHandler())
    logger.propagate = False


def relax_collection() -> None:
    """Let the garbage collector of this process look less often.

    Requests make many short lived objects that hold no cycles; looking through them again and
    again takes a fifth of the time of a bulk import.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def open_store(
    store_path: str | os.PathLike[str], lock_seconds: float = Limits.lock_seconds
) -> Any:
    """The store of a file or a database, made when there is none."""
    return opening.open_store(store_path, busy_seconds=lock_seconds)


def _kept(store_path: str | os.PathLike[str]) -> str:
    """An absolute path, or an address whose password is kept for the workers, out of sight."""
    if is_database(store_path):
        return kept_password(str(store_path))
    return os.path.abspath(os.fspath(store_path))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol spelled out, asyncio sends small answers at once (TCP_NODELAY)
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host.strip("[]"), port))
        listener.listen(BACKLOG)  # whoever reads the first line may connect at once
    except OSError as error:
        listener.close()
        raise RenderError(f"cannot listen at {host}:{port}: {error.strerror or error}") from error
    listener.set_inheritable(True)
    return listener


def address_of(listener: socket.socket) -> str:
    """`http://host:port` of a listening socket."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def start_lines(
    listener: socket.socket, store_path: str | os.PathLike[str], settings: Settings
) -> list[str]:
    """What a user should know at the start: address, store, folders, and who can connect."""
    host = listener.getsockname()[0]
    roots = ", ".join(str(root) for root in settings.image_roots or ())
    lines = [
        f"render web service on {address_of(listener)}/ with {opening.shown(store_path)}",
        f"images are read below {roots}",
    ]
    if settings.token is None:
        who = "other users of this machine" if is_loopback(host) else "everybody in the network"
        lines.append(f"{who} can connect too, unless --token is given")
    return lines


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Leave by an exception when told to stop: uvicorn sends itself the signal once more, at the
    end, which would otherwise end the process on the spot.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _abandon(port_of_token: int | None) -> None:
    """Leave without waiting, and without the token that clients would find."""
    if port_of_token is not None:
        token_file(port_of_token).unlink(missing_ok=True)
    _leave()


@contextmanager
def _token_in_file(listener: socket.socket, settings: Settings) -> Iterator[None]:
    """Leave the token for the clients of this user, as long as the service runs."""
    assert settings.token is not None
    path = write_token(listener.getsockname()[1], settings.token)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _leave() -> None:
    """End this process at once, without waiting for its threads: the store is safe at any time."""
    os._exit(0)


def _config(
    app: Starlette | str, settings: Settings | None = None, **options: Any
) -> uvicorn.Config:
    seconds = (settings or Settings()).stop_seconds
    logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)
    return uvicorn.Config(
        app,
        http=GatheringProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        # pictures are stopped before, and what is still being done is left after
        timeout_graceful_shutdown=seconds * 0.9,  # type: ignore[arg-type]
        timeout_keep_alive=int(KEEP_ALIVE_SECONDS),
        backlog=ACCEPTED_AT_ONCE,
        ws="none",
        log_level="error",
        **options,
    )


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """Whether it is no request that was given up since the service stops, which is no error."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or not issubclass(kind, asyncio.CancelledError)


class _Server(uvicorn.Server):
    """Lets more connections wait than are accepted at once."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(BACKLOG)


def _run_here(
    store_path: str | os.PathLike[str],
    settings: Settings,
    listener: socket.socket,
    abandon: Callable[[], None],
) -> None:
    app = create_app(open_store(store_path, settings.lock_seconds), settings, abandon)
    _make_ready(settings)
    with _ending_in_order():
        _Server(_config(app, settings)).run(sockets=[listener])


def _make_ready(settings: Settings) -> None:
    """Set up a process that serves and does nothing else."""
    relax_collection()
    keep_freed_memory()
    if settings.warm_up:
        warm_up_aside(then=gc.freeze)  # what stays for good is not looked through again and again


def _run_workers(
    store_path: str | os.PathLike[str], settings: Settings, listener: socket.socket, workers: int
) -> None:
    """Run several processes on one listening socket; they find their task in the environment."""
    from uvicorn.supervisors import Multiprocess

    class Workers(Multiprocess):
        """Lets more connections wait than are accepted at once."""

        def keep_subprocess_alive(self) -> None:
            super().keep_subprocess_alive()
            listener.listen(BACKLOG)

    task = {
        "store": _kept(store_path),
        "settings": asdict(settings),
        "access_log": logging.getLogger("renderws.access").isEnabledFor(logging.INFO),
    }
    os.environ[WORKER_VARIABLE] = orjson.dumps(task, default=str).decode()
    try:
        config = _config("renderws.serve:worker_app", settings, factory=True, workers=workers)
        Workers(config, sockets=[listener]).run()
    finally:
        del os.environ[WORKER_VARIABLE]


def worker_app() -> Starlette:
    """Application of one of several processes, as its parent described it in the environment."""
    task = orjson.loads(os.environ[WORKER_VARIABLE])
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in task["settings"].items()
    }
    if task["access_log"]:
        log_requests()
    fields["image_roots"] = tuple(Path(root) for root in fields["image_roots"])
    settings = Settings(**fields)
    _make_ready(settings)
    return create_app(open_store(task["store"], settings.lock_seconds), settings, _leave)
