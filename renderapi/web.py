"""URLs of a render web service, and requests whose answers are checked."""

from __future__ import annotations

import functools
from collections.abc import Container, Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from renderapi.errors import ConflictError, NotFoundError, RenderError, RequestError
from renderapi.session import LOCAL_SCHEME, ServiceTimeout, ServiceUnreachable, ready_for

JSON_HEADERS = {"content-type": "application/json"}
NO_BODY_HEADERS = {"content-type": "application/json", "Accept": "application/json"}
_LONGEST_ERROR_TEXT = 2000
_ERRORS = {404: NotFoundError, 409: ConflictError}


def join(base: str, *parts: object) -> str:
    """URL of a resource below `base`; each part is quoted whole, so ids may hold any character.

    Raises
    ------
    RenderError
        A part is None, empty, or a dot segment, which would silently address something else.

    >>> join("http://h/render-ws/v1/stack/s", "tile", "a/b#1 %", "render-parameters")
    'http://h/render-ws/v1/stack/s/tile/a%2Fb%231%20%25/render-parameters'
    """
    return "/".join([base, *map(quoted, parts)])


def quoted(part: object) -> str:
    """One part of the path of a URL; RenderError as for `join`."""
    if type(part) is str:
        return _quoted_text(part)
    return _quoted_text("" if part is None else str(part))


@functools.lru_cache(maxsize=1024)
def _quoted_text(text: str) -> str:
    if text in {"", ".", ".."}:
        raise RenderError(
            f"{text!r} cannot name a stack, tile, section or collection: "
            "give its name, or connect with owner and project"
        )
    return quote(text, safe=",")


def number(template: str, value: Any) -> str:
    """Text of a number as `template` prints it where that is exact, else the shortest exact text.

    >>> number("%d", 3.0), number("%d", 3.7), number("%f", 3.7), number("%3.2f", 0.125)
    ('3', '3.7', '3.700000', '0.125')
    """
    exact = float(value)
    text: str = template % exact
    return text if float(text) == exact else repr(exact)


def box_text(
    x: float, y: float, width: float, height: float, scale: float, scale_format: str = "%f"
) -> str:
    """The part of a URL that names a box: whole pixels, as the service requires, and the scale."""
    corner_and_size = ",".join(str(int(value)) for value in (x, y, width, height))
    return f"{corner_and_size},{number(scale_format, scale)}"


def given(**parameters: Any) -> dict[str, Any]:
    """The query parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}


def with_query(url: str, name: str, values: Iterable[str]) -> str:
    """`url` with one `name=value` for each of the values added to its query."""
    query = "&".join(f"{name}={quote(str(value), safe='')}" for value in values)
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def request(
    session: Any,
    method: str,
    url: str,
    *,
    accept: Container[int] = (200,),
    params: Mapping[str, Any] | None = None,
    data: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    stream: bool = False,
) -> requests.Response:
    """Answer to a request.

    Raises
    ------
    NotFoundError, ConflictError, RequestError
        The status is not one of `accept`; the text has URL, status and what the service said.
    ServiceUnreachable, ServiceTimeout
        There was no answer (also `requests.ConnectionError` and `requests.Timeout`).
    """
    keywords = {"params": params, "data": data, "headers": headers, "stream": stream}
    used = {name: value for name, value in keywords.items() if value}
    try:
        response = getattr(ready_for(session, url), method.lower())(url, **used)
    except requests.Timeout as error:
        raise ServiceTimeout(f"{method} {url}: no answer in time ({error})", url=url) from error
    except requests.ConnectionError as error:
        raise ServiceUnreachable(no_connection(method, url, error), url=url) from error
    except requests.RequestException as error:
        raise RequestError(f"cannot send {method} {url}: {error}", url=url) from error
    if response.status_code not in accept:
        raise failure(method, response)
    return response


def no_connection(method: str, url: str, error: BaseException) -> str:
    """Line that says why there was no answer: what the system said, not how often it was asked."""
    if url.startswith(LOCAL_SCHEME):
        return f"no connection: {error}"
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            host = urlsplit(url).netloc
            return (
                f"no connection to {host} ({seen.strerror}): check host and port, "
                f"and that the service is running; it was asked to {method} {url}"
            )
        first = seen.args[0] if seen.args else None
        inner = getattr(first, "reason", first)
        known = seen.__cause__ or seen.__context__
        seen = inner if isinstance(inner, BaseException) else known
    return f"no connection: {error} (asked to {method} {url})"


def failure(method: str, response: requests.Response) -> RequestError:
    """The error that an answer stands for, with the text of the service."""
    text = response.content.decode("utf-8", "replace").strip()
    if len(text) > _LONGEST_ERROR_TEXT:
        text = text[:_LONGEST_ERROR_TEXT] + "..."
    kind = _ERRORS.get(response.status_code, RequestError)
    message = f"{method} {response.url} was answered with {response.status_code}: {text}"
    return kind(message, response.status_code, response.url)
