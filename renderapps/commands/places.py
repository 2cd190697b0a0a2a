"""Where a store is, as the command line says it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

WHERE = "store: a file, or postgresql://user@host/database (default: RENDER_STORE, else render.db)"


def is_database(place: str | os.PathLike[str]) -> bool:
    """Whether it is the address of a database, and not a path; `renderapi` is loaded only then."""
    if "://" not in str(place):
        return False
    from renderapi import databases

    return databases.is_database(place)


def store_place(text: str) -> Path | str:
    """Path of a file, or the address of a database without its password, which is kept aside."""
    if not is_database(text):
        return Path(text)
    from renderapi.databases import kept_password
    from renderapi.errors import RenderError

    try:
        return kept_password(text)
    except RenderError as error:  # argparse would repeat the text of other errors
        raise argparse.ArgumentTypeError(str(error)) from None


def add_store_option(parser: Any, text: str = WHERE) -> None:
    """Add `--store`; the default is looked for later, so that no help shows a password."""
    parser.add_argument("--store", type=store_place, default=argparse.SUPPRESS, help=text)


def chosen_store(options: argparse.Namespace) -> Path | str:
    """The store that was given, else that of the environment, else render.db."""
    given: Path | str | None = getattr(options, "store", None)
    if given is not None:
        return given
    try:
        return store_place(os.environ.get("RENDER_STORE") or "render.db")
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"RENDER_STORE: {error}") from None
