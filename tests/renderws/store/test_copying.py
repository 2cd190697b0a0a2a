"""Stores are copied from one kind to another, and compared."""

from __future__ import annotations

import subprocess
import sys

import pytest
from postgres_server import postgres_server

from renderws.store import copying
from renderws.store.conformance.samples import (
    ALL,
    COLLECTION,
    OTHER,
    STACK,
    affine,
    loading,
    match,
    reference,
    same_match,
    tile,
)
from renderws.store.opening import open_store
from renderws.store.protocol import CollectionId, Conflict, Damaged, MatchQuery

ELSEWHERE = CollectionId("owner", "none yet")


def fill(store):
    tiles = [
        tile(
            f"t{n:03d}",
            None if n == 3 else float(n % 4),
            20.0 * n,
            -7.5 * n,
            section=f"{n % 4}.0",
            group="é" if n % 2 else None,
            transforms=[reference("lens"), affine(n, 0)],
            channels=[{"name": "DAPI"}] if n % 3 else None,
        )
        for n in range(40)
    ]
    loading(
        store, *tiles, lens=affine(1, 1), outer={"type": "list", "specList": [reference("lens")]}
    )
    store.set_state(STACK, "COMPLETE")
    store.set_hierarchical_data(STACK, {"scale": 0.5})
    loading(store, tile("a"), stack=OTHER)
    store.set_state(OTHER, "COMPLETE")
    store.set_state(OTHER, "OFFLINE")
    loading(store, tile("b"), stack=OTHER._replace(stack="deleted"))
    store.delete_stack(OTHER._replace(stack="deleted"))
    store.save_matches(COLLECTION, [match(f"{n}/p", f"{n + 1}/q", seed=n) for n in range(9)])
    store.set_collection_metadata(ELSEWHERE, {"local_transforms": 2})
    store.save_trial("trial", b'{"a": 1}')
    return store


def everything(store):
    stacks = store.stacks("owner")
    ids = [STACK._replace(stack=one["stackId"]["stack"]) for one in stacks]
    return (
        stacks,
        [list(store.tiles(one, ALL)) for one in ids],
        [store.transforms(one, ["lens", "outer"]) for one in ids],
        store.section_data(STACK),
        [store.data_version(one) for one in ids],
        store.match_collections("owner"),
        store.collection_metadata(ELSEWHERE),
        store.trial("trial"),
        store.check(),
    )


def test_there_and_back_everything_is_the_same(tmp_path):
    address = postgres_server().address()
    with (
        open_store(tmp_path / "a.db") as first,
        open_store(address) as second,
        open_store(tmp_path / "b.db") as third,
    ):
        fill(first)
        done = list(copying.copy_store(first, second))
        assert [one.was_there for one in done] == [False] * 5
        assert [one.rows for one in done] == [0, 40, 9, 0, 1]
        list(copying.copy_store(second, third))
        assert everything(first) == everything(second) == everything(third)
        pairs = [list(s.matches(COLLECTION, MatchQuery())) for s in (first, third)]
        assert len(pairs[0]) == len(pairs[1]) == 9
        assert all(map(same_match, *pairs))
        again = list(copying.copy_store(first, second))
        assert all(one.was_there for one in again if one.what != "match trials")
        third.set_state(STACK, "LOADING")
        third.set_tiles_z(STACK, ["t001"], 9.0)
        third.set_state(STACK, "COMPLETE")
        with pytest.raises(Conflict, match=r"has another stack stack of owner owner.*empty store"):
            list(copying.copy_store(first, third))


@pytest.fixture
def stores(place, tmp_path):
    with open_store(tmp_path / "original.db") as first, open_store(place) as second:
        yield fill(first), second


def test_a_copy_that_was_stopped_goes_on(stores):
    first, second = stores
    copy = copying.copy_store(first, second)
    next(copy)
    copy.close()
    assert len(second.stacks("owner")) == 1
    done = list(copying.copy_store(first, second))
    assert [one.was_there for one in done] == [True, False, False, False, False]
    assert everything(first) == everything(second)


def test_a_copy_that_is_not_the_same_is_not_there(stores, monkeypatch):
    first, second = stores

    def shifted(tiles, made=copying.new_tiles):
        return made([one._replace(min_x=one.min_x + 1e-3) for one in tiles])

    monkeypatch.setattr(copying, "new_tiles", shifted)
    with pytest.raises(Damaged, match="is not the same"):
        list(copying.copy_store(first, second))
    assert [one["stackId"]["stack"] for one in second.stacks("owner")] == ["other"]
    second.compact()
    assert second.info()["droppedStacks"] == 0


def test_from_the_command_line(tmp_path):
    with open_store(tmp_path / "a.db") as first:
        fill(first)
    command = [sys.executable, "-m", "renderapps", "store", "copy", str(tmp_path / "a.db")]
    done = subprocess.run([*command, str(tmp_path / "b.db")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (
        "stack stack of owner owner, project project: 40 rows, copied and compared" in done.stdout
    )
    assert "2 deleted stacks" in done.stdout  # that of the OFFLINE one counts, too
    with open_store(tmp_path / "b.db", create=False) as second:
        assert len(second.stacks("owner")) == 2
    bad = subprocess.run([*command, str(tmp_path / "a.db")], capture_output=True, text=True)
    assert bad.returncode == 1
    assert "into itself" in bad.stderr
    assert "Traceback" not in bad.stderr
