"""The service about itself: operations 161 to 164 of the contract (section 1.14), and our own."""

from __future__ import annotations

import platform
from importlib import metadata

from renderws.routes.answers import Answer, HttpError, done, json_answer
from renderws.routes.call import Call
from renderws.routes.router import Route

ADDITIONS = ("stackLocks", "stackChanges", "replaceLayer", "matchChanges", "jobs")
"""What this service offers beyond the contract that clients rely on where it is offered."""


def get_health(call: Call) -> Answer:
    """Whether the service can read its store, and the file is still where it was."""
    call.store.check_place()
    call.store.owners()
    return json_answer({"status": "ok"})


def get_root(call: Call) -> Answer:
    """To the dashboard."""
    return Answer(302, headers={"Location": "/render-ws/view/"})


def get_server_properties(call: Call) -> Answer:
    """Defaults of the web pages and limits of the service, as text."""
    limit = call.settings.max_tile_specs_to_render
    properties = {
        "webService.maxTileSpecsToRender": "" if limit is None else str(limit),
        **call.settings.properties,
    }
    return json_answer({"filePath": "", "properties": properties})


def get_filter_lists(call: Call) -> Answer:
    """Filter lists by name: the built-in ones and those of the server."""
    from renderapi.rendering.filters import NAMED_FILTERS

    return json_answer({"namedFilterSpecLists": {**NAMED_FILTERS, **call.settings.filter_lists}})


def get_version_info(call: Call) -> Answer:
    """Which software answers."""
    try:
        version = metadata.version("render-python-apps")
    except metadata.PackageNotFoundError as error:
        raise HttpError(404, "the service runs from files that were not installed") from error
    return json_answer(
        {
            "git.build.version": version,
            "server": "renderws",
            "python": platform.python_version(),
            "additions": list(ADDITIONS),
        }
    )


def delete_image_cache(call: Call) -> Answer:
    """Forget the decoded source images."""
    call.service.forget_images()
    return done()


def routes() -> tuple[Route, ...]:
    """Operations 161 to 164, health and the way to the dashboard."""
    return (
        Route(161, "GET", "/namedFilterSpecLists", get_filter_lists, quick=True),
        Route(162, "GET", "/serverProperties", get_server_properties, quick=True),
        Route(163, "GET", "/versionInfo", get_version_info, quick=True),
        Route(164, "DELETE", "/imageProcessorCache/allEntries", delete_image_cache),
        Route(0, "GET", "//health", get_health, quick=True),
        Route(0, "GET", "//", get_root),
        Route(0, "GET", "//render-ws", get_root),
        Route(0, "GET", "//render-ws/view", get_root),
    )
