"""What was acknowledged survives; what was not is there whole or not at all."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time

import pytest

from renderws.store.conformance.samples import ALL, COLLECTION, STACK, loading, spec_of, tile
from renderws.store.documents import new_tiles
from renderws.store.protocol import MatchQuery, StackId, TileQuery
from renderws.store.sqlite import SqliteStore

TILES, PAIRS = 150, 40

# Says what it has done, one number a request, as soon as the store has acknowledged it.
WRITER = f"""
import sys
from renderws.store.conformance.samples import *
from renderws.store.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
name, first, last = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
stack = StackId("owner", "project", name)
if first == 0:
    store.create_stack(stack, {{}})
print("ready", flush=True)
for n in range(first, last):
    if n % 3 == 0:
        tiles = [tile(f"{{n:04d}}_{{k}}", float(n), 100.0 * k) for k in range({TILES})]
        store.save_tiles(stack, new_tiles(tiles), {{}})
    elif n % 3 == 1:
        pairs = [match(f"{{name}}/{{n:04d}}_{{k}}", f"{{name}}/x", seed=n) for k in range({PAIRS})]
        store.save_matches(COLLECTION, pairs)
    else:
        store.set_state(stack, "COMPLETE")
        store.set_state(stack, "LOADING")
    print(n, flush=True)
"""


def start(path, name, first, last):
    command = [sys.executable, "-c", WRITER, str(path), name, str(first), str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def check_requests(store, name, acknowledged, begun):
    """Every request below `acknowledged` is there, the one after it wholly or not."""
    stack = StackId("owner", "project", name)
    assert store.check() == []
    pairs = [one.p_id for one in store.matches(COLLECTION, MatchQuery(within=name), details=False)]
    for n in range(begun):
        if n % 3 == 0:
            count, whole = store.count_tiles(stack, TileQuery(z=float(n))), TILES
        elif n % 3 == 1:
            count, whole = sum(one.startswith(f"{n:04d}_") for one in pairs), PAIRS
        else:
            continue
        assert count == whole or (n >= acknowledged and count == 0), n
    assert store.stack(stack)["state"] in ("LOADING", "COMPLETE")


def test_killing_the_writer_loses_nothing_acknowledged(tmp_path):
    path, chance = tmp_path / "render.db", random.Random(7)
    done = 0
    for _ in range(4):
        writer = start(path, "a", done, 100_000)
        assert writer.stdout.readline() == "ready\n"
        lines = [writer.stdout.readline() for _ in range(2)]  # then the collection exists
        time.sleep(chance.uniform(0.05, 0.5))
        writer.kill()
        lines += writer.stdout.read().split()
        writer.stdout.close()
        writer.wait()
        done = int(lines[-1]) + 1
        with SqliteStore(path, create=False) as store:
            check_requests(store, "a", done, done + 1)
    assert done > 7


def test_two_processes_write_one_file(tmp_path):
    path = tmp_path / "render.db"
    writers = [start(path, name, 0, 18) for name in ("a", "b")]
    for writer in writers:
        assert writer.stdout.read().split()[-1] == "17"
        writer.stdout.close()
        assert writer.wait() == 0
    with SqliteStore(path) as store:
        for name in ("a", "b"):
            check_requests(store, name, 18, 18)
            assert store.count_tiles(StackId("owner", "project", name), ALL) == 6 * TILES
        assert store.match_collections("owner") == [(COLLECTION, 2 * 6 * PAIRS)]


def test_many_processes_may_create_one_file_at_once(tmp_path):
    path = tmp_path / "render.db"
    writers = [start(path, name, 0, 1) for name in "abcd"]
    for writer in writers:
        assert writer.stdout.read() == "ready\n0\n"
        writer.stdout.close()
        assert writer.wait() == 0
    with SqliteStore(path) as store:
        assert len(store.stacks("owner")) == 4


def test_readers_never_see_half_of_a_request_and_do_not_wait(tmp_path):
    with SqliteStore(tmp_path / "render.db") as store:
        loading(store, *(tile(f"t{n}", mark=0) for n in range(100)))
        stop, seen = threading.Event(), []

        def read():
            while not stop.is_set():
                marks = {one.document.split(b'"mark":')[1] for one in store.tiles(STACK, ALL)}
                seen.append(marks)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        mark = 0
        while mark < 40 or len(seen) <= 10:
            mark += 1
            store.save_tiles(STACK, new_tiles([tile(f"t{n}", mark=mark) for n in range(100)]), {})
        stop.set()
        for reader in readers:
            reader.join()
        assert all(len(marks) == 1 for marks in seen)
        with store._source.write():  # a writer at work does not keep readers waiting
            assert store.count_tiles(STACK, ALL) == 100
        assert spec_of(store, "t0")["mark"] == mark


def test_threads_writing_the_same_stack_lose_nothing(tmp_path):
    with SqliteStore(tmp_path / "render.db") as store:
        loading(store)

        def write(thread):
            for n in range(10):
                store.save_tiles(
                    STACK, new_tiles([tile(f"{thread}_{n}_{k}") for k in range(10)]), {}
                )

        writers = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert store.count_tiles(STACK, ALL) == 400
        assert store.check() == []


FULL = """
import resource, signal, sys
from renderws.store.conformance.samples import *
from renderws.store.protocol import StoreError
from renderws.store.sqlite import SqliteStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = loading(SqliteStore(sys.argv[1]), tile("kept"))
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, unlimited[1]))
try:
    tiles = [tile(f"t{n}", padding="x" * 1000) for n in range(2000)]
    store.save_tiles(STACK, new_tiles(tiles), {})
except StoreError as error:
    print(error.status, error)
assert ids(store) == ["kept"]
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
store.save_tiles(STACK, new_tiles([tile("later")]), {})
assert ids(store) == ["kept", "later"]
assert store.check() == []
store.close()
"""


def test_a_full_disk_is_a_clear_error_and_leaves_the_store_intact(tmp_path):
    pytest.importorskip("resource")
    command = [sys.executable, "-c", FULL, str(tmp_path / "render.db")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    status, text = output.split(" ", 1)
    assert status in ("500", "507")
    assert "nothing was changed" in text
    assert "free" in text


def test_backup_of_a_store_in_use(tmp_path):
    with SqliteStore(tmp_path / "render.db") as store:
        loading(store, *(tile(f"t{n}") for n in range(500)))
        with store.snapshot() as view:
            store.save_tiles(STACK, new_tiles([tile("later")]), {})
            view.backup(tmp_path / "old.db")
        store.backup(tmp_path / "new.db")
    for name, count in (("old.db", 500), ("new.db", 501)):
        with SqliteStore(tmp_path / name, create=False) as copy:
            assert copy.count_tiles(STACK, ALL) == count
            assert copy.check() == []
