"""How a client function gets its connection and, where one is configured, its Java script."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from renderapi.errors import ClientScriptError
from renderapi.render import Render, RenderClient
from renderapi.utils import fit_arguments, positional_names

__all__ = ["ClientScriptError", "renderclientaccess"]

P = ParamSpec("P")
T = TypeVar("T")


def renderclientaccess(f: Callable[P, T]) -> Callable[P, T]:
    """Decorator: `render=` fills the connection and client keywords that are not given.

    A script that is configured (`client_script`, or `client_scripts`, the folder that holds it)
    must exist. Without any, the operation runs in this process, in Python.

    Raises
    ------
    ClientScriptError
        The script that is configured is not there.
    ValueError
        `render` is not a Render object.
    """
    names, required = positional_names(f)
    function = f.__name__

    @functools.wraps(f)
    def with_client(*args: P.args, **kwargs: P.kwargs) -> T:
        fitted, keywords = fit_arguments(function, names, required, args, kwargs)
        render: Any = keywords.get("render")
        if isinstance(render, Render):
            keywords = render.make_kwargs(**keywords)
        elif render is not None:
            raise ValueError(f"{function}: render={render!r} is not a Render object")
        script = configured_script(keywords.get("client_script"), keywords.get("client_scripts"))
        if script is not None:
            keywords["client_script"] = script
        return f(*fitted, **keywords)

    with_client.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    return with_client


def configured_script(client_script: str | None, client_scripts: str | None) -> str | None:
    """Path of the script to run, None where none is configured."""
    if client_script is None:
        if client_scripts is None:
            return None
        client_script = RenderClient.clientscript_from_clientscripts(client_scripts)
    if not os.path.isfile(client_script):
        raise ClientScriptError(
            f"client script {client_script} is not a file; without client_script and "
            "client_scripts the operation runs in Python"
        )
    return client_script
