"""TilePairClient: list the pairs of tiles that may show the same place."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from renderapi.client.json_files import read_json
from renderapi.client.programs.options import BOX, STACK, Option, Options, box_of, flag, optional
from renderapi.client.programs.service import CollectionService, StackService, stack_of
from renderapi.errors import ClientScriptError, NotFoundError
from renderapi.matching.neighbours import (
    Layer,
    NeighbourParameters,
    Pair,
    layer_of_bounds,
    neighbour_pairs,
    tiles_in_box,
)
from renderapi.matching.tilepairs import template_url, write_tile_pairs

POSITIONS = ("TOP", "BOTTOM", "LEFT", "RIGHT")
OPTIONS = (
    *STACK,
    *BOX,
    Option("toJson", required=True),
    *optional("number", "minZ", "maxZ", "explicitRadius"),
    *optional("numbers", "z"),
    *optional("text", "baseOwner", "baseProject", "baseStack"),
    Option("xyNeighborFactor", "number", 0.9),
    Option("zNeighborDistance", "whole", 2),
    *flag("useRowColPositions"),
    Option("excludeCornerNeighbors", "boolean", True),
    Option("excludeCompletelyObscuredTiles", "boolean", True),
    Option("excludeSameLayerNeighbors", "boolean", False),
    Option("excludeSameSectionNeighbors", "boolean", False),
    *optional("text", "excludePairsInMatchCollection", "existingMatchOwner"),
    Option("minExistingMatchCount", "whole", 0),
    Option("excludeSameLayerPairsWithPosition", choices=POSITIONS),
    *optional("text", "onlyIncludeTilesFromStack", "onlyIncludeTilesNearTileIdsJson"),
    Option("maxPairsPerFile", "whole", 100_000),
)
POSITIONAL = "none"
CELL = 10
"""Side of the cells that stand for tiles when they are placed by row and column."""

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Find the pairs layer by layer and write them as they come."""
    stack = stack_of(options)
    _require_writable(Path(options.toJson))
    if options.z is not None and options.zNeighborDistance != 0:
        raise ClientScriptError("--z needs --zNeighborDistance 0")
    by_cells = options.useRowColPositions and options.zNeighborDistance == 0
    parameters = NeighbourParameters(
        xy_factor=options.xyNeighborFactor,
        radius=options.explicitRadius,
        z_distance=options.zNeighborDistance,
        exclude_corners=options.excludeCornerNeighbors,
        exclude_same_layer=options.excludeSameLayerNeighbors,
        exclude_same_section=options.excludeSameSectionNeighbors,
        exclude_obscured=options.excludeCompletelyObscuredTiles and not by_cells,
        exclude_position=options.excludeSameLayerPairsWithPosition,
    )
    zs = _layers_wanted(stack, options)
    layers = _cells(stack, zs) if by_cells else _boxes(stack, zs, options)
    pairs = neighbour_pairs(layers, parameters, _sources(options))
    if options.excludePairsInMatchCollection:
        pairs = _without_existing(pairs, _collection(options), options.minExistingMatchCount)
    template = template_url(
        options.baseOwner or options.owner,
        options.baseProject or options.project,
        options.baseStack or options.stack,
    )
    files, number = write_tile_pairs(options.toJson, template, pairs, options.maxPairsPerFile)
    log.info("%d pairs of %d layers in %d files", number, len(zs), len(files))


def _require_writable(path: Path) -> None:
    """Fail before the work rather than after it."""
    place = path if path.exists() else path.absolute().parent
    if place.is_dir() and path.exists():
        raise ClientScriptError(f"{path} is a folder")
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        raise ClientScriptError(f"cannot write to {path}")


def _layers_wanted(stack: StackService, options: Options) -> list[float]:
    zs = stack.z_values(options.minZ, options.maxZ)
    if options.z is not None:
        zs = [z for z in zs if z in set(options.z)]
    if not zs:
        raise ClientScriptError(f"{stack} has no layers in the z range given")
    return zs


def _boxes(stack: StackService, zs: list[float], options: Options) -> Iterator[Layer]:
    """Layers of tile boxes, restricted to the box and to the other stack that are given."""
    box, other = box_of(options), _other_stack(stack, options.onlyIncludeTilesFromStack)
    for z in zs:
        layer = layer_of_bounds(z, stack.tile_bounds(z))
        if other is not None:
            there = {bounds["tileId"] for bounds in other.tile_bounds(z)}
            layer = layer.select(np.array([tile in there for tile in layer.ids], bool))
        yield layer if box is None else tiles_in_box(layer, box)


def _other_stack(stack: StackService, name: str | None) -> StackService | None:
    if name is None:
        return None
    parts = name.split("__")
    if len(parts) == 3:
        return stack.sibling(parts[2], parts[1], parts[0])
    return stack.sibling(name)


def _cells(stack: StackService, zs: list[float]) -> Iterator[Layer]:
    """Layers whose tiles are placed by the row and column of their layout."""
    for z in zs:
        rows: list[dict[str, Any]] = []
        for tile_id, tile in stack.resolved_tiles(z)["tileIdToSpecMap"].items():
            layout = tile.get("layout") or {}
            row, column = layout.get("imageRow"), layout.get("imageCol")
            if row is None or column is None:
                raise ClientScriptError(f"tile {tile_id} of {stack} has no imageRow and imageCol")
            x, y = float(column) * CELL, float(row) * CELL
            rows.append(
                {
                    "tileId": tile_id,
                    "sectionId": layout.get("sectionId"),
                    "minX": x,
                    "minY": y,
                    "maxX": x + CELL,
                    "maxY": y + CELL,
                }
            )
        yield layer_of_bounds(z, rows)


def _sources(options: Options) -> set[str] | None:
    path = options.onlyIncludeTilesNearTileIdsJson
    if path is None:
        return None
    tile_ids = read_json(path)
    if not isinstance(tile_ids, list):
        raise ClientScriptError(f"{path} does not hold a list of tile ids")
    return {str(tile_id) for tile_id in tile_ids}


def _collection(options: Options) -> CollectionService:
    owner = options.existingMatchOwner or options.owner
    name = options.excludePairsInMatchCollection
    return CollectionService(options.baseDataUrl, owner, name, options.session)


def _without_existing(
    batches: Iterator[list[Pair]], collection: CollectionService, least: int
) -> Iterator[list[Pair]]:
    """Pairs that the collection does not hold, group by group as they are needed."""
    known: dict[str, set[tuple[str, ...]]] = {}
    exists = collection.exists()
    for batch in batches:
        groups = {pair.p_group for pair in batch}
        for group in groups - set(known) if exists else ():
            known[group] = _existing(collection, group, least)
        yield [pair for pair in batch if pair.key not in known.get(pair.p_group, ())]
        for group in set(known) - groups:
            del known[group]


def _existing(collection: CollectionService, group: str, least: int) -> set[tuple[str, ...]]:
    """Keys of the pairs of a group that have matches enough to be left alone."""
    try:
        matches = collection.matches_of(group, details=False)
    except NotFoundError:
        return set()
    keys: set[tuple[str, ...]] = set()
    for match in matches:
        if least > 0 and match.get("matchCount") is None:
            raise ClientScriptError(
                f"matches of group {group} in collection {collection.collection} have no "
                "matchCount: run UpdateMatchCountsClient first"
            )
        if least == 0 or match["matchCount"] > least:
            keys.add((match["pGroupId"], match["pId"], match["qGroupId"], match["qId"]))
    return keys
