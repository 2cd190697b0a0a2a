"""Imports of many tiles and drawing of single ones, made of the calls in `client_calls`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from renderapi.client.client_calls import importJsonClient, renderClient, rendererClient
from renderapi.client.drawing import (
    materialize_renderparameters_image,
    materialize_tilespec_image,
    render_renderparameters,
    render_tilespec,
)
from renderapi.client.running import call_run_ws_client, require_script
from renderapi.client.utils import clientkeywords
from renderapi.errors import RenderError
from renderapi.external.processpools.stdlib_pool import WithMultiprocessingPool, WithPool
from renderapi.render import Render
from renderapi.resolvedtiles import put_tilespecs
from renderapi.stack import make_stack_params, set_stack_state
from renderapi.tilespec import TileSpec
from renderapi.utils import renderdump_temp

logger = logging.getLogger(__name__)

__all__ = [
    "WithMultiprocessingPool",
    "WithPool",
    "import_jsonfiles",
    "import_jsonfiles_and_transforms_parallel_by_z",
    "import_jsonfiles_parallel",
    "import_jsonfiles_validate_client",
    "import_single_json_file",
    "import_tilespecs",
    "import_tilespecs_parallel",
    "local_to_world_array",
    "materialize_renderparameters_image",
    "materialize_tilespec_image",
    "put_tilespecs",
    "renderClient",
    "render_renderparameters",
    "render_tilespec",
    "rendererClient",
    "world_to_local_array",
]

_TEM_VALIDATOR = "org.janelia.alignment.spec.validator.TemTileSpecValidator"
_TEM_LIMITS = "minCoordinate:-500,maxCoordinate:100000,minSize:500,maxSize:10000"


@contextmanager
def _loading(
    stack: str,
    close: bool,
    connection: dict[str, Any],
    client_script: str | None = None,
    cwd: str | None = None,
) -> Iterator[None]:
    """The stack is LOADING in the block, and COMPLETE after it if it is to be closed.

    When the block fails the stack stays LOADING: what is missing can be imported then. Where the
    block is to run a script that is not there, nothing is changed.
    """
    require_script(client_script, cwd)
    set_stack_state(stack, "LOADING", **connection)
    yield
    if close:
        set_stack_state(stack, "COMPLETE", **connection)


def _connection(
    host: str | None,
    port: int | str | None,
    owner: str | None,
    project: str | None,
    kwargs: dict[str, Any],
) -> dict[str, Any]:
    return {
        "host": host,
        "port": port,
        "owner": owner,
        "project": project,
        "session": kwargs.get("session"),
    }


def _java(kwargs: dict[str, Any]) -> dict[str, Any]:
    """What decides which script runs, among keywords that are passed on."""
    return {name: kwargs.get(name) for name in ("client_script", "cwd")}


@clientkeywords
def import_single_json_file(
    stack: str,
    jsonfile: str,
    transformFile: str | None = None,
    subprocess_mode: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Import one file of tile specs into a stack, whose state is not changed otherwise."""
    importJsonClient(
        stack,
        tileFiles=[jsonfile],
        transformFile=transformFile,
        subprocess_mode=subprocess_mode,
        client_script=client_script,
        memGB=memGB,
        host=host,
        port=port,
        owner=owner,
        project=project,
        **kwargs,
    )


@clientkeywords
def import_jsonfiles(
    stack: str,
    jsonfiles: Sequence[str],
    transformFile: str | None = None,
    subprocess_mode: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    close_stack: bool = True,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Import files of tile specs one after the other. After a failure the stack is LOADING."""
    connection = _connection(host, port, owner, project, kwargs)
    with _loading(stack, close_stack, connection, client_script, kwargs.get("cwd")):
        importJsonClient(
            stack,
            tileFiles=jsonfiles,
            transformFile=transformFile,
            subprocess_mode=subprocess_mode,
            client_script=client_script,
            memGB=memGB,
            **{**kwargs, **connection},
        )


@clientkeywords
def import_jsonfiles_validate_client(
    stack: str,
    jsonfiles: Sequence[str],
    transformFile: str | None = None,
    client_script: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    close_stack: bool = True,
    mem: int = 6,
    validator: str | None = None,
    subprocess_mode: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Import files of tile specs, without the tiles that the TEM validator refuses.

    `mem` (gigabytes of the Java heap) counts where `memGB` is not given.
    """
    if validator is not None:
        raise NotImplementedError("validator: only the TEM validator can be asked for here")
    connection = _connection(host, port, owner, project, kwargs)
    files = [jsonfiles] if isinstance(jsonfiles, (str, os.PathLike)) else jsonfiles
    arguments = [
        *make_stack_params(host, port, owner, project, stack),
        *("--validatorClass", _TEM_VALIDATOR, "--validatorData", _TEM_LIMITS),
        *(["--transformFile", transformFile] if transformFile is not None else []),
        *files,
    ]
    with _loading(stack, close_stack, connection, client_script, kwargs.get("cwd")):
        call_run_ws_client(
            "org.janelia.render.client.ImportJsonClient",
            arguments,
            memGB=f"{mem}G" if memGB is None else memGB,
            client_script=client_script,
            subprocess_mode=subprocess_mode,
            **kwargs,
        )


@clientkeywords
def import_jsonfiles_parallel(
    stack: str,
    jsonfiles: Sequence[str],
    poolsize: int = 20,
    transformFile: str | None = None,
    mpPool: Callable[[int], Any] = WithPool,
    client_scripts: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    close_stack: bool = True,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Import files of tile specs in a pool of processes. After a failure the stack is LOADING."""
    connection = _connection(host, port, owner, project, kwargs)
    one = partial(
        import_single_json_file,
        stack,
        transformFile=transformFile,
        client_scripts=client_scripts,
        **{**kwargs, **connection},
    )
    with _loading(stack, close_stack, connection, **_java(kwargs)), mpPool(poolsize) as pool:
        pool.map(one, jsonfiles)


@clientkeywords
def import_jsonfiles_and_transforms_parallel_by_z(
    stack: str,
    jsonfiles: Sequence[str],
    transformfiles: Sequence[str],
    poolsize: int = 20,
    mpPool: Callable[[int], Any] = WithPool,
    client_scripts: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    close_stack: bool = True,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Import files of tile specs, each with its own file of shared transforms, in a pool."""
    jsonfiles, transformfiles = list(jsonfiles), list(transformfiles)
    if len(jsonfiles) != len(transformfiles):
        raise RenderError(
            f"{len(jsonfiles)} files of tiles need as many files of transforms, "
            f"not {len(transformfiles)}"
        )
    connection = _connection(host, port, owner, project, kwargs)
    one = partial(_import_pair, stack, client_scripts=client_scripts, **{**kwargs, **connection})
    with _loading(stack, close_stack, connection, **_java(kwargs)), mpPool(poolsize) as pool:
        pool.map(one, list(zip(jsonfiles, transformfiles, strict=True)))


def _import_pair(stack: str, files: tuple[str, str], **kwargs: Any) -> None:
    """One item of a pool: its `map` of the standard library takes a single list."""
    import_single_json_file(stack, files[0], transformFile=files[1], **kwargs)


@clientkeywords
def import_tilespecs(
    stack: str,
    tilespecs: Sequence[TileSpec],
    sharedTransforms: Sequence[Any] | None = None,
    use_rest: bool = False,
    deriveData: bool = True,
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
    """Import tile specs into a LOADING stack, whose state is not changed otherwise.

    `use_rest` sends them to the service, which derives their boxes if `deriveData`; else the
    import client does.
    """
    connection = _connection(host, port, owner, project, kwargs)
    tilespecs = list(tilespecs)
    sharedTransforms = None if sharedTransforms is None else list(sharedTransforms)
    if use_rest:
        put_tilespecs(
            stack,
            tilespecs=tilespecs,
            shared_transforms=sharedTransforms,
            deriveData=deriveData,
            **connection,
        )
        return
    files: list[str] = []
    try:
        files.append(renderdump_temp(tilespecs))
        if sharedTransforms is not None:
            files.append(renderdump_temp(sharedTransforms))
        importJsonClient(
            stack,
            tileFiles=[files[0]],
            transformFile=files[1] if len(files) > 1 else None,
            subprocess_mode=subprocess_mode,
            client_script=client_script,
            memGB=memGB,
            **{**kwargs, **connection},
        )
    finally:
        for file in files:
            os.remove(file)


@clientkeywords
def import_tilespecs_parallel(
    stack: str,
    tilespecs: Sequence[TileSpec],
    sharedTransforms: Sequence[Any] | None = None,
    subprocess_mode: str | None = None,
    poolsize: int = 20,
    mpPool: Callable[[int], Any] = WithPool,
    close_stack: bool = True,
    max_tilespecs_per_group: int | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Import tile specs in a pool of processes, in `poolsize` groups or more smaller ones.

    Of several tiles of one id the last counts, as for `import_tilespecs`. After a failure the stack
    is LOADING.
    """
    connection = _connection(host, port, owner, project, kwargs)
    by_id = {tile.tileId or position: tile for position, tile in enumerate(tilespecs)}
    tilespecs = list(by_id.values())
    sharedTransforms = None if sharedTransforms is None else list(sharedTransforms)
    number = poolsize
    if max_tilespecs_per_group is not None:
        number = max(len(tilespecs) // max_tilespecs_per_group + 1, poolsize)
    groups = [tilespecs[first::number] for first in range(min(number, len(tilespecs)))]
    one = partial(
        import_tilespecs,
        stack,
        sharedTransforms=sharedTransforms,
        subprocess_mode=subprocess_mode,
        client_script=client_script,
        memGB=memGB,
        **{**kwargs, **connection},
    )
    script = None if kwargs.get("use_rest") else client_script
    with (
        _loading(stack, close_stack, connection, script, kwargs.get("cwd")),
        mpPool(poolsize) as pool,
    ):
        pool.map(one, groups)


def local_to_world_array(
    stack: str,
    points: Any,
    tileId: str,
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
    """Refused: see `renderapi.coordinate.local_to_world_coordinates_array`."""
    raise NotImplementedError("use renderapi.coordinate.local_to_world_coordinates_array")


def world_to_local_array(
    stack: str,
    points: Any,
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
    """Refused: see `renderapi.coordinate.world_to_local_coordinates_array`."""
    raise NotImplementedError("use renderapi.coordinate.world_to_local_coordinates_array")
