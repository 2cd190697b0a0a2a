"""Small things used everywhere: JSON, checked requests, base 64 arrays, argument fitting."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import requests

from renderapi.base64arrays import decodeBase64, encodeBase64
from renderapi.errors import RenderError as RenderError
from renderapi.errors import RequestError
from renderapi.jsontext import (
    RenderEncoder,
    parse,
    renderdump,
    renderdump_temp,
    renderdumps,
    to_bytes,
)
from renderapi.web import JSON_HEADERS, NO_BODY_HEADERS, request

__all__ = [
    "NullHandler",
    "RenderEncoder",
    "decodeBase64",
    "default_ifNone",
    "defaultifNone",
    "encodeBase64",
    "fitargspec",
    "get_json",
    "jbool",
    "post_json",
    "put_json",
    "renderdump",
    "renderdump_temp",
    "renderdumps",
    "rest_delete",
    "stripLogger",
]

logger = logging.getLogger(__name__)

_WRITTEN = (200, 201, 204)
_DELETED = (200, 202, 204)


def __getattr__(name: str) -> Any:
    """`requests_json`: ujson where it is installed, else json, as in the published client.

    `requests` parses by that module once it was asked for here, not before: importing this package
    changes nothing for other programs.
    """
    if name != "requests_json":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = __import__("ujson")
    except ImportError:
        module = json
    vars(requests.models)["complexjson"] = module
    return module


class NullHandler(logging.Handler):
    """Logging handler that drops every record."""

    def emit(self, record: logging.LogRecord) -> None:
        """Drop a record."""


def stripLogger(logger_tostrip: logging.Logger) -> None:
    """Remove every handler of a logger."""
    for handler in list(logger_tostrip.handlers):
        logger_tostrip.removeHandler(handler)


def defaultifNone(val: Any, default: Any = None) -> Any:
    """`val`, or `default` if it is None."""
    return default if val is None else val


default_ifNone = defaultifNone


def jbool(val: Any) -> str:
    """'true' or 'false', as Java reads them."""
    if not isinstance(val, (bool, np.bool_)):
        logger.warning("%r is not a boolean; sent as %s", val, bool(val))
    return "true" if val else "false"


def positional_names(f: Callable[..., Any]) -> tuple[list[str], int]:
    """Names of the positional parameters of a function, and how many of them have no default."""
    spec = inspect.getfullargspec(f)
    return spec.args, len(spec.args) - len(spec.defaults or ())


def fitargspec(
    f: Callable[..., Any], oldargs: tuple[Any, ...], oldkwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments with every positional one that has a default turned into a keyword.

    Raises TypeError where an argument is given twice. Too many arguments are left as they are.
    """
    names, required = positional_names(f)
    return fit_arguments(f.__name__, names, required, oldargs, dict(oldkwargs))


def fit_arguments(
    function: str,
    names: list[str],
    required: int,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """`fitargspec` for a function whose positional parameters are known; `kwargs` is extended."""
    if len(args) <= required or len(args) > len(names):
        return args, kwargs
    for name, value in zip(names[required:], args[required:], strict=False):
        if name in kwargs:
            raise TypeError(f"{function}() got multiple values for argument {name!r}")
        kwargs[name] = value
    return args[:required], kwargs


def get_json(
    session: Any,
    request_url: str,
    params: Mapping[str, Any] | None = None,
    stream: bool = False,
    **kwargs: Any,
) -> Any:
    """GET a JSON value. RequestError unless the answer is 200 and JSON."""
    response = request(session, "GET", request_url, params=params, stream=stream)
    return json_of(response)


def json_of(response: requests.Response) -> Any:
    """JSON value of an answer; RequestError with the text of the answer if it is not JSON."""
    try:
        return parse(response.content)
    except ValueError as error:
        text = response.content[:2000].decode("utf-8", "replace")
        raise RequestError(
            f"{response.url} did not answer with JSON ({error}): {text}",
            response.status_code,
            response.url,
        ) from error


def post_json(
    session: Any, request_url: str, d: Any, params: Mapping[str, Any] | None = None
) -> requests.Response:
    """POST a JSON body (none if `d` is None). RequestError unless answered with 200, 201 or 204."""
    return send_json(session, "POST", request_url, d, params)


def put_json(
    session: Any, request_url: str, d: Any, params: Mapping[str, Any] | None = None
) -> requests.Response:
    """PUT a JSON body (none if `d` is None). RequestError unless answered with 200, 201 or 204."""
    return send_json(session, "PUT", request_url, d, params)


def send_json(
    session: Any,
    method: str,
    url: str,
    d: Any,
    params: Mapping[str, Any] | None = None,
    accept: tuple[int, ...] = _WRITTEN,
) -> requests.Response:
    """Answer to a request with a JSON body; None sends no body."""
    if d is None:
        return request(session, method, url, accept=accept, params=params, headers=NO_BODY_HEADERS)
    body = to_bytes(d)
    return request(
        session, method, url, accept=accept, params=params, data=body, headers=JSON_HEADERS
    )


def rest_delete(
    session: Any, request_url: str, params: Mapping[str, Any] | None = None
) -> requests.Response:
    """DELETE a resource. RequestError unless answered with 200, 202 or 204."""
    return request(session, "DELETE", request_url, accept=_DELETED, params=params)
