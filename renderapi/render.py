"""Connections to a render web service, and what owners, projects and stacks it has."""

from __future__ import annotations

import functools
import inspect
import logging
import os
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from renderapi.errors import ClientScriptError, RenderError
from renderapi.session import is_local, local_host, new_session
from renderapi.shown import grid, line, table
from renderapi.utils import defaultifNone, fit_arguments, get_json, positional_names
from renderapi.utils import fitargspec as fitargspec
from renderapi.web import join, quoted

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

raw_input = input
"""How `connect` asks for what is missing; replace it to answer by program."""

DEFAULT_STORE = "render.db"
DEFAULT_HEAP = "1G"


class Render:
    """A connection: where the service is, and the owner and project that calls use by default."""

    def __init__(
        self,
        host: str | None = None,
        port: int | str | None = None,
        owner: str | None = None,
        project: str | None = None,
        client_scripts: str | None = None,
        session: Any = None,
        create_session: bool = True,
        **kwargs: Any,
    ) -> None:
        self.DEFAULT_HOST = host
        self.DEFAULT_PORT = port
        self.DEFAULT_PROJECT: Any = project  # a text wherever it is used in a path
        self.DEFAULT_OWNER: Any = owner
        self.DEFAULT_CLIENT_SCRIPTS = client_scripts
        self.session = new_session() if session is None and create_session else session

    def __repr__(self) -> str:
        return line(
            type(self).__name__,
            self.DEFAULT_HOST,
            port=self.DEFAULT_PORT,
            owner=self.DEFAULT_OWNER,
            project=self.DEFAULT_PROJECT,
        )

    def _repr_html_(self) -> str:
        rows = {"service": self.DEFAULT_HOST, "owner": self.DEFAULT_OWNER}
        if self.DEFAULT_OWNER:
            try:
                rows["stacks"] = grid(self._stacks())
            except (RenderError, OSError) as error:
                rows["stacks"] = str(error)
        return table("render web service", rows)

    def _stacks(self) -> list[tuple[object, ...]]:
        """Project, name, state and number of tiles of the owner's stacks, those of the project."""
        rows: list[tuple[object, ...]] = []
        for stack in get_stack_metadata_by_owner(render=self):
            name, tiles = stack["stackId"], (stack.get("stats") or {}).get("tileCount", 0)
            if self.DEFAULT_PROJECT in (None, "", name["project"]):
                rows.append((name["project"], name["stack"], stack["state"], f"{tiles} tiles"))
        return rows

    @property
    def DEFAULT_KWARGS(self) -> dict[str, Any]:
        """The keywords that this connection adds to a call."""
        return self.make_kwargs()

    def make_kwargs(
        self,
        host: str | None = None,
        port: int | str | None = None,
        owner: str | None = None,
        project: str | None = None,
        client_scripts: str | None = None,
        session: Any = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Keywords with what is None taken from this connection; others pass unchanged."""
        scripts = self.DEFAULT_CLIENT_SCRIPTS if client_scripts is None else client_scripts
        kwargs["host"] = self.DEFAULT_HOST if host is None else host
        kwargs["port"] = self.DEFAULT_PORT if port is None else port
        kwargs["owner"] = self.DEFAULT_OWNER if owner is None else owner
        kwargs["project"] = self.DEFAULT_PROJECT if project is None else project
        kwargs["client_scripts"] = scripts
        kwargs["session"] = self.session if session is None else session
        return kwargs

    def run(self, f: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call a function with this connection."""
        kwargs["render"] = self
        return f(*args, **kwargs)


class RenderClient(Render):
    """A connection that can also run the Java client scripts.

    Without `validate_client` the script is not looked for here, only when Java is to run; and it
    may be left out: bulk operations then run in Python.
    """

    client_script_wrapper = "run_ws_client.sh"
    validate_client = True

    def __init__(
        self,
        client_script: str | None = None,
        memGB: str | None = None,
        validate_client: bool = True,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.validate_client = validate_client
        client_script = script_of(client_script, self.DEFAULT_CLIENT_SCRIPTS)
        if validate_client:
            _check_script(client_script)
        if client_script is not None and self.client_script_wrapper not in os.path.basename(
            client_script
        ):
            logger.warning("%s is not called %s", client_script, self.client_script_wrapper)
        if memGB is None:
            logger.warning("no memory given for Java clients, using %s", DEFAULT_HEAP)
            memGB = DEFAULT_HEAP
        self.client_script = client_script
        self.memGB = memGB

    @classmethod
    def clientscript_from_clientscripts(cls, client_scripts: str) -> str:
        """Path of the wrapper script in the folder of client scripts."""
        return os.path.join(client_scripts, cls.client_script_wrapper)

    def make_kwargs(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Keywords with what is None taken from this connection; others pass unchanged."""
        return {
            **super().make_kwargs(*args, **kwargs),
            "client_script": defaultifNone(kwargs.get("client_script"), self.client_script),
            "memGB": defaultifNone(kwargs.get("memGB"), self.memGB),
        }


def script_of(client_script: str | None, client_scripts: str | None) -> str | None:
    """Path of the script that runs Java, by itself or by its folder; None where neither is given.

    An empty text counts as none.
    """
    if client_script:
        return client_script
    return RenderClient.clientscript_from_clientscripts(client_scripts) if client_scripts else None


def _check_script(client_script: str | None) -> None:
    if client_script is None:
        raise ClientScriptError("give client_script or client_scripts")
    if not os.path.isfile(client_script):
        raise ClientScriptError(f"client script {client_script} is not a file")


def connect(
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_scripts: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    force_http: bool = True,
    validate_client: bool = True,
    web_only: bool = False,
    session: Any = None,
    store: str | os.PathLike[str] | None = None,
    create_session: bool = True,
    **kwargs: Any,
) -> Render:
    """Connection to a render web service.

    What is not given is taken from the environment (RENDER_HOST, RENDER_PORT, RENDER_PROJECT,
    RENDER_OWNER, RENDER_CLIENT_SCRIPTS, RENDER_CLIENT_SCRIPT, RENDER_CLIENT_HEAP), and asked for
    if there is a terminal to ask on.

    `host="local"` is the embedded service on `store` (else RENDER_STORE, else render.db), a file or
    the address of a database, postgresql://user:password@host/database: it needs no server and no
    port, asks nothing, and uses no Java client scripts, for they cannot reach it. Elsewhere they
    are optional; with them the result is a `RenderClient`.

    An empty text that is given is taken as it is: match collections have no project, and an owner
    may be given with each call. What needs the name refuses it.

    Raises
    ------
    ValueError
        Something needed is missing, or empty where it was asked for or taken from the environment;
        the text names the argument and the variable.
    """
    if kwargs:
        logger.warning("connect ignores %s", ", ".join(sorted(kwargs)))
    host, port = _address(_needed("host", host), port, store, force_http)
    local = is_local(host)
    project = _needed("project", project, ask=not local)
    owner = _needed("owner", owner, ask=not local)
    if local:
        client_scripts, client_script = _no_scripts(client_scripts, client_script)
    else:
        client_scripts, client_script = _scripts(client_scripts, client_script, web_only)
    connection: dict[str, Any] = {
        "host": host,
        "port": port,
        "owner": owner,
        "project": project,
        "client_scripts": client_scripts,
        "session": session if session is not None or not create_session else new_session(),
        "create_session": False,
    }
    if not client_script and not client_scripts:
        return Render(**connection)
    return _with_clients(connection, client_script, memGB, validate_client)


def _with_clients(
    connection: dict[str, Any], client_script: str | None, memGB: str | None, validate: bool
) -> Render:
    """A connection that runs Java clients, or one that does not where they cannot be run."""
    heap = defaultifNone(memGB, _environment("CLIENT_HEAP"))
    try:
        return RenderClient(client_script, heap, validate, **connection)
    except ClientScriptError as error:
        logger.warning("%s: Java clients cannot be run from this connection", error)
        return Render(**connection)


def _address(
    host: str,
    port: int | str | None,
    store: str | os.PathLike[str] | None,
    force_http: bool,
) -> tuple[str, int | str | None]:
    """Host and port of a service; the embedded one has no port."""
    if host == "local":
        host = local_host(store or _environment("STORE") or DEFAULT_STORE)
    if is_local(host):
        return host, None
    if force_http and not host.startswith("http"):
        host = f"http://{host}"
    return host, _port(port)


def _scripts(
    client_scripts: str | None, client_script: str | None, web_only: bool
) -> tuple[str | None, str | None]:
    """Folder of the Java clients and their script, from the environment where not given."""
    if not web_only:
        client_scripts = defaultifNone(client_scripts, _environment("CLIENT_SCRIPTS"))
        if client_scripts is None and _can_ask():
            client_scripts = _needed("client_scripts", None)
    return client_scripts, defaultifNone(client_script, _environment("CLIENT_SCRIPT"))


def _no_scripts(client_scripts: str | None, client_script: str | None) -> tuple[None, None]:
    if client_scripts or client_script:
        logger.warning(
            "Java cannot reach the embedded service: bulk operations run in Python, without %s",
            client_script or client_scripts,
        )
    return None, None


def _environment(name: str) -> str | None:
    """RENDER_NAME of the environment, else DEFAULT_RENDER_NAME, which the user guide names."""
    return defaultifNone(os.environ.get(f"RENDER_{name}"), os.environ.get(f"DEFAULT_RENDER_{name}"))


def _can_ask() -> bool:
    """Whether somebody is there to answer: a terminal, or a program that replaced `raw_input`."""
    return raw_input is not input or (sys.stdin is not None and sys.stdin.isatty())


def _needed(argument: str, value: str | None, ask: bool = True) -> str:
    if value is not None:
        return value
    value = _environment(argument.upper())
    if value is None and ask and _can_ask():
        value = raw_input(f"Enter render {argument}: ")
    if not value:
        raise ValueError(
            f"no {argument} to connect with: give {argument}= or set RENDER_{argument.upper()}"
        )
    return value


def _port(port: int | str | None) -> int | str:
    if port is not None:
        return port
    text = _environment("PORT")
    if text is not None:
        return int(text)
    return str(int(_needed("port", None)))


def filled(function: str, keywords: dict[str, Any]) -> dict[str, Any]:
    """Keywords of a function, those of the connection filled in as `render` says where it is one of
    them; ValueError where it is no Render object.
    """
    render = keywords.get("render")
    if isinstance(render, Render):
        return render.make_kwargs(**keywords)
    if render is not None:
        raise ValueError(f"{function}: render={render!r} is not a Render object")
    return keywords


def renderaccess(f: Callable[P, T]) -> Callable[P, T]:
    """Decorator: `render=` fills the connection keywords of a function that are not given.

    An argument that is given and not None wins over the `Render` object, which wins over the
    default of the function. Without a session a new one is made for this call. The function must
    accept the connection keywords by name or as `**kwargs`.
    """
    names, required = positional_names(f)
    function = f.__name__

    @functools.wraps(f)
    def with_connection(*args: P.args, **kwargs: P.kwargs) -> T:
        fitted, keywords = fit_arguments(function, names, required, args, kwargs)
        keywords = filled(function, keywords)
        if keywords.get("session") is not None:
            return f(*fitted, **keywords)
        with new_session() as session:
            return f(*fitted, **{**keywords, "session": session})

    with_connection.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    return with_connection


def format_baseurl(host: str | None, port: int | str | None) -> str:
    """URL of the service: host (with its scheme), port unless None, and the root of the interface.

    >>> format_baseurl("http://localhost", 8080)
    'http://localhost:8080/render-ws/v1'
    """
    return f"{host}{'' if port is None else f':{port}'}/render-ws/v1"


def format_preamble(
    host: str | None,
    port: int | str | None,
    owner: str | None,
    project: str | None,
    stack: str | None,
) -> str:
    """URL of a stack.

    >>> format_preamble("http://h", None, "me", "brain", "raw")
    'http://h/render-ws/v1/owner/me/project/brain/stack/raw'
    """
    base = format_baseurl(host, port)
    return f"{base}/owner/{quoted(owner)}/project/{quoted(project)}/stack/{quoted(stack)}"


@renderaccess
def get_owners(
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[str]:
    """Owners that have stacks."""
    return get_json(session, join(format_baseurl(host, port), "owners") + "/")


@renderaccess
def get_stack_metadata_by_owner(
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[dict[str, Any]]:
    """Metadata of all stacks of an owner."""
    return get_json(session, join(format_baseurl(host, port), "owner", owner, "stacks") + "/")


@renderaccess
def get_projects_by_owner(
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[str]:
    """Projects of an owner, in alphabetical order."""
    stacks = get_stack_metadata_by_owner(owner=owner, host=host, port=port, session=session)
    return sorted({metadata["stackId"]["project"] for metadata in stacks})


@renderaccess
def get_stacks_by_owner_project(
    owner: str | None = None,
    project: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[str]:
    """Names of the stacks of a project."""
    stacks = get_stack_metadata_by_owner(owner=owner, host=host, port=port, session=session)
    return [
        metadata["stackId"]["stack"]
        for metadata in stacks
        if metadata["stackId"]["project"] == project
    ]
