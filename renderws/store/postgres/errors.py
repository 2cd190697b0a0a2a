"""What PostgreSQL's errors mean for whoever uses the store."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

from renderws.store.protocol import (
    CannotOpen,
    Damaged,
    Invalid,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreGone,
)

# classes and codes of SQLSTATE (appendix A of PostgreSQL's manual)
_GONE = ("08", "57P01", "57P02", "57P03", "57P05", "25P03")
_WAITED = ("55P03", "40P01", "40001", "57014", "53300")
_FULL = ("53100",)
_FORBIDDEN = ("42501", "25006", "28", "3D000", "0LP01")
_DAMAGED = ("XX001", "XX002", "58P01")
_UNSUITABLE = ("22021", "22P05", "22P02", "54000", "22003")

_REFUSED = re.compile(
    "authentication failed|does not exist|no password supplied|pg_hba.conf|not permitted"
    "|permission denied for database"
)


def store_error(error: psycopg.Error | UnicodeDecodeError, place: str) -> StoreError:
    """The error of the store that says what one of PostgreSQL means, or a text that is no UTF-8."""
    if isinstance(error, UnicodeDecodeError):
        return damaged("a text in it is not readable", place)
    code = error.sqlstate or ""
    reason = _line(error)
    if not code and _REFUSED.search(reason):  # of a connection that was not made there is no code
        code = "28000"
    elif not code and "too many" in reason:
        code = "53300"
    if isinstance(error, psycopg.OperationalError) and (not code or code.startswith(_GONE)):
        return gone(place, reason)
    if code.startswith(_WAITED):
        return StoreBusy(
            f"the store {place} is held by others, who did not finish in time ({reason}): nothing"
            " was changed; try again"
        )
    if code.startswith(_FULL):
        return StoreFull(
            f"no room left for the store {place} ({reason}): nothing was changed; free some space"
        )
    if code.startswith(_FORBIDDEN):
        return CannotOpen(
            f"cannot open the store {place} for this ({reason}); check the role and its rights"
        )
    if code.startswith(_DAMAGED):
        return damaged(reason, place)
    if code.startswith(_UNSUITABLE) or isinstance(error, psycopg.DataError):
        return Invalid(f"a name or a number cannot be stored: {reason}")
    return StoreError(f"the store {place} failed: {reason}; nothing was changed")


def gone(place: str, reason: str) -> StoreGone:
    """The error for a database that does not answer."""
    return StoreGone(
        f"the database of the store {place} cannot be reached ({reason}): nothing was changed; it"
        " is tried again with the next request"
    )


def uncertain(place: str, reason: str) -> StoreGone:
    """The error for a connection that was lost while a change was committed."""
    return StoreGone(
        f"the connection to the store {place} was lost while a change was committed ({reason}): it"
        " is there as a whole or not at all; look before sending it again"
    )


def damaged(reason: str, place: str) -> Damaged:
    """The error for what makes no sense."""
    return Damaged(
        f"the store {place} is damaged ({reason}); see renderapps store check and pg_amcheck, or"
        " put a backup in its place"
    )


def _line(error: psycopg.Error) -> str:
    """First line of an error, without the statement it came from."""
    text = error.diag.message_primary or str(error)
    lines = text.strip().splitlines()
    return lines[0] if lines else type(error).__name__


UniqueViolation = errors.UniqueViolation
