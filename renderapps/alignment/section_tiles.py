"""Tiles of a section as a solver sees them: where they lie, and points of theirs in the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import RenderError
from renderapi.matching.neighbours import group_of
from renderapi.transform import AffineModel
from renderapi.transform.slices import TileTransforms, entries_of
from renderapi.transform.specs import affine_spec, flatten, leaves
from renderapps.alignment.models import Floats, Model, mapped
from renderapps.module.tile_documents import Json, Section

DECIMALS = 10
"""Of the entries of an affine: so many that whole pixels stay whole, and nothing else is lost."""


def affine_after(entries: Sequence[Json], shared: Mapping[str, Json]) -> Floats | None:
    """3 x 3 product of transforms that are all affine; None where one is not."""
    matrix = np.eye(3)
    for entry in entries:
        for leaf in leaves(flatten(entry, shared)):
            if not isinstance(leaf, AffineModel):
                return None
            matrix = leaf.M @ matrix
    return matrix


@dataclass
class SectionTiles:
    """The tiles of one section.

    Attributes
    ----------
    z : float
    names : list of str
        Ids of the tiles.
    groups : list of str
        Ids of the groups that their matches are stored under, once each.
    corners : (T, 4, 2) float64
        Of the images (pixel centres) in the world, clockwise from the upper left.
    """

    z: float
    names: list[str]
    groups: list[str]
    corners: Floats
    _tiles: list[TileTransforms] = field(repr=False)
    _affines: dict[int, tuple[Floats, NDArray[np.bool_]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, section: Section) -> SectionTiles:
        """The tiles of a section as it is stored."""
        keys = ("tileId", "transforms")  # the rest of a document would only fill the memory
        documents = [{key: tile.get(key) for key in keys} for tile in section.tiles]
        tiles = [TileTransforms(tile, section.transforms) for tile in documents]
        groups = {
            group_of((tile.get("layout") or {}).get("sectionId"), tile["z"])
            for tile in section.tiles
        }
        sizes = [(tile["width"] - 1.0, tile["height"] - 1.0) for tile in section.tiles]
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
        local = np.array(sizes, float).reshape(-1, 1, 2) * square
        made = cls(section.z, section.tile_ids, sorted(groups), local, tiles)
        owner = np.repeat(np.arange(len(tiles)), 4)
        made.corners = made.to_world(owner, local.reshape(-1, 2), 0).reshape(-1, 4, 2)
        return made

    def to_world(self, owner: NDArray[np.int64], points: Floats, after: int) -> Floats:
        """(N, 2) world places of points, each of a tile, after that many of its transforms.

        Raises
        ------
        RenderError
            A tile with points has fewer transforms.
        """
        if after not in self._affines:
            self._affines[after] = self._affine_parts(after)
        matrices, plain = self._affines[after]
        result = np.einsum("nij,nj->ni", matrices[owner, :2, :2], points)
        result += matrices[owner, :2, 2]
        bent = np.flatnonzero(~plain[owner])
        bent = bent[np.argsort(owner[bent], kind="stable")]
        for here in np.split(bent, np.flatnonzero(np.diff(owner[bent])) + 1):
            if not len(here):
                continue
            tile = owner[here[0]]
            transforms = self._tiles[tile]
            if after > len(transforms):
                raise RenderError(
                    f"tile {self.names[tile]} has {len(transforms)} transforms, but its matches "
                    f"were stored after {after}: give the local_transforms they were made with"
                )
            result[here] = transforms.forward(points[here], after)
        return result

    def _affine_parts(self, after: int) -> tuple[Floats, NDArray[np.bool_]]:
        matrices = np.tile(np.eye(3), (len(self._tiles), 1, 1))
        plain = np.zeros(len(self._tiles), bool)
        for k, tile in enumerate(self._tiles):
            if after > len(tile):
                continue
            matrix = affine_after(tile.entries[after:], tile.shared or {})
            if matrix is not None:
                matrices[k], plain[k] = matrix, True
        return matrices, plain


def with_map(
    tile: Json,
    shared: Mapping[str, Json],
    keep: int,
    model: Model,
    terms: Floats,
    centre: Floats,
    size: float,
) -> Json:
    """Copy of a tile whose transforms are followed by a map, (K, 2) terms (see `models.py`).

    The first `keep` transforms stay as they are. Where the others are affine, an affine or
    polynomial map becomes one with them; else it is added to the list.
    """
    entries = entries_of(tile)
    rest = affine_after(entries[keep:], shared)
    if model.terms <= 3:
        linear = np.eye(3)
        if model.terms == 3:
            linear[:2, :2] += terms[1:3].T / size
        linear[:2, 2] = centre + terms[0] - linear[:2, :2] @ centre
        product = linear if rest is None else linear @ rest
        spec = affine_spec(product.round(DECIMALS))
    else:
        spec, folded = _bent(tile, rest, model, terms, centre, size)
        rest = rest if folded else None
    kept = entries if rest is None else entries[:keep]
    return {**tile, "transforms": {"type": "list", "specList": [*kept, spec]}}


def _bent(
    tile: Json, rest: Floats | None, model: Model, terms: Floats, centre: Floats, size: float
) -> tuple[Json, bool]:
    """Document of a polynomial or spline, and whether it includes the affine rest of the list."""
    from renderapi.transform import Polynomial2DTransform, ThinPlateSplineTransform

    if model.name == "thin_plate_spline":
        control = centre + size * model.control
        spline = ThinPlateSplineTransform()
        spline.estimate(control, mapped(model, control, terms, centre, size))
        return spline.to_dict(), False
    x = np.linspace(0, 1, 6)
    square = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
    if rest is None:
        source = centre + 1.5 * size * (2 * square - 1)
        world = source
    else:
        source = square * [tile["width"] - 1.0, tile["height"] - 1.0]
        world = source @ rest[:2, :2].T + rest[:2, 2]
    order = int(model.name[-1])
    target = mapped(model, world, terms, centre, size)
    params = Polynomial2DTransform.fit(source, target, order)
    return Polynomial2DTransform(params=params).to_dict(), rest is not None


def ids_of(names: Sequence[str]) -> dict[str, int]:
    """Number of each id."""
    return {name: k for k, name in enumerate(names)}
