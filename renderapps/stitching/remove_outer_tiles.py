"""Drop the tiles on the rim of each section, which show neighbouring sections or bare resin."""

from __future__ import annotations

from typing import Any

from argschema.fields import Float, Int, OutputDir, Str
from marshmallow.validate import Range

from renderapps.module import Section, StackEditModule, StackEditParameters, parameter


class RemoveOuterTilesParameters(StackEditParameters):
    """Parameters of remove_outer_tiles."""

    inputStack = parameter(Str, "stack to read", aliases=["input_stack", "stack"])
    outputStack = parameter(
        Str, "stack to make, of the tiles within", default=None, aliases=["output_stack"]
    )
    jsonDirectory = parameter(
        OutputDir,
        "folder to write the kept tile specs to, one file per section",
        default=None,
        aliases=["json_directory"],
    )
    edge_threshold = parameter(
        Float,
        "tiles whose centres are farther apart than this are no neighbours, pixels",
        default=None,
        default_text="all that touch or overlap, corners aside, are",
        validate=Range(min=0, min_inclusive=False),
    )
    min_neighbors = parameter(
        Int,
        "tiles with fewer neighbours beside, above and below them are outer; "
        "with 4 or more also those that lack a neighbour on one of the four sides",
        default=4,
        validate=Range(min=1),
    )
    rim_layers = parameter(
        Int, "how many layers of outer tiles to take off", default=1, validate=Range(min=1)
    )


class RemoveOuterTiles(StackEditModule):
    """Sides are those of the tiles themselves, so that sections may be turned.

    Tiles without a neighbour are outer. A section of which nothing is left is named, and not in the
    output.
    """

    default_schema = RemoveOuterTilesParameters
    inputs = ("inputStack",)
    outputs = ("outputStack",)
    moves_tiles = False

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section without its rim."""
        from renderapps.alignment.placed_outlines import outlines_of
        from renderapps.alignment.rim import rim_tiles, side_neighbours
        from renderapps.stitching.kept_tiles import write_kept

        (section,) = sections
        placed = outlines_of(section)
        neighbours = side_neighbours(placed.polygons, placed.corners, self.args["edge_threshold"])
        outer = rim_tiles(neighbours, self.args["min_neighbors"], self.args["rim_layers"])
        outer |= placed.skipped
        kept = [tile for tile in section.tiles if tile["tileId"] not in outer]
        report: dict[str, Any] = {
            "dropped": [{"tileId": tile, "reason": reason} for tile, reason in outer.items()]
        }
        if not kept:
            report["warning"] = f"section z={section.z:g} has outer tiles only"
        elif self.args["jsonDirectory"]:
            folder = self.args["jsonDirectory"]
            report["file"] = write_kept(folder, self.output_stack, section.z, kept)
        return Section(section.z, kept, section.transforms), report

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """Sections of which nothing is left."""
        warnings = [entry["warning"] for entry in sections if "warning" in entry]
        for line in warnings:
            self.logger.warning(line)
        return {"warnings": warnings}


if __name__ == "__main__":
    RemoveOuterTiles.main()
