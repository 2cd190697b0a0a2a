"""Sessions: pooled connections with retries and time-outs, and the way to an embedded service.

A session of this module answers three schemes: http, https, and `http+local`, whose host is the
percent-quoted path of a store. The service behind the last one runs in this process; it is found
through the entry point group `renderapi.services` when it is first needed.
"""

from __future__ import annotations

import copy
import functools
import os
import re
from collections import OrderedDict
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.sessions import merge_setting
from requests.utils import get_environ_proxies
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import Retry

from renderapi.databases import is_database, kept_password
from renderapi.errors import RenderError, RequestError
from renderapi.tokens import carried_token, token_for

LOCAL_SCHEME = "http+local://"
SERVICES = "renderapi.services"
TIMEOUT = (10.0, 1800.0)
"""Seconds to wait for a connection, and between two pieces of an answer.

The second is long because completing or cloning a large stack answers only when it is done.
"""

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
_POOL_SIZE = 16


_ONCE = re.compile(r"/render-ws/v1/owner/.*/(stackId|cloneTo/[^/]+|collectionId)$")
"""Paths of changes that fail, or do something else, when they are done again: rename and clone."""
_ONCE_HAS = ("stackId", "cloneTo", "collectionId")

_PROXY_VARIABLES = (
    *(f"{kind}_proxy" for kind in ("http", "https", "all", "no")),
    *(f"{kind}_PROXY" for kind in ("HTTP", "HTTPS", "ALL", "NO")),
    "REQUEST_METHOD",
)
"""All that `requests` looks for in the environment to choose a proxy for http and https."""
_MOST_HOSTS = 64


class ServiceUnreachable(RequestError, requests.ConnectionError):
    """No connection to the service, or it broke before the answer."""


class ServiceTimeout(RequestError, requests.Timeout):
    """The service did not answer in time."""


class _Retry(Retry):
    """Retries that do not ask again for what took too long: it is still being worked on."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Self:
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, _pool, _stacktrace)


def _retries(methods: frozenset[str] = IDEMPOTENT) -> Retry:
    """Retries of requests by these methods; of others only while nothing was sent."""
    return _Retry(
        total=4,
        backoff_factor=0.3,
        status_forcelist=(502, 503, 504),
        allowed_methods=methods,
        raise_on_status=False,
    )


class RenderSession(requests.Session):
    """A `requests.Session` with pooled connections, retries, time-outs and the local scheme.

    It can be pickled, and used in a forked process: connections are never shared between
    processes. Requests carry the token of the service (see `renderapi.tokens`) unless they have
    an Authorization header already, or `with_token` is false. A pickled session holds no token that
    was not put into its headers.
    """

    __attrs__ = [*requests.Session.__attrs__, "timeout", "with_token"]

    def __init__(self, with_token: bool = True) -> None:
        super().__init__()
        self.with_token = with_token
        self._token = carried_token()
        self.timeout: Any = TIMEOUT
        self._process = os.getpid()
        self._proxies: dict[str, tuple[tuple[str | None, ...], dict[str, str]]] = {}
        self._mount_pools()

    def _mount_pools(self) -> None:
        for scheme in ("https://", "http://"):
            adapter = HTTPAdapter(
                pool_connections=_POOL_SIZE, pool_maxsize=_POOL_SIZE, max_retries=_retries()
            )
            self.mount(scheme, adapter)

    def __getstate__(self) -> dict[str, Any]:
        state = {name: getattr(self, name) for name in self.__attrs__}
        adapters = self.adapters.items()
        state["adapters"] = OrderedDict((k, a) for k, a in adapters if k != LOCAL_SCHEME)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._token = carried_token()
        self._process = os.getpid()
        self._proxies = {}

    def get_adapter(self, url: str) -> BaseAdapter:
        """Adapter for a URL; the one of the embedded service is made on first use."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self.adapters.pop(LOCAL_SCHEME, None)
            self._mount_pools()
        if is_local(url) and LOCAL_SCHEME not in self.adapters:
            self.mount(LOCAL_SCHEME, local_service())
        adapter = super().get_adapter(url)
        once = any(name in url for name in _ONCE_HAS) and _ONCE.search(urlsplit(url).path)
        return _careful(adapter) if once else adapter

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """A request ready to be sent, with the token of the service where there is one."""
        prepared = super().prepare_request(request)
        url = prepared.url or ""
        if self.with_token and "Authorization" not in prepared.headers and not is_local(url):
            token = self._token or token_for(url)
            if token is not None:
                prepared.headers["Authorization"] = f"Bearer {token}"
        return prepared

    def merge_environment_settings(  # type: ignore[override]
        self, url: str, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> dict[str, Any]:
        """Settings of a request with those of the environment.

        As in `requests`, which reads the whole environment twice for every request; here that is
        done once for each host, and again when one of the variables it looks for has changed.
        """
        if proxies or not self.trust_env:
            settings = super().merge_environment_settings(url, proxies, stream, verify, cert)
            return dict(settings)
        if verify is True or verify is None:
            bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
            verify = bundle or verify
        return {
            "proxies": merge_setting(self._environment_proxies(url), self.proxies),
            "stream": merge_setting(stream, self.stream),
            "verify": merge_setting(verify, self.verify),
            "cert": merge_setting(cert, self.cert),
        }

    def _environment_proxies(self, url: str) -> dict[str, str]:
        site = "/".join(url.split("/", 3)[:3])
        environment = tuple(map(os.environ.get, _PROXY_VARIABLES))
        known = self._proxies.get(site)
        if known is None or known[0] != environment:
            if len(self._proxies) >= _MOST_HOSTS:
                self._proxies.clear()
            known = self._proxies[site] = (environment, dict(get_environ_proxies(url)))
        return known[1].copy()

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request, with the time-out of this session unless another one is given."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.timeout
        return super().send(request, **kwargs)


def _careful(adapter: BaseAdapter) -> BaseAdapter:
    """An adapter with the connections of this one that repeats only what was never sent."""
    if not isinstance(adapter, HTTPAdapter):
        return adapter
    careful = copy.copy(adapter)
    careful.poolmanager, careful.proxy_manager = adapter.poolmanager, adapter.proxy_manager
    careful.max_retries = _retries(frozenset({"GET", "HEAD"}))
    return careful


def new_session(with_token: bool = True) -> RenderSession:
    """A session for one connection; `with_token` is false where servers are not the service."""
    return RenderSession(with_token)


def ready_for(session: Any, url: str) -> Any:
    """`session`, able to reach an embedded service even if the user made it."""
    if (
        is_local(url)
        and isinstance(session, requests.Session)
        and not isinstance(session, RenderSession)
        and LOCAL_SCHEME not in session.adapters
    ):
        session.mount(LOCAL_SCHEME, local_service())
    return session


def is_local(url: str) -> bool:
    """Whether a URL or host is that of an embedded service."""
    return url[: len(LOCAL_SCHEME)].lower() == LOCAL_SCHEME


def local_host(store: str | os.PathLike[str]) -> str:
    """Host that stands for the embedded service on a store: a file, or a database, whose password
    is kept apart (`renderapi.databases`).

    >>> local_host("/data/my stacks.db")
    'http+local://%2Fdata%2Fmy%20stacks.db'
    """
    place = kept_password(str(store)) if is_database(store) else os.path.abspath(os.fspath(store))
    return LOCAL_SCHEME + quote(place, safe="")


def local_store(url: str) -> str:
    """Path of the store, or address of its database, for a local host or a URL below it."""
    if not is_local(url):
        raise RenderError(f"{url} is not the host of an embedded service")
    return unquote(url[len(LOCAL_SCHEME) :].split("/", 1)[0])


def local_service() -> BaseAdapter:
    """A new adapter to the embedded service that is installed."""
    service: BaseAdapter = _service_class()()
    return service


@functools.cache
def _service_class() -> Any:
    from importlib.metadata import entry_points

    for entry in entry_points(group=SERVICES, name="local"):
        return entry.load()
    raise RenderError(
        'host="local" needs the embedded render web service, and no installed package offers it '
        f"(entry point group {SERVICES}); install render-python-apps, or give the host of a server"
    )
