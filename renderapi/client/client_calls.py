"""One function for each of the Java clients: its arguments as keywords.

What runs is the Java client where a script is configured, else the same operation in Python.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from typing import Any

from renderapi.client.arguments import CLIENTS, flags, get_param, options
from renderapi.client.drawing_calls import renderClient, rendererClient, renderSectionClient
from renderapi.client.match_calls import get_canvas_url_template, pointMatchClient
from renderapi.client.pair_calls import tilePairClient
from renderapi.client.params import ArgumentParameters, SiftPointMatchOptions
from renderapi.client.running import call_run_ws_client, run_subprocess_mode
from renderapi.client.utils import clientkeywords
from renderapi.errors import ClientScriptError
from renderapi.render import Render, RenderClient, format_baseurl, format_preamble
from renderapi.stack import make_stack_params, set_stack_state

logger = logging.getLogger(__name__)

__all__ = [
    "ArgumentParameters",
    "RenderClient",
    "SiftPointMatchOptions",
    "call_run_ws_client",
    "coordinateClient",
    "format_baseurl",
    "format_preamble",
    "get_canvas_url_template",
    "get_param",
    "importJsonClient",
    "importTransformChangesClient",
    "pointMatchClient",
    "renderClient",
    "renderSectionClient",
    "rendererClient",
    "run_subprocess_mode",
    "tilePairClient",
    "transformSectionClient",
]

_CHANGE_MODES = ("APPEND", "REPLACE_LAST", "REPLACE_ALL")


@clientkeywords
def importJsonClient(
    stack: str,
    tileFiles: str | Sequence[str] | None = None,
    transformFile: str | None = None,
    subprocess_mode: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Import files of tile specs, and one of shared transforms, into a stack, which is LOADING."""
    files = [tileFiles] if isinstance(tileFiles, (str, os.PathLike)) else list(tileFiles or [])
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *options(transformFile=transformFile),
        *files,
    ]
    call_run_ws_client(
        f"{CLIENTS}.ImportJsonClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )


@clientkeywords
def importTransformChangesClient(
    stack: str,
    targetStack: str,
    transformFile: str,
    targetOwner: str | None = None,
    targetProject: str | None = None,
    changeMode: str | None = None,
    close_stack: bool = True,
    subprocess_mode: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Change transforms of tiles of a stack as a file says, and store those tiles in another.

    `changeMode` is APPEND, REPLACE_LAST or REPLACE_ALL. `close_stack` completes `targetStack`;
    after a failure it stays LOADING.
    """
    if changeMode not in _CHANGE_MODES:
        raise ClientScriptError(f"changeMode {changeMode} is none of {', '.join(_CHANGE_MODES)}")
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *options(targetStack=targetStack, transformFile=transformFile),
        *options(targetOwner=targetOwner, targetProject=targetProject, changeMode=changeMode),
    ]
    call_run_ws_client(
        f"{CLIENTS}.ImportTransformChangesClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )
    if close_stack:
        set_stack_state(
            targetStack,
            "COMPLETE",
            host=host,
            port=port,
            owner=targetOwner or owner,
            project=targetProject or project,
            session=kwargs.get("session"),
        )


@clientkeywords
def coordinateClient(
    stack: str,
    z: float | None,
    fromJson: str | None = None,
    toJson: str | None = None,
    localToWorld: bool | None = None,
    numberOfThreads: int | None = None,
    subprocess_mode: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> Any:
    """Map the points in a file from world to tiles, or from tiles to world.

    Returns
    -------
    list
        The content of `toJson`: a list of lists for world to local, a list for local to world.
    """
    if fromJson is None or toJson is None:
        raise ClientScriptError("coordinateClient needs fromJson and toJson")
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *options(z=z, fromJson=fromJson, toJson=toJson),
        *flags(localToWorld=localToWorld),
        *options(numberOfThreads=numberOfThreads),
    ]
    call_run_ws_client(
        f"{CLIENTS}.CoordinateClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )
    with open(toJson, encoding="utf-8") as file:
        return json.load(file)


@clientkeywords
def transformSectionClient(
    stack: str,
    transformId: str,
    transformClass: str,
    transformData: str,
    zValues: Sequence[float],
    targetProject: str | None = None,
    targetStack: str | None = None,
    replaceLast: bool | None = None,
    subprocess_mode: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Add one shared transform to all tiles of sections, or replace their last one by it."""
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *flags(replaceLast=replaceLast),
        *options(targetProject=targetProject, targetStack=targetStack),
        *options(transformId=transformId, transformClass=transformClass),
        *options(transformData=transformData),
        *zValues,
    ]
    call_run_ws_client(
        f"{CLIENTS}.TransformSectionClient",
        arguments,
        memGB=memGB,
        client_script=client_script,
        subprocess_mode=subprocess_mode,
        **kwargs,
    )
