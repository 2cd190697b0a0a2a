"""Opening a store by its name: the path of a file, or the address of a database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from renderapi.databases import is_database, without_password
from renderapi.errors import RenderError
from renderws.store.protocol import CannotOpen

BUSY_SECONDS = 10.0


def open_store(
    place: str | os.PathLike[str], create: bool = True, busy_seconds: float = BUSY_SECONDS
) -> Any:
    """The store at a place, made when there is none and `create`.

    Raises
    ------
    CannotOpen
        There is none, or it is something else; for a database also where psycopg is missing.
    """
    if not is_database(place):
        from renderws.store.sqlite import SqliteStore

        return SqliteStore(Path(place), create, busy_seconds)
    try:
        from renderws.store.postgres.store import PostgresStore
    except ImportError as error:
        raise CannotOpen(
            f"cannot open the store {shown(place)}: psycopg is missing ({error}); install it with"
            " pip install 'render-python-apps[postgres]'"
        ) from error
    return PostgresStore(str(place), create, busy_seconds)


def shown(place: str | os.PathLike[str]) -> str:
    """How messages name a place: an absolute path, or an address without its password."""
    if not is_database(place):
        return str(Path(place).resolve())
    try:
        return without_password(str(place))
    except RenderError:
        return "postgresql://..."
