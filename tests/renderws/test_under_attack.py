"""Sixteen honest clients beside attackers: answered in time, and nothing lost."""

from __future__ import annotations

import os
import re
import resource
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import requests
from attackers import HeavyFilters, Idler, Nested, Pipe, SlowBody, Trickler
from PIL import Image
from server_process import limited_memory

CLIENTS = 16
PERCENTILE_SECONDS = 10.0  # 0.5 s on a machine that does nothing else
MEGABYTES = 2500
OWNER = "/render-ws/v1/owner/o"
BOX = {"minX": 0, "minY": 0, "maxX": 9, "maxY": 9}


class Honest(threading.Thread):
    """Writes a section, reads it back, asks for boxes and bounds, and thinks a little."""

    def __init__(self, server, number, seconds):
        super().__init__(daemon=True)
        self.seconds = seconds
        self.stack = f"{server.base}{OWNER}/project/p/stack/s{number}"
        self.took, self.written, self.problem = [], set(), None
        self.session = requests.Session()
        self.session.trust_env = False
        # a connection that was closed while nobody used it is opened again, as clients do
        self.session.mount("http://", requests.adapters.HTTPAdapter(max_retries=3))

    def run(self):
        try:
            self.ask("POST", "", {})
            end = time.monotonic() + self.seconds
            z = 0
            while time.monotonic() < end:
                z += 1
                self.turn(z)
        except Exception as error:
            self.problem = repr(error)

    def ask(self, method, path, body=None):
        started = time.monotonic()
        answer = self.session.request(method, self.stack + path, json=body, timeout=60)
        self.took.append(time.monotonic() - started)
        assert answer.ok, (method, path, answer.status_code, answer.text[:200])
        return answer

    def turn(self, z):
        ids = [f"{z}_{n}" for n in range(20)]
        tiles = {tile_id: {**BOX, "z": z, "tileId": tile_id} for tile_id in ids}
        self.ask("PUT", "/resolvedTiles", {"tileIdToSpecMap": tiles})
        self.written.update(ids)
        found = self.ask("GET", f"/z/{z}/tile-specs").json()
        assert [tile["tileId"] for tile in found] == sorted(ids)
        self.ask("GET", f"/z/{z}/box/0,0,9,9,1/render-parameters")
        self.ask("GET", f"/tile/{z}_3")
        self.ask("PUT", "/tileIdsForCoordinates", [{"world": [1, 1, z]}])
        time.sleep(0.1)


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    limited_memory()["preexec_fn"]()


@pytest.mark.timeout(300)
def test_honest_clients_are_served_beside_attackers(tmp_path, serve_process):
    attack(tmp_path, serve_process, 8)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_they_are_so_for_a_minute(tmp_path, serve_process):
    attack(tmp_path, serve_process, 60)


def attack(tmp_path, serve_process, seconds):
    Image.fromarray(np.zeros((80, 100), np.uint8)).save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    server = serve_process(tmp_path, preexec_fn=few_descriptors)
    stopped = threading.Event()
    attackers = [Idler(server, stopped) for _ in range(2)]
    attackers += [SlowBody(server, stopped) for _ in range(4)]
    attackers += [Trickler(server, stopped) for _ in range(2)] + [Nested(server, stopped)]
    attackers += [HeavyFilters(server, stopped, f"file:{tmp_path}/a.png") for _ in range(2)]
    attackers[-1].attack(
        times=1, seconds=100
    )  # what is compiled or loaded once has no part in this
    attackers += [Pipe(server, stopped, f"file:{tmp_path}/pipe.png")]
    clients = [Honest(server, number, seconds) for number in range(CLIENTS)]
    try:
        for thread in (*attackers, *clients):
            thread.start()
        for client in clients:
            client.join(seconds + 120)
    finally:
        stopped.set()
    assert [client.problem for client in clients] == [None] * CLIENTS
    took = np.concatenate([client.took for client in clients])
    spread = np.percentile(took, [50, 99, 100]).round(3)
    print(f"{len(took)} requests; median, 99th, worst {spread} s; {memory(server)} MB")
    assert np.percentile(took, 99) < PERCENTILE_SECONDS
    for client in clients:
        stored = client.session.get(client.stack + "/tileIds", timeout=60).json()
        assert set(stored) == client.written
        client.session.close()
    for attacker in attackers:
        attacker.join(30)
    assert all(attacker.done for attacker in attackers)
    assert memory(server) < MEGABYTES
    assert server.end() == 0
    assert "Traceback" not in server.errors


def memory(server):
    """Most megabytes the server had so far."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", text)[1]) // 1024
