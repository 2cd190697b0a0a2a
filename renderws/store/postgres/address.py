"""What the address of a store says: where the database is, and which schema of it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict

from renderapi.databases import secrets_of
from renderapi.errors import RenderError
from renderws.store.protocol import CannotOpen

SCHEMA = "renderws"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_OWN_OPTION = re.compile(r"(?:(?<=\?)|&)schema=([^&]*)&?")

# a server that is gone, or the network before it, is noticed within a minute; the address may say
# otherwise
DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "application_name": "renderws",
}


class Address(NamedTuple):
    """Where a store is.

    Attributes
    ----------
    shown : str
        The address without its password.
    schema : str
        Schema that holds the tables; stores in several schemas of a database are independent.
    options : dict
        What libpq needs to connect, the password included.
    """

    shown: str
    schema: str
    options: dict[str, Any]


def parse(address: str) -> Address:
    """What an address says; CannotOpen, without its password, where it makes no sense."""
    try:
        shown, secrets = secrets_of(address)
    except RenderError as error:
        raise CannotOpen(f"cannot open the store: {error}") from error
    own = _OWN_OPTION.search(shown)
    schema = own[1] if own else SCHEMA
    if not _NAME.fullmatch(schema):
        raise CannotOpen(
            f"cannot open the store {shown}: schema must be letters, digits and _, at most 63"
        )
    plain = _OWN_OPTION.sub("", shown).rstrip("?&") if own else shown
    try:
        options = conninfo_to_dict(plain)
    except psycopg.ProgrammingError as error:
        raise CannotOpen(
            f"cannot open the store {shown}: {str(error).strip()}; an address is"
            " postgresql://user@host:port/database"
        ) from error
    return Address(shown, schema, {**DEFAULTS, **options, **secrets})
