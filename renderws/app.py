"""The ASGI application: the operations of the contract, the documentation and the dashboard.

Starlette serves what is ordinary (static pages, start and stop); the operations go through a table
and a matcher of our own (`renderws.routes.router`), since the rules of the contract for paths,
values and errors are not those of a framework.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from threading import Timer
from time import monotonic
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from renderws import neuroglancer, pages, volumes
from renderws.connections import Connections
from renderws.service import Service
from renderws.settings import Settings
from renderws.stopping import when_told_to_stop
from renderws.store.protocol import Store

_RECLAIM_SECONDS = 60.0
_FILES = (pages.PREFIX + "/", volumes.PREFIX, neuroglancer.PREFIX)


class _Application(Starlette):
    """Starlette for its pages, start and stop; operations go to the service at once.

    On their way through its layers a small answer would take a quarter more time.
    """

    def __init__(self, service: Service, **options: Any) -> None:
        super().__init__(**options)
        self._service = service
        self.router.redirect_slashes = False
        self.router.default = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry point."""
        if scope["type"] == "http" and not scope["path"].startswith(_FILES):
            await self._service(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    store: Store, settings: Settings | None = None, abandon: Callable[[], None] | None = None
) -> Starlette:
    """Application over a store; nothing global, so there may be several.

    The store is closed when the application is shut down. `abandon` ends a process of its own when
    the time to stop is over, whatever is still being done.
    """
    service = Service(store, settings or Settings())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        connections = Connections(service.settings, service.bodies)
        tasks = [
            asyncio.create_task(task) for task in (_reclaim(service), _watch(service, connections))
        ]
        if abandon is not None:
            when_told_to_stop(partial(_stop_in_time, service, abandon))
        yield {"connections": connections}
        for task in tasks:
            task.cancel()
        await asyncio.to_thread(service.close)

    routes: list[BaseRoute] = [
        Mount(volumes.PREFIX, volumes.VolumeFiles(service.settings), name="volumes"),
        Mount(neuroglancer.PREFIX, neuroglancer.NeuroglancerClient(service.settings)),
        Mount(pages.PREFIX, pages.Pages(service.settings), name="view"),
    ]
    return _Application(service, routes=routes, lifespan=lifespan)


def _stop_in_time(service: Service, abandon: Callable[[], None]) -> None:
    """Stop pictures when two thirds of the time to stop are over, and at its end leave."""
    seconds = service.settings.stop_seconds
    asyncio.get_running_loop().call_later(seconds * 2 / 3, service.drawings.stop_all)
    patience = Timer(seconds, abandon)
    patience.daemon = True
    patience.start()


async def _watch(service: Service, connections: Connections) -> None:
    """Every second close what is late."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(1.0)
        await asyncio.to_thread(service.check_place)
        connections.check(monotonic())
        service.bodies.check(loop.time())


async def _reclaim(service: Service) -> None:
    """Now and then remove what was dropped long enough ago, a little at a time."""
    while True:
        await asyncio.sleep(_RECLAIM_SECONDS)
        while await asyncio.to_thread(service.reclaim):
            await asyncio.sleep(0.1)
