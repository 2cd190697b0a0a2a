"""Stacks: their metadata, state, sections and bounds."""

from __future__ import annotations

import ast
import logging
import re
import warnings
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from renderapi.errors import RenderError
from renderapi.render import Render, format_baseurl, format_preamble, renderaccess
from renderapi.shown import line, table
from renderapi.utils import (
    defaultifNone,
    get_json,
    jbool,
    json_of,
    post_json,
    put_json,
    rest_delete,
    send_json,
)
from renderapi.web import given, join, number, request

logger = logging.getLogger(__name__)

STATES = ("LOADING", "COMPLETE", "OFFLINE", "READ_ONLY")

_VERSION_KEYS = (
    "cycleNumber",
    "cycleStepNumber",
    "stackResolutionX",
    "stackResolutionY",
    "stackResolutionZ",
    "materializedBoxRootPath",
    "mipmapPathBuilder",
    "versionNotes",
    "createTimestamp",
)


class StackVersion:
    """What is recorded about a version of a stack: cycle, nm per pixel, notes, time of creation.

    `createTimestamp` is now, in UTC, unless it is given (release 1.0.1 spelt it createTimeStamp).
    """

    def __init__(
        self,
        cycleNumber: int | None = None,
        cycleStepNumber: int | None = None,
        stackResolutionX: float | None = None,
        stackResolutionY: float | None = None,
        stackResolutionZ: float | None = None,
        materializedBoxRootPath: str | None = None,
        mipmapPathBuilder: Mapping[str, Any] | None = None,
        versionNotes: str | None = None,
        createTimestamp: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.cycleNumber = cycleNumber
        self.cycleStepNumber = cycleStepNumber
        self.stackResolutionX = stackResolutionX
        self.stackResolutionY = stackResolutionY
        self.stackResolutionZ = stackResolutionZ
        self.materializedBoxRootPath = materializedBoxRootPath
        self.mipmapPathBuilder = mipmapPathBuilder
        self.versionNotes = versionNotes
        self.createTimestamp = createTimestamp or kwargs.get("createTimeStamp") or _now()

    def __repr__(self) -> str:
        x, y, z = self.stackResolutionX, self.stackResolutionY, self.stackResolutionZ
        size = None if x is None else f"{x} x {y} x {z} nm"
        return line("StackVersion", voxel=size, notes=self.versionNotes, made=self.createTimestamp)

    def _repr_html_(self) -> str:
        return table("version of a stack", self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """JSON object of what is set."""
        return given(**{key: getattr(self, key) for key in _VERSION_KEYS})

    def from_dict(self, d: Mapping[str, Any]) -> None:
        """Set every key of a JSON object as an attribute; unknown keys are not written back."""
        for key, value in d.items():
            setattr(self, key, value)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.00Z")


@renderaccess
def set_stack_metadata(
    stack: str,
    sv: StackVersion,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Give a stack a new version; a stack that does not exist is made. It becomes LOADING."""
    return post_json(session, format_preamble(host, port, owner, project, stack), sv.to_dict())


@renderaccess
def create_stack(
    stack: str,
    cycleNumber: int | None = None,
    cycleStepNumber: int | None = None,
    stackResolutionX: float | None = None,
    stackResolutionY: float | None = None,
    stackResolutionZ: float | None = None,
    force_resolution: bool = True,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Make a stack, in state LOADING. Resolutions not given are 1.0 nm if `force_resolution`."""
    missing = 1.0 if force_resolution else None
    version = StackVersion(
        cycleNumber,
        cycleStepNumber,
        defaultifNone(stackResolutionX, missing),
        defaultifNone(stackResolutionY, missing),
        defaultifNone(stackResolutionZ, missing),
    )
    return post_json(session, format_preamble(host, port, owner, project, stack), version.to_dict())


@renderaccess
def get_full_stack_metadata(
    stack: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Metadata of a stack: id, state, current version, statistics once it is COMPLETE."""
    return get_json(session, format_preamble(host, port, owner, project, stack))


def get_stack_metadata(*args: Any, **kwargs: Any) -> StackVersion:
    """Current version of a stack; arguments as for `get_full_stack_metadata`."""
    metadata = get_full_stack_metadata(*args, **kwargs)
    if "currentVersion" not in metadata:
        raise RenderError(f"the metadata has no current version: {metadata}")
    version = StackVersion()
    version.from_dict(metadata["currentVersion"])
    return version


@renderaccess
def set_stack_state(
    stack: str,
    state: str = "LOADING",
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Change the state of a stack to LOADING, COMPLETE, OFFLINE or READ_ONLY."""
    if state not in STATES:
        raise RenderError(f"{state} is not a state of a stack ({', '.join(STATES)})")
    url = join(format_preamble(host, port, owner, project, stack), "state", state)
    return send_json(session, "PUT", url, None, accept=(201,))


@renderaccess
def likelyUniqueId(
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> str:
    """An identifier that the service has most likely never given before."""
    url = join(format_baseurl(host, port), "likelyUniqueId")
    return request(session, "GET", url, headers={"content-type": "text/plain"}).text


@renderaccess
def delete_stack(
    stack: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Delete a stack with its tiles. A stack that does not exist is no error."""
    return rest_delete(session, format_preamble(host, port, owner, project, stack))


@renderaccess
def delete_section(
    stack: str,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Delete the tiles at a z of a LOADING stack."""
    url = join(format_preamble(host, port, owner, project, stack), "z", z)
    return rest_delete(session, url)


@renderaccess
def delete_tile(
    stack: str,
    tileId: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Delete a tile of a LOADING stack."""
    url = join(format_preamble(host, port, owner, project, stack), "tile", tileId)
    return rest_delete(session, url)


@renderaccess
def rename_stack(
    stack: str,
    to_stack: str | None,
    to_project: str | None = None,
    to_owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Move a stack to another name, project or owner; None leaves that part as it is."""
    url = join(format_preamble(host, port, owner, project, stack), "stackId")
    to = {
        "owner": owner if to_owner is None else to_owner,
        "project": project if to_project is None else to_project,
        "stack": stack if to_stack is None else to_stack,
    }
    return put_json(session, url, to)


@renderaccess
def clone_stack(
    inputstack: str,
    outputstack: str,
    skipTransforms: bool | None = False,
    toProject: str | None = None,
    zs: Iterable[float] | None = None,
    close_stack: bool = True,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Copy a stack, or the sections `zs` of it, within the owner.

    Further keywords are those of `StackVersion`. The copy is COMPLETE if `close_stack`, else
    LOADING. `skipTransforms` leaves out the shared transforms.
    """
    url = join(format_preamble(host, port, owner, project, inputstack), "cloneTo", outputstack)
    query = given(
        z=None if zs is None else [float(z) for z in zs],
        skipTransforms=None if skipTransforms is None else jbool(skipTransforms),
        toProject=toProject,
    )
    response = put_json(session, url, StackVersion(**kwargs).to_dict(), params=query)
    if close_stack:
        set_stack_state(
            outputstack,
            "COMPLETE",
            host=host,
            port=port,
            owner=owner,
            project=project if toProject is None else toProject,
            session=session,
        )
    return response


@renderaccess
def get_z_values_for_stack(
    stack: str,
    project: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[float]:
    """z values that have tiles, ascending."""
    url = join(format_preamble(host, port, owner, project, stack), "zValues")
    return get_json(session, url + "/")


@renderaccess
def get_bounds_from_z(
    stack: str,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, float]:
    """Bounds of the tiles at z, in world pixels: minX, minY, minZ, maxX, maxY, maxZ."""
    base = format_preamble(host, port, owner, project, stack)
    return get_json(session, join(base, "z", number("%f", z), "bounds"))


@renderaccess
def get_stack_bounds(
    stack: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, float]:
    """Bounds of a COMPLETE stack, in world pixels: minX, minY, minZ, maxX, maxY, maxZ."""
    return get_json(session, join(format_preamble(host, port, owner, project, stack), "bounds"))


@renderaccess
def get_tilebounds_for_z(
    stack: str,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[dict[str, Any]]:
    """Bounds of each tile at z, in world pixels, with its tileId and sectionId."""
    base = format_preamble(host, port, owner, project, stack)
    return get_json(session, join(base, "z", z, "tileBounds"))


@renderaccess
def get_sectionId_for_z(
    stack: str,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> str:
    """sectionId of the first tile at z; works while the stack is LOADING."""
    base = format_preamble(host, port, owner, project, stack)
    bounds = get_json(session, join(base, "z", z, "tileBounds"))
    if not bounds:
        raise RenderError(f"stack {stack} has no tiles at z {z}")
    if "sectionId" not in bounds[0]:
        raise RenderError(f"tile {bounds[0]['tileId']} of stack {stack} has no sectionId")
    return bounds[0]["sectionId"]


@renderaccess
def get_stack_sectionData(
    stack: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[dict[str, Any]]:
    """sectionId, z, tile count and bounds of each section, by sectionId."""
    base = format_preamble(host, port, owner, project, stack)
    return get_json(session, join(base, "sectionData"))


@renderaccess
def get_section_z_value(
    stack: str,
    sectionId: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> float:
    """z of a section."""
    base = format_preamble(host, port, owner, project, stack)
    return get_json(session, join(base, "section", sectionId, "z"))


def get_z_value_for_section(stack: str, sectionId: str, **kwargs: Any) -> float:
    """z of a section. Deprecated: use `get_section_z_value`."""
    warnings.warn(
        "get_z_value_for_section is deprecated: use get_section_z_value",
        DeprecationWarning,
        stacklevel=2,
    )
    return get_section_z_value(stack, sectionId, **kwargs)


@renderaccess
def get_stack_tileIds(
    stack: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[str]:
    """Ids of all tiles of a stack. Older servers put them in single quotes."""
    url = join(format_preamble(host, port, owner, project, stack), "tileIds")
    response = request(session, "GET", url)
    ids = _single_quoted(response.text)
    return json_of(response) if ids is None else ids


def _single_quoted(text: str) -> list[str] | None:
    """Texts of a list in single quotes; None for anything else."""
    if not text.lstrip().startswith("['"):
        return None
    try:
        ids = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):  # an apostrophe in an id, written as it is
        inner = text.strip().removeprefix("['").removesuffix("']")
        return re.split(r"'\s*,\s*'", inner)
    return [str(tile_id) for tile_id in ids]


def make_stack_params(
    host: str | None,
    port: int | str | None,
    owner: str | None,
    project: str | None,
    stack: str,
) -> list[Any]:
    """Command line arguments by which the Java clients find a stack."""
    base = format_baseurl(host, port)
    return ["--baseDataUrl", base, "--owner", owner, "--project", project, "--stack", stack]
