"""Which service or store a verb asks, as the command line says it."""

from __future__ import annotations

import argparse
import os
from typing import Any

from renderapps.commands.places import add_store_option


def add_service_options(parser: Any) -> None:
    """Add `--store`, `--host` and `--port`."""
    add_store_option(parser)
    parser.add_argument("--host", help="render web service (default: RENDER_HOST, else local)")
    parser.add_argument("--port", type=int, help="its port (default: RENDER_PORT)")


def chosen_host(options: argparse.Namespace) -> str:
    """The service that was given, else that of the environment, else the one in this process."""
    own = "local" if hasattr(options, "store") else os.environ.get("RENDER_HOST") or "local"
    return str(options.host or own)


def connected(options: argparse.Namespace, owner: str | None, project: str | None) -> Any:
    """Connection to what was chosen; without owner or project for calls that need none."""
    import renderapi
    from renderapps.module.render_module import is_local

    host = chosen_host(options)
    port = options.port or (None if is_local(host) else os.environ.get("RENDER_PORT"))
    given = {"store": options.store} if hasattr(options, "store") else {}
    return renderapi.connect(
        host=host, port=port, owner=owner or "-", project=project or "-", web_only=True, **given
    )
