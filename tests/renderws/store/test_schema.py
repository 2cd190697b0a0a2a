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
        with pytest.raises(NewerStore, match=r"a\.db: its version is 2"):
            migrate(connection, "a.db", MIGRATIONS)


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
