"""Files of volumes over HTTP, parts of files too, for viewers and readers of sharded volumes.

`/render-ws/volumes/<path below an image root>` answers with files that belong to a volume
(OME-Zarr, Zarr, N5, Neuroglancer's precomputed) and with nothing else of the folder. A shard holds
many chunks, of which a reader asks for one by its `Range`; `python -m http.server` knows no ranges.
"""

from __future__ import annotations

import os
from pathlib import Path

from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from renderapi.errors import SourceNotAllowed
from renderws import guard
from renderws.routes.answers import HttpError
from renderws.settings import Settings

PREFIX = "/render-ws/volumes"
MARKS = ("zarr.json", ".zgroup", ".zarray", "attributes.json", "info")
_METHODS = "GET, HEAD, OPTIONS"
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Range, Content-Length, ETag",
}
_PREFLIGHT = {
    **_CORS,
    "Allow": _METHODS,
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Allow-Headers": "Authorization, Range, If-None-Match",
}


class VolumeFiles:
    """ASGI application over the image roots of a service."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file, or a part of it."""
        response = self._response(scope)
        await response(scope, receive, send)

    def _response(self, scope: Scope) -> Response:
        if scope["method"] == "OPTIONS":
            return PlainTextResponse("", headers=_PREFLIGHT)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("files are only read here", 405, {"Allow": _METHODS})
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            guard.check_host(headers, self.settings)
            guard.check_token(headers, self.settings)
            file = self._file(scope["path"].removeprefix(PREFIX).lstrip("/"))
        except HttpError as error:
            return PlainTextResponse(str(error), error.status, {**_CORS, **error.headers})
        return FileResponse(file, headers=_CORS, media_type=_media_type(file))

    def _file(self, path: str) -> Path:
        """The file that a path names below a root; 404 unless it is there and of a volume."""
        for root in self.settings.image_roots or ():
            file = Path(os.path.normpath(root / path))
            if file.is_file() and _in_volume(file, root):
                try:
                    guard.check_path(file, self.settings)
                except SourceNotAllowed:
                    break
                return file
        raise HttpError(404, f"no volume below the image roots of this service has a file '{path}'")


def _in_volume(file: Path, root: Path) -> bool:
    """Whether a folder between the root (or the root itself) and a file is a volume."""
    return file.is_relative_to(root) and any(
        (folder / mark).is_file()
        for folder in file.parents
        if folder.is_relative_to(root)
        for mark in MARKS
    )


def _media_type(file: Path) -> str:
    text = file.suffix == ".json" or file.name in MARKS or file.name == ".zattrs"
    return "application/json" if text else "application/octet-stream"
