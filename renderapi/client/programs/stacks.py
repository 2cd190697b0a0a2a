"""StackClient: make, clone, rename, complete and delete stacks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from renderapi.client.programs.options import STACK, Option, Options, flag, optional
from renderapi.client.programs.service import Json, StackService, query_of, stack_of
from renderapi.errors import ClientScriptError
from renderapi.utils import post_json, put_json, rest_delete
from renderapi.web import join

ACTIONS = ("CREATE", "CLONE", "RENAME", "SET_STATE", "DELETE")
_VERSION = (
    "versionNotes",
    "cycleNumber",
    "cycleStepNumber",
    "stackResolutionX",
    "stackResolutionY",
    "stackResolutionZ",
    "materializedBoxRootPath",
    "alignmentQuality",
    "defaultChannelName",
)
OPTIONS = (
    *STACK,
    Option("action", required=True, choices=ACTIONS),
    *optional("text", "stackState", "versionNotes", "materializedBoxRootPath"),
    *optional("text", "defaultChannelName", "cloneResultProject", "cloneResultStack"),
    *optional("text", "renamedOwner", "renamedProject", "renamedStack", "sectionId"),
    *optional("whole", "cycleNumber", "cycleStepNumber"),
    *optional("number", "stackResolutionX", "stackResolutionY", "stackResolutionZ"),
    *optional("number", "alignmentQuality"),
    *flag("skipSharedTransformClone"),
    Option("zValues", "numbers"),
)
POSITIONAL = "none"


def run(options: Options) -> None:
    """Do what --action says."""
    stack = stack_of(options)
    actions = {
        "CREATE": _create,
        "CLONE": _clone,
        "RENAME": _rename,
        "SET_STATE": _set_state,
        "DELETE": _delete,
    }
    actions[options.action](stack, options)


def _version(options: Options) -> Json:
    keys = {"defaultChannelName": "defaultChannel"}
    given: dict[str, Any] = {keys.get(name, name): getattr(options, name) for name in _VERSION}
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    set_values = {key: value for key, value in given.items() if value is not None}
    return {"createTimestamp": stamp, **set_values}


def _create(stack: StackService, options: Options) -> None:
    post_json(stack.session, stack.url, _version(options))


def _clone(stack: StackService, options: Options) -> None:
    if options.cloneResultStack is None:
        raise ClientScriptError("CLONE needs cloneResultStack")
    query: dict[str, Any] = query_of(
        {
            "toProject": options.cloneResultProject,
            "skipTransforms": options.skipSharedTransformClone or None,
        }
    )
    if options.zValues:
        query["z"] = options.zValues
    url = join(stack.url, "cloneTo", options.cloneResultStack)
    put_json(stack.session, url, _version(options), params=query)


def _rename(stack: StackService, options: Options) -> None:
    to = {
        "owner": options.renamedOwner or stack.owner,
        "project": options.renamedProject or stack.project,
        "stack": options.renamedStack or stack.stack,
    }
    put_json(stack.session, join(stack.url, "stackId"), to)


def _set_state(stack: StackService, options: Options) -> None:
    if options.stackState is None:
        raise ClientScriptError("SET_STATE needs stackState")
    stack.set_state(options.stackState)


def _delete(stack: StackService, options: Options) -> None:
    """Delete the layers or the section that are named, else the stack."""
    if options.zValues:
        for z in options.zValues:
            stack.delete_layer(z)
    elif options.sectionId is not None:
        rest_delete(stack.session, join(stack.url, "section", options.sectionId))
    else:
        rest_delete(stack.session, stack.url)
