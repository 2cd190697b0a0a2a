"""The report that a run has left in a file, where the service may read that file."""

from __future__ import annotations

from pathlib import Path

import orjson

from renderws.guard import check_path
from renderws.routes.answers import HttpError
from renderws.settings import Settings

MOST_BYTES = 64 << 20


def read_report(place: str | None, module: str, settings: Settings) -> bytes:
    """The JSON of a report of a module, as it is in the file.

    Raises
    ------
    HttpError
        404: there is none, or what is there now is no report of this module.
    SourceNotAllowed
        The file is not below an image root.
    """
    if not place or "\0" in place:
        raise HttpError(404, "the run has not said where its report is; give modules output_json")
    path = Path(place)
    check_path(path, settings)
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise HttpError(404, f"the report {path} is not there for this service")
        body = path.read_bytes()
        document = orjson.loads(body)
    except (OSError, orjson.JSONDecodeError, RecursionError) as error:
        raise HttpError(404, f"the report {path} cannot be read by this service") from error
    is_report = isinstance(document, dict) and {"status", "versions"} <= document.keys()
    if not is_report or document.get("module") != module:
        raise HttpError(404, f"{path} is no report of {module}")
    return body
