"""How a client function gets its connection and, where one is configured, its Java script."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from renderapi.client.running import require_script
from renderapi.errors import ClientScriptError
from renderapi.render import filled, script_of
from renderapi.utils import fit_arguments, fitargspec, positional_names

__all__ = ["ClientScriptError", "clientkeywords", "fitargspec", "renderclientaccess"]

P = ParamSpec("P")
T = TypeVar("T")


def renderclientaccess(f: Callable[P, T]) -> Callable[P, T]:
    """Decorator: `render=` fills the connection and client keywords that are not given.

    Where a script is configured (`client_script`, or `client_scripts`, the folder that holds it)
    it must exist, unless `render` was made with `validate_client=False`. Without any, operations
    run in this process, in Python.

    Raises
    ------
    ClientScriptError
        The script that is configured is not there.
    ValueError
        `render` is not a Render object.
    """
    return _with_keywords(f, check_script=True)


def clientkeywords(f: Callable[P, T]) -> Callable[P, T]:
    """`renderclientaccess` for functions that look for the script themselves, when it is to run."""
    return _with_keywords(f, check_script=False)


def _with_keywords(f: Callable[P, T], check_script: bool) -> Callable[P, T]:
    names, required = positional_names(f)
    function = f.__name__

    @functools.wraps(f)
    def with_client(*args: P.args, **kwargs: P.kwargs) -> T:
        fitted, keywords = fit_arguments(function, names, required, args, kwargs)
        render: Any = keywords.get("render")
        keywords = filled(function, keywords)
        script = script_of(keywords.get("client_script"), keywords.get("client_scripts"))
        if check_script and getattr(render, "validate_client", True):
            require_script(script)
        if script is not None or "client_script" in keywords:
            keywords["client_script"] = script
        return f(*fitted, **keywords)

    with_client.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]
    return with_client
