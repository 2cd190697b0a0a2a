"""Copy the tiles that touch a box in x, y and z into a new stack."""

from __future__ import annotations

from typing import Any

from argschema.fields import Float, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf

from renderapps.module.display_range import DisplayRangeParameters, range_holders, set_range
from renderapps.module.stack_edit import StackEditModule, TileEditParameters
from renderapps.module.tile_documents import Json, Section
from renderapps.stack.remapping import exact_z, write_tile_specs


class CreateSubvolumeStackParameters(DisplayRangeParameters, TileEditParameters):
    """Parameters of create_subvolume_stack."""

    minX = Float(required=True, metadata={"description": "left side of the box, world pixels"})
    maxX = Float(required=True, metadata={"description": "right side of the box, world pixels"})
    minY = Float(required=True, metadata={"description": "upper side of the box, world pixels"})
    maxY = Float(required=True, metadata={"description": "lower side of the box, world pixels"})
    select = Str(
        load_default="intersects",
        validate=OneOf(("intersects", "inside")),
        metadata={
            "description": "tiles to take: those whose bounding box touches the box, or lies in it"
        },
    )
    directory = OutputDir(
        allow_none=True,
        load_default=None,
        metadata={"description": "folder to write the tile specs to as well, tilespec_ZZZZ.json"},
    )
    scale = Float(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "without effect, since tiles are copied and not drawn; known for "
            "parameter files that have it"
        },
    )

    @validates_schema
    def box_has_sides(self, data: dict[str, Any], **_: Any) -> None:
        """The box is not inside out."""
        for axis in "XY":
            if data[f"min{axis}"] > data[f"max{axis}"]:
                raise ValidationError(f"is above max{axis}", f"min{axis}")


class CreateSubvolumeStack(StackEditModule):
    """Tiles are taken whole; the sections between minZ and maxZ, both included, are looked at."""

    default_schema = CreateSubvolumeStackParameters
    moves_tiles = False

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The tiles of the section that lie in the box."""
        (section,) = sections
        all_tiles = len(section.tiles)
        section.tiles = [tile for tile in section.tiles if self.takes(tile)]
        for tile in section.tiles:
            for holder in range_holders(tile, None):
                set_range(tile, holder, self.args["minIntensity"], self.args["maxIntensity"])
        report: dict[str, Any] = {"tiles_before": all_tiles}
        if self.args["directory"] and section.tiles:
            name = f"tilespec_{exact_z(section.z)}.json"
            report["file"] = write_tile_specs(self.args["directory"], name, section)
        return section, report

    def takes(self, tile: Json) -> bool:
        """Whether a tile belongs to the box."""
        box = self.args
        if self.args["select"] == "inside":
            return (
                box["minX"] <= tile["minX"]
                and tile["maxX"] <= box["maxX"]
                and box["minY"] <= tile["minY"]
                and tile["maxY"] <= box["maxY"]
            )
        return (
            tile["minX"] <= box["maxX"]
            and tile["maxX"] >= box["minX"]
            and tile["minY"] <= box["maxY"]
            and tile["maxY"] >= box["minY"]
        )

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """How many tiles there are in all."""
        return {"total_tiles": sum(entry["tiles"] for entry in sections)}


if __name__ == "__main__":
    CreateSubvolumeStack.main()
