"""A connection that takes the SQL of the parts of the store, which is SQLite's."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import psycopg

from renderws.store.documents import IdList
from renderws.store.postgres.tables import PostgresTables
from renderws.store.source import Row, Statement

FIRST_ROWS, MORE_ROWS = 256, 2_048
_HINT = re.compile(r"\s(?:NOT INDEXED|INDEXED BY \w+)\b")
_LIST = re.compile(r"(\w+) IN \(SELECT value FROM json_each\(\?\)\)")
_NUMBERS = {"key": "bigint", "reference_set": "bigint", "z": "float8"}
"""Columns that lists hold values of which are no texts."""
_BY_OTHERS = re.compile(r"tile_id = ANY|tile\.z [<>]=")
"""What finds few tiles by an index that does not give them in the order of their ids."""


@lru_cache(maxsize=2048)
def postgres_sql(sql: str) -> str:
    """The statement without the names of indices, which PostgreSQL chooses by itself, with its
    lists as arrays and its parameters as psycopg wants them.

    It is not told how many rows at most are wanted, nor how long a list is: where it expects no
    more rows than these, since nothing is known of how many there are, it would read and sort all,
    or compare all of a stack with the list, however many they are.
    """
    plain = _LIST.sub(_in_array, _HINT.sub("", sql)).replace("LIMIT ?", "LIMIT (SELECT ?)")
    if _BY_OTHERS.search(plain):  # in the order of ids it would look at all of a stack
        plain = plain.replace("ORDER BY tile.tile_id", "ORDER BY tile.tile_id || ''")
    return plain.replace("%", "%%").replace("?", "%s")


def _in_array(found: re.Match[str]) -> str:
    column = found[1]
    return f"{column} = ANY((SELECT ?)::{_NUMBERS.get(column, 'text')}[])"


class PostgresConnection:
    """A connection to a database; see `source.Connection`.

    Attributes
    ----------
    raw
        psycopg's connection, in autocommit mode: transactions are begun and ended by name.
    writing : bool
        Within a transaction that changes something.
    """

    tables = PostgresTables()

    def __init__(self, raw: psycopg.Connection[Any], lasting: dict[Any, Any]) -> None:
        self.raw = raw
        self.writing = False
        self._known: dict[Any, Any] = {}
        self._lasting = lasting
        self._names = itertools.count()

    @property
    def known(self) -> dict[Any, Any]:
        return {} if self.writing else self._known

    @property
    def lasting(self) -> dict[Any, Any]:
        return {} if self.writing else self._lasting

    def begin(self, sql: str, writing: bool) -> None:
        """Begin a transaction; of what was known before nothing is kept."""
        self.raw.execute(sql)
        self.writing, self._known = writing, {}

    def execute(self, sql: str, parameters: Any = (), /) -> psycopg.Cursor[Any]:
        """Execute a statement of the parts of the store."""
        cursor = self.raw.cursor(binary=True)
        return cursor.execute(postgres_sql(sql), _plain(parameters))

    def executemany(self, sql: str, rows: Iterable[Any], /) -> None:
        """Execute a statement once for each row, without waiting for each."""
        many = [_plain(row) for row in rows]
        if many:
            self.raw.cursor().executemany(postgres_sql(sql), many)

    def fetch(
        self, statement: Statement, first: int = FIRST_ROWS, more: int = MORE_ROWS
    ) -> Iterator[list[Row]]:
        """Rows of a query, a batch at a time, as they were when it began.

        The cursor is not closed but left to the end of the transaction: a generator that is
        forgotten may be closed in the midst of another use of the connection.
        """
        sql, parameters = statement
        name = f"c{next(self._names)}"
        cursor = self.raw.cursor(binary=True)
        declared = f"DECLARE {name} NO SCROLL CURSOR FOR {postgres_sql(sql)}"
        cursor.execute(declared, _plain(parameters), prepare=False)
        size = first
        while True:
            rows = cursor.execute(f"FETCH {size} FROM {name}", prepare=False).fetchall()
            if rows:
                yield rows
            if len(rows) < size:
                return
            size = more


def _plain(parameters: Sequence[Any]) -> list[Any]:
    return [one.values if type(one) is IdList else one for one in parameters]
