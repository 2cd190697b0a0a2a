"""Who may ask for what: Host and Origin checks, the token, and the sources that may be opened."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from renderapi.errors import ImageError, SourceNotAllowed
from renderapi.urls import WebAddress, url_scheme, url_to_path, web_address
from renderws.routes.answers import HttpError
from renderws.settings import Settings

if TYPE_CHECKING:
    from renderws.routes.router import Route

METHODS = "GET, POST, PUT, DELETE, OPTIONS, HEAD"
# a page's browser gives an Origin with what it asks; an answer without one may be shown it later
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Location, ETag, Accept-Ranges, Content-Range",
}
CORS_OF_PAGES = {
    **CORS,
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, If-None-Match, Range",
}
_NETWORK = ("http", "https", "s3", "gs")
_OPEN_PATHS = frozenset({"/health"})


def check_host(headers: Mapping[str, str], settings: Settings) -> None:
    """Refuse (403) a Host header that names another machine: a page that had its name rebound."""
    if settings.host_names is None:
        return
    host = headers.get("host", "")
    name = _host_name(host)
    if name is None:
        raise HttpError(400, f"the Host header '{host}' is no host")
    if name not in settings.host_names and not _is_address(name):
        raise HttpError(403, f"this service does not answer to the host name '{name}'")


@lru_cache(maxsize=64)
def _host_name(host: str) -> str | None:
    """Name in a Host header, lower case; None where it is none."""
    try:
        return urlsplit("//" + host).hostname or ""
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def check_permission(route: Route, headers: Mapping[str, str], settings: Settings) -> None:
    """Token (401), read-only (403) and foreign origin (403) checks of one request."""
    if settings.token is not None and route.path not in _OPEN_PATHS:
        _check_token(headers.get("authorization", ""), settings.token)
    if not route.is_change:
        return
    if settings.read_only:
        raise HttpError(403, "this service is read-only")
    if settings.check_origin:
        _check_origin(headers, settings.allow_origins)


def check_token(headers: Mapping[str, str], settings: Settings) -> None:
    """Token check (401) of a request for a file."""
    if settings.token is not None:
        _check_token(headers.get("authorization", ""), settings.token)


def _check_token(authorization: str, token: str) -> None:
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() not in ("bearer", "basic"):
        given = ""
    elif scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            given = ""
    if not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise HttpError(
            401,
            "this service needs its token (set RENDER_TOKEN for the client)",
            {"WWW-Authenticate": 'Basic realm="render", charset="UTF-8"'},
        )


def _check_origin(headers: Mapping[str, str], allowed: tuple[str, ...]) -> None:
    """Pages may change things only when they come from here or from an allowed origin."""
    origin = headers.get("origin")
    if origin is None:
        if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return
        origin = headers.get("sec-fetch-site", "")
    elif origin in allowed or _place(origin) == headers.get("host"):
        return
    if "*" not in allowed:
        raise HttpError(
            403, f"pages of origin '{origin}' may not change anything here (see --allow-origin)"
        )


def _place(origin: str) -> str:
    """Host and port of an origin; 400 where it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError as error:
        raise HttpError(400, f"the Origin header '{origin}' is no origin") from error


def source_check(settings: Settings) -> Callable[[str], None] | None:
    """Function that raises `SourceNotAllowed` for a URL outside the image roots and allowed hosts.

    None when everything may be opened.
    """
    if settings.image_roots is None and settings.allowed_hosts is None:
        return None
    return lambda url: check_source(url, settings)


def check_source(url: str, settings: Settings) -> None:
    """Refuse a file outside the image roots, links resolved, or a host that is not allowed."""
    scheme = url_scheme(url)
    if scheme == "mask":
        return
    try:
        path = url_to_path(url)
        address = web_address(url) if scheme in _NETWORK else None
    except ImageError as error:
        raise SourceNotAllowed(str(error)) from error
    if path is not None:
        check_path(path, settings)
    elif address is not None:
        _check_address(url, address, settings.allowed_hosts)
    else:
        raise SourceNotAllowed(f"{url} is of a kind that this service does not read")


def _check_address(url: str, address: WebAddress, hosts: tuple[str, ...] | None) -> None:
    """Refuse a host that is not allowed; one that is allowed without a port is so on all ports."""
    host, port = address
    shown = f"[{host}]" if ":" in host else host
    if hosts is not None and not {shown, host, f"{shown}:{port}"} & {
        each.lower() for each in hosts
    }:
        raise SourceNotAllowed(
            f"{url} is on a host that this service may not read; allow it with --allow-host"
        )


def check_path(path: str | os.PathLike[str], settings: Settings) -> None:
    """Refuse a path outside the image roots, symbolic links resolved."""
    if settings.image_roots is None:
        return
    real = os.path.realpath(path)
    if not any(_is_below(real, os.path.realpath(root)) for root in settings.image_roots):
        roots = ", ".join(str(root) for root in settings.image_roots)
        raise SourceNotAllowed(
            f"{path} is not below an image root of this service ({roots});"
            " start it with --image-root for the folder that holds it"
        )


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")
