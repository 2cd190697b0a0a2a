"""Putting a backup in the place of a store."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from renderapi.files import atomic_path
from renderws.store.location import check_location
from renderws.store.protocol import CannotOpen, Damaged, Invalid, StoreBusy
from renderws.store.schema import APPLICATION_ID
from renderws.store.sqlite_errors import translated

# where SQLite's locks are in a file: every open connection to one in WAL mode holds some of these
LOCK_START, LOCK_BYTES = 1 << 30, 512
LOGS = ("-wal", "-shm")


def restore(backup: Path, store: Path) -> list[Path]:
    """Put a copy of a backup in the place of a store; the backup stays.

    Parameters
    ----------
    backup, store : Path
        Files. There need not be a store yet; one that is there, damaged or not, is kept beside,
        with its log, under a name that says when it was replaced.

    Returns
    -------
    list of Path
        What was put aside.

    Raises
    ------
    StoreBusy
        The store is in use.
    Invalid, CannotOpen, Damaged
        The backup is missing, the store itself, no store, or damaged.
    """
    check_location(store, create=True)
    if not backup.is_file():
        raise CannotOpen(f"there is no backup {backup}; check the path")
    if store.exists() and os.path.samefile(backup, store):
        raise Invalid(f"{backup} is the store itself")
    check_backup(backup)
    with _alone(store), atomic_path(store) as temporary:
        shutil.copyfile(backup, temporary)
        with temporary.open("rb") as copied:
            os.fsync(copied.fileno())
        aside = _put_aside(store)
    return aside


def check_backup(backup: Path) -> None:
    """Refuse what is not a sound store by itself, without changing it."""
    if any(Path(f"{backup}{end}").exists() for end in LOGS):
        raise Invalid(
            f"{backup} has a log beside it: it is a store, perhaps in use, and no backup; make"
            " one with renderapps store backup"
        )
    uri = f"{backup.absolute().as_uri()}?mode=ro&immutable=1"
    with translated(backup), closing(sqlite3.connect(uri, uri=True)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if application != APPLICATION_ID:
            raise CannotOpen(f"{backup} is no store of this software")
        (problem,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if problem != "ok":
        raise Damaged(f"the backup {backup} is damaged: {problem}")


@contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Hold the locks of the store, so that no other process can open it; StoreBusy where one has.

    The locks are tried without SQLite, since the file may be damaged.
    """
    if not store.exists():
        yield
        return
    with store.open("r+b") as opened:
        try:
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCK_BYTES, LOCK_START)
        except OSError as error:
            raise StoreBusy(
                f"the store {store} is in use; stop the service and whatever else has it open"
            ) from error
        yield


def _put_aside(store: Path) -> list[Path]:
    """Give the store and its log other names; the index of the log goes, it can be made again."""
    moment = time.strftime("%Y%m%dT%H%M%S")
    aside = []
    for end in ("", "-wal"):
        source = Path(f"{store}{end}")
        if source.exists():
            target = _free(Path(f"{store}.replaced-{moment}"), end)
            source.rename(target)
            aside.append(target)
    Path(f"{store}-shm").unlink(missing_ok=True)
    return aside


def _free(base: Path, end: str) -> Path:
    number = 0
    while (target := Path(f"{base}{f'-{number}' if number else ''}{end}")).exists():
        number += 1
    return target
