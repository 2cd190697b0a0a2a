"""What a lens is estimated from: matched pixels of the tiles of a stack, and where these lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

import renderapi
from renderapi.matching.neighbours import group_of
from renderapi.pointmatch import match_points
from renderapi.transform import Polynomial2DTransform, ThinPlateSplineTransform
from renderapi.transform.slices import entries_of
from renderapps.alignment.lens import LensFit, fit_lens, require_coverage
from renderapps.alignment.models import SPLINE, Floats, Model
from renderapps.alignment.moments import Link, PairPoints, reduced
from renderapps.alignment.section_tiles import affine_after
from renderapps.alignment.stored_matches import Collection, within_section
from renderapps.module.errors import RenderModuleException
from renderapps.module.tile_documents import Section


@dataclass(frozen=True)
class LensData:
    """Tiles and matched pixels.

    Attributes
    ----------
    names : list of str
    size : (float, float)
        Width and height of the images, which all have in common.
    matrices : (T, 3, 3) float64
        From pixels to the world, as the tiles lie.
    points : PairPoints
        `p` and `q` are pixels of the images.
    """

    names: list[str]
    size: tuple[float, float]
    matrices: Floats
    points: PairPoints

    @property
    def middle(self) -> Floats:
        """(2,) middle of the image, pixels."""
        return (np.array(self.size) - 1) / 2

    @property
    def radius(self) -> float:
        """From the middle to the corners, pixels."""
        return float(np.hypot(*self.middle))


def read_lens_data(
    render: renderapi.Render, collection: Collection, sections: Iterable[Section]
) -> LensData:
    """Tiles and matches of sections, one after the other.

    Raises
    ------
    RenderModuleException
        Tiles of different sizes have no lens in common; tiles with transforms that are not affine
        have one already.
    """
    numbers: dict[str, int] = {}
    matrices: list[Floats] = []
    size: tuple[float, float] | None = None
    parts: list[tuple[int, int, Floats, Floats, Floats]] = []
    for section in sections:
        groups = set()
        for tile in section.tiles:
            of_tile = (float(tile["width"]), float(tile["height"]))
            size = size or of_tile
            if of_tile != size:
                raise RenderModuleException(
                    f"tile {tile['tileId']} has {of_tile[0]:g} x {of_tile[1]:g} pixels, others "
                    f"have {size[0]:g} x {size[1]:g}: one lens belongs to images of one size"
                )
            matrix = affine_after(entries_of(tile), section.transforms)
            if matrix is None:
                raise RenderModuleException(
                    f"tile {tile['tileId']} has a transform that is not affine, such as a lens "
                    "already: estimate from the stack as acquired"
                )
            numbers[tile["tileId"]] = len(matrices)
            matrices.append(matrix)
            section_id = (tile.get("layout") or {}).get("sectionId")
            groups.add(group_of(section_id, tile["z"]))
        for match in within_section(render, collection, sorted(groups)):
            one, two = numbers.get(match["pId"]), numbers.get(match["qId"])
            if one is None or two is None or one == two:
                continue
            p, q, w = match_points(match)
            counted = w > 0
            if counted.any():
                parts.append((one, two, p[counted], q[counted], w[counted]))
    points = PairPoints.of([Link(*part) for part in parts])
    return LensData(list(numbers), size or (1.0, 1.0), np.array(matrices).reshape(-1, 3, 3), points)


def estimated(data: LensData, name: str, grid: int, affine: bool, most_error: float) -> LensFit:
    """The lens of these tiles; UndeterminedLens where they leave it open."""
    middle, radius = data.middle, data.radius
    model = Model(name, grid, (middle[0] / radius, middle[1] / radius))
    both = np.concatenate([data.points.p, data.points.q])
    require_coverage(model, (both - middle) / radius)
    count = len(data.names)
    moments = reduced(data.points, model, np.tile(middle, (count, 1)), np.full(count, radius))
    linear, shifts = data.matrices[:, :2, :2], data.matrices[:, :2, 2]
    return fit_lens(moments, model, middle, radius, linear, shifts, affine, most_error)


def lens_transform(fit: LensFit) -> Any:
    """The lens as a transform of pixels of the images."""
    if fit.model.name == SPLINE:
        control = fit.middle + fit.size * fit.model.control
        spline = ThinPlateSplineTransform()
        spline.estimate(control, control + fit.displacements(control))
        return spline
    order = int(fit.model.name[-1])
    side = np.linspace(-1, 1, 9)
    scaled = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2) * fit.model.reach
    pixels = fit.middle + fit.size * scaled
    target = pixels + fit.displacements(pixels)
    return Polynomial2DTransform(params=Polynomial2DTransform.fit(pixels, target, order))
