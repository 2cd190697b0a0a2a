"""What the service says of a stack: its state, its metadata, the record of its version."""

from __future__ import annotations

from typing import Any

import renderapi
from renderapi.errors import NotFoundError
from renderapi.stack import StackVersion
from renderapi.utils import get_json
from renderapps.module.addresses import stack_url
from renderapps.module.errors import RenderModuleException
from renderapps.module.stack_listing import missing_stack as missing_stack

_FEW_TILES = 10_000  # of which all are read to name some


class KeptVersion(StackVersion):
    """A version record with whatever entries a service put into it; dated now if it has no date."""

    def __init__(self, **record: Any) -> None:
        super().__init__(**record)
        self.record = record

    def to_dict(self) -> dict[str, Any]:
        """JSON object of all entries."""
        return self.record | super().to_dict()


def stack_state(render: renderapi.Render, stack: str) -> str | None:
    """State of a stack, None when there is no such stack."""
    try:
        return renderapi.stack.get_full_stack_metadata(stack, render=render)["state"]
    except NotFoundError:
        return None


def stack_metadata(render: renderapi.Render, stack: str) -> dict[str, Any]:
    """Metadata of a stack; an error that names the stack when there is none."""
    try:
        return renderapi.stack.get_full_stack_metadata(stack, render=render)
    except NotFoundError as error:
        raise RenderModuleException(missing_stack(render, stack)) from error


def version_of(render: renderapi.Render, stack: str, notes: str = "") -> dict[str, Any]:
    """Version record of a stack; with notes, that of a new version, which has no date yet."""
    version = dict(stack_metadata(render, stack).get("currentVersion") or {})
    if notes:
        version.pop("createTimestamp", None)
        version["versionNotes"] = notes
    return version


def zs_there(render: renderapi.Render, stack: str) -> list[float]:
    """The z values that a stack has; none where there is no such stack."""
    try:
        return renderapi.stack.get_z_values_for_stack(stack, render=render)
    except NotFoundError:
        return []


def stack_zs(render: renderapi.Render, stack: str, every_tile: bool = True) -> list[float]:
    """The z values of a stack, ascending.

    Raises
    ------
    RenderModuleException
        There is no such stack; or, unless `every_tile` is false, some of its tiles have no z, so
        that work by sections would leave them out without a word.
    """
    try:
        zs = renderapi.stack.get_z_values_for_stack(stack, render=render)
        if every_tile:
            refuse_tiles_without_z(render, stack)
    except NotFoundError as error:
        raise RenderModuleException(missing_stack(render, stack)) from error
    return sorted(float(z) for z in zs)


def refuse_tiles_without_z(render: renderapi.Render, stack: str) -> None:
    """Refuse a stack that says that it has tiles without z, naming some of them."""
    metadata = renderapi.stack.get_full_stack_metadata(stack, render=render)
    stats = metadata.get("stats") or {}
    number = stats.get("tilesWithoutZ") or 0
    if not number:
        return
    names = ""
    if stats.get("tileCount", 0) <= _FEW_TILES:
        found = get_json(render.session, stack_url(render, stack, "resolvedTiles"))
        tiles = found["tileIdToSpecMap"]
        lacking = sorted(key for key, tile in tiles.items() if tile.get("z") is None)
        names = f" ({', '.join(lacking[:5])}{', ...' if len(lacking) > 5 else ''})"
    raise RenderModuleException(
        f"stack {stack} has {number} tiles without z{names}, which are in no section: import them "
        "again with a z, or delete them"
    )
