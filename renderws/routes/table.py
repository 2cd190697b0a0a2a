"""The table of all operations."""

from __future__ import annotations

from functools import cache

from renderws.routes import (
    changes,
    comparison,
    coordinates,
    deployment,
    documentation,
    hierarchical,
    images,
    jobs,
    large_data,
    layers,
    layouts,
    matches,
    outlines,
    residuals,
    resolved,
    stacks,
    trials,
    validation,
    volumes,
    windows,
)
from renderws.routes.router import Route, Router


@cache
def router() -> Router:
    """What finds them by their paths, one for all services of a process."""
    return Router(routes())


@cache
def routes() -> tuple[Route, ...]:
    """Every operation of the service, in the order of the contract."""
    return (
        *stacks.routes(),
        *changes.routes(),
        *layouts.routes(),
        *layers.routes(),
        *resolved.routes(),
        *windows.routes(),
        *images.routes(),
        *large_data.routes(),
        *volumes.routes(),
        *coordinates.routes(),
        *matches.routes(),
        *trials.routes(),
        *hierarchical.routes(),
        *comparison.routes(),
        *residuals.routes(),
        *outlines.routes(),
        *jobs.routes(),
        *validation.routes(),
        *deployment.routes(),
        *documentation.routes(),
    )
