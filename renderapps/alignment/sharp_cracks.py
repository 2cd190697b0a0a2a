"""Sections with cracks are drawn and compared with their neighbours, in a worker: sharp fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

import renderapi
from renderapi.errors import RenderError
from renderapi.matching.block_flow import WINDOW, Grid, grid_axis, warped
from renderapi.matching.contrast import FloatImage, Mask, normalised
from renderapi.matching.repeats import without_repeats
from renderapps.alignment.crack_cells import crack_cells
from renderapps.alignment.crack_sides import compare, sharpened
from renderapps.alignment.field_grids import jumps_between, without_folds

if TYPE_CHECKING:
    from renderapps.alignment.drawn_sections import DrawnSections
    from renderapps.alignment.fine_pairs import FineSettings

FINEST = 2.0
"""Distance of the nodes of a sharp field, pixels of the pictures, at least."""
MOST_NODES = 1_000_000
"""Of a sharp field: transforms of more numbers are not read back."""
SMALLER = 0.5
"""Windows are so much smaller than those that blocks are found by: only some places are tried."""


@dataclass(frozen=True)
class CrackedSection:
    """A section with cracks, and what it is compared with.

    Attributes
    ----------
    z : float
    shift : (rows, columns, 2) array
        Its displacements, pixels of the pictures.
    cracked : (rows, columns) boolean array
        Nodes from which a spring gave way.
    neighbours : mapping of z to (weight, (rows, columns, 2) array)
        Weights and displacements of the sections that it is linked with.
    jump : float
        Displacements that jump by more, pixels of the pictures, are a crack.
    """

    z: float
    shift: Grid
    cracked: NDArray[np.bool_]
    neighbours: Mapping[float, tuple[float, Grid]]
    jump: float


class SharpField(NamedTuple):
    """Displacements that jump at cracks.

    Attributes
    ----------
    shift : (rows, columns, 2) float64
        Pixels of the pictures, on a grid from the first node of the mesh to the last.
    stride : float
        Distance of its nodes, pixels of the pictures.
    cuts : (rows, columns, 2) bool
        Between which nodes of the mesh it jumps, see `field_grids.jumps_between`.
    """

    shift: Grid
    stride: float
    cuts: NDArray[np.bool_]


def cracked_sections(
    meshes: Mapping[float, tuple[Grid, NDArray[np.bool_]]],
    votes: Mapping[float, Mapping[float, float]],
    jump: float,
) -> list[CrackedSection]:
    """Sections with nodes at cracks that are linked with others.

    Parameters
    ----------
    meshes : mapping of z to ((rows, columns, 2), (rows, columns) bool) arrays
        Displacements, and nodes from which a spring gave way.
    votes : mapping of z to mapping of z to float
        Of a section, how much those count that it is linked with.
    jump : float
    """
    return [
        CrackedSection(
            z, shift, at, {other: (w, meshes[other][0]) for other, w in votes[z].items()}, jump
        )
        for z, (shift, at) in meshes.items()
        if at.any() and votes.get(z)
    ]


def sharp_field(
    render: renderapi.Render, settings: FineSettings, section: CrackedSection
) -> SharpField | str | None:
    """Displacements on a finer grid that jump at cracks; None: not better; a text: not tried."""
    from renderapi.matching.cv2_threads import cv2_threads

    cells = crack_cells(section.shift, section.cracked, section.jump)
    factor = finer(section.shift.shape[:2], settings.parameters.spacing)
    if not cells or factor < 2:
        return None
    drawn = settings.drawn(render)
    with cv2_threads(1):  # sections run side by side
        try:
            here = _picture(drawn, settings, section.z)
            axes = _axes(here[0].shape, settings.parameters.spacing)
            for z, (weight, shift) in section.neighbours.items():
                there = _picture(drawn, settings, z, shift)
                sigma = SMALLER * WINDOW * settings.parameters.size
                compare(cells, axes, section.shift, here, there, weight, sigma, factor)
        except RenderError as error:
            return str(error)
    jumping = sharpened(section.shift, cells, factor)
    if jumping is None:
        return None
    stride = settings.parameters.spacing / factor
    shift = without_folds(jumping, stride)
    return SharpField(shift, stride, jumps_between(shift, factor, stride, section.jump / 2))


def finer(shape: tuple[int, ...], spacing: float) -> int:
    """How many times finer the grid of a sharp field is than one of this shape."""
    rows, columns = shape
    return int(min(spacing / FINEST, (MOST_NODES / (rows * columns)) ** 0.5))


def _axes(shape: tuple[int, ...], spacing: int) -> tuple[NDArray, NDArray]:
    return grid_axis(shape[1], spacing), grid_axis(shape[0], spacing)


def _picture(
    drawn: DrawnSections, settings: FineSettings, z: float, shift: Grid | None = None
) -> tuple[FloatImage, Mask]:
    """A section as it is compared, in its place after a shift."""
    from renderapps.alignment.fine_pairs import backward

    grey, mask = drawn.get(z)
    grey = without_repeats(grey, mask)
    if shift is not None:
        axes = _axes(grey.shape, settings.parameters.spacing)
        grey, mask = warped(grey, mask, *axes, backward(*axes, shift))
    return normalised(grey, mask, settings.parameters.sigma), mask
