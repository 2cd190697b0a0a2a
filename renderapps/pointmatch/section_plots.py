"""Pictures of the matches between the tiles of two sections, or of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Boolean, Float, Int, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import OneOf, Range
from numpy.typing import NDArray

import renderapi
from renderapi.errors import NotFoundError, RenderError
from renderapi.outline import border_points
from renderapi.transform.slices import TileTransforms
from renderapps.module import parameter
from renderapps.module.mask_check import ignored_masks
from renderapps.module.section_table import Box, SectionTable
from renderapps.module.tile_documents import read_section
from renderapps.pointmatch.match_plot import COLOURS, PlotSettings, draw_matches, overlay
from renderapps.pointmatch.match_points import world_ends
from renderapps.pointmatch.pair_matches import Floats, Json, PairMatches, Tile


class PlotParameters(DefaultSchema):
    """How matches are drawn. Add to a schema."""

    show_images = parameter(
        Boolean,
        "draw the sections beneath the arrows, the first in red and the second "
        "in green; one alone in grey",
        default=True,
    )
    image_size = parameter(
        Int, "longer side of the sections beneath, pixels", default=1000, validate=Range(50, 10_000)
    )
    show_tiles = parameter(Boolean, "draw the borders of the tiles of the first", default=False)
    color_by = parameter(
        Str,
        "colour of the arrows: all the same, or by the distance of the two ends",
        default=COLOURS[0],
        validate=OneOf(COLOURS),
    )
    arrow_scale = parameter(
        Float,
        "arrows are this times as long as the distance of the two ends",
        default=1.0,
        validate=Range(min=0, min_inclusive=False),
    )
    max_arrows = parameter(
        Int,
        "most arrows in a figure; of more some are drawn by lot",
        default=None,
        default_text="all",
        validate=Range(min=1),
    )


@dataclass(frozen=True)
class Plotter:
    """What all figures of a run have in common."""

    render: renderapi.Render
    stack: str
    table: SectionTable
    collections: tuple[str, ...]
    owner: str
    local_transforms: int
    folder: Path
    args: Json
    tiles: dict[float, dict[str, TileTransforms]] = field(default_factory=dict, compare=False)

    def draw(self, z: float, others: Sequence[float]) -> Iterator[Json]:
        """A figure of the matches between a section and each of some others, or within it.

        Yields
        ------
        dict
            z_p, z_q, figure (None where there are no matches), pairs, points, and more.
        """
        for other in others:
            yield {"z_p": z, "z_q": other} | self._draw_pair(z, other)

    def _draw_pair(self, z: float, other: float) -> Json:
        pairs = [pair for pair in self.matches(z, other) if len(pair.w)]
        if not pairs:
            return {"figure": None, "pairs": 0, "points": 0}
        tiles = self._tiles(z, other)
        p, q, skipped = self.ends(pairs, tiles, z)
        report: Json = {"figure": None, "pairs": len(pairs), "points": len(p)}
        if skipped:
            report["skipped_pairs"] = skipped
        if not len(p):
            return report
        distances = np.hypot(*(q - p).T)
        box = self.box(z)
        picture, problem = self.picture(z, other, box)
        if problem:
            report["image_problem"] = problem
        if picture is not None and (ignored := ignored_masks(self._shown(z, other))):
            report["ignored_masks"] = ignored
        path = self.folder / f"{z_text(z)}_to_{z_text(other)}.png"
        number = len(pairs) - len(skipped)
        between = f"within z {z:g}" if other == z else f"z {z:g} to {other:g}"
        title = (
            f"{between}: {len(p)} matches of {number} pair{'s' * (number > 1)} of tiles, "
            f"median distance {np.median(distances):.3g} pixels"
        )
        arrows = PlotSettings(
            self.args["color_by"], self.args["arrow_scale"], self.args["max_arrows"]
        )
        outlines = list(self._outlines(z)) if self.args["show_tiles"] else []
        draw_matches(path, p, q, box, title, arrows, picture, outlines)
        found = {"median": np.median(distances), "largest": distances.max()}
        return report | {
            "figure": str(path),
            "distances": {key: round(float(value), 4) for key, value in found.items()},
        }

    def matches(self, z: float, other: float) -> list[PairMatches]:
        """Matches between all sections at one z and all at the other."""
        here, there = self.table.sections_at[z], self.table.sections_at[other]
        groups = {tuple(sorted((one, two))) for one in here for two in there}
        return [
            PairMatches.from_document(document)
            for one, two in sorted(groups)
            for name in self.collections
            for document in self._documents(name, one, two)
        ]

    def _documents(self, name: str, one: str, two: str) -> list[Json]:
        try:
            return renderapi.pointmatch.get_matches_from_group_to_group(
                name, one, two, owner=self.owner, render=self.render
            )
        except NotFoundError:
            return []

    def ends(
        self, pairs: Sequence[PairMatches], tiles: dict[Tile, TileTransforms], z: float
    ) -> tuple[Floats, Floats, list[Json]]:
        """World places of the ends at z and of the other ends; pairs that have none."""
        at_z = self._section(z)
        p, q = [np.empty((0, 2))], [np.empty((0, 2))]
        skipped: list[Json] = []
        found = world_ends(pairs, tiles, self.stack, self.local_transforms)
        for pair, ends in zip(pairs, found, strict=True):
            if isinstance(ends, str):
                skipped.append(pair.ids | {"reason": ends})
                continue
            one, two = ends if pair.p_tile[1] in at_z else ends[::-1]
            p.append(one)
            q.append(two)
        return np.concatenate(p), np.concatenate(q), skipped

    def _tiles(self, z: float, other: float) -> dict[Tile, TileTransforms]:
        found: dict[Tile, TileTransforms] = {}
        for value in {z, other}:
            for group in self.table.sections_at[value]:
                found |= {(group, name): tile for name, tile in self._section(value).items()}
        for kept in [value for value in self.tiles if value not in (z, other)]:
            del self.tiles[kept]  # two sections are held at a time
        return found

    def _section(self, z: float) -> dict[str, TileTransforms]:
        if z not in self.tiles:
            section = read_section(self.render, self.stack, z)
            self.tiles[z] = {
                tile["tileId"]: TileTransforms(tile, section.transforms) for tile in section.tiles
            }
        return self.tiles[z]

    def _shown(self, z: float, other: float) -> Iterator[Json]:
        """Tiles whose pictures lie beneath the arrows."""
        for value in {z, other}:
            for tile in self._section(value).values():
                yield dict(tile.tile)

    def _outlines(self, z: float) -> Iterator[Floats]:
        for tile in self._section(z).values():
            size = tile.tile.get("width"), tile.tile.get("height")
            if all(size):
                yield tile.forward(border_points(*size))  # type: ignore[arg-type]

    def box(self, z: float) -> Box:
        """World box of a section."""
        if box := self.table.box_at(z):
            return box
        found = renderapi.stack.get_bounds_from_z(self.stack, z, render=self.render)
        return found["minX"], found["minY"], found["maxX"], found["maxY"]

    def picture(
        self, z: float, other: float, box: Box
    ) -> tuple[NDArray[np.uint8] | None, str | None]:
        """Both sections in the box of the first; what is wrong where they cannot be drawn."""
        if not self.args["show_images"]:
            return None, None
        try:
            one = self._image(z, box)
            return overlay(one, None if other == z else self._image(other, box)), None
        except RenderError as error:
            return None, str(error)

    def _image(self, z: float, box: Box) -> NDArray[np.uint8]:
        left, top, right, bottom = box
        width, height = max(right - left, 1.0), max(bottom - top, 1.0)
        scale = min(1.0, self.args["image_size"] / max(width, height))
        picture: Any = renderapi.image.get_bb_image(
            self.stack, z, left, top, width, height, scale, render=self.render
        )
        return picture if picture.ndim == 2 else picture[..., 0]


def z_text(z: float) -> str:
    """A z for the name of a file, in order: 00003, and 00003.5 where it is no whole number.

    >>> z_text(3), z_text(3.25)
    ('00003', '00003.25')
    """
    whole = f"{int(z):05d}"
    return whole if z == int(z) else whole + f"{abs(z) % 1:.6f}".rstrip("0")[1:]
