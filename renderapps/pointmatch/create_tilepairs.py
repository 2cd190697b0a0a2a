"""List the pairs of tiles that may show the same place, in a section and across sections.

Tiles are neighbours by the boxes they have in the stack, so the stack may be as acquired. The
standard tile-pair file that is written is what the point-match modules and clients read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Float, Int, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Range

import renderapi
from renderapps.module import RenderModule, RenderParameters, ZParameters, parameter
from renderapps.module.fields import NewFile
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_zs

if TYPE_CHECKING:
    from renderapi.matching.neighbours import Layer


class CreateTilePairsParameters(ZParameters, RenderParameters):
    """Parameters of the tile-pair module."""

    stack = parameter(Str, "stack whose tiles are paired", aliases=["input_stack"])
    baseStack = parameter(
        Str,
        "stack that the pair file names for drawing the tiles",
        default=None,
        default_text="stack",
        aliases=["base_stack"],
    )
    tilepair_output = parameter(
        NewFile,
        "file to write: .json, .json.gz or .zip; numbered files _p000, _p001, ... beside it when "
        "there are more than maxPairsPerFile pairs",
        aliases=["tilepair_file", "toJson", "output_file"],
    )
    zNeighborDistance = parameter(
        Float,
        "pairs across sections up to this far apart in z; 0: pairs within sections only",
        default=0.0,
        aliases=["z_neighbor_distance"],
        validate=Range(min=0),
    )
    xyNeighborFactor = parameter(
        Float,
        "a neighbour comes within this times the longer side of a tile of the tile's centre",
        default=0.9,
        aliases=["xy_neighbor_factor"],
        validate=Range(min=0, min_inclusive=False),
    )
    explicitRadius = parameter(
        Float,
        "radius in pixels instead of xyNeighborFactor",
        default=None,
        aliases=["explicit_radius"],
        validate=Range(min=0, min_inclusive=False),
    )
    excludeCornerNeighbors = parameter(
        Boolean,
        "leave out neighbours that touch at a corner only",
        default=True,
        aliases=["exclude_corner_neighbors"],
    )
    excludeSameLayerNeighbors = parameter(
        Boolean,
        "leave out pairs within a z",
        default=False,
        aliases=["exclude_same_layer_neighbors"],
    )
    excludeSameSectionNeighbors = parameter(
        Boolean,
        "leave out pairs within a sectionId",
        default=False,
        aliases=["exclude_same_section_neighbors"],
    )
    excludeCompletelyObscuredTiles = parameter(
        Boolean,
        "leave out tiles that lie wholly under others",
        default=True,
        aliases=["exclude_completely_obscured_tiles"],
    )
    maxPairsPerFile = parameter(
        Int,
        "most pairs in one file",
        default=100_000,
        aliases=["max_pairs_per_file"],
        validate=Range(min=1),
    )

    @validates_schema
    def some_pairs_are_left(self, data: dict[str, Any], **_: Any) -> None:
        """Without pairs within a z there must be pairs across."""
        if data["excludeSameLayerNeighbors"] and data["zNeighborDistance"] == 0:
            raise ValidationError(
                "leaves nothing: zNeighborDistance is 0", "excludeSameLayerNeighbors"
            )


class CreateTilePairs(RenderModule):
    """List the pairs of tiles that may show the same place."""

    default_schema = CreateTilePairsParameters

    def run(self) -> None:
        """Read the boxes section by section and write the pairs."""
        from renderapi.matching.neighbours import NeighbourParameters, neighbour_pairs
        from renderapi.matching.tilepairs import template_url, write_tile_pairs

        args = self.args
        stack = args["stack"]
        zs = chosen_zs(
            stack_zs(self.render, stack), args["zs"], args["minZ"], args["maxZ"], f"stack {stack}"
        )
        parameters = NeighbourParameters(
            xy_factor=args["xyNeighborFactor"],
            radius=args["explicitRadius"],
            z_distance=args["zNeighborDistance"],
            exclude_corners=args["excludeCornerNeighbors"],
            exclude_same_layer=args["excludeSameLayerNeighbors"],
            exclude_same_section=args["excludeSameSectionNeighbors"],
            exclude_obscured=False,  # done while reading, to report what is left out
        )
        self.tiles = 0
        self.alone: set[str] = set()
        self.obscured: list[str] = []
        pairs = neighbour_pairs(self.layers(zs), parameters)
        template = template_url(
            self.render.DEFAULT_OWNER, self.render.DEFAULT_PROJECT, args["baseStack"] or stack
        )
        files, number = write_tile_pairs(
            args["tilepair_output"],
            template,
            self.counted(pairs),
            args["maxPairsPerFile"],
            write_empty=True,
        )
        self.report(files, number, len(zs))

    def layers(self, zs: list[float]) -> Iterator[Layer]:
        """Tiles of each z, without those that lie wholly under others."""
        from renderapi.matching.neighbours import layer_of_bounds, visible_tiles

        for z in zs:
            bounds = renderapi.stack.get_tilebounds_for_z(self.args["stack"], z, render=self.render)
            layer = layer_of_bounds(z, bounds)
            shown = visible_tiles(layer) if self.args["excludeCompletelyObscuredTiles"] else layer
            self.obscured += sorted(set(layer.ids) - set(shown.ids))
            self.tiles += len(layer.ids)
            self.alone.update(shown.ids)
            yield shown

    def counted(self, batches: Iterator[list[Any]]) -> Iterator[list[Any]]:
        """The pairs as they come; their tiles are not alone."""
        for batch in batches:
            for pair in batch:
                self.alone.discard(pair.p_id)
                self.alone.discard(pair.q_id)
            yield batch

    def report(self, files: list[Any], number: int, sections: int) -> None:
        """Write what was found to the output JSON."""
        if self.alone:
            self.logger.warning("%d tiles have no neighbour", len(self.alone))
        self.logger.info("%d pairs of %d tiles in %d sections", number, self.tiles, sections)
        self.output(
            {
                "tilepair_file": self.args["tilepair_output"],
                "tilepair_files": files,
                "pairs": number,
                "tiles": self.tiles,
                "sections": sections,
                "tiles_without_pairs": sorted(self.alone),
                "obscured_tiles": self.obscured,
            }
        )


if __name__ == "__main__":
    CreateTilePairs.main()
