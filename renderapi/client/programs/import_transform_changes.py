"""ImportTransformChangesClient: change transforms of listed tiles and store them in another stack.

Tiles that are not listed are not copied. Nothing is stored unless every tile could be changed.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from renderapi.client.json_files import read_list
from renderapi.client.programs.affine_products import after
from renderapi.client.programs.derived_stacks import set_up_derived_stack
from renderapi.client.programs.layers import LayerTiles
from renderapi.client.programs.options import STACK, VALIDATOR, Option, Options, optional
from renderapi.client.programs.service import Json, StackService, stack_of
from renderapi.client.programs.tile_documents import set_transform_entries, transform_entries
from renderapi.client.programs.validators import validator_of
from renderapi.errors import ClientScriptError

APPEND, REPLACE_LAST, REPLACE_ALL = "APPEND", "REPLACE_LAST", "REPLACE_ALL"
CONCATENATE = "CONCATENATE_TO_LAST"
MODES = (APPEND, REPLACE_LAST, REPLACE_ALL, CONCATENATE)
OPTIONS = (
    *STACK,
    *VALIDATOR,
    *optional("text", "targetOwner", "targetProject"),
    Option("targetStack", required=True),
    Option("transformFile", required=True),
    Option("changeMode", default=REPLACE_LAST, choices=MODES),
)
POSITIONAL = "none"


def run(options: Options) -> None:
    """Change the tiles of the file and store them; the target is LOADING then."""
    source = stack_of(options)
    target = source.sibling(options.targetStack, options.targetProject, options.targetOwner)
    validator = validator_of(options)
    set_up_derived_stack(source, target)
    changes = read_changes(options.transformFile)
    layers: dict[float, LayerTiles] = {}
    for z, tile_ids in _by_layer(source, list(changes)).items():
        layer = LayerTiles.of_document(source.resolved_tiles(z))
        layer.tiles = [tile for tile in layer.tiles if tile["tileId"] in tile_ids]
        for tile in layer.tiles:
            change_tile(tile, changes[tile["tileId"]], options.changeMode, layer.shared)
        layer.derive_boxes()
        layer.drop_invalid(validator)
        layers[z] = layer
    for z, layer in layers.items():
        if layer.tiles:
            target.save_tiles(layer.tiles, layer.shared.values(), z)


def read_changes(path: str) -> dict[str, Json]:
    """Transform documents by tile id, of a file with a list of {tileId, transform}."""
    entries = read_list(path)
    if not entries:
        raise ClientScriptError(f"{path} lists no tiles")
    for number, entry in enumerate(entries):
        if not entry.get("tileId") or not isinstance(entry.get("transform"), dict):
            raise ClientScriptError(f"{path}: entry {number} needs tileId and transform")
    counts = Counter(entry["tileId"] for entry in entries)
    repeated = sorted(tile_id for tile_id, count in counts.items() if count > 1)
    if repeated:
        raise ClientScriptError(f"{path} lists tiles more than once: {', '.join(repeated)}")
    return {entry["tileId"]: entry["transform"] for entry in entries}


def _by_layer(source: StackService, tile_ids: list[str]) -> dict[float, set[str]]:
    """Tile ids by z, ascending; every tile must be there."""
    layers: dict[float, set[str]] = {}
    for tiles in source.tile_specs(tile_ids):
        for tile in tiles:
            layers.setdefault(float(tile["z"]), set()).add(tile["tileId"])
    missing = set(tile_ids).difference(*layers.values())
    if missing:
        raise ClientScriptError(f"{source} has no tiles {', '.join(sorted(missing))}")
    return dict(sorted(layers.items()))


def change_tile(tile: Json, transform: Json, mode: str, shared: dict[str, Any]) -> None:
    """Change the transform list of a tile.

    Parameters
    ----------
    tile : dict
        Is changed.
    transform : dict
        Taken verbatim, unless it is multiplied.
    mode : str
        APPEND, REPLACE_LAST, REPLACE_ALL or CONCATENATE_TO_LAST.
    shared : dict
        Shared transforms by id.
    """
    entries = transform_entries(tile)
    if mode == REPLACE_ALL:
        entries = [transform]
    elif mode == APPEND:
        entries.append(transform)
    elif mode == REPLACE_LAST:
        entries[-1:] = [transform]
    elif not entries:
        raise ClientScriptError(f"tile {tile['tileId']} has no last transform to multiply")
    else:
        entries[-1] = after(transform, entries[-1], shared, tile["tileId"])
    set_transform_entries(tile, entries)
