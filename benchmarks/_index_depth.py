"""How many pages an index has, and how many a search in it reads."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

INTERIOR = (2, 5)
"""Types of pages of SQLite that have others below them (file format, section 1.6)."""


class Pages(NamedTuple):
    """Pages of an index: those with its entries, those above them, and levels of all."""

    leaves: int
    interior: int
    depth: int


def sqlite_pages(path: Path, index: str) -> Pages:
    """Pages of an index of a file that nobody has open; reads them all."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = ?", (index,)
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        leaves, interior = connection.execute(
            "SELECT sum(pagetype = 'leaf'), sum(pagetype = 'internal') FROM dbstat WHERE name = ?",
            (index,),
        ).fetchone()
    return Pages(leaves, interior, _depth(path, root, size))


def _depth(path: Path, page: int, size: int) -> int:
    """Levels from a page to the leaves, along the first child of each."""
    depth = 1
    with path.open("rb") as file:
        while True:
            file.seek((page - 1) * size)
            content = file.read(size)
            if content[0] not in INTERIOR:
                return depth
            cell = int.from_bytes(content[12:14], "big")
            page = int.from_bytes(content[cell : cell + 4], "big")
            depth += 1


def postgres_pages(address: str, schema: str, index: str) -> Pages:
    """The same of an index in PostgreSQL, by its extension pgstattuple, which is installed."""
    import psycopg

    with psycopg.connect(address.split("?")[0], autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pgstattuple SCHEMA public")
        row = connection.execute(
            "SELECT leaf_pages, internal_pages, tree_level + 1 FROM public.pgstatindex(%s)",
            (f"{schema}.{index}",),
        ).fetchone()
    assert row is not None
    return Pages(*map(int, row))
