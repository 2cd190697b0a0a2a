"""A page on this machine to look at polygons and correct them: requests and answers.

It listens on 127.0.0.1 alone, below a path that nobody can guess, and answers no page of another
site: the Host of a request must be this one, and so must the Origin of what is to be saved.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from renderapps.module.errors import RenderModuleException
from renderapps.section_polygons.polygon_review import PolygonReview, Refused

ADDRESS = "127.0.0.1"
LARGEST_BODY = 16 << 20
PAGES = {
    "": ("review.html", "text/html; charset=utf-8"),
    "review.js": ("review.js", "text/javascript; charset=utf-8"),
    "review.css": ("review.css", "text/css; charset=utf-8"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
Answer = tuple[str, bytes]


class ReviewServer(ThreadingHTTPServer):
    """Serves the review of a folder until it is finished, or nobody has asked for long.

    Parameters
    ----------
    review : PolygonReview
    port : int
        0: any that is free.
    """

    daemon_threads = True

    def __init__(self, review: PolygonReview, port: int = 0) -> None:
        self.review = review
        self.token = secrets.token_urlsafe(16)
        self.finished = threading.Event()
        self.last_request = time.monotonic()
        super().__init__((ADDRESS, port), ReviewHandler)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{ADDRESS}:{self.server_port}/{self.token}/"

    def serve(self, idle_seconds: float) -> str:
        """Answer until the review is finished; why it ended."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            while not self.finished.wait(min(1.0, idle_seconds / 4)):
                if time.monotonic() - self.last_request > idle_seconds:
                    return "no page asked for anything"
            return "finished on the page"
        except KeyboardInterrupt:
            return "stopped by the keyboard"
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class ReviewHandler(BaseHTTPRequestHandler):
    """One connection of a browser."""

    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version = "renderapps"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Pages, the listing, a polygon, an image."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """Save a polygon; finish."""
        self._answer(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not told."""

    def _answer(self, work: Callable[[list[str]], Answer]) -> None:
        self.server.last_request = time.monotonic()
        try:
            self._send(HTTPStatus.OK, *work(self._words()))
        except Refused as error:
            self._send(error.status, *_json({"error": str(error)}))
        except (RenderModuleException, OSError, ValueError) as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, *_json({"error": str(error)}))

    def _words(self) -> list[str]:
        """Parts of the path below the secret one."""
        known = {f"{name}:{self.server.server_port}" for name in (ADDRESS, "localhost")}
        if self.headers.get("Host") not in known:
            self.close_connection = True
            raise Refused(HTTPStatus.FORBIDDEN, "asked for by another name")
        first, *words = [unquote(p) for p in urlsplit(self.path).path.removeprefix("/").split("/")]
        if not secrets.compare_digest(first.encode(), self.server.token.encode()) or not words:
            self.close_connection = True
            raise Refused(HTTPStatus.NOT_FOUND, "nothing here: use the address that was printed")
        return words

    def _get(self, words: list[str]) -> Answer:
        review = self.server.review
        match words:
            case [page] if page in PAGES:
                name, kind = PAGES[page]
                return kind, (Path(__file__).parent / name).read_bytes()
            case ["polygons"]:
                return _json({"folder": str(review.folder), "polygons": review.listing()})
            case ["polygons", name]:
                return _json(review.polygon(name))
            case ["polygons", name, "image"]:
                return "image/png", review.image(name)
        raise Refused(HTTPStatus.NOT_FOUND, "nothing here")

    def _post(self, words: list[str]) -> Answer:
        body = self._body()
        match words:
            case ["polygons", name]:
                return _json(self.server.review.save(name, body))
            case ["finish"]:
                self.server.finished.set()
                return _json({"finished": True})
        raise Refused(HTTPStatus.NOT_FOUND, "nothing here")

    def _body(self) -> Any:
        """JSON of a request that this page has sent."""
        self.close_connection = True  # until its body is read, nothing can follow it
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers['Host']}":
            raise Refused(HTTPStatus.FORBIDDEN, "sent by another page")
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON is needed")
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is needed")
        if int(length) > LARGEST_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much at once")
        data = self.rfile.read(int(length))
        self.close_connection = False
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"no JSON: {error}") from error

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        headers = HEADERS | {"Content-Type": kind, "Content-Length": str(len(body))}
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _json(value: Any) -> Answer:
    return "application/json", orjson.dumps(value)
