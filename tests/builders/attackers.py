"""Clients that try to keep a service from its work; they only ever speak to this machine."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import requests

HEAD = b"PUT /render-ws/v1/owner/o/project/p/stack/x/resolvedTiles HTTP/1.1\r\nHost: localhost\r\n"
MEGABYTE = 1 << 20


class Attacker(threading.Thread):
    """Does one thing again and again until it is stopped; `done` counts."""

    def __init__(self, server, stopped):
        super().__init__(daemon=True)
        self.server, self.stopped, self.done = server, stopped, 0

    def run(self):
        while not self.stopped.is_set():
            with suppress(OSError, requests.RequestException):
                self.attack()
            self.done += 1

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=10)

    def picture(self, document, seconds=20):
        url = f"{self.server.base}/render-ws/v1/owner/o/png-image"
        requests.put(url, json=document, timeout=seconds)


class Idler(Attacker):
    """Holds connections of which nothing, or the beginning of a request, comes."""

    def attack(self):
        opened = []
        try:
            for number in range(150):
                opened.append(self.connect())
                opened[-1].sendall(b"GET /hea" if number % 2 else b"")
            self.stopped.wait(2)
        finally:
            for connection in opened:
                connection.close()


class SlowBody(Attacker):
    """Stops in the middle of a large body."""

    def attack(self):
        with self.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 500000000\r\n\r\n")
            for _ in range(30):
                connection.sendall(b" " * MEGABYTE)
            self.stopped.wait(3)


class Trickler(Attacker):
    """Sends a byte of its body now and then."""

    def attack(self):
        with self.connect() as connection:
            connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
            while not self.stopped.wait(0.2):
                connection.sendall(b" ")


class HeavyFilters(Attacker):
    """Asks for pictures through the slowest filters, and leaves."""

    def __init__(self, server, stopped, url):
        super().__init__(server, stopped)
        self.url = url

    def attack(self, times=40, seconds=20):
        prefix = "org.janelia.alignment.filter."
        heavy = {"className": prefix + "Rank", "parameters": {"radius": "60", "filterType": "4"}}
        rolling = {"className": prefix + "RollingBallSubtraction", "parameters": {"radius": "90"}}
        tile = {
            "tileId": "t", "width": 100, "height": 80,
            "mipmapLevels": {"0": {"imageUrl": self.url}},
        }  # fmt: skip
        filters = [heavy, rolling] * times
        document = {"width": 100, "height": 80, "filterSpecs": filters, "tileSpecs": [tile]}
        self.picture(document, seconds)


class Pipe(HeavyFilters):
    """Asks for a picture of a file that never ends."""

    def attack(self):
        levels = {"0": {"imageUrl": self.url}}
        tile = {"tileId": "t", "width": 9, "height": 9, "mipmapLevels": levels}
        self.picture({"width": 9, "height": 9, "tileSpecs": [tile]})


class Nested(Attacker):
    """Imports transforms that stand for millions, and bodies of nothing but brackets."""

    def attack(self):
        specs = {
            f"x{n}": {"type": "list", "specList": [{"type": "ref", "refId": f"x{n + 1}"}] * 10}
            for n in range(9)
        }
        path = self.server.base + HEAD.split()[1].decode()
        requests.post(path.replace("/resolvedTiles", ""), json={}, timeout=20)
        requests.put(path, json={"transformIdToSpecMap": specs, "tileIdToSpecMap": {}}, timeout=20)
        brackets = b'{"tileIdToSpecMap":{"t":5},"x":[' + b"[]," * 500_000 + b"[]]}"
        requests.put(path, data=brackets, timeout=20)
        time.sleep(0.2)
