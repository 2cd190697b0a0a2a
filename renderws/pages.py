"""The dashboard: web pages below `/render-ws/view/`, put into one frame with one navigation.

A page is a piece of HTML in `ui/` with a script of the same name; what it shows, its script asks
the service for. Nothing is loaded from elsewhere, and browsers are told so: only scripts and
styles that are files of ours run, whatever the names of stacks and tiles hold.
"""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from renderws import guard
from renderws.neuroglancer import client_folder
from renderws.routes.answers import HttpError
from renderws.settings import Settings

PREFIX = "/render-ws/view"
FOLDER = Path(__file__).parent / "ui"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
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


class Page(NamedTuple):
    """A page: its title, its name in the navigation (None: it is reached from others), and whether
    it fills the window.
    """

    title: str
    link: str | None = None
    full: bool = False


PAGES = {
    "index": Page("Data", "Data"),
    "stacks": Page("Stacks", "Stacks"),
    "stack-details": Page("Sections of a stack", "Sections"),
    "tile-layer": Page("Tiles of a layer", "Layer", full=True),
    "viewer": Page("Section viewer", "Viewer", full=True),
    "tile-with-neighbors": Page("Tile with neighbours", full=True),
    "tile-pair": Page("Matches of two tiles", full=True),
    "point-match-explorer": Page("Point match explorer", "Matches", full=True),
    "match-review": Page("Match review", "Review", full=True),
    "match-trial": Page("Match trial", "Trial"),
    "hierarchical-data": Page("Hierarchical data", full=True),
    "jobs": Page("Jobs", "Jobs"),
    "api-docs": Page("Operations of the service", "API"),
}
"""Pages by the names of their files, in the order of the navigation."""

OLD_NAMES = {"layer-tiles": "tile-layer"}
"""Pages that have become part of another one."""


def page_html(name: str, read_only: bool) -> str:
    """The whole document of a page."""
    frame = Template(_text("frame"))
    links = [_link(other, page.link, name) for other, page in PAGES.items() if page.link]
    return frame.substitute(
        name=name,
        kind=f"{name} full" if PAGES[name].full else name,
        title=PAGES[name].title,
        navigation="\n    ".join(links),
        read_only="true" if read_only else "false",
        neuroglancer="true" if client_folder() else "false",
        body=_text(name).replace("$sections", _text("sections").rstrip()),
    )


def _text(name: str) -> str:
    """A piece of HTML; `sections` is how several pages go from section to section."""
    return (FOLDER / f"{name}.html").read_text("utf-8")


def _link(name: str, text: str, current: str) -> str:
    mark = ' aria-current="page"' if name == current else ""
    return f'<a href="{name}.html"{mark}>{text}</a>'


class Pages:
    """ASGI application: the pages and the files that they load."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._files = StaticFiles(directory=FOLDER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a page, or a script, style or picture."""
        response = await self._response(scope)
        response.headers.update(_HEADERS)
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("pages are only read here", 405, {"Allow": "GET, HEAD"})
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        path = scope["path"].removeprefix(PREFIX).strip("/") or "index.html"
        try:
            guard.check_host(headers, self.settings)
            guard.check_token(headers, self.settings)
            return await self._found(path, scope)
        except HttpError as error:
            return PlainTextResponse(str(error), error.status, error.headers)

    async def _found(self, path: str, scope: Scope) -> Response:
        name, dot, kind = path.rpartition(".")
        if dot + kind == ".html" and name in PAGES:
            return HTMLResponse(page_html(name, self.settings.read_only))
        if dot + kind == ".html" and name in OLD_NAMES:
            query = scope["query_string"].decode("latin-1")
            return RedirectResponse(f"{OLD_NAMES[name]}.html" + (f"?{query}" if query else ""))
        if kind in ("js", "css", "svg", "txt"):
            try:
                return await self._files.get_response(path, scope)
            except HTTPException:
                pass
        raise HttpError(404, f"the dashboard has no page '{path}'; it begins at {PREFIX}/")
