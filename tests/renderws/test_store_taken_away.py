"""A store whose file goes while it is served, cannot grow, or is damaged: nothing is lost."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import requests

from renderws.store.protocol import StackId
from renderws.store.sqlite import SqliteStore

OWNER = "/render-ws/v1/owner/o/project/p/stack/"


def make(server, name):
    return requests.post(f"{server.base}{OWNER}{name}", json={}, timeout=60)


def health(server):
    return requests.get(f"{server.base}/health", timeout=60).status_code


def names(path):
    with closing(SqliteStore(path, create=False)) as store:
        assert store.check() == []
        return sorted(one["stackId"]["stack"] for one in store.stacks("o", "p"))


def command(*words):
    return subprocess.run(
        [sys.executable, "-m", "renderapps", "store", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
    )


def other_store(path):
    with closing(SqliteStore(path)) as store:
        store.create_stack(StackId("o", "p", "other"), {})


def remove(path, folder):
    path.unlink()


def move(path, folder):
    path.rename(folder / "moved.db")


def replace(path, folder):
    other_store(folder / "new.db")
    os.replace(folder / "new.db", path)


def remove_log(path, folder):
    (folder / "render.db-wal").unlink()


@pytest.mark.parametrize("take", [remove, move, replace, remove_log])
def test_nothing_is_said_to_be_written_once_the_file_is_gone(take, tmp_path, serve_process):
    server = serve_process(tmp_path)
    path = tmp_path / "render.db"
    assert make(server, "before").status_code == 201
    assert health(server) == 200
    take(path, tmp_path)
    for _ in range(2):
        answer = make(server, "after")
        assert answer.status_code == 503
        assert str(path) in answer.text
        assert "moved, deleted or replaced" in answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert health(server) == 503
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(60)
    if take is move:
        (tmp_path / "render.db-wal").unlink()  # all of it is in the file
        assert names(tmp_path / "moved.db") == ["before"]
    elif take is replace:
        assert names(path) == ["other"]


def test_a_file_that_is_put_back_is_served_again(tmp_path, serve_process):
    server = serve_process(tmp_path)
    assert make(server, "a").status_code == 201
    move(tmp_path / "render.db", tmp_path)
    assert make(server, "b").status_code == 503
    (tmp_path / "moved.db").rename(tmp_path / "render.db")
    assert health(server) == 200
    assert make(server, "c").status_code == 201
    assert server.end() == 0
    assert names(tmp_path / "render.db") == ["a", "c"]


def test_a_backup_takes_the_place_of_a_store_that_nobody_uses(tmp_path, serve_process):
    server = serve_process(tmp_path)
    path, backup = tmp_path / "render.db", tmp_path / "backup.db"
    make(server, "a")
    assert command("backup", backup, "--store", path).returncode == 0
    make(server, "b")
    refused = command("restore", backup, "--store", path)
    assert refused.returncode == 1
    assert "in use" in refused.stderr
    assert make(server, "c").status_code == 201
    server.end(signal.SIGKILL)
    done = command("restore", backup, "--store", path)
    assert done.returncode == 0, done.stderr
    assert names(path) == ["a"]
    (aside,) = [one for one in tmp_path.glob("render.db.replaced-*") if one.suffix != ".db-wal"
                and not one.name.endswith("-wal")]  # fmt: skip
    assert names(aside) == ["a", "b", "c"]  # with its log


def test_a_damaged_store_is_replaced_and_a_damaged_backup_refused(tmp_path):
    path, backup = tmp_path / "render.db", tmp_path / "backup.db"
    other_store(backup)
    path.write_bytes(b"\xff" * 50_000)
    bad = tmp_path / "bad.db"
    shutil.copy(backup, bad)
    with bad.open("r+b") as opened:
        opened.seek(8192)
        opened.write(b"\xff" * 8192)
    for wrong, text in ((bad, "damaged"), (tmp_path / "none.db", "no backup"), (path, "itself")):
        refused = command("restore", wrong, "--store", path)
        assert refused.returncode == 1
        assert text in refused.stderr
        assert "Traceback" not in refused.stderr
        assert path.read_bytes() == b"\xff" * 50_000
    assert command("restore", backup, "--store", path).returncode == 0
    assert names(path) == ["other"]
    assert names(backup) == ["other"]


def test_a_limit_of_file_sizes_is_a_full_disk(tmp_path, serve_process):
    size = 1 << 20

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    server = serve_process(tmp_path, preexec_fn=limited)
    assert make(server, "s").status_code == 201
    tile = {"z": 1, "minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "groupId": "g" * 900}
    tiles = {"tileIdToSpecMap": {f"t{n}": tile for n in range(3000)}}
    resolved = f"{server.base}{OWNER}s/resolvedTiles"
    answer = requests.put(resolved, json=tiles, timeout=60)
    assert answer.status_code == 507, answer.text
    assert "no room" in answer.text
    assert requests.get(f"{server.base}{OWNER}s/tileIds", timeout=60).json() == []
    assert make(server, "t").status_code == 201
    assert server.end() == 0
    assert "Traceback" not in server.errors


def test_a_damaged_store_says_so_with_its_path(tmp_path, serve_process):
    path = tmp_path / "render.db"
    with closing(SqliteStore(path)) as store:
        store.create_stack(StackId("o", "p", "s"), {})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE stack SET name = CAST(x'80ff' AS TEXT), version = x'7bff'")
        connection.commit()
    server = serve_process(tmp_path)
    answer = requests.get(f"{server.base}/render-ws/v1/owner/o/stacks", timeout=60)
    assert answer.status_code == 500
    assert "is damaged" in answer.text
    assert str(path) in answer.text
    assert "codec" not in answer.text
    assert server.end() == 0
    for words in (("check",), ("info",)):
        found = command(*words, "--store", path)
        assert "codec" not in found.stdout + found.stderr
        assert "Traceback" not in found.stderr


def test_waiting_changes_do_not_wait_one_after_the_other(tmp_path):
    path = tmp_path / "a.db"
    with (
        closing(SqliteStore(path, busy_seconds=4.0)) as store,
        closing(sqlite3.connect(path)) as foreign,
    ):
        foreign.execute("BEGIN IMMEDIATE")
        waited = []
        for number in range(3):
            started = time.monotonic()
            with pytest.raises(Exception, match="held by another process"):
                store.create_stack(StackId("o", "p", f"s{number}"), {})
            waited.append(time.monotonic() - started)
        foreign.execute("ROLLBACK")
        store.create_stack(StackId("o", "p", "s"), {})
    assert waited[0] > 3.9
    assert max(waited[1:]) < 3.0  # a quarter of a second, on a machine that is not busy
