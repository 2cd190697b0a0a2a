"""Who is writing to a stack: locks that runs take, renew and give back.

A lock belongs to a name, which need not be that of a stack yet, and covers the whole stack or some
z. It is a matter between those who ask for one: whoever writes without asking is not held up. A
lock that was not renewed in time no longer keeps others out; it stays its holder's until somebody
else takes what it covers, so that a holder that was only slow can go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from renderws.store.protocol import Conflict, Json, NotFound, StackId
from renderws.store.source import Connection, Source
from renderws.store.stackrows import now_after, time_text
from renderws.store.states import stack_text

_COLUMNS = "id, zs, document, since, expires"
_OF_STACK = "FROM stack_lock WHERE owner = ? AND project = ? AND name = ?"


class Locks:
    """The part of the store that knows who is writing to what."""

    _source: Source

    def lock_stack(
        self, stack: StackId, lock: str, zs: Sequence[float] | None, seconds: float, holder: Json
    ) -> None:
        with self._source.write(stack) as connection:
            now = now_after()
            for row in connection.execute(f"SELECT {_COLUMNS} {_OF_STACK}", stack).fetchall():
                other, covered, document, since, expires = row
                if other != lock and _overlap(zs, covered):
                    if expires > now:
                        raise Conflict(_refusal(stack, document, since))
                    _remove(connection, stack, other)
            text = None if zs is None else orjson.dumps(sorted(set(map(float, zs)))).decode()
            connection.execute(
                f"INSERT INTO stack_lock (owner, project, name, {_COLUMNS})"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, project, name, id)"
                " DO UPDATE SET zs = excluded.zs, document = excluded.document,"
                " since = excluded.since, expires = excluded.expires",
                (*stack, lock, text, orjson.dumps(holder), now, now + int(seconds * 1000)),
            )

    def renew_lock(self, stack: StackId, lock: str, seconds: float) -> None:
        with self._source.write(stack) as connection:
            changed = connection.execute(
                "UPDATE stack_lock SET expires = ?"
                " WHERE owner = ? AND project = ? AND name = ? AND id = ?",
                (now_after() + int(seconds * 1000), *stack, lock),
            )
            if not changed.rowcount:
                raise _lost(stack, lock)

    def unlock_stack(self, stack: StackId, lock: str) -> None:
        with self._source.write(stack) as connection:
            _remove(connection, stack, lock)

    def stack_locks(self, stack: StackId) -> list[Json]:
        with self._source.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} {_OF_STACK} ORDER BY since, id", stack
            ).fetchall()
        now = now_after()
        return [
            {
                "id": lock,
                "zs": None if zs is None else orjson.loads(zs),
                "holder": orjson.loads(document),
                "since": time_text(since),
                "secondsLeft": max(0.0, (expires - now) / 1000),
            }
            for lock, zs, document, since, expires in rows
        ]


def give_back(connection: Connection, stack: StackId, lock: str) -> None:
    """Remove a lock within a transaction that relies on it; NotFound when it was lost."""
    if not _remove(connection, stack, lock):
        raise _lost(stack, lock)


def _remove(connection: Connection, stack: StackId, lock: str) -> int:
    return connection.execute(
        "DELETE FROM stack_lock WHERE owner = ? AND project = ? AND name = ? AND id = ?",
        (*stack, lock),
    ).rowcount


def _overlap(zs: Sequence[float] | None, covered: str | None) -> bool:
    return zs is None or covered is None or not set(zs).isdisjoint(orjson.loads(covered))


def _refusal(stack: StackId, document: bytes, since: int) -> str:
    holder: dict[str, Any] = orjson.loads(document)
    name = holder.get("name") or "another run"
    return (
        f"{stack_text(stack)} is being written by {name} since {time_text(since)}; "
        "wait until that is done"
    )


def _lost(stack: StackId, lock: str) -> NotFound:
    return NotFound(
        f"{stack_text(stack)} is no longer locked by {lock}: it was not renewed in time and "
        "another run has taken it"
    )
