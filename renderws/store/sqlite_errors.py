"""What SQLite's errors mean for whoever uses the store."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from renderws.store.location import has_room
from renderws.store.protocol import CannotOpen, Damaged, StoreBusy, StoreError, StoreFull
from renderws.store.translated import Translated

T = TypeVar("T")


def is_busy(error: Exception) -> bool:
    return primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def primary_code(error: Exception) -> int:
    """SQLite's result code without its extension; -1 where there is none."""
    code: int = getattr(error, "sqlite_errorcode", -1)
    return code & 0xFF if code >= 0 else -1


def translated(path: Path, value: T | None = None) -> AbstractContextManager[Any]:
    """Turns what SQLite raises into the errors of the store, and gives `value`."""
    return Translated(sqlite3.Error, store_error, path, value)


def store_error(error: Exception, path: Path) -> StoreError:
    """The error of the store that says what SQLite's error means, or a text that is no UTF-8."""
    code = primary_code(error)
    if is_busy(error):
        return StoreBusy(
            f"the store {path} is held by another process, which did not finish in time; try again"
        )
    if code == sqlite3.SQLITE_FULL:
        return store_full(path)
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return CannotOpen(f"cannot open the store {path} for writing ({error}); check permissions")
    if code == sqlite3.SQLITE_NOTADB:
        return CannotOpen(f"cannot open the store {path}: it is not a database; give another path")
    if code in (sqlite3.SQLITE_CORRUPT, -1):  # no code: a text in it is no UTF-8
        return damaged(error, path)
    if code == sqlite3.SQLITE_IOERR and not has_room(path):
        return store_full(path)
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(
            f"reading or writing the store {path} failed ({error}): nothing was changed; "
            "check the disk and its free space"
        )
    return StoreError(f"the store {path} failed: {error}")


def store_full(path: Path) -> StoreFull:
    """The error for a disk, a quota or a file size that is at its end."""
    return StoreFull(f"no room left for the store {path}: nothing was changed; free some space")


def damaged(error: Exception, path: Path) -> Damaged:
    """The error for a file whose content makes no sense."""
    reason = str(error)
    if isinstance(error, UnicodeDecodeError) or "UTF-8" in reason:
        reason = "a text in it is not readable"
    return Damaged(
        f"the store {path} is damaged ({reason}); see renderapps store check, or put a backup in"
        " its place with renderapps store restore"
    )
