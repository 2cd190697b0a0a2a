"""A web server of this machine that answers badly: slowly, endlessly, or with another's address."""

from __future__ import annotations

import contextlib
import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HostileHost:
    """Answers by the path; `asked` lists what was asked for.

    /slow-body a byte now and then; /slow-head header lines now and then; /long/N so many bytes;
    /packed/N so many bytes, compressed; /to/URL a redirection; /wait a 503 that asks to wait for an
    hour; /plain a small PNG.
    """

    def __init__(self, address="127.0.0.1", page=b""):
        host = self
        host.asked = []
        host.ended = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked.append(self.path)
                with contextlib.suppress(OSError):
                    host.answer(self)

            def log_message(self, *values):
                """Quiet."""

        self.page = page
        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://{address}:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def answer(self, handler):
        word, _, rest = handler.path[1:].partition("/")
        if word == "slow-head":
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
            while not self.ended.wait(0.2):
                handler.wfile.write(b"X-A: b\r\n")
            return
        if word in ("to", "wait"):
            handler.send_response(302 if word == "to" else 503)
            handler.send_header("Location", rest)
            handler.send_header("Retry-After", "3600")
            handler.end_headers()
            return
        handler.send_response(200)
        if word == "packed":
            handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        if word == "packed":
            handler.wfile.write(gzip.compress(bytes(int(rest))))
        elif word == "long":
            piece = bytes(1 << 16)
            for _ in range(int(rest) >> 16):
                handler.wfile.write(piece)
        elif word == "slow-body":
            while not self.ended.wait(0.2):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        else:
            handler.wfile.write(self.page)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def seconds_of(function):
    """What a call gives, and how long it took."""
    started = time.monotonic()
    return function(), time.monotonic() - started
