"""Tests of what `check` finds, and of backups."""

from __future__ import annotations

import pytest

from renderws.store.conformance.samples import (
    ALL,
    COLLECTION,
    STACK,
    affine,
    documents,
    loading,
    match,
    reference,
    tile,
)
from renderws.store.documents import new_tiles
from renderws.store.protocol import Invalid
from renderws.store.sqlite import SqliteStore


@pytest.fixture
def store(tmp_path):
    with SqliteStore(tmp_path / "render.db") as store:
        loading(store, *(tile(f"t{n}", x=200 * n) for n in range(20)))
        store.save_matches(COLLECTION, [match("1/a", "1/b")])
        assert store.check() == []
        yield store


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        ("UPDATE stack SET tile_count = 7", "tile count of stack owner/project/stack"),
        ("UPDATE collection SET pair_count = 7", "pair count of match collection owner/matches"),
        ("UPDATE tile SET stack = 99 WHERE tile_id = 't3'", "tiles of no stack, key 99"),
        ("DELETE FROM collection", "matches of no collection"),
        ("DELETE FROM tile_box", "tile t0 is not in the box tree"),
        ("UPDATE tile SET max_x = 1e6 WHERE tile_id = 't3'", "document of tile t3 and its columns"),
        ("UPDATE tile SET document = x'7b' WHERE tile_id = 't3'", "document of tile t3 is damaged"),
    ],
)
def test_check_finds_what_contradicts(store, damage, finding):
    with store._source.write() as connection:
        connection.execute(damage)
    assert any(finding in problem for problem in store.check())


def test_backup_never_overwrites(store, tmp_path):
    store.backup(tmp_path / "copy.db")
    before = (tmp_path / "copy.db").read_bytes()
    with pytest.raises(Invalid, match="exists already"):
        store.backup(tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == ["copy.db"]


def test_compact_gives_space_back_and_forgets_unused_references(store):
    tiles = [tile(f"u{n}", transforms=[reference("t")], padding="x" * 2000) for n in range(500)]
    store.save_tiles(STACK, new_tiles(tiles), documents(t=affine(0, 0)))
    size = store.info()["bytes"] + store.info()["walBytes"]
    store.delete_stack(STACK)
    store.compact()
    info = store.info()
    assert info["bytes"] + info["walBytes"] < size / 4
    with store._source.read() as connection:
        assert connection.execute("SELECT count(*) FROM reference_set").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM reference_member").fetchone() == (0,)
    loading(store, tile("a"))
    assert store.count_tiles(STACK, ALL) == 1
