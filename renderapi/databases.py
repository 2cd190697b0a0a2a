"""Addresses of databases that hold a store, and their passwords, which are told to nobody.

`postgresql://user:password@host:port/database?schema=name` names a database like a path names a
file. The password is taken out of the address at once and kept in the environment of this process,
where the worker processes that it starts find it; what is logged, pickled, reported or written into
an error is the address without it. Without a password the database's own ways are used
(`~/.pgpass`, `PGPASSWORD`, sockets of this machine).
"""

from __future__ import annotations

import json
import os
import re
from urllib.parse import unquote

from renderapi.errors import RenderError

SCHEMES = ("postgresql://", "postgres://")
SECRETS = "RENDER_STORE_SECRETS"
SECRET_OPTIONS = ("password", "sslpassword")

_ADDRESS = re.compile(
    r"(?P<scheme>postgres(?:ql)?://)"
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    r"(?P<place>[^@?#]*)(?:\?(?P<options>[^@?#]*))?"
)


def is_database(store: str | os.PathLike[str]) -> bool:
    """Whether a store is named by the address of a database, and not by a path."""
    return isinstance(store, str) and store.lower().startswith(SCHEMES)


def without_password(address: str) -> str:
    """The same address, to be shown.

    >>> without_password("postgresql://ann:secret@db.example.org/render?schema=lab")
    'postgresql://ann@db.example.org/render?schema=lab'

    Raises
    ------
    RenderError
        The address is malformed; the text does not repeat it.
    """
    return _split(address)[0]


def kept_password(address: str) -> str:
    """The address without its password, which `with_password` finds again, also in processes that
    this one starts.
    """
    shown, secrets = _split(address)
    if secrets:
        known = _known()
        known[shown] = secrets
        os.environ[SECRETS] = json.dumps(known)
    return shown


def secrets_of(address: str) -> tuple[str, dict[str, str]]:
    """The address without its secrets, and these by name: its own, or those that are kept."""
    shown, secrets = _split(address)
    return shown, secrets or _known().get(shown, {})


def _known() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(os.environ.get(SECRETS) or "{}")
    return found


def _split(address: str) -> tuple[str, dict[str, str]]:
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise RenderError(
            "the address of the database is malformed: it must be"
            " postgresql://user:password@host:port/database, with : / ? # @ and % in the user and"
            " the password written as %3A %2F %3F %23 %40 and %25"
        )
    secrets = {}
    if found["password"]:
        secrets["password"] = unquote(found["password"])
    shown = []
    for option in (found["options"] or "").split("&"):
        name, _, value = option.partition("=")
        if name in SECRET_OPTIONS:
            secrets[name] = unquote(value)
        elif option:
            shown.append(option)
    user = f"{found['user']}@" if found["user"] else ""
    rest = f"?{'&'.join(shown)}" if shown else ""
    return f"{found['scheme']}{user}{found['place']}{rest}", secrets
