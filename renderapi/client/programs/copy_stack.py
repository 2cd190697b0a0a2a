"""CopyStackClient: copy layers of a stack into another, without some tiles or moved."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

from renderapi.client.json_files import read_json, read_list
from renderapi.client.programs.affine_products import translation_document
from renderapi.client.programs.derived_stacks import set_up_derived_stack
from renderapi.client.programs.layers import LayerTiles
from renderapi.client.programs.options import BOX, Option, Options, box_of, flag, optional
from renderapi.client.programs.service import Json, StackService
from renderapi.client.programs.tile_documents import set_transform_entries, transform_entries
from renderapi.errors import ClientScriptError

OPTIONS = (
    Option("baseDataUrl", required=True),
    Option("owner", required=True),
    Option("project", required=True),
    Option("fromStack", required=True),
    Option("toStack", required=True),
    *optional("text", "toOwner", "toProject", "includedTileIdsJson", "excludedCellsJson"),
    Option("z", "numbers"),
    *optional("texts", "excludeTileIdsMissingFromStacks", "excludedTileIds"),
    *BOX,
    *flag("moveToOrigin", "keepExisting", "completeToStackAfterCopy"),
    *flag("replaceLastTransformWithStage", "splitMergedSections"),
    Option("addToZ", "number", 0.0),
    Option("maxSectionsPerOriginalZ", "whole", 40),
)
POSITIONAL = "none"
ORIGIN = 10
"""Where the corner of a stack is moved to; one that lies between 0 and this already stays."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Cell:
    """A place in the acquisition grid, in the layers from min_z to max_z."""

    row: int
    column: int
    min_z: float = -math.inf
    max_z: float = math.inf

    def holds(self, tile: Json, z: float) -> bool:
        """Whether a tile of a layer was acquired here."""
        layout = tile.get("layout") or {}
        here = (layout.get("imageRow"), layout.get("imageCol")) == (self.row, self.column)
        return here and self.min_z <= z <= self.max_z


@dataclass(frozen=True)
class _Selection:
    """Which tiles of a layer are copied."""

    box: tuple[float, float, float, float] | None
    excluded: frozenset[str]
    included: frozenset[str] | None
    cells: tuple[_Cell, ...]
    stacks: tuple[StackService, ...]

    def apply(self, layer: LayerTiles, z: float) -> None:
        """Drop what is not copied."""
        layer.drop_outside(self.box)
        there = [{bounds["tileId"] for bounds in stack.tile_bounds(z)} for stack in self.stacks]
        layer.tiles = [
            tile
            for tile in layer.tiles
            if tile["tileId"] not in self.excluded
            and (self.included is None or tile["tileId"] in self.included)
            and all(tile["tileId"] in ids for ids in there)
            and not any(cell.holds(tile, z) for cell in self.cells)
        ]


def run(options: Options) -> None:
    """Copy layer after layer; the target is LOADING unless it is to be completed."""
    source = StackService(
        options.baseDataUrl, options.owner, options.project, options.fromStack, options.session
    )
    target = source.sibling(options.toStack, options.toProject, options.toOwner)
    if source.same_as(target):
        raise ClientScriptError(f"{source} cannot be copied onto itself")
    selection = _selection(source, options)
    zs = source.z_values()
    zs = zs if options.z is None else [z for z in zs if z in set(options.z)]
    if not zs:
        raise ClientScriptError(f"{source} has none of the layers to copy")
    shift = _shift_to_origin(source) if options.moveToOrigin else None
    set_up_derived_stack(source, target)
    for z in zs:
        layer = LayerTiles.of_document(source.resolved_tiles(z))
        selection.apply(layer, z)
        _edit(layer, shift, options.replaceLastTransformWithStage)
        _save(layer, z, target, options)
    if options.completeToStackAfterCopy:
        target.set_state("COMPLETE")


def _selection(source: StackService, options: Options) -> _Selection:
    included = None
    if options.includedTileIdsJson is not None:
        included = frozenset(map(str, read_json(options.includedTileIdsJson)))
    stacks = tuple(source.sibling(name) for name in options.excludeTileIdsMissingFromStacks or ())
    excluded = frozenset(options.excludedTileIds or ())
    cells = read_cells(options.excludedCellsJson)
    return _Selection(box_of(options), excluded, included, cells, stacks)


def read_cells(path: str | None) -> tuple[_Cell, ...]:
    """Cells of a file with a list of {row, column} and optionally {minZ, maxZ}."""
    cells = []
    for number, entry in enumerate(read_list(path) if path is not None else ()):
        unknown = set(entry) - {"row", "column", "minZ", "maxZ"}
        try:
            if unknown:
                raise KeyError(", ".join(sorted(unknown)))
            limits = (float(entry.get("minZ", -math.inf)), float(entry.get("maxZ", math.inf)))
            cells.append(_Cell(int(entry["row"]), int(entry["column"]), *limits))
        except (KeyError, TypeError, ValueError) as error:
            raise ClientScriptError(
                f"{path}: cell {number} must have row and column, and may have minZ and maxZ: "
                f"{error}"
            ) from error
    return tuple(cells)


def _shift_to_origin(source: StackService) -> Json | None:
    """Shared transform that moves the corner of a stack to the origin; None if it lies there."""
    bounds = source.bounds()
    corner = (float(bounds["minX"]), float(bounds["minY"]))
    if all(0 <= value <= ORIGIN for value in corner):
        return None
    shift = (ORIGIN - corner[0], ORIGIN - corner[1])
    # named for what it does: another copy into the same stack must not change what is there
    name = f"MOVE_TO_ORIGIN_{shift[0]!r}_{shift[1]!r}"
    return {**translation_document(*shift), "id": f"{source.stack}_{name}"}


def _edit(layer: LayerTiles, shift: Json | None, to_stage: bool) -> None:
    """Change the transforms of a layer as asked for."""
    if shift is None and not to_stage:
        return
    if shift is not None:
        layer.shared[shift["id"]] = shift
    for tile in layer.tiles:
        entries = transform_entries(tile)
        if to_stage:
            entries[-1:] = [_stage(tile)]
        if shift is not None:
            entries.append({"type": "ref", "refId": shift["id"]})
        set_transform_entries(tile, entries)
    if layer.tiles:
        layer.derive_boxes()


def _stage(tile: Json) -> Json:
    layout = tile.get("layout") or {}
    x, y = layout.get("stageX"), layout.get("stageY")
    if x is None or y is None:
        raise ClientScriptError(f"tile {tile['tileId']} has no stageX and stageY")
    return translation_document(float(x), float(y))


def _save(layer: LayerTiles, z: float, target: StackService, options: Options) -> None:
    """Store the tiles of a layer at the z values that they go to."""
    for new_z, tiles in _by_new_z(layer.tiles, z, options).items():
        if not options.keepExisting:
            target.delete_layer(new_z)
        moved = [{**tile, "z": new_z} for tile in tiles]
        if moved:
            target.save_tiles(moved, layer.shared.values(), new_z)
        log.info("z %s: %d tiles copied to z %s", z, len(moved), new_z)


def _by_new_z(tiles: list[Json], z: float, options: Options) -> dict[float, list[Json]]:
    """Tiles by their new z.

    Merged sections are told apart by their section ids: number n of them, in the order of the ids,
    goes to z + n / maxSectionsPerOriginalZ.
    """
    base = z + options.addToZ
    if not options.splitMergedSections:
        return {base: tiles}
    sections: dict[str, list[Json]] = {}
    for tile in tiles:
        section = str((tile.get("layout") or {}).get("sectionId"))
        sections.setdefault(section, []).append(tile)
    most = options.maxSectionsPerOriginalZ
    if len(sections) > most:
        raise ClientScriptError(f"z {z} holds {len(sections)} sections, more than {most}")
    ordered = sorted(sections)
    return {base + number / most: sections[name] for number, name in enumerate(ordered)}
