"""Match trials: operations 143 to 145 of the contract (sections 1.11 and 2.8)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import orjson

from renderapi.errors import RenderError, SpecError
from renderws.cleaning import without_nulls
from renderws.guard import check_source
from renderws.routes.answers import Answer, HttpError, done, dumps, json_bytes
from renderws.routes.call import Call
from renderws.routes.gate import client_values
from renderws.routes.router import Route
from renderws.routes.stacks import unique_id
from renderws.store.protocol import NotFound

Json = dict[str, Any]

_ID = re.compile(r"[0-9a-fA-F]{24}")


def _trial_id(call: Call) -> str:
    trial_id = call.path["trialId"]
    if not _ID.fullmatch(trial_id):
        raise HttpError(400, f"'{trial_id}' is not the id of a match trial (24 hex digits)")
    return trial_id.lower()


def get_trial(call: Call) -> Answer:
    """A match trial with its result; the owner plays no part."""
    return json_bytes(call.store.trial(_trial_id(call)))


def delete_trial(call: Call) -> Answer:
    """Remove a match trial."""
    try:
        call.store.delete_trial(_trial_id(call))
    except NotFound:
        return done()
    return done()


def post_trial(call: Call) -> Answer:
    """Match two canvases with the parameters that are sent, and keep the result."""
    from renderws.trial_canvases import Drawing
    from renderws.trials import run_trial

    settings = call.settings
    parameters = without_nulls(call.json_object("match trial parameters"))
    with call.service.match_trials, client_values("what the match trial asks for"):
        result = run_trial(
            parameters,
            lambda url: load_parameters(call, url),
            Drawing(
                call.service.sources,
                settings.render_threads,
                call.stop,
                settings.max_trial_pixels,
            ),
            settings.filter_lists,
        )
    trial_id = unique_id()
    document = dumps({"id": trial_id, "parameters": parameters, **result})
    call.store.save_trial(trial_id, document)
    return json_bytes(document)


def load_parameters(call: Call, url: str) -> Json:
    """Render parameters behind a URL: of this service, or of a host that may be read from."""
    try:
        parts, own = urlsplit(url), urlsplit(call.url)
    except ValueError:
        raise SpecError(f"{url!r} is no URL") from None
    if parts.netloc in ("", own.netloc) and "\\" not in url:
        answer = call.service.inner("GET", parts.path, parts.query, call.headers)
        body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        if answer.status != 200:
            raise HttpError(400, f"{url}: {body.decode('utf-8', 'replace')}")
    else:
        from renderapi.rendering.readers import read_bytes

        def allow(source: str) -> None:
            check_source(source, call.settings)

        body = read_bytes(url, allow, call.settings.drawing)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RenderError(f"{url} does not hold render parameters") from error
    if not isinstance(document, dict):
        raise RenderError(f"{url} does not hold render parameters")
    return document


def routes() -> tuple[Route, ...]:
    """Operations 143 to 145."""
    trial = "O/matchTrial/{trialId}"
    return (
        Route(143, "GET", trial, get_trial),
        Route(
            144,
            "POST",
            "O/matchTrial",
            post_trial,
            pixels=True,
            consistent=False,
            body="MatchTrialParameters",
        ),
        Route(145, "DELETE", trial, delete_trial),
    )
