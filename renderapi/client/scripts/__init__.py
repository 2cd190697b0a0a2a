"""A folder for `client_scripts` (RENDER_CLIENT_SCRIPTS): its script runs the clients in Python."""

from __future__ import annotations

from pathlib import Path

SCRIPT = "run_ws_client.sh"


def directory() -> Path:
    """The folder that holds the drop-in script."""
    return Path(__file__).resolve().parent
