"""Looking after the database: check, compact, describe; and what to use for the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from renderws.store.drops import reclaim_all
from renderws.store.maintenance import COUNT_CHECKS, REPORTED, document_problems
from renderws.store.postgres.database import PostgresDatabase
from renderws.store.postgres.schema import TABLES
from renderws.store.protocol import Invalid, Json
from renderws.store.source import Source

SAFETY = ("fsync", "full_page_writes")
WIDTHS = """
SELECT tile_id FROM tile WHERE NOT EXISTS (SELECT 1 FROM tile_width AS w
  WHERE w.stack = tile.stack AND w.width_class = tile.width_class)
"""


class Maintenance:
    """The part of the store that looks after the database."""

    _source: Source
    _database: PostgresDatabase

    def check(self, documents: bool = True) -> list[str]:
        with self._source.read() as connection:
            problems = []
            for text, sql in COUNT_CHECKS.items():
                rows = connection.execute(f"SELECT * FROM ({sql}) AS found LIMIT {REPORTED}")
                wrong = " is wrong" if "count" in text else ""
                problems += [text.format(name) + wrong for (name,) in rows]
            rows = connection.execute(f"{WIDTHS} LIMIT {REPORTED}")
            problems += [f"tile {name} cannot be found by its box" for (name,) in rows]
            if documents:
                problems += document_problems(_tiles(connection))
        return problems

    def compact(self) -> None:
        reclaim_all(self._source)
        with self._source.write() as connection:
            connection.execute(
                "DELETE FROM reference_set WHERE NOT EXISTS"
                " (SELECT 1 FROM tile WHERE tile.reference_set = reference_set.key)"
            )
            connection.execute(
                "DELETE FROM reference_member"
                " WHERE reference_set NOT IN (SELECT key FROM reference_set)"
            )
        with self._database.outside() as raw:
            raw.execute("VACUUM (ANALYZE) " + ", ".join(TABLES))

    def backup(self, path: str | os.PathLike[str]) -> None:
        raise Invalid(
            "a store in PostgreSQL is backed up with PostgreSQL's own programs, while it is in use:"
            f" pg_dump --format=custom --schema={self._database.schema} --file={path}"
            f" '{_for_libpq(self._database.place)}' (or pg_basebackup for the whole server); put it"
            " back with pg_restore. renderapps store copy makes a file of it"
        )

    def info(self) -> Json:
        with self._source.read() as connection:
            live, dropped = (
                connection.execute(
                    "SELECT count(*), CAST(coalesce(sum(tile_count), 0) AS BIGINT) FROM stack"
                    f" WHERE dropped IS {what}"
                ).fetchone()
                for what in ("NULL", "NOT NULL")
            )
            pairs = connection.execute(
                "SELECT count(*), CAST(coalesce(sum(pair_count), 0) AS BIGINT) FROM collection"
                " WHERE dropped IS NULL AND visible = 1"
            ).fetchone()
            size, tables, server = connection.execute(
                "SELECT CAST(coalesce(sum(pg_total_relation_size(oid)), 0) AS BIGINT),"
                " CAST(coalesce(sum(pg_relation_size(oid)), 0) AS BIGINT),"
                " current_setting('server_version') FROM pg_class"
                " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            ).fetchone()
            (version,) = connection.execute("SELECT version FROM store").fetchone()
            at_risk = [name for name in SAFETY if _setting(connection, name) == "off"]
        return {
            "path": self._database.place,
            "schema": self._database.schema,
            "bytes": size,
            "indexBytes": size - tables,
            "version": version,
            "postgresqlVersion": server,
            "durability": _durability(at_risk),
            "stacks": live[0],
            "tiles": live[1],
            "droppedStacks": dropped[0],
            "droppedTiles": dropped[1],
            "matchCollections": pairs[0],
            "matchPairs": pairs[1],
        }


def _setting(connection: Any, name: str) -> str:
    return str(connection.execute("SELECT current_setting(?)", (name,)).fetchone()[0])


def _durability(at_risk: Sequence[str]) -> str:
    if not at_risk:
        return "full"
    return f"none: the server runs with {' and '.join(at_risk)} off, a power cut may damage it"


def _tiles(connection: Any) -> Iterator[tuple[Any, ...]]:
    sql = "SELECT tile_id, z, min_x, min_y, max_x, max_y, document FROM tile ORDER BY key"
    for rows in connection.fetch((sql, ())):
        yield from rows


def _for_libpq(place: str) -> str:
    """The address without what is ours."""
    head, _, options = place.partition("?")
    kept = "&".join(one for one in options.split("&") if one and not one.startswith("schema="))
    return f"{head}?{kept}" if kept else head
