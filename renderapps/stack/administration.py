"""Stacks as a whole: their version record and state, read and written with nothing lost."""

from __future__ import annotations

import renderapi
from renderapi.render import Render
from renderapps.module import RenderModuleException
from renderapps.module.stacks import KeptVersion, stack_metadata
from renderapps.module.tile_documents import Json


def version_and_state(render: Render, stack: str) -> tuple[Json, str]:
    """Version record and state of a stack; an error that names the stack when there is none."""
    metadata = stack_metadata(render, stack)
    return dict(metadata.get("currentVersion") or {}), metadata["state"]


def require_changeable(stack: str, state: str) -> None:
    """Refuse a stack that must not be changed as it is."""
    if state in ("READ_ONLY", "OFFLINE"):
        raise RenderModuleException(f"stack {stack} is {state}: set it to COMPLETE first")


def change_version(render: Render, stack: str, changes: Json) -> bool:
    """Set entries of the version record of a stack, which keeps its state; whether any changed."""
    version, state = version_and_state(render, stack)
    require_changeable(stack, state)
    if all(version.get(key) == value for key, value in changes.items()):
        return False
    renderapi.stack.set_stack_metadata(
        stack, KeptVersion(**version | {"createTimestamp": None} | changes), render=render
    )
    if state != "LOADING":
        renderapi.stack.set_stack_state(stack, state, render=render)
    return True
