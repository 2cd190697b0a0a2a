"""neuroglancer's web client below `/render-ws/neuroglancer/`, from the Python package of this name.

The package holds the client as files; where it is installed they are served as they are, so that
any stack opens in it without another network. The client runs what it has compiled and workers made
of text, so its policy allows these, and nothing from elsewhere.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from renderws import guard
from renderws.routes.answers import HttpError
from renderws.settings import Settings

PREFIX = "/render-ws/neuroglancer"
INSTALL = "pip install 'render-python-apps[view]'"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval' blob:",
        "worker-src 'self' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@cache
def client_folder() -> Path | None:
    """Folder of the client; None where the package is not installed, or has none."""
    found = find_spec("neuroglancer")
    for place in (found.submodule_search_locations or ()) if found else ():
        folder = Path(place) / "static" / "client"
        if (folder / "index.html").is_file():
            return folder
    return None


class NeuroglancerClient:
    """ASGI application: the files of the client."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file of the client."""
        response = await self._response(scope)
        response.headers.update(_HEADERS)
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("pages are only read here", 405, {"Allow": "GET, HEAD"})
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            guard.check_host(headers, self.settings)
            guard.check_token(headers, self.settings)
            return await _file(scope["path"].removeprefix(PREFIX).strip("/"), scope)
        except HttpError as error:
            return PlainTextResponse(str(error), error.status, error.headers)


async def _file(path: str, scope: Scope) -> Response:
    folder = client_folder()
    if folder is None:
        raise HttpError(
            404, f"neuroglancer is not installed where this service runs: {INSTALL}, then restart"
        )
    try:
        return await StaticFiles(directory=folder).get_response(path or "index.html", scope)
    except HTTPException:
        raise HttpError(404, f"neuroglancer's client has no file '{path}'") from None
