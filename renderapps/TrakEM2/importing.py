"""What a person did to an exported project: edits tile by tile, and what is missing or touched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from renderapi.errors import SpecError
from renderapi.transform.specs import affine_spec
from renderapps.module.box import Box
from renderapps.TrakEM2.exporting import flattened, tiles_in_box
from renderapps.TrakEM2.patches import edit_of, tile_patch
from renderapps.TrakEM2.placement import canvas_matrix, patch_name
from renderapps.TrakEM2.project import Matrix, Patch, Project, as_array, map_points
from renderapps.TrakEM2.reader import read_project
from renderapps.TrakEM2.side_car import FIXED, ExportedTile, SideCar, digest, read_side_car

Json = dict[str, Any]

#: a fixed tile or a canvas that changed by less than this, in pixels, counts as untouched
TOLERANCE = 1e-3


@dataclass
class Correction:
    """What a project says about the tiles of one section.

    Attributes
    ----------
    edits : dict
        By tileId the matrix to append to its transforms, world to world; None: not touched.
    hidden, deleted : list of str
        Tiles that were hidden, and that are no longer in the project.
    unmatched : list of str
        Patches that were not exported.
    """

    edits: dict[str, Matrix | None] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)

    def report(self) -> Json:
        """Entries of a section in the output JSON."""
        return {
            "moved_tiles": sorted(k for k, v in self.edits.items() if v is not None),
            "hidden_tiles": sorted(self.hidden),
            "deleted_tiles": sorted(self.deleted),
            "unmatched_patches": self.unmatched,
        }


@dataclass
class CorrectedProject:
    """A project and the side-car of its export.

    Raises
    ------
    SpecError
        At reading: a canvas that was resized, a fixed tile that was moved; named, with what to do.
    """

    path: str | os.PathLike[str]
    project: Project = field(init=False)
    side_car: SideCar | None = field(init=False)

    def __post_init__(self) -> None:
        self.project = read_project(self.path)
        self.side_car = read_side_car(self.path)
        if self.side_car is not None:
            self._check_canvas(self.side_car.canvas)
            self._check_fixed(self.side_car.tiles)

    def _check_canvas(self, canvas: tuple[float, float]) -> None:
        now = (self.project.layer_width, self.project.layer_height)
        if max(abs(a - b) for a, b in zip(canvas, now, strict=True)) > TOLERANCE:
            raise SpecError(
                f"{self.path}: the canvas was {canvas[0]:g} x {canvas[1]:g} when it was exported "
                f"and is {now[0]:g} x {now[1]:g} now, so all places may be shifted: "
                "undo the resizing in TrakEM2"
            )

    def _check_fixed(self, tiles: Iterable[ExportedTile]) -> None:
        patches = self.patches()
        for tile in tiles:
            if tile.role != FIXED or tile.oid not in patches:
                continue
            patch, _ = patches[tile.oid]
            moved = _displacement(tile.canvas, canvas_matrix(patch), patch)
            if moved > TOLERANCE:
                raise SpecError(
                    f"{self.path}: tile {tile.tileId} of stack {tile.stack} was moved by "
                    f"{moved:.3g} px; it is the reference: undo that in TrakEM2"
                )

    def patches(self) -> dict[int, tuple[Patch, int]]:
        """Patches and the numbers of their layers, by their own numbers."""
        return {
            patch.oid: (patch, layer.oid)
            for layer in self.project.layers
            for patch in layer.patches
        }

    def corrections(self, stack: str) -> dict[float, Correction]:
        """What was done to the tiles of a stack, by the z they have there.

        Raises
        ------
        SpecError
            Without a side-car; or where a patch was put into another layer.
        """
        if self.side_car is None:
            raise SpecError(f"{self.path} has no list of tiles beside it")
        patches = self.patches()
        found = {z: Correction() for z in self.side_car.layers.values()}
        for tile in self.side_car.tiles:
            if tile.stack == stack:
                self._add(found[tile.z], tile, patches.get(tile.oid), self.side_car.shift)
        exported = {tile.oid for tile in self.side_car.tiles}
        for oid, (patch, layer) in patches.items():
            z = self.side_car.layers.get(layer)
            if oid not in exported and z is not None:
                found[z].unmatched.append(patch_name(patch))
        return found

    def _add(
        self,
        correction: Correction,
        tile: ExportedTile,
        there: tuple[Patch, int] | None,
        shift: tuple[float, float],
    ) -> None:
        correction.digests[tile.tileId] = tile.transforms
        if there is None:
            correction.deleted.append(tile.tileId)
            return
        patch, layer = there
        if layer != tile.layer:
            raise SpecError(
                f"{self.path}: tile {tile.tileId} of z={tile.z:g} was put into another layer "
                f"(oid {layer}); tiles can only be moved within their layer"
            )
        if not patch.visible:
            correction.hidden.append(tile.tileId)
        else:
            correction.edits[tile.tileId] = edit_of(tile.canvas, patch, shift)

    def corrections_without_side_car(
        self, sections: Mapping[float, Any], box: Box
    ) -> dict[float, Correction]:
        """The same for a project without a side-car, whose numbers or titles are tileIds.

        The places at the export are computed again from the stack, which must be what it was.
        """
        shift = (-float(box.min_x), -float(box.min_y))
        self._check_canvas((float(box.max_x - box.min_x), float(box.max_y - box.min_y)))
        return {z: self._of_section(section, box, shift) for z, section in sections.items()}

    def _of_section(self, section: Any, box: Box, shift: tuple[float, float]) -> Correction:
        correction = Correction()
        layer = next((layer for layer in self.project.layers if layer.z == section.z), None)
        there = {} if layer is None else {key: p for p in layer.patches for key in _keys(p)}
        used: set[int] = set()
        for tile in tiles_in_box(section, box):
            name = tile["tileId"]
            correction.digests[name] = digest(tile)
            patch = there.get(_key(name))
            if patch is None:
                correction.deleted.append(name)
                continue
            used.add(patch.oid)
            if not patch.visible:
                correction.hidden.append(name)
                continue
            before = tile_patch(tile, patch.oid, shift)
            before.mres = patch.mres
            correction.edits[name] = edit_of(canvas_matrix(before), patch, shift)
        if layer is not None:
            correction.unmatched = [patch_name(p) for p in layer.patches if p.oid not in used]
        return correction


def corrected(section: Any, correction: Correction, keep_others: bool = False) -> Any:
    """The section with its tiles where the project has them; changed in place.

    The transforms that a tile had stay, shared ones included; the edit is appended as one affine.

    Parameters
    ----------
    section : Section
    correction : Correction
    keep_others : bool
        Keep tiles that were not exported; tiles that were hidden or deleted go in any case.

    Raises
    ------
    SpecError
        Where a tile has other transforms than when it was exported.
    """
    gone = {*correction.hidden, *correction.deleted}
    tiles = []
    for tile in section.tiles:
        name = tile["tileId"]
        if name not in correction.edits:
            if keep_others and name not in gone:
                tiles.append(tile)
            continue
        if digest(flattened(tile, section.transforms)) != correction.digests[name]:
            raise SpecError(
                f"tile {name} has other transforms than when it was exported: export again, "
                "or import into the stack that was exported"
            )
        if (edit := correction.edits[name]) is not None:
            append(tile, affine_spec(as_array(edit)))
        tiles.append(tile)
    section.tiles = tiles
    return section


def append(tile: Json, spec: Json) -> None:
    """Let a transform be the last one of a tile."""
    transforms = tile.get("transforms") or {"type": "list", "specList": []}
    tile["transforms"] = {**transforms, "specList": [*transforms["specList"], spec]}


def _displacement(before: Matrix, now: Matrix, patch: Patch) -> float:
    """How far the corners of a patch have gone, pixels."""
    w, h = patch.o_width, patch.o_height
    corners = np.array([(0, 0), (w, 0), (0, h), (w, h)], float)
    return float(np.abs(map_points(now, corners) - map_points(before, corners)).max())


def _keys(patch: Patch) -> tuple[str, str]:
    return _key(str(patch.oid)), _key(patch.title)


def _key(name: str) -> str:
    """Name by which a tile is found: TrakEM2 drops the leading zeros of numbers."""
    return name.lstrip("0") or "0" if name.isdigit() else name
