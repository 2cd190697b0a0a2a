"""Tiles of a stack, wherever they are in it, by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from renderapi.render import Render, format_preamble, renderaccess
from renderapi.utils import json_of, put_json
from renderapi.web import join
from renderapps.module.stacks import stack_metadata

TILES_AT_A_TIME = 10_000


def tiles_with_ids(
    render: Render, stack: str, tile_ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """JSON objects of tiles by id, their transforms resolved and flattened; unknown ids lack.

    Raises
    ------
    RenderModuleException
        Where there is no such stack.
    """
    stack_metadata(render, stack)  # without a stack there would just be no tiles
    found: dict[str, dict[str, Any]] = {}
    for first in range(0, len(tile_ids), TILES_AT_A_TIME):
        part = list(tile_ids[first : first + TILES_AT_A_TIME])
        for tile in render.run(_tile_specs_with_ids, stack, part):
            found[tile["tileId"]] = tile
    return found


@renderaccess
def _tile_specs_with_ids(
    stack: str,
    tile_ids: list[str],
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[dict[str, Any]]:
    url = join(format_preamble(host, port, owner, project, stack), "tile-specs-with-ids")
    answer: list[dict[str, Any]] = json_of(put_json(session, url, tile_ids))
    return answer
