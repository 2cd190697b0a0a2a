"""The PostgreSQL store passes the tests of every store, and opens only what is one."""

from __future__ import annotations

import re
import subprocess
import sys

import orjson
import psycopg
import pytest
from postgres_server import postgres_server

from renderws.store.conformance import StoreTests
from renderws.store.conformance.matches import all_pairs
from renderws.store.conformance.samples import (
    ALL,
    COLLECTION,
    OTHER,
    STACK,
    affine,
    documents,
    ids,
    loading,
    match,
    reference,
    tile,
)
from renderws.store.conformance.tiles import queries
from renderws.store.documents import new_tiles
from renderws.store.postgres.dialect import PostgresConnection, postgres_sql
from renderws.store.postgres.schema import MIGRATIONS, TABLES, migrate
from renderws.store.postgres.store import PostgresStore
from renderws.store.protocol import (
    CannotOpen,
    Invalid,
    MatchQuery,
    NewerStore,
    NotFound,
    StoreError,
    TileQuery,
)

LONG = "".join(f"{n * 7919 % 99991}" for n in range(2000))  # does not compress


@pytest.fixture
def address():
    return postgres_server().address()


@pytest.fixture
def opened(address):
    with PostgresStore(address) as store:
        yield store


class TestPostgresStore(StoreTests):
    @pytest.fixture
    def store(self, opened):
        return opened


def test_what_was_stored_is_there_after_opening_again(address):
    with PostgresStore(address) as store:
        loading(store, tile("a"))
    with PostgresStore(address, create=False) as store:
        assert list(store.tiles(STACK, ALL)) == [tile("a")]


def test_what_a_server_knows_is_forgotten_when_another_changes_it(address):
    with PostgresStore(address) as store, PostgresStore(address) as other:
        loading(store, tile("a", transforms=[reference("t")]), t=affine(0, 0))

        def seen(reader):
            text = orjson.loads(reader.transforms(STACK, ["t"])["t"])["dataString"]
            return reader.stack(STACK)["state"], reader.stack_version(STACK), text

        before = ("LOADING", {"versionNotes": "test"}, "1 0 0 1 0 0")
        assert seen(store) == seen(store) == before
        with store.snapshot() as view:
            other.save_tiles(STACK, new_tiles([]), documents(t=affine(7, 0)))
            other.update_stack_version(STACK, {"cycleNumber": 3})
            other.set_state(STACK, "COMPLETE")
            assert seen(view) == before
        after = ("COMPLETE", {"versionNotes": "test", "cycleNumber": 3}, "1 0 0 1 7 0")
        assert seen(store) == seen(other) == after
        other.delete_stack(STACK)
        with pytest.raises(NotFound):
            store.stack(STACK)


# Four processes at once: tiles of one stack behind one lens, pairs of one collection, a counter.
WRITER = """
import sys
from renderws.store.conformance.samples import *
from renderws.store.postgres.store import PostgresStore
store, name = PostgresStore(sys.argv[1], busy_seconds=60), sys.argv[2]
for n in range(6):
    tiles = [tile(f"{name}_{n}_{k}", float(n), 9.0 * k, transforms=[reference(f"lens{n}")])
             for k in range(20)]
    store.save_tiles(STACK, new_tiles(tiles), documents(**{f"lens{n}": affine(n, 0)}))
    store.save_matches(COLLECTION, [match(f"{name}/{n}_{k}", "x/x") for k in range(10)])
    store.update_stack_version(STACK, {f"{name}{n}": 1})
"""


def test_four_processes_lose_no_update(address):
    with PostgresStore(address) as store:
        loading(store)
        before = store.data_version(STACK)
        writers = [subprocess.Popen([sys.executable, "-c", WRITER, address, n]) for n in "abcd"]
        assert [writer.wait(120) for writer in writers] == [0] * 4
        assert store.count_tiles(STACK, ALL) == len(ids(store)) == 4 * 6 * 20
        assert store.match_collections("owner") == [(COLLECTION, 4 * 6 * 10)]
        wanted = {f"{name}{n}": 1 for name in "abcd" for n in range(6)}
        assert store.stack_version(STACK) == {"versionNotes": "test", **wanted}
        assert store.data_version(STACK) == before + 4 * 6 * 2
        assert store.check() == []
        with store._source.read() as connection:
            assert connection.execute("SELECT count(*) FROM reference_set").fetchone() == (6,)


def test_no_query_reads_a_table_from_end_to_end(opened, monkeypatch):
    executed = []
    for name in ("execute", "fetch"):
        method = getattr(PostgresConnection, name)

        def traced(self, sql, *arguments, method=method):
            executed.append(sql if isinstance(sql, tuple) else (sql, *(arguments or ((),))))
            return method(self, sql, *arguments)

        monkeypatch.setattr(PostgresConnection, name, traced)
    loading(opened, *(tile(f"t{n}", section="1.0", group="g") for n in range(5)), t=affine(0, 0))
    opened.save_matches(COLLECTION, all_pairs())
    for query in queries():
        list(opened.tiles(STACK, query))
        opened.count_tiles(STACK, query)
        opened.tile_bounds(STACK, query)
    for query in (MatchQuery(), MatchQuery(within="1"), MatchQuery(outside="1"),
                  MatchQuery(group="1", id="a"), MatchQuery(p_group="1")):  # fmt: skip
        list(opened.matches(COLLECTION, query))
    opened.match_groups(COLLECTION, "both")
    opened.multi_consensus_groups(COLLECTION, "both")
    opened.set_state(STACK, "COMPLETE")
    opened.section_data(STACK, 1.0, 2.0)
    opened.transforms(STACK, ["t"])
    opened.clone_stack(STACK, OTHER, {})
    monkeypatch.undo()
    looked_at = 0
    with opened._source.write() as connection:
        for sql, parameters in executed:
            if sql.split()[0] not in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"):
                continue
            rows = connection.execute(f"EXPLAIN {sql}", parameters).fetchall()
            plan = "\n".join(line for (line,) in rows)
            looked_at += 1
            if "width_class = ?" in sql:  # whatever the statistics, which there are none of yet
                assert "tile_layer" not in plan, f"{sql}\n{plan}"
            for table in ("tile", "match", "transform", "section", "reference_set"):
                assert f"Seq Scan on {table} " not in plan, (sql, plan)
    assert looked_at > 60


def test_statements_of_the_parts_are_understood():
    sql = "SELECT a FROM tile INDEXED BY tile_layer WHERE b IN (SELECT value FROM json_each(?))"
    assert postgres_sql(f"{sql} AND c = ?") == (
        "SELECT a FROM tile WHERE b = ANY((SELECT %s)::text[]) AND c = %s"
    )


def test_what_cannot_be_stored_is_refused_and_not_found(opened):
    loading(opened, tile("a"))
    for tile_id in ("zero\0", LONG, "\ud800"):
        with pytest.raises(Invalid):
            opened.save_tiles(
                STACK, new_tiles([tile("b"), tile("c")._replace(tile_id=tile_id)]), {}
            )
    with pytest.raises(Invalid):
        opened.save_matches(COLLECTION, [match(f"1/{LONG}", f"1/{LONG}q")])
    assert ids(opened) == ["a"]
    assert opened.match_collections("owner") == []


def test_many_long_references_and_channels_are_no_long_index_entries(opened):
    names = [f"lens {n:03d} {'x' * 100}" for n in range(60)]
    channels = [{"name": f"channel {n:03d} {'y' * 100}"} for n in range(60)]
    specs = [reference(name) for name in names]
    loading(
        opened, tile("a", transforms=specs, channels=channels),
        **{name: affine(0, 0) for name in names},
    )  # fmt: skip
    opened.set_state(STACK, "COMPLETE")
    found = opened.stack(STACK)["stats"]["channelNames"]
    assert found == sorted(channel["name"] for channel in channels)


def test_boxes_find_tiles_of_every_width(opened):
    widths = [0.0, 1e-300, 1e-3, 0.999, 1.0, 1.5, 1023.9, 1024.0, 1e6, 1e300]
    tiles = [
        tile(f"w{n}", 1.0, 100.0, 0.0)._replace(max_x=100.0 + width)
        for n, width in enumerate(widths)
    ]
    tiles.append(tile("mirrored", 1.0, 100.0, 0.0)._replace(max_x=-50.0))
    opened.create_stack(STACK, {})
    opened.save_tiles(STACK, new_tiles(tiles), {})
    for low, high in ((100.0, 100.0), (101.0, 101.2), (1123.95, 2000.0), (2e6, 3e6), (-60.0, 99.0),
                      (-60.0, 100.0), (1e200, 1e201)):  # fmt: skip
        wanted = sorted(one.tile_id for one in tiles if one.min_x <= high and one.max_x >= low)
        for query in (
            TileQuery(z=1.0, box=(low, 0.0, high, 50.0)),
            TileQuery(box=(low, 0.0, high, 50.0)),
            TileQuery(min_z=0.0, box=(low, 0.0, high, 50.0)),
        ):
            assert ids(opened, query) == wanted, (low, high)


def raw_connection(address):
    schema = address.rpartition("=")[2]
    connection = psycopg.connect(address.partition("?")[0], autocommit=True)
    connection.execute(f"SET search_path = {schema}")
    return connection, schema


def test_newer_and_other_schemas_are_refused_and_left_alone(address):
    PostgresStore(address).close()
    connection, schema = raw_connection(address)
    with connection:
        connection.execute("UPDATE store SET version = 999")
        with pytest.raises(NewerStore, match="its version is 999"):
            PostgresStore(address)
        connection.execute("DROP TABLE store")
        with pytest.raises(CannotOpen, match="another program"):
            PostgresStore(address)
        found = connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = %s", (schema,)
        ).fetchone()
        assert found == (len(TABLES),)


def test_an_older_schema_is_migrated_and_a_failed_migration_changes_nothing(address):
    with PostgresStore(address) as store:
        store.save_trial("id", b"{}")
    connection, schema = raw_connection(address)
    step = "ALTER TABLE trial ADD COLUMN note TEXT; UPDATE trial SET note = 'old; kept';"
    with connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            wrong = step + " INSERT INTO nowhere VALUES (1);"
            migrate(connection, "here", schema, 1, steps=[*MIGRATIONS, wrong])
        assert connection.execute("SELECT version FROM store").fetchone() == (len(MIGRATIONS),)
        migrate(connection, "here", schema, 1, steps=[*MIGRATIONS, step])
        assert connection.execute("SELECT id, note FROM trial").fetchall() == [("id", "old; kept")]
    with pytest.raises(NewerStore):
        PostgresStore(address)


def test_many_processes_may_make_one_store_at_once(address):
    script = "import sys; from renderws.store.postgres.store import PostgresStore;"
    script += "PostgresStore(sys.argv[1]).create_stack(('owner', 'p', sys.argv[2]), {})"
    made = [subprocess.Popen([sys.executable, "-c", script, address, name]) for name in "abc"]
    assert [one.wait(120) for one in made] == [0] * 3
    with PostgresStore(address, create=False) as store:
        assert len(store.stacks("owner")) == 3


def test_closed_store_says_so(address):
    store = PostgresStore(address)
    loading(store, tile("a"), tile("b"))
    reading = store.tiles(STACK, ALL)
    next(reading)
    store.close()
    store.close()
    assert next(reading).tile_id == "b"
    for use in (store.owners, lambda: store.delete_stack(STACK)):
        with pytest.raises(StoreError, match="is closed"):
            use()


def test_backups_name_what_to_use_instead(opened, tmp_path):
    with pytest.raises(Invalid, match=r"pg_dump --format=custom --schema=store\d+ .*pg_restore"):
        opened.backup(tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_statistics_from_before_a_stack_was_made_mislead_nobody(address):
    tiles = [tile(f"t{n:05d}", float(n % 20), section="s") for n in range(2000)]
    with PostgresStore(address) as store:
        loading(store, *tiles)
        connection, schema = raw_connection(address)
        with connection:
            connection.execute(f'ANALYZE "{schema}".tile')
        loading(store, *tiles, stack=OTHER)
        with store._source.read() as reader:
            (key,) = reader.execute("SELECT max(key) FROM stack").fetchone()
            for sql, index in (
                ("SELECT min(z) FROM tile WHERE stack = ? AND z > 3", "tile_layer"),
                ("SELECT min_x FROM tile WHERE stack = ? AND z = 3", "tile_layer"),
                ("SELECT 1 FROM tile WHERE stack = ? AND tile_id = 't00003'", "tile_identity"),
            ):
                plan = [line for (line,) in reader.execute(f"EXPLAIN {sql}", (key,))]
                assert any(f"using {index}" in line for line in plan), plan


class Seen(Exception):
    """The statement that was looked for."""


def plan_of(monkeypatch, ask, words):
    """Plan of the first statement with these words, with the values it came with."""

    def seen(self, sql, parameters=()):
        if isinstance(sql, tuple):
            sql, parameters = f"DECLARE c CURSOR FOR {sql[0]}", sql[1]
        if words in sql:
            rows = execute(self, f"EXPLAIN {sql}", parameters).fetchall()
            raise Seen("\n".join(line for (line,) in rows))
        return execute(self, sql, parameters)

    execute = PostgresConnection.execute
    monkeypatch.setattr(PostgresConnection, "execute", seen)
    monkeypatch.setattr(PostgresConnection, "fetch", seen)
    with pytest.raises(Seen) as found:
        ask()
    return str(found.value)


def fill_large(store, address):
    """A stack of 10,000 tiles, and statistics of their number."""
    loading(store, tile("t1", 1.0))
    with store._source.write() as connection:
        connection.execute(SOME_TILES)
    connection, schema = raw_connection(address)
    with connection:
        connection.execute(f'ANALYZE "{schema}".tile')


NAMES = [f"t{n:04d}" for n in range(600)]
NEW = [tile(name, 1.0) for name in NAMES]


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.save_tiles(STACK, new_tiles(NEW), {}),
        lambda store: list(store.tiles(STACK, TileQuery(tile_ids=NAMES))),
        lambda store: list(store.tiles(STACK, TileQuery(tile_ids=NAMES[:1]))),
        lambda store: store.tile_bounds(STACK, TileQuery(tile_ids=NAMES)),
        lambda store: store.count_tiles(STACK, TileQuery(tile_ids=NAMES)),
        lambda store: store.delete_tiles(STACK, TileQuery(tile_ids=NAMES)),
    ],
)
def test_what_is_asked_by_ids_looks_at_no_other_tiles(address, opened, monkeypatch, ask):
    """Though nothing is known of how many a list finds, so that all of a stack look as few."""
    fill_large(opened, address)
    plan = plan_of(monkeypatch, lambda: ask(opened), "tile_id IN")
    wanted = r"tile_identity.*\n( .*\n)?.*Index Cond: \(.*stack = .* AND \(.*tile_id = ANY"
    assert re.search(wanted, plan), plan


@pytest.mark.parametrize("limits", [{"min_z": 5.0}, {"max_z": 6.0}, {"min_z": 5.0, "max_z": 6.0}])
def test_what_is_asked_by_a_range_of_z_looks_at_no_others(address, opened, monkeypatch, limits):
    fill_large(opened, address)
    query = TileQuery(**limits)
    for ask in (lambda: list(opened.tiles(STACK, query)),
                lambda: list(opened.tile_ids(STACK, **limits))):  # fmt: skip
        with monkeypatch.context() as patch:
            plan = plan_of(patch, ask, "ORDER BY tile.tile_id")
        assert re.search(
            r"tile_layer.*\n( .*\n)?.*Index Cond: \(.*stack = .* AND \(z [<>]=", plan
        ), plan


SOME_PAIRS = """
INSERT INTO match (collection, count, p_group, q_group, p_id, q_id, points)
SELECT max(key), 1, 'a', 'a', 't' || n, 't' || n, '' FROM collection, generate_series(1, 10000) n
GROUP BY n
"""
SOME_TILES = """
INSERT INTO tile (stack, z, tile_id, min_x, min_y, max_x, max_y, width_class, flat, document)
SELECT max(key), 1, 'u' || n, 0, 0, 1, 1, 0, true, '' FROM stack, generate_series(1, 10000) n
GROUP BY n
"""


@pytest.mark.parametrize(
    ("some", "delete"),
    [
        (SOME_PAIRS, lambda store: store.delete_collection(COLLECTION)),
        (SOME_TILES, lambda store: store.delete_stack(STACK)),
    ],
)
def test_no_piece_sorts_all_that_is_left(opened, monkeypatch, some, delete):
    """Of 10,000 rows it expects fewer than a piece has, so that to sort them looks cheaper."""
    loading(opened, tile("a", 1.0))
    opened.save_matches(COLLECTION, all_pairs())
    with opened._source.write() as connection:
        connection.execute(some)
    delete(opened)
    executed, execute = [], PostgresConnection.execute

    def traced(self, sql, parameters=()):
        executed.append((sql, parameters))
        return execute(self, sql, parameters)

    with monkeypatch.context() as patched:
        patched.setattr(PostgresConnection, "execute", traced)
        assert opened.reclaim() >= 500
    pieces = [one for one in executed if "ORDER BY" in one[0] and one[0].endswith("LIMIT ?")]
    assert pieces
    with opened._source.write() as connection:
        for sql, parameters in pieces:
            plan = [line for (line,) in connection.execute(f"EXPLAIN {sql}", parameters)]
            assert not [line for line in plan if "Sort" in line], plan
