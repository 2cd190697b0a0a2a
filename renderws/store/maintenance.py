"""Looking after the file: check, compact, back up, describe."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import orjson

from renderapi.files import atomic_path
from renderws.store.database import SqliteSource
from renderws.store.drops import reclaim_all
from renderws.store.protocol import Invalid, Json
from renderws.store.source import Row
from renderws.store.sqlite_errors import translated
from renderws.store.tree import BLOCK_BITS, STACK_THICKNESS

# each finds rows that contradict each other; the first column names the place
COUNT_CHECKS = {
    "tile count of stack {0}": """
        SELECT owner || '/' || project || '/' || name FROM stack
        WHERE reclaiming = 0 AND hidden IS NULL AND arriving IS NULL
          AND tile_count <> (SELECT count(*) FROM tile INDEXED BY tile_layer
                             WHERE tile.stack = stack.key)""",
    "pair count of match collection {0}": """
        SELECT owner || '/' || name FROM collection
        WHERE dropped IS NULL AND hidden IS NULL AND arriving IS NULL
          AND pair_count <> (SELECT count(*) FROM match WHERE match.collection = collection.key)""",
    "tiles of no stack, key {0}": """
        SELECT DISTINCT tile.stack FROM tile WHERE tile.stack NOT IN (SELECT key FROM stack)""",
    "matches of no collection, key {0}": """
        SELECT DISTINCT collection FROM match WHERE collection NOT IN (SELECT key FROM
        collection)""",
}
TREE_CHECKS = {
    "tile {0} is not in the box tree where it should be": f"""
        SELECT tile.tile_id FROM tile LEFT JOIN tile_box AS b ON b.key = tile.key >> {BLOCK_BITS}
        WHERE b.key IS NULL
          OR b.min_x > min(tile.min_x, tile.max_x) OR b.max_x < max(tile.min_x, tile.max_x)
          OR b.min_y > min(tile.min_y, tile.max_y) OR b.max_y < max(tile.min_y, tile.max_y)
          OR b.min_z > coalesce(tile.z, 0) OR b.max_z < coalesce(tile.z, 0)
          OR abs(b.min_stack + {STACK_THICKNESS} - tile.stack) > {STACK_THICKNESS}""",
}
REPORTED = 20


class Maintenance:
    """The part of the store that looks after the file."""

    _source: SqliteSource

    def check(self, documents: bool = True) -> list[str]:
        with self._source.read() as connection:
            problems = [
                text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok"
            ]
            (tree,) = connection.execute("SELECT rtreecheck('tile_box')").fetchone()
            if tree != "ok":
                problems.append(f"box tree: {tree}")
            problems += _count_problems(connection)
            if documents:
                problems += document_problems(
                    connection.execute(
                        "SELECT tile_id, z, min_x, min_y, max_x, max_y, document FROM tile"
                        " ORDER BY key"
                    )
                )
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
        with self._source.exclusive() as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def backup(self, path: str | os.PathLike[str]) -> None:
        if Path(path).exists():
            raise Invalid(f"{path} exists already; a backup is written to a new file")
        with atomic_path(path) as temporary:
            with (
                self._source.read() as connection,
                closing(sqlite3.connect(temporary)) as target,
                translated(temporary),
            ):
                connection.backup(target)  # in one step: one snapshot, and writers do not wait
            descriptor = os.open(temporary, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def info(self) -> Json:
        with self._source.read() as connection:
            live = connection.execute(
                "SELECT count(*), coalesce(sum(tile_count), 0) FROM stack WHERE dropped IS NULL"
            ).fetchone()
            dropped = connection.execute(
                "SELECT count(*), coalesce(sum(tile_count), 0) FROM stack WHERE dropped IS NOT NULL"
            ).fetchone()
            pairs = connection.execute(
                "SELECT count(*), coalesce(sum(pair_count), 0) FROM collection"
                " WHERE dropped IS NULL AND visible"
            ).fetchone()
            version, page, free = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("user_version", "page_size", "freelist_count")
            )
        path = self._source.path
        return {
            "path": str(path),
            "bytes": path.stat().st_size,
            "walBytes": _size(Path(f"{path}-wal")),
            "freeBytes": page * free,
            "version": version,
            "sqliteVersion": sqlite3.sqlite_version,
            "stacks": live[0],
            "tiles": live[1],
            "droppedStacks": dropped[0],
            "droppedTiles": dropped[1],
            "matchCollections": pairs[0],
            "matchPairs": pairs[1],
        }


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _count_problems(connection: sqlite3.Connection) -> Iterator[str]:
    for text, sql in (COUNT_CHECKS | TREE_CHECKS).items():
        for (name,) in connection.execute(f"SELECT * FROM ({sql}) LIMIT {REPORTED}"):
            yield f"{text.format(name)} is wrong" if "count" in text else text.format(name)


def document_problems(rows: Iterable[Row]) -> Iterator[str]:
    """Tiles whose document is no JSON or says something else than their columns.

    Rows are tile_id, z, min_x, min_y, max_x, max_y, document.
    """
    found = 0
    for tile_id, *columns, document in rows:
        try:
            spec = orjson.loads(document)
        except orjson.JSONDecodeError as error:
            yield f"the document of tile {tile_id} is damaged: {error}"
            continue
        values = [spec.get(key) for key in ("tileId", "z", "minX", "minY", "maxX", "maxY")]
        if values != [tile_id, *columns]:
            yield f"the document of tile {tile_id} and its columns disagree"
            found += 1
            if found >= REPORTED:
                return
