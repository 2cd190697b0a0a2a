"""The gate through which what clients send is worked on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from renderapi.errors import RenderError
from renderws.routes.answers import HttpError
from renderws.store.protocol import StoreError

_LOG = logging.getLogger("renderws")
_CONVERSION = (ValueError, TypeError, ArithmeticError, OSError)


@contextmanager
def client_values(what: str) -> Iterator[None]:
    """Within it, numbers and texts of a client are converted and used: what goes wrong is 400.

    The parts of a document are checked where they are read, by errors that name the key. This is
    for what only the libraries find out, deep below: a number that overflows, a name of a file that
    the system refuses.
    """
    try:
        yield
    except (RenderError, HttpError, StoreError, MemoryError):
        raise
    except _CONVERSION as error:
        _LOG.info("%s could not be used", what, exc_info=error)
        reason = str(error).partition("\n")[0][:200]
        raise HttpError(400, f"{what} cannot be used: {reason}") from error
