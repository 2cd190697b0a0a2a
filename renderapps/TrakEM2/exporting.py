"""Sections of stacks as layers of a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import renderapi
from renderapi.errors import SpecError
from renderapi.render import Render
from renderapi.transform.specs import flatten
from renderapps.module.box import SIDES, Box
from renderapps.module.errors import RenderModuleException
from renderapps.module.tile_documents import Section
from renderapps.TrakEM2.patches import tile_patch
from renderapps.TrakEM2.placement import canvas_matrix
from renderapps.TrakEM2.project import Layer, Project
from renderapps.TrakEM2.side_car import (
    MOVING,
    ExportedTile,
    SideCar,
    digest,
    side_car_path,
    write_side_car,
)
from renderapps.TrakEM2.writer import write_project

Json = dict[str, Any]
Range = tuple[float, float]

#: smaller numbers are the project and its layer set
_FIRST_OID = 10


@dataclass
class ProjectBuilder:
    """A project that grows layer by layer.

    Parameters
    ----------
    stack : str
        The stack that is to be corrected.
    box : Box
        Of its world; its upper left corner is the origin of the canvas.
    folder : path, optional
        Images below it get relative paths.
    """

    stack: str
    box: Box
    folder: Path | None = None
    project: Project = field(init=False)
    side_car: SideCar = field(init=False)

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.box
        if x1 <= x0 or y1 <= y0:
            raise SpecError(f"the box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) is empty")
        self.project = Project(layer_width=float(x1 - x0), layer_height=float(y1 - y0))
        canvas = (self.project.layer_width, self.project.layer_height)
        self.side_car = SideCar(self.stack, (-float(x0), -float(y0)), canvas)
        self._oids = iter(range(_FIRST_OID, 2**63))

    def add_layer(
        self,
        section: Section,
        z: float | None = None,
        stack: str | None = None,
        role: str = MOVING,
        display: Range | None = None,
    ) -> int:
        """Add the tiles of a section that touch the box; how many there are.

        Parameters
        ----------
        section : Section
        z : float, optional
            Of the layer; that of the section by default.
        stack : str, optional
            Stack of the section; the one to be corrected by default.
        role : {'moving', 'fixed'}
        display : (minimum, maximum), optional
            Display range instead of that of the tiles.

        Raises
        ------
        SpecError
            Naming a tile that TrakEM2 cannot show.
        """
        layer = Layer(next(self._oids), section.z if z is None else z)
        layer.title = f"layer_{layer.z:g}"
        self.project.layers.append(layer)
        stack = stack or self.stack
        if stack == self.stack:
            self.side_car.layers[layer.oid] = section.z
        for tile in tiles_in_box(section, self.box):
            patch = tile_patch(
                tile,
                next(self._oids),
                self.side_car.shift,
                folder=self.folder,
                display=display,
            )
            layer.patches.append(patch)
            self.side_car.tiles.append(
                ExportedTile(
                    oid=patch.oid,
                    layer=layer.oid,
                    tileId=tile["tileId"],
                    z=section.z,
                    stack=stack,
                    canvas=canvas_matrix(patch),
                    transforms=digest(tile),
                    role=role,
                )
            )
        return len(layer.patches)

    def write(self, path: Path) -> None:
        """Write the project and its side-car.

        The side-car of an older project is removed first, so that no moment has the two mixed.
        """
        side_car_path(path).unlink(missing_ok=True)
        write_project(self.project, path)
        write_side_car(path, self.side_car)


def tiles_in_box(section: Section, box: Box | None) -> Iterator[Json]:
    """Tiles whose boxes touch `box`, in the order they are painted, with flattened transforms."""
    for tile in sorted(section.tiles, key=lambda tile: tile["tileId"]):
        if box is None or box.touches(tile):
            yield flattened(tile, section.transforms)


def require_inside(render: Render, stack: str, box: Box) -> None:
    """Refuse a box that lies beside a stack."""
    bounds = renderapi.stack.get_stack_bounds(stack, render=render)
    if not box.touches(bounds):
        raise RenderModuleException(
            f"no tile of stack {stack} lies in the box {tuple(box)}; its tiles are in "
            f"{tuple(bounds[side] for side in SIDES)}"
        )


def flattened(tile: Json, shared: Json) -> Json:
    """The tile with its transforms resolved and in one list."""
    specs = flatten(tile.get("transforms") or {"type": "list", "specList": []}, shared)
    return {**tile, "transforms": {"type": "list", "specList": specs}}


def z_name(z: float) -> str:
    """z in file names: five digits, and a fraction where there is one.

    >>> z_name(7), z_name(12.5)
    ('00007', '00012.5')
    """
    whole = f"{int(z):05d}"
    return whole if z == int(z) else whole + repr(abs(z) % 1)[1:]


@dataclass(frozen=True)
class Chunk:
    """Sections from `first` to `last`, both included; `dir` names the folder of their project."""

    first: float
    last: float

    @property
    def dir(self) -> str:
        """`<first>-<last>`."""
        return f"{self.first:g}-{self.last:g}"

    def holds(self, z: float) -> bool:
        """Whether a section belongs to it."""
        return self.first <= z <= self.last

    def off_centre(self, z: float) -> float:
        """How far a section is from its middle."""
        return abs(z - (self.first + self.last) / 2)


def createchunks(first: float, last: float, n: int) -> list[Chunk]:
    """Chunks of n sections that overlap by half; the last one ends at `last`.

    Raises
    ------
    SpecError
        For an n that is not even and positive.
    """
    if n < 2 or n % 2:
        raise SpecError(f"chunkSize must be an even number, not {n}")
    chunks = []
    start = first
    while True:
        end = min(start + n - 1, last)
        chunks.append(Chunk(start, end))
        if end >= last:
            return chunks
        start += n // 2


def central_chunk(chunks: Sequence[Chunk], z: float) -> Chunk | None:
    """The chunk in which a section is most central; None where none holds it."""
    there = [chunk for chunk in chunks if chunk.holds(z)]
    return min(there, key=lambda chunk: chunk.off_centre(z), default=None)
