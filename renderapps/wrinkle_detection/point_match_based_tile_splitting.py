"""Split a tile that a wrinkle crosses into pieces that can be aligned by themselves.

Each piece is a tile of its own: the same image with a mask, under the tileId and a suffix. The
matches of the tile are handed to the pieces that they lie on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from argschema.fields import Float, OutputDir, Str
from marshmallow.validate import Range

import renderapi
from renderapi.errors import NotFoundError
from renderapi.files import atomic_path
from renderapi.matching.neighbours import group_of
from renderapi.transform.slices import TileTransforms
from renderapi.urls import path_to_url, url_to_path
from renderapps.module import (
    RenderModuleException,
    Section,
    StackEditModule,
    StackEditParameters,
    parameter,
)
from renderapps.module.section_table import section_table
from renderapps.module.tile_documents import Json, first_level, image_entries, read_section
from renderapps.module.tiles_by_id import tiles_with_ids
from renderapps.pointmatch.made_matches import filled
from renderapps.pointmatch.match_collection import (
    MatchCollectionParameters,
    PointSpaceParameters,
    owner_of_matches,
    p_groups_of,
    recorded_transforms,
)
from renderapps.pointmatch.pair_matches import Floats, PairMatches, Tile
from renderapps.registration.cross_matches import CrossMatches
from renderapps.wrinkle_detection.piece_masks import labels_at, piece_map, piece_mask
from renderapps.wrinkle_detection.piece_parameters import RULES, PieceParameters
from renderapps.wrinkle_detection.pieces import NONE, Labels, SplitRules, label_matches, sizes

SUFFIX = "_piece"
MASK_KEYS = ("maskUrl", "maskLoaderType", "maskSliceNumber")


class SplitTileParameters(
    PieceParameters, MatchCollectionParameters, PointSpaceParameters, StackEditParameters
):
    """Parameters of point_match_based_tile_splitting."""

    stack = parameter(
        Str,
        "stack of the tile; its sections are aligned roughly, or not at all",
        aliases=["input_stack"],
    )
    tileId = parameter(Str, "tile to split", aliases=["tile_id"])
    output_stack = parameter(
        Str,
        "stack to make, with the pieces in place of the tile",
        default=None,
        default_text="the stack with _split behind its name",
    )
    output_collection = parameter(
        Str,
        "match collection to make, with matches of the pieces in place of those "
        "of the tile; the same as matchCollection: pairs of the pieces are added to it",
        default=None,
        default_text="matchCollection with _split behind its name",
    )
    mask_directory = parameter(
        OutputDir,
        "folder for the masks of the pieces",
        default=None,
        default_text="the folder of the tile's image",
    )
    smoothing = parameter(
        Float,
        "width of the smoothing of borders, as a share of the longer side",
        default=0.01,
        validate=Range(0, 0.2),
    )


class SplitTile(StackEditModule):
    """Pieces are found by the matches of the tile with other sections.

    A tile whose matches follow one transform, or one smooth bend, is not split: the module says so
    and fails. Matches that follow none of the pieces are left out and counted.
    """

    default_schema = SplitTileParameters
    inputs = ("stack",)

    @property
    def output_stack(self) -> str:
        """The output that is given, else the input with `_split`."""
        if self.in_place:
            return str(self.args["stack"])
        return str(self.args["output_stack"] or f"{self.args['stack']}_split")

    @property
    def output_collection(self) -> str:
        """The collection to write."""
        return str(self.args["output_collection"] or f"{self.args['matchCollection']}_split")

    def role_problems(self) -> list[str]:
        """There is always a name for the output."""
        if self.args["output_stack"] or self.in_place:
            return super().role_problems()
        return []

    def select_zs(self) -> list[float]:
        """The sections to write, among which that of the tile is."""
        zs = super().select_zs()
        stack, name = self.args["stack"], self.args["tileId"]
        found = tiles_with_ids(self.render, stack, [name]).get(name)
        if found is None:
            raise RenderModuleException(f"stack {stack} has no tile {name}")
        self.z = float(found["z"])
        if self.z not in zs:
            raise RenderModuleException(
                f"tile {name} is in section z={self.z:g}, which is not asked for"
            )
        return [self.z] if self.in_place else zs

    def prepare(self) -> None:
        """Find the pieces."""
        self.owner, collection = owner_of_matches(self), self.args["matchCollection"]
        p_groups_of(self.render, self.owner, collection)
        self.local, _ = recorded_transforms(
            self.render, self.owner, collection, self.args["local_transforms"]
        )
        section = read_section(self.render, self.args["stack"], self.z)
        (document,) = (t for t in section.tiles if t["tileId"] == self.args["tileId"])
        self.tile = TileTransforms(document, section.transforms)
        group = (document.get("layout") or {}).get("sectionId")
        self.name: Tile = (group_of(group, self.z), self.args["tileId"])
        pairs = self.pairs_of_tile()
        rules = SplitRules(**{name: self.args[name] for name in (*RULES, "smoothing")})
        points, world, sections, place = self.cross_points(pairs)
        labels = label_matches(points, world, sections, rules)
        self.found = sizes(labels)
        if len(self.found) < 2:
            raise RenderModuleException(
                f"tile {self.name[1]} is not split: {_why_not(len(points), self.found, rules)}"
            )
        width, height = int(document["width"]), int(document["height"])
        self.pieces = piece_map(points, labels, width, height, rules.smoothing)
        self.names = [f"{self.name[1]}{SUFFIX}{number}" for number in sorted(self.found)]
        taken = tiles_with_ids(self.render, self.args["stack"], self.names)
        if taken:
            raise RenderModuleException(
                f"stack {self.args['stack']} has a tile {sorted(taken)[0]} already"
            )
        self.split, self.left_out = self.split_pairs(pairs, labels, place)

    def pairs_of_tile(self) -> list[PairMatches]:
        """Matches of the tile with any other one."""
        try:
            found = renderapi.pointmatch.get_matches_involving_tile(
                self.args["matchCollection"], *self.name, owner=self.owner, render=self.render
            )
        except NotFoundError:
            found = []
        pairs = [PairMatches.from_document(document) for document in found]
        return [pair for pair in pairs if pair.p_tile != pair.q_tile]

    def cross_points(
        self, pairs: list[PairMatches]
    ) -> tuple[Floats, Floats, Any, dict[int, slice]]:
        """Raw pixels of matches with other sections, their places in the world, those sections.

        Also where among them the points of each pair are; pairs of the same section, and with tiles
        that the stack lacks, have none.
        """
        stack = self.args["stack"]
        others = CrossMatches(
            self.render,
            self.owner,
            self.args["matchCollection"],
            stack,
            section_table(self.render, stack),
            self.local,
        )
        points, world = [np.empty((0, 2))], [np.empty((0, 2))]
        sections: list[str] = []
        place: dict[int, slice] = {}
        for index, pair in enumerate(pairs):
            other = pair.q_tile if pair.p_tile == self.name else pair.p_tile
            tiles = others.tiles(other[0], {other[1]})
            if other[1] not in tiles or float(tiles[other[1]].tile["z"]) == self.z:
                continue
            here, there = pair.from_tile(self.name[1])
            points.append(self.tile.backward(here, 0, self.local))
            world.append(tiles[other[1]].forward(there, self.local))
            place[index] = slice(len(sections), len(sections) + len(here))
            sections += [repr(float(tiles[other[1]].tile["z"]))] * len(here)
        return np.concatenate(points), np.concatenate(world), np.array(sections, str), place

    def split_pairs(
        self, pairs: list[PairMatches], labels: Labels, place: Mapping[int, slice]
    ) -> tuple[list[PairMatches], int]:
        """Matches of the pieces, and how many points follow none of them."""
        made: list[PairMatches] = []
        lost = 0
        size = (int(self.tile.tile["width"]), int(self.tile.tile["height"]))
        for index, pair in enumerate(pairs):
            here, there = pair.from_tile(self.name[1])
            other = pair.q_tile if pair.p_tile == self.name else pair.p_tile
            if index in place:
                piece = labels[place[index]]
            else:
                raw = np.nan_to_num(self.tile.backward(here, 0, self.local))
                piece = labels_at(self.pieces, raw, *size)
            lost += int((piece == NONE).sum())
            for number, name in enumerate(self.names):
                chosen = piece == number
                if chosen.any():
                    ends = (here[chosen], there[chosen], pair.w[chosen])
                    made.append(PairMatches.of((self.name[0], name), other, *ends, pair.more))
        return made, lost

    def write_masks(self, document: Any, number: int, width: int, height: int) -> dict[str, str]:
        """URL of the mask of a piece for each mipmap level of the tile, within its own masks."""
        import tifffile

        from renderapi.rendering.pyramid import downsample
        from renderapi.rendering.sources import read_image

        mask = piece_mask(self.pieces, number, width, height)
        urls: dict[str, str] = {}
        for level, entry in image_entries(document, channels=False):
            own = downsample(mask, int(level))
            if entry.get("maskUrl"):
                before = np.asarray(read_image(entry["maskUrl"]))
                if before.shape[:2] != own.shape:
                    raise RenderModuleException(
                        f"the mask of tile {self.name[1]} at level {level} is not of its size"
                    )
                own = np.minimum(own, before.reshape(*own.shape, -1)[..., 0])
            digest = hashlib.blake2b(own.tobytes(), digest_size=4).hexdigest()
            name = f"{quote(self.names[number], safe='')}_level{level}_{digest}.tif"
            path = self.mask_folder(document) / name
            if not path.exists():
                with atomic_path(path) as temporary:
                    tifffile.imwrite(temporary, own, compression="zlib")
            urls[level] = path_to_url(path)
        return urls

    def mask_folder(self, document: Any) -> Path:
        """Where masks go."""
        if self.args["mask_directory"]:
            return Path(self.args["mask_directory"])
        level = first_level(document)
        path = url_to_path(level[1]["imageUrl"]) if level else None
        if path is None:
            raise RenderModuleException(
                f"give mask_directory: the image of tile {self.name[1]} is in no local folder"
            )
        return path.parent

    def edit(self, sections: tuple[Section, ...]) -> Section:
        """The section with the pieces in place of the tile."""
        (section,) = sections
        if section.z != self.z:
            return section
        tiles: list[Json] = []
        for tile in section.tiles:
            if tile["tileId"] != self.name[1]:
                tiles.append(tile)
                continue
            for name, masks in zip(self.names, self.masks, strict=True):
                piece = json.loads(json.dumps(tile)) | {"tileId": name}
                for level, entry in image_entries(piece):
                    if level not in masks:
                        raise RenderModuleException(
                            f"a channel of tile {self.name[1]} has level {level}, which the tile "
                            "does not have"
                        )
                    for key in MASK_KEYS:
                        entry.pop(key, None)
                    entry["maskUrl"] = masks[level]
                tiles.append(piece)
        return replace(section, tiles=tiles)

    def fill(self) -> list[Json]:
        """Write masks, sections, then matches: where these fail the stack stays as it was."""
        document = self.tile.tile
        size = (int(document["width"]), int(document["height"]))
        self.masks = [
            self.write_masks(document, number, *size) for number in range(len(self.names))
        ]
        sections = super().fill()
        self.write_matches()
        return sections

    def write_matches(self) -> None:
        """All matches with those of the pieces in place of those of the tile; or only those."""
        collection, output = self.args["matchCollection"], self.output_collection
        adds = output == collection
        self.pairs_written = len(self.split)
        how = "append" if adds else "replace"
        module = self.module_name()
        with filled(self.render, self.owner, output, how, self.local, module) as target:
            target.write(self.split)
            if adds:
                return
            for group in p_groups_of(self.render, self.owner, collection):
                documents = renderapi.pointmatch.get_matches_with_group(
                    collection, group, owner=self.owner, render=self.render
                )
                pairs = [PairMatches.from_document(document) for document in documents]
                others = [p for p in pairs if self.name not in (p.p_tile, p.q_tile)]
                self.pairs_written += len(others)
                target.write(others)

    def finish(self, sections: list[Json]) -> Json:
        """What the tile was split into."""
        share = [float((self.pieces == number).mean()) for number in range(len(self.names))]
        return {
            "pieces": [
                {"tileId": name, "matches": self.found[k], "share": round(share[k], 4), "masks": m}
                for k, (name, m) in enumerate(zip(self.names, self.masks, strict=True))
            ],
            "points_left_out": self.left_out,
            "output_collection": self.output_collection,
            "pairs_written": self.pairs_written,
        }


def _why_not(count: int, found: Mapping[int, int], rules: SplitRules) -> str:
    if not count:
        return "it has no matches with other sections"
    if not found:
        return (
            f"none of its {count} matches with other sections follow an {rules.model} within "
            f"{rules.max_epsilon:g} px, at least {rules.min_inliers} together"
        )
    return f"its {count} matches with other sections lie on one piece ({found[0]} of them)"


if __name__ == "__main__":
    SplitTile.main()
