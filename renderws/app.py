"""The ASGI application: the operations of the contract, the documentation and the dashboard.

Starlette serves what is ordinary (static pages, start and stop); the operations go through a table
and a matcher of our own (`renderws.routes.router`), since the rules of the contract for paths,
values and errors are not those of a framework.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from renderws.service import Service
from renderws.settings import Settings
from renderws.store.protocol import Store

_RECLAIM_SECONDS = 60.0
_PAGES = Path(__file__).parent / "ui"


def create_app(store: Store, settings: Settings | None = None) -> Starlette:
    """Application over a store; nothing global, so there may be several.

    The store is closed when the application is shut down.
    """
    service = Service(store, settings or Settings())

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        reclaiming = asyncio.create_task(_reclaim(service))
        yield
        reclaiming.cancel()
        await asyncio.to_thread(service.close)

    routes: list[BaseRoute] = []
    if (_PAGES / "index.html").is_file():
        pages = StaticFiles(directory=_PAGES, html=True)
        routes.append(Mount("/render-ws/view", pages, name="view"))
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False
    app.router.default = service
    app.state.service = service
    return app


async def _reclaim(service: Service) -> None:
    """Now and then remove what was dropped long enough ago, a little at a time."""
    while True:
        await asyncio.sleep(_RECLAIM_SECONDS)
        while await asyncio.to_thread(service.reclaim):
            await asyncio.sleep(0.1)
