"""The service itself: one request in, one answer out, and its ASGI form.

Handlers are plain functions. Served by uvicorn they run in two bounded pools of threads, one for
data and one for pixels; driven in-process (`renderws.local`) they run in the caller's thread.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import orjson

from renderapi.errors import RenderError
from renderapi.rendering.limits import DrawingStopped
from renderws import guard
from renderws.bodies import Bodies, gather, too_large
from renderws.caching import cache_headers
from renderws.drawings import Drawings, stopped_when_gone
from renderws.freed_memory import give_freed_memory_back
from renderws.kept import KeptVolumes
from renderws.moving import Moving
from renderws.ranges import compressed_tag, cut, is_known
from renderws.request import Receive, Request, Scope, has_body
from renderws.routes.answers import TEXT, Answer, HttpError
from renderws.routes.call import Call
from renderws.routes.router import Route
from renderws.settings import Settings
from renderws.store.protocol import StillMoving, Store, StoreError
from renderws.store.settling import moved_by_others
from renderws.values_of_json import check_values

if TYPE_CHECKING:
    from renderapi.rendering.sources import SourceCache

T = TypeVar("T")
Send = Callable[[Any], Awaitable[None]]

DIRECT = "renderws.direct"
_GZIP_FROM = 4096
_AT_ONCE: AbstractContextManager[Any] = nullcontext()
_DAMAGE = (UnicodeDecodeError, orjson.JSONDecodeError, msgspec.DecodeError)
_LOG = logging.getLogger("renderws")
_ACCESS = logging.getLogger("renderws.access")


class Service:
    """A store, its settings and the table of operations."""

    def __init__(self, store: Store, settings: Settings) -> None:
        from renderws.routes.table import router, routes

        self.store = store
        self.settings = settings
        self.routes = routes()
        self.router = router()
        self.match_trials = threading.BoundedSemaphore(max(1, settings.render_threads))
        self.bodies = Bodies(settings, give_freed_memory_back)
        self.drawings = Drawings(settings.picture_seconds)
        self.volumes = KeptVolumes()
        self.moving = Moving(self.drawings, self._in_data_pool)
        self._new_stop = self.drawings.stop
        self._waiting = 0
        self._painting = 0
        self._lock = threading.Lock()
        self._large_bodies = threading.Lock()

    @cached_property
    def sources(self) -> SourceCache:
        """Decoded source images, shared by all requests."""
        from renderapi.rendering.sources import SourceCache

        return SourceCache(
            max_bytes=self.settings.cache_bytes,
            allow=guard.source_check(self.settings),
            limits=self.settings.drawing,
        )

    @cached_property
    def _data_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.settings.threads, "renderws-data")

    @cached_property
    def _change_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "renderws-changes")

    @cached_property
    def _pixel_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.settings.render_threads, "renderws-pixels")

    @contextmanager
    def painters(self) -> Iterator[int]:
        """Threads for one picture: all of them while it is the only one, else a fair share."""
        with self._lock:
            self._painting += 1
            threads = max(1, self.settings.render_threads // self._painting)
        try:
            yield threads
        finally:
            with self._lock:
                self._painting -= 1

    def forget_images(self) -> None:
        """Drop the decoded source images."""
        self.__dict__.pop("sources", None)
        self.volumes = KeptVolumes()

    def reclaim(self) -> int:
        """Remove some rows of what was dropped long enough ago; gives how many."""
        try:
            return self.store.reclaim(grace=self.settings.undelete_seconds)
        except StoreError as error:
            _LOG.warning("space of deleted stacks was not reclaimed: %s", error)
            return 0

    def check_place(self) -> None:
        """Make sure that a store that was taken away spoils nothing else."""
        with suppress(StoreError):
            self.store.check_place()

    def close(self) -> None:
        """Wait for running requests, of which pictures stop, and close the store."""
        self.drawings.stop_all()
        for name in ("_data_pool", "_change_pool", "_pixel_pool"):
            pool = self.__dict__.pop(name, None)
            if pool is not None:
                pool.shutdown()
        self.store.close()

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, Any]]:
        """Route of a request; HEAD is GET without the body."""
        return self.router.find("GET" if method == "HEAD" else method, raw_path)

    def answer(self, route: Route, path: dict[str, Any], request: Request) -> Answer:
        """Run a handler, up to the first part of a streamed body: it may still fail until then.

        Within `moved_by_others` it raises `StillMoving` where a change is to be tried again.
        """
        try:
            if request.body or route.pixels:
                with self._parsing(request.body), self._drawing(route, request):
                    return self._answered(route, path, request)
            return self._answered(route, path, request)
        except _DAMAGE as error:  # what clients send was told to be wrong before
            return refusal(self.store.damaged(error), request)
        except StillMoving:
            raise
        except Exception as error:
            return refusal(error, request)

    def _changed(self, route: Route, path: dict[str, Any], request: Request) -> Answer:
        """The same for a change in one of the pools, of which others are not to wait for rows."""
        with moved_by_others():
            return self.answer(route, path, request)

    def _answered(self, route: Route, path: dict[str, Any], request: Request) -> Answer:
        if route.is_change or not route.consistent:
            return self._handled(route, self._call(self.store, route, path, request))
        with self.store.snapshot() as view:
            return self._handled(route, self._call(view, route, path, request))

    def _call(self, store: Store, route: Route, path: dict[str, Any], request: Request) -> Call:
        return Call(self, store, route.query, route.unasked, path, request)

    def _parsing(self, body: bytes) -> AbstractContextManager[Any]:
        """Entered while a body is worked on; 413 when it holds too many values.

        Of those that take much memory once they are parsed, one is worked on at a time.
        """
        if not body:
            return _AT_ONCE
        weight = check_values(body, self.settings.max_values)
        return self._large_bodies if 4 * weight > self.settings.max_values else _AT_ONCE

    def _drawing(self, route: Route, request: Request) -> AbstractContextManager[Any]:
        """Entered while a picture is drawn: its time begins."""
        return self.drawings.under_way(request.stop) if route.pixels else _AT_ONCE

    def inner(self, method: str, raw_path: str, query: str, headers: Mapping[str, str]) -> Answer:
        """Answer of this service to one of its own operations."""
        scope = {
            "method": method,
            "path": raw_path,
            "query_string": query.encode("latin-1", "replace"),
            "headers": [(b"host", headers.get("host", "localhost").encode("latin-1"))],
        }
        request = Request(scope, self.drawings.stop)
        route, path = self.find(method, raw_path)
        return self.answer(route, path, request)

    def _handled(self, route: Route, call: Call) -> Answer:
        is_kept = route.cached or route.revalidated
        headers = cache_headers(call, route.revalidated) if is_kept else {}
        if headers and is_known(call.headers, headers["ETag"]):
            return Answer(304, headers=headers)
        answer = route.handler(call)
        if not isinstance(answer.body, bytes):
            answer.body = _begun(answer.body)
        answer.headers.update(headers)
        return cut(answer, call.headers, call.is_head) if route.ranged else answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry point; websockets are refused."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1003})
            return
        request = Request(scope, self._new_stop)
        direct = DIRECT in scope
        started = time.perf_counter()
        try:
            if request.method == "OPTIONS":
                answer = Answer(200, headers={"Allow": guard.METHODS})
            else:
                guard.check_host(request.headers, self.settings)
                route, path = self.find(request.method, request.raw_path)
                guard.check_permission(route, request.headers, self.settings)
                if has_body(request, self.settings.max_body_bytes):
                    answer = await self._with_body(direct, route, path, request, receive)
                elif route.pixels and not direct:
                    async with stopped_when_gone(request.stop, receive):
                        answer = await self._run(direct, route, path, request, receive)
                else:
                    answer = await self._run(direct, route, path, request, receive)
        except HttpError as error:
            answer = refusal(error, request)
        except asyncio.CancelledError:  # only at the end of the service
            answer = Answer(503, b"the service is stopping", TEXT, {"Connection": "close"})
        await self._send(answer, request, direct, send)
        if _ACCESS.isEnabledFor(logging.INFO):
            _ACCESS.info("%s", _access_line(request, answer, time.perf_counter() - started))

    async def _with_body(
        self, direct: bool, route: Route, path: dict[str, Any], request: Request, receive: Receive
    ) -> Answer:
        limit = self.settings.max_body_bytes
        if direct:  # in the caller's thread, with the body whole
            request.body = (await receive()).get("body", b"")
            if len(request.body) > limit:
                raise too_large(limit)
            return await self._run(direct, route, path, request, receive)
        lease = self.bodies.begin()
        try:
            request.body = await gather(receive, limit, self.bodies, lease)
            if not route.pixels:
                return await self._run(direct, route, path, request, receive)
            async with stopped_when_gone(request.stop, receive):
                return await self._run(direct, route, path, request, receive)
        finally:
            self.bodies.end(lease)

    async def _run(
        self,
        direct: bool,
        route: Route,
        path: dict[str, Any],
        request: Request,
        receive: Receive,
    ) -> Answer:
        if direct:
            return self.answer(route, path, request)
        if self._waiting >= self.settings.queue:
            raise HttpError(503, "too many requests are waiting, try again", {"Retry-After": "1"})
        # nobody is kept waiting
        at_once = route.quick and self._waiting == 0 and self.store.answers_at_once
        self._waiting += 1
        try:
            if at_once:
                answer = self.answer(route, path, request)
            elif route.is_change and not route.pixels:
                change = partial(self._in_pool, route, self._changed, route, path, request)
                answer = await self._tried(change, request, receive)
            else:
                answer = await self._in_pool(route, self.answer, route, path, request)
            if self._compresses(answer, request):
                await self._in_pool(route, _compress, answer)
            return answer
        finally:
            self._waiting -= 1

    async def _tried(
        self, change: Callable[[], Awaitable[Answer]], request: Request, receive: Receive
    ) -> Answer:
        """Answer of a change, which is made when no rows of what it is about are being moved."""
        try:
            return await self.moving.tried(change, receive)
        except Exception as error:
            return refusal(error, request)

    async def _in_data_pool(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._data_pool, function)

    async def _in_pool(self, route: Route, function: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool_of(route), function, *arguments)

    def _pool_of(self, route: Route) -> ThreadPoolExecutor:
        """Threads for an operation.

        What changes the store waits for the one writer in any case; to prepare several changes at
        the same time, with one interpreter lock, takes longer than one after the other.
        """
        if route.pixels:
            return self._pixel_pool
        in_turn = route.is_change and not (route.lengthy or route.apart)
        return self._change_pool if in_turn else self._data_pool

    def _compresses(self, answer: Answer, request: Request) -> bool:
        body = answer.body
        return (
            self.settings.gzip
            and not request.is_loopback
            and isinstance(body, bytes)
            and len(body) >= _GZIP_FROM
            and not (answer.media or "").startswith(("image/", "application/octet"))
            and "gzip" in request.headers.get("accept-encoding", "")
        )

    async def _send(self, answer: Answer, request: Request, direct: bool, send: Send) -> None:
        body = answer.body
        is_of_page = "origin" in request.headers or request.method == "OPTIONS"
        headers = [*(_CORS_OF_PAGES if is_of_page else _CORS)]
        if answer.headers:
            headers += _encoded(answer.headers)
        if answer.media:
            headers.append((b"content-type", _encoded_media(answer.media)))
        if isinstance(body, bytes) and answer.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if not isinstance(body, bytes):
            await self._send_parts(body, request, direct, send)
        else:
            body = b"" if request.method == "HEAD" else body
            await send({"type": "http.response.body", "body": body})

    async def _send_parts(
        self, parts: Iterator[bytes], request: Request, direct: bool, send: Send
    ) -> None:
        try:
            while request.method != "HEAD":
                if direct:
                    part = next(parts, None)
                else:
                    loop = asyncio.get_running_loop()
                    part = await loop.run_in_executor(self._data_pool, next, parts, None)
                if part is None:
                    break
                await send({"type": "http.response.body", "body": part, "more_body": True})
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()
        await send({"type": "http.response.body", "body": b""})


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as ASGI has them."""
    return [
        (name.lower().encode(), value.encode("latin-1", "replace"))
        for name, value in headers.items()
    ]


@lru_cache(maxsize=64)
def _encoded_media(media: str) -> bytes:
    return media.encode()


_CORS = _encoded(guard.CORS)
_CORS_OF_PAGES = _encoded(guard.CORS_OF_PAGES)


def _begun(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same parts, the first of them made already."""
    first = next(parts, b"")

    def rest() -> Iterator[bytes]:
        yield first
        yield from parts

    return rest()


def _compress(answer: Answer) -> None:
    assert isinstance(answer.body, bytes)
    answer.body = gzip.compress(answer.body, 1, mtime=0)
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    if "ETag" in answer.headers:
        answer.headers["ETag"] = compressed_tag(answer.headers["ETag"])


def _access_line(request: Request, answer: Answer, seconds: float) -> str:
    """One JSON object about a request."""
    size = len(answer.body) if isinstance(answer.body, bytes) else None
    entry = {
        "method": request.method,
        "path": request.raw_path,
        "query": request.query,
        "status": answer.status,
        "bytes": size,
        "milliseconds": round(1000 * seconds, 1),
    }
    return orjson.dumps(entry).decode()


def refusal(error: Exception, request: Request) -> Answer:
    """Answer for an error: a status and one plain line."""
    if isinstance(error, HttpError):
        return Answer(error.status, _line(error), TEXT, dict(error.headers))
    if isinstance(error, StoreError):
        again = {"Retry-After": "5"} if error.status == 503 else {}
        return Answer(error.status, _line(error), TEXT, again)
    if isinstance(error, DrawingStopped):
        return Answer(503, _line(error), TEXT)
    if isinstance(error, RenderError):
        return Answer(400, _line(error), TEXT)
    if isinstance(error, RecursionError):
        return Answer(400, b"the request is nested too deeply", TEXT)
    if isinstance(error, MemoryError):
        return Answer(503, b"not enough memory for this request", TEXT, {"Retry-After": "5"})
    _LOG.error("%s %s failed", request.method, request.url, exc_info=error)
    return Answer(500, f"internal error: {type(error).__name__}: {error}".encode(), TEXT)


def _line(error: Exception) -> bytes:
    return str(error).encode("utf-8", "replace")
