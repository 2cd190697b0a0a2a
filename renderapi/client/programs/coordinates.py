"""CoordinateClient: map many points between tiles and the world, on this machine.

Documents are those of the service: world to local takes a list of {world: [x, y, z]} and gives a
list of lists of {tileId, local, visible}; local to world takes such a list of lists and gives a
list of {tileId, world}. Failures are entries with an error, in place.
"""

from __future__ import annotations

import logging
from pathlib import Path

import orjson

from renderapi.client.json_files import read_json, write_text
from renderapi.client.programs.options import STACK, Option, Options, flag, optional
from renderapi.client.programs.point_mapping import local_to_world, world_to_local
from renderapi.client.programs.service import StackService, stack_of
from renderapi.errors import ClientScriptError
from renderapi.jsontext import collection_paused

OPTIONS = (
    *STACK,
    *optional("number", "z"),
    *optional("text", "fromJson", "toJson", "toOwner", "toProject", "toStack"),
    *optional("text", "fromSwcDirectory", "toSwcDirectory"),
    *flag("localToWorld"),
    Option("numberOfThreads", "whole", 1),
)
POSITIONAL = "none"

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Map the points of a file, or of a folder of SWC files."""
    if options.numberOfThreads < 1:
        raise ClientScriptError("numberOfThreads must be at least 1")
    stack, target = stack_of(options), _target(options)
    if options.fromSwcDirectory or options.toSwcDirectory:
        from renderapi.client.programs.swc import map_folder

        if target is None or not (options.fromSwcDirectory and options.toSwcDirectory):
            raise ClientScriptError("SWC files need fromSwcDirectory, toSwcDirectory and toStack")
        map_folder(stack, target, Path(options.fromSwcDirectory), Path(options.toSwcDirectory))
        return
    if not (options.fromJson and options.toJson):
        raise ClientScriptError("fromJson and toJson are required")
    with collection_paused():
        _map_file(stack, target, options)


def _map_file(stack: StackService, target: StackService | None, options: Options) -> None:
    points = read_json(options.fromJson)
    if not isinstance(points, list):
        raise ClientScriptError(f"{options.fromJson} does not hold a list")
    threads = options.numberOfThreads
    if options.localToWorld:
        result = local_to_world(stack, points, threads)
    else:
        result = world_to_local(stack, points, options.z, threads)
        if target is not None:
            result = local_to_world(target, list(map(orjson.loads, result)), threads)
    write_text(options.toJson, b"[" + b",".join(result) + b"]")
    log.info("%d points mapped", len(points))


def _target(options: Options) -> StackService | None:
    if options.toStack is None:
        return None
    return stack_of(options).sibling(options.toStack, options.toProject, options.toOwner)
