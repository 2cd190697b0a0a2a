"""ImportJsonClient: import files of tile specs into a stack, which is LOADING then."""

from __future__ import annotations

import logging
import os

from renderapi.client.json_files import read_list
from renderapi.client.programs.layers import LayerTiles
from renderapi.client.programs.options import STACK, VALIDATOR, Option, Options
from renderapi.client.programs.service import Json, stack_of
from renderapi.client.programs.tile_documents import require_references
from renderapi.client.programs.validators import validator_of
from renderapi.errors import ClientScriptError

OPTIONS = (*STACK, *VALIDATOR, Option("transformFile"))
POSITIONAL = "some"

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Import file after file: only one is held at a time."""
    stack = stack_of(options)
    validator = validator_of(options)
    missing = [path for path in options.words if not os.path.isfile(path)]
    if missing:
        raise ClientScriptError(f"tile files not found: {', '.join(missing)}")
    shared = read_transforms(options.transformFile)
    stack.ensure_loading()
    for path in options.words:
        layer = LayerTiles(read_list(path), shared)
        if not layer.tiles:
            log.info("%s holds no tiles", path)
            continue
        _require_ids(layer.tiles, path)
        require_references(layer.tiles, shared, path)
        layer.derive_boxes()
        dropped = layer.drop_invalid(validator)
        stack.save_tiles(layer.tiles, layer.shared.values(), None)
        log.info("%s: %d tiles saved, %d invalid", path, len(layer.tiles), len(dropped))


def read_transforms(path: str | None) -> dict[str, Json]:
    """Shared transforms of a file by id."""
    if path is None:
        return {}
    transforms = read_list(path)
    nameless = [number for number, spec in enumerate(transforms) if not spec.get("id")]
    if nameless:
        raise ClientScriptError(f"{path}: transform {nameless[0]} has no id")
    return {spec["id"]: spec for spec in transforms}


def _require_ids(tiles: list[Json], path: str) -> None:
    for number, tile in enumerate(tiles):
        if not isinstance(tile.get("tileId"), str):
            raise ClientScriptError(f"{path}: tile {number} has no tileId")
