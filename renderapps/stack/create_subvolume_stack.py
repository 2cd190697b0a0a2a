"""Copy the tiles that touch a box in x, y and z into a new stack."""

from __future__ import annotations

from typing import Any

from argschema.fields import Float, OutputDir, Str
from marshmallow.validate import OneOf

from renderapps.module import parameter
from renderapps.module.box import BoxParameters, box_of
from renderapps.module.display_range import DisplayRangeParameters, range_holders, set_range
from renderapps.module.stack_edit import StackEditModule, TileEditParameters
from renderapps.module.tile_documents import Section
from renderapps.stack.remapping import exact_z, write_tile_specs


class CreateSubvolumeStackParameters(DisplayRangeParameters, BoxParameters, TileEditParameters):
    """Parameters of create_subvolume_stack."""

    select = parameter(
        Str,
        "tiles to take: those whose bounding box touches the box, or lies in it",
        default="intersects",
        validate=OneOf(("intersects", "inside")),
    )
    directory = parameter(
        OutputDir, "folder to write the tile specs to as well, tilespec_ZZZZ.json", default=None
    )
    scale = parameter(
        Float,
        "without effect, since tiles are copied and not drawn; known for parameter files that "
        "have it",
        default=None,
    )


class CreateSubvolumeStack(StackEditModule):
    """Tiles are taken whole; the sections between minZ and maxZ, both included, are looked at."""

    default_schema = CreateSubvolumeStackParameters
    moves_tiles = False

    def prepare(self) -> None:
        """The box, whose sides are those of the stack where they are not given."""
        super().prepare()
        self.box = box_of(self.args, self.render, self.args["input_stack"])

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The tiles of the section that lie in the box."""
        (section,) = sections
        all_tiles = len(section.tiles)
        takes = self.box.holds if self.args["select"] == "inside" else self.box.touches
        section.tiles = [tile for tile in section.tiles if takes(tile)]
        for tile in section.tiles:
            for holder in range_holders(tile, None):
                set_range(tile, holder, self.args["minIntensity"], self.args["maxIntensity"])
        report: dict[str, Any] = {"tiles_before": all_tiles}
        if self.args["directory"] and section.tiles:
            name = f"tilespec_{exact_z(section.z)}.json"
            report["file"] = write_tile_specs(self.args["directory"], name, section)
        return section, report

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """How many tiles there are in all."""
        return {"total_tiles": sum(entry["tiles"] for entry in sections)}


if __name__ == "__main__":
    CreateSubvolumeStack.main()
