"""No query reads a table from end to end, however large the store."""

from __future__ import annotations

import pytest
from interrupted_pieces import Crash, crash_after

from renderws.store import arrivals, exchangeviews, pairarrivals
from renderws.store.conformance.matches import all_pairs
from renderws.store.conformance.samples import (
    COLLECTION,
    OTHER,
    STACK,
    affine,
    documents,
    loading,
    reference,
    tile,
)
from renderws.store.conformance.tiles import queries
from renderws.store.documents import new_tiles
from renderws.store.protocol import (
    CollectionChange,
    CollectionId,
    MatchQuery,
    StackChange,
    TileQuery,
)
from renderws.store.sqlite import SqliteStore

NEW = CollectionId("owner", "new")
TABLES = (
    "tile",
    "match",
    "transform",
    "transform_reference",
    "reference_set",
    "reference_member",
    "section",
)


@pytest.fixture
def traced(tmp_path):
    """A store and the list of the SQL statements it executes."""
    with SqliteStore(tmp_path / "render.db") as store:
        loading(store, *(tile(f"t{n}", section="1.0", group="g") for n in range(5)), t=affine(0, 0))
        store.save_matches(COLLECTION, all_pairs())
        executed: list[str] = []
        store._source._writer.set_trace_callback(executed.append)
        lease = store._source.lease()
        lease.connection.set_trace_callback(executed.append)
        lease.release()
        yield store, executed


def plans(store, executed):
    """Lines of the query plans of what was executed, with the statement."""
    statements = {
        sql
        for sql in executed
        if sql.split()[0] in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
    }
    assert statements
    with store._source.read() as connection:
        connection.set_trace_callback(None)
        for sql in statements:
            for *_, line in connection.execute(f"EXPLAIN QUERY PLAN {sql}"):
                yield line, sql


def assert_no_scan(store, executed):
    for line, sql in plans(store, executed):
        words = line.split()
        assert not (words[0] == "SCAN" and words[1] in TABLES), f"{line}: {sql}"


def test_tile_queries(traced):
    store, executed = traced
    for query in queries():
        list(store.tiles(STACK, query))
        store.count_tiles(STACK, query)
        store.tile_bounds(STACK, query)
    assert_no_scan(store, executed)


def test_box_queries_start_from_the_tree(traced):
    store, executed = traced
    list(store.tiles(STACK, TileQuery(z=1.0, box=(0, 0, 5, 5))))
    lines = [line for line, sql in plans(store, executed) if "CROSS JOIN" in sql]
    assert lines[0].startswith("SCAN tile_box VIRTUAL TABLE INDEX")
    assert lines[1] == "SEARCH tile USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"


def test_a_layer_is_read_in_order_without_sorting(traced):
    store, executed = traced
    list(store.tiles(STACK, TileQuery(z=1.0)))
    list(store.tiles(STACK, TileQuery()))
    list(store.tile_ids(STACK))
    assert not [line for line, _ in plans(store, executed) if "TEMP B-TREE" in line]


def test_layers_sections_and_transforms(traced):
    store, executed = traced
    store.z_values(STACK)
    store.z_values(STACK, 0.0, 3.0)
    store.layer_bounds(STACK, 1.0)
    store.section_data_now(STACK, 1.0)
    store.section_z(STACK, "1.0")
    store.tile(STACK, "t1")
    list(store.tile_ids(STACK, 0.0, 1.0))
    store.transform(STACK, "t")
    store.transforms(STACK, ["t", "u"])
    assert_no_scan(store, executed)


def test_section_data_of_a_range_of_z_are_found_by_z(traced):
    store, executed = traced
    store.set_state(STACK, "COMPLETE")
    executed.clear()
    for limits in ((1.0, 2.0), (1.0, None), (None, 2.0)):
        store.section_data(STACK, *limits)
    lines = [line for line, sql in plans(store, executed) if " FROM section" in sql]
    found = [line for line in lines if line.startswith("SEARCH section USING INDEX section_z")]
    assert len(found) == 3
    assert all("z>?" in line or "z<?" in line for line in found)


def test_match_queries(traced):
    store, executed = traced
    for query in (
        MatchQuery(),
        MatchQuery(p_group="9.0"),
        MatchQuery(within="9.0"),
        MatchQuery(outside="9.0"),
        MatchQuery(group="9.0", other_group="10.0"),
        MatchQuery(group="9.0", id="a"),
        MatchQuery(group="9.0", id="a", other_group="10.0"),
        MatchQuery(group="9.0", id="a", other_group="10.0", other_id="b"),
    ):
        list(store.matches(COLLECTION, query))
        list(store.matches(COLLECTION, query, details=False))
        store.delete_matches(COLLECTION, query)
    for side in ("p", "q", "both"):
        store.match_groups(COLLECTION, side)
        store.multi_consensus_groups(COLLECTION, side)
    store.match_collections("owner")
    assert_no_scan(store, executed)


def test_only_the_pairs_of_one_canvas_are_sorted(traced):
    store, executed = traced
    for query in (MatchQuery(), MatchQuery(outside="9.0"), MatchQuery(p_group="9.0")):
        list(store.matches(COLLECTION, query))
    assert not [line for line, _ in plans(store, executed) if "TEMP B-TREE" in line]


def test_writing(traced):
    store, executed = traced
    store.save_tiles(STACK, new_tiles([tile("t0", transforms=[reference("t")]), tile("new")]), {})
    store.save_tiles(STACK, new_tiles([tile("t1")]), documents(t=affine(9, 9)))
    store.set_tiles_z(STACK, ["t0"], 3.0)
    store.set_section_z(STACK, "1.0", 4.0)
    store.save_matches(COLLECTION, all_pairs())
    store.set_state(STACK, "COMPLETE")
    store.clone_stack(STACK, STACK._replace(stack="copy"), {}, zs=[4.0])
    store.set_state(STACK, "LOADING")
    store.delete_tiles(STACK, TileQuery(z=4.0))
    store.delete_stack(STACK)
    store.delete_collection(COLLECTION)
    while store.reclaim():
        pass
    assert_no_scan(store, executed)


def test_pairs_that_arrive(traced, monkeypatch):
    """Neither what lets them in and brings them over, nor what is asked meanwhile."""
    store, executed = traced
    monkeypatch.setattr(pairarrivals, "LARGE", 0)
    store.save_matches(NEW, all_pairs()[:3])
    executed.clear()
    with monkeypatch.context() as patched:
        crash_after(patched, pairarrivals, 0)
        with pytest.raises(Crash):
            store.change_collections([CollectionChange(NEW, COLLECTION, keep=True)])
    asked = [MatchQuery(), MatchQuery(outside="1.0"), MatchQuery(group="1.0", id="a")]
    assert sum(len(list(store.matches(COLLECTION, query))) for query in asked)
    store.match_groups(COLLECTION, "both")
    while store.reclaim():
        pass
    found = list(plans(store, executed))
    assert any("DELETE FROM match" in sql for _, sql in found)
    for line, sql in found:
        words = line.split()
        assert not (words[0] == "SCAN" and words[1] in ("match", "new", "old")), f"{line}: {sql}"


@pytest.mark.parametrize("keep", [False, True])
def test_tiles_that_arrive(traced, monkeypatch, keep):
    store, executed = traced
    monkeypatch.setattr(exchangeviews, "LARGE", 0)
    loading(store, tile("rest", 2.0))
    loading(store, tile("t1", section="1.0"), tile("x", None), stack=OTHER)
    executed.clear()
    with monkeypatch.context() as patched:
        crash_after(patched, arrivals, 0)
        with pytest.raises(Crash):
            store.change_stacks([StackChange(OTHER, STACK, [1.0], keep)])
    for query in queries():
        list(store.tiles(STACK, query))
        store.count_tiles(STACK, query)
        store.tile_bounds(STACK, query)
    store.layer_bounds(STACK, 1.0)
    store.section_data_now(STACK, 1.0)
    store.section_z(STACK, "1.0")
    store.z_values(STACK)
    while store.reclaim():
        pass
    found = list(plans(store, executed))
    assert any("UPDATE tile SET stack" in sql for _, sql in found)
    for line, sql in found:
        words = line.split()
        is_both = words == ["SCAN", "tile"] and ") AS tile" in sql  # rows of both stacks, as found
        scanned = words[0] == "SCAN" and words[1] in (*TABLES, "new")
        assert is_both or not scanned, f"{line}: {sql}"
