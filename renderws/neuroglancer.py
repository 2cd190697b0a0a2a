"""neuroglancer's client, from the installed package `neuroglancer`, on a page of this service.

The package brings the client as files (and a server that this does not use: `start.js` gives the
client its state). The page may run what the client needs, WebAssembly and workers, and its data
come from this service alone, so a link that somebody sends cannot let it talk to other servers.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from renderws import guard
from renderws.routes.answers import HttpError
from renderws.settings import Settings

PREFIX = "/render-ws/neuroglancer"
PAGE = f"{PREFIX}/v/stack/"  # the client looks for /v/ and a word in its own address
MISSING = "neuroglancer is not installed: pip install 'render-python-apps[view]', start this again"
START = "start.js"
_START_FILE = Path(__file__).parent / "ui" / "neuroglancer.js"
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
}
_KINDS = {"js": "text/javascript", "css": "text/css", "wasm": "application/wasm"}
_SCRIPT = re.compile(r'<script[^>]* src="([\w.]+\.js)"')
_STYLE = re.compile(r'<link[^>]* href="([\w.]+\.css)"')
_NUMBERED = re.compile(r"[\w.]*[0-9a-f]{16}[\w.]*")
_HTML = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>neuroglancer</title>
  <link rel="icon" href="../../../view/icon.svg" type="image/svg+xml">
  {styles}
</head>
<body data-scripts="{scripts}"><script type="module" src="{start}"></script></body>
</html>
"""


@cache
def client_folder() -> Path | None:
    """Folder of the client; None where the package is not installed."""
    try:
        spec = find_spec("neuroglancer")
    except (ImportError, ValueError):
        return None
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place, "static", "client")
        if (folder / "index.html").is_file():
            return folder
    return None


def page_html(index: str) -> str:
    """Our page of the client whose own page is `index`: the same files, but our script first."""
    styles = [f'<link rel="stylesheet" href="{escape(name)}">' for name in _STYLE.findall(index)]
    scripts = escape(" ".join(_SCRIPT.findall(index)))
    return _HTML.format(styles="\n  ".join(styles), scripts=scripts, start=START)


class NeuroglancerClient:
    """ASGI application: the page and its files."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the page, or a script, style or module of WebAssembly."""
        response = self._response(scope)
        response.headers.update(_HEADERS)
        await response(scope, receive, send)

    def _response(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("files are only read here", 405, {"Allow": "GET, HEAD"})
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            guard.check_host(headers, self.settings)
            guard.check_token(headers, self.settings)
            return _found(scope["path"])
        except HttpError as error:
            return PlainTextResponse(str(error), error.status, error.headers)


def _found(path: str) -> Response:
    folder = client_folder()
    if folder is None:
        raise HttpError(404, MISSING)
    name = path.removeprefix(PAGE)
    if path == PAGE:
        html = page_html((folder / "index.html").read_text("utf-8"))
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})
    kind = name.rpartition(".")[2]
    if kind in _KINDS and path != name and "/" not in name and "\\" not in name:
        file = _START_FILE if name == START else folder / name
        if file.is_file():
            kept = "max-age=31536000, immutable" if _NUMBERED.fullmatch(name) else "no-cache"
            return FileResponse(file, media_type=_KINDS[kind], headers={"Cache-Control": kept})
    raise HttpError(404, f"there is no file '{path}'; neuroglancer begins at {PAGE}")
