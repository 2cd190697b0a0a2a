"""Tests of the version of a file and of bringing older files up to date."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from renderws.store.protocol import NewerStore
from renderws.store.schema import MIGRATIONS, migrate, statements

NEXT = """
ALTER TABLE trial ADD COLUMN note TEXT;
UPDATE trial SET note = 'old; kept';
"""


def connect(path):
    return closing(sqlite3.connect(path, isolation_level=None))


def version(connection):
    return connection.execute("PRAGMA user_version").fetchone()[0]


def test_an_older_file_is_migrated_step_by_step_and_keeps_its_content(tmp_path):
    with connect(tmp_path / "a.db") as connection:
        migrate(connection, "a.db", MIGRATIONS)
        connection.execute("INSERT INTO trial VALUES ('id', x'00')")
        migrate(connection, "a.db", [*MIGRATIONS, NEXT])
        assert version(connection) == len(MIGRATIONS) + 1
        assert connection.execute("SELECT id, note FROM trial").fetchall() == [("id", "old; kept")]
        newer = rf"a\.db: its version is {len(MIGRATIONS) + 1}"
        with pytest.raises(NewerStore, match=newer):
            migrate(connection, "a.db", MIGRATIONS)


def test_files_of_every_older_version_become_what_new_ones_are(tmp_path):
    found = []
    for steps in range(len(MIGRATIONS) + 1):
        with connect(tmp_path / f"{steps}.db") as connection:
            migrate(connection, "a.db", MIGRATIONS[:steps])
            migrate(connection, "a.db")
            names = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name")
            found.append(names.fetchall())
    assert all(one == found[0] for one in found)
    assert "section_z" in {name for name, _ in found[0]}


def test_a_failed_migration_changes_nothing(tmp_path):
    with connect(tmp_path / "a.db") as connection:
        migrate(connection, "a.db")
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, "a.db", [*MIGRATIONS, NEXT + "INSERT INTO nowhere VALUES (1);"])
        assert version(connection) == len(MIGRATIONS)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(trial)")]
        assert columns == ["id", "document"]


def test_scripts_are_split_into_statements():
    script = "CREATE TABLE a (b); -- c; d\nINSERT INTO a VALUES ('x;y');\n"
    with closing(sqlite3.connect(":memory:")) as connection:
        for one in statements(script.replace("-- c; d", "")):
            connection.execute(one)
        assert connection.execute("SELECT b FROM a").fetchall() == [("x;y",)]
