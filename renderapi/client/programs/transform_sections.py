"""TransformSectionClient: apply one shared transform to all tiles of sections."""

from __future__ import annotations

import logging
from typing import Any

from renderapi.client.programs.affine_products import after, translation_document
from renderapi.client.programs.derived_stacks import set_up_derived_stack
from renderapi.client.programs.layers import LayerTiles
from renderapi.client.programs.options import (
    BOX,
    STACK,
    VALIDATOR,
    Option,
    Options,
    box_of,
    flag,
    optional,
    z_values,
)
from renderapi.client.programs.service import Json, StackService, stack_of
from renderapi.client.programs.tile_documents import set_transform_entries, transform_entries
from renderapi.client.programs.validators import validator_of
from renderapi.errors import ClientScriptError
from renderapi.transform import specs

METHODS = (
    "APPEND",
    "INSERT_AS_FIRST",
    "INSERT_BEFORE_LAST",
    "REPLACE_LAST",
    "PRE_CONCATENATE_LAST",
)
OPTIONS = (
    *STACK,
    *VALIDATOR,
    *BOX,
    *optional("text", "targetProject", "targetStack", "fromTileId", "toTileId"),
    Option("transformId", required=True),
    Option("transformClass", required=True),
    Option("transformData", required=True),
    Option("transformApplicationMethod", default="APPEND", choices=METHODS),
    Option("layerMinimumXAndYBound", "whole"),
    *flag("completeTargetStack", "replaceLast"),
)
POSITIONAL = "any"

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Transform section after section and store it in the target, which is LOADING meanwhile."""
    source = stack_of(options)
    target = source.sibling(options.targetStack, options.targetProject)
    zs = z_values(options.words)
    box, validator = box_of(options), validator_of(options)
    method = "REPLACE_LAST" if options.replaceLast else options.transformApplicationMethod
    moved = _move(source, options)
    if moved is None and not zs:
        raise ClientScriptError("no z values after the options")
    set_up_derived_stack(source, target)
    for z in zs if moved is None else [moved[0]]:
        layer = LayerTiles.of_document(source.resolved_tiles(z))
        layer.drop_outside(box)
        if not layer.tiles:
            log.info("no tiles of %s at z %s are in the box", source, z)
            continue
        transform = _transform_of_layer(layer, z, options) if moved is None else moved[1]
        apply_to_layer(layer, transform, method)
        layer.derive_boxes()
        layer.drop_invalid(validator)
        if layer.tiles:
            target.save_tiles(layer.tiles, layer.shared.values(), z)
    if options.completeTargetStack:
        target.set_state("COMPLETE")


def _transform_of_layer(layer: LayerTiles, z: float, options: Options) -> Json:
    bound = options.layerMinimumXAndYBound
    if bound is None:
        document = {
            "type": "leaf",
            "id": options.transformId,
            "className": options.transformClass,
            "dataString": options.transformData.replace(",", " "),
        }
        specs.leaves([document])  # refuses what cannot be built
        return document
    min_x, min_y = (min(tile[key] for tile in layer.tiles) for key in ("minX", "minY"))
    shift = translation_document(bound - min_x, bound - min_y)
    return {**shift, "id": f"{options.transformId}_{z}"}


def _move(source: StackService, options: Options) -> tuple[float, Json] | None:
    """z of the layer of fromTileId, and the shift that brings that tile to where toTileId is."""
    tile_ids = (options.fromTileId, options.toTileId)
    if tile_ids == (None, None):
        return None
    if None in tile_ids:
        raise ClientScriptError("fromTileId and toTileId must be given together")
    tiles: list[dict[str, Any]] = [source.tile(tile_id) for tile_id in tile_ids]
    dx, dy = (tiles[1][key] - tiles[0][key] for key in ("minX", "minY"))
    z_from, z_to = (float(tile["z"]) for tile in tiles)
    return z_from, {
        "type": "leaf",
        "id": f"MOVE_{z_from}_TO_{z_to}",
        "className": "mpicbg.trakem2.transform.TranslationModel2D",
        "dataString": f"{dx!r} {dy!r}",
    }


def apply_to_layer(layer: LayerTiles, transform: Json, method: str) -> None:
    """Give every tile a reference to a shared transform, which is added to the layer.

    With PRE_CONCATENATE_LAST the last transform, which must be affine, is multiplied instead.
    """
    if method != "PRE_CONCATENATE_LAST":
        layer.shared[transform["id"]] = transform
    reference = {"type": "ref", "refId": transform["id"]}
    for tile in layer.tiles:
        entries = transform_entries(tile)
        if method == "APPEND":
            entries.append(reference)
        elif method == "INSERT_AS_FIRST":
            entries.insert(0, reference)
        elif method == "INSERT_BEFORE_LAST":
            entries.insert(max(0, len(entries) - 1), reference)
        elif method == "REPLACE_LAST":
            entries[-1:] = [reference]
        elif not entries:
            raise ClientScriptError(f"tile {tile['tileId']} has no last transform to multiply")
        else:
            entries[-1] = after(transform, entries[-1], layer.shared, tile["tileId"])
        set_transform_entries(tile, entries)
