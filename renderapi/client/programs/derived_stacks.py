"""Setting up a stack whose tiles are made from those of another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from renderapi.client.programs.service import Json, StackService
from renderapi.errors import NotFoundError
from renderapi.utils import post_json, put_json, send_json
from renderapi.web import join

_RESOLUTIONS = ("stackResolutionX", "stackResolutionY", "stackResolutionZ")


def set_up_derived_stack(source: StackService, target: StackService) -> None:
    """Make `target` ready to take tiles: it exists, is LOADING and has the source's resolutions.

    A stack that exists keeps its tiles and what it has of resolutions and mipmap path builder.
    """
    of_source = source.metadata()
    version: Json = of_source.get("currentVersion") or {}
    try:
        of_target = target.metadata()
    except NotFoundError:
        post_json(target.session, target.url, _derived_version(source, version))
        of_target = target.metadata()
    present = of_target.get("currentVersion") or {}
    _complete(target, version, present)
    if of_target.get("state") != "LOADING":
        target.set_state("LOADING")


def _derived_version(source: StackService, version: Json) -> Json:
    name = f"{source.owner}__{source.project}__{source.stack}"
    kept = (*_RESOLUTIONS, "mipmapPathBuilder")
    return {
        "createTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "versionNotes": f"derived from {name}",
        **{key: version[key] for key in kept if version.get(key) is not None},
    }


def _complete(target: StackService, version: Json, present: Json) -> None:
    """Give the target the resolutions and the mipmap path builder that it lacks."""
    wanted = resolutions(version)
    if wanted is not None and resolutions(present) is None:
        put_json(target.session, join(target.url, "resolutionValues"), wanted)
    builder: Any = version.get("mipmapPathBuilder")
    if builder and not present.get("mipmapPathBuilder"):
        url = join(target.url, "mipmapPathBuilder")
        send_json(target.session, "PUT", url, builder)


def resolutions(version: Json) -> list[float] | None:
    """nm per pixel in x, y and z of a version; None unless all are there."""
    values = [version.get(key) for key in _RESOLUTIONS]
    return None if None in values else [float(value) for value in values if value is not None]
