"""The table of all operations."""

from __future__ import annotations

from renderws.routes import deployment, layers, resolved, stacks
from renderws.routes.router import Route


def routes() -> tuple[Route, ...]:
    """Every operation of the service, in the order of the contract."""
    return (
        *stacks.routes(),
        *layers.routes(),
        *resolved.routes(),
        *deployment.routes(),
    )
