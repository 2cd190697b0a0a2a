"""Tiles of a stack, wherever they are in it, by their ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from renderapi.render import Render
from renderapi.utils import json_of, put_json
from renderapps.module.addresses import stack_url
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
    url = stack_url(render, stack, "tile-specs-with-ids")
    for first in range(0, len(tile_ids), TILES_AT_A_TIME):
        part = list(tile_ids[first : first + TILES_AT_A_TIME])
        for tile in json_of(put_json(render.session, url, part)):
            found[tile["tileId"]] = tile
    return found
