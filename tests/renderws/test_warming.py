"""What the first picture needs is loaded before anybody asks, or is not."""

import sys
import time
from pathlib import Path

import pytest
import requests
from server_process import ServerProcess
from waiting import wait_until

from renderws.warming import warm_up, warm_up_aside

HAS_MAPS = Path("/proc/self/maps").exists()


def compiler_is_loaded(process):
    return "llvmlite" in Path(f"/proc/{process}/maps").read_text()


@pytest.mark.skipif(not HAS_MAPS, reason="needs /proc")
def test_the_compiler_is_loaded_at_the_start_unless_told_otherwise(tmp_path):
    server = ServerProcess(tmp_path, warm_up=True)
    try:
        wait_until(lambda: compiler_is_loaded(server.process.pid), "never loaded")
        assert requests.get(f"{server.base}/health", timeout=60).ok
    finally:
        assert server.end() == 0
    server = ServerProcess(tmp_path)
    try:
        assert requests.get(f"{server.base}/render-ws/view/", timeout=60).ok
        time.sleep(0.5)
        assert not compiler_is_loaded(server.process.pid)
    finally:
        server.end()


def test_it_leaves_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    warm_up()
    assert list(tmp_path.iterdir()) == []
    assert "numba" in sys.modules


def test_a_service_starts_where_it_cannot_be_done(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    done = []
    warm_up_aside(then=lambda: done.append(True)).join(100)
    assert "drawing was not made ready ahead" in caplog.text and done == [True]


def test_what_was_loaded_is_told_before_the_rest_is_done():
    loaded = []
    warm_up_aside(then=lambda: loaded.append("numba" in sys.modules)).join(60)
    assert loaded == [True]
