"""Give the sections of a stack warps that were made elsewhere: relative maps, `[2, z, y, x]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Float, InputFile, List, Str
from marshmallow.validate import Length, OneOf, Range

from renderapps.alignment.export_maps import DIRECTIONS
from renderapps.module import RenderModuleException, Section, parameter
from renderapps.module.stack_edit import StackEditModule, TileEditParameters

BESIDE = "as the .json beside the map says, else"


class ImportMapsParameters(TileEditParameters):
    """Parameters of import_maps."""

    map_file = parameter(InputFile, "file with the array, .npy")
    map_zs = parameter(
        List,
        "z of each section of the map",
        Float(),
        default=None,
        default_text=f"{BESIDE} the sections of input_stack in their order",
    )
    origin = parameter(
        List,
        "x, y of the first node, pixels of the map",
        Float(),
        default=None,
        default_text=f"{BESIDE} 0, 0",
        validate=Length(equal=2),
    )
    stride = parameter(
        Float,
        "distance of the nodes, pixels of the map",
        default=None,
        default_text=f"{BESIDE} it must be given",
        validate=Range(min=0, min_inclusive=False),
    )
    scale = parameter(
        Float,
        "pixels of the map for each world pixel",
        default=None,
        default_text=f"{BESIDE} 1",
        validate=Range(min=0, min_inclusive=False),
    )
    direction = parameter(
        Str,
        "forward: from where a point was to where it goes; inverse: back",
        default=None,
        default_text=f"{BESIDE} forward",
        validate=OneOf(DIRECTIONS),
    )


class ImportMaps(StackEditModule):
    """The warp of each section becomes one shared transform at the end of the lists of its tiles.

    Nodes that are NaN are filled in from around. Sections that the map does not have stay as they
    are, and are listed.
    """

    default_schema = ImportMapsParameters

    def prepare(self) -> None:
        """Read the map and what describes it; what is given counts more."""
        from renderapps.alignment.map_files import read_description, read_map

        path = Path(self.args["map_file"])
        values, beside = read_map(path), read_description(path)
        about = {
            key: beside.get(key) if self.args[key] is None else self.args[key]
            for key in ("origin", "stride", "scale", "direction")
        }
        if about["stride"] is None:
            raise RenderModuleException(
                f"nothing says how far apart the nodes of {path} are: give stride"
            )
        zs = self.args["map_zs"] or beside.get("zs")
        if zs is None:
            zs = self.zs
        if len(zs) != values.shape[1]:
            raise RenderModuleException(
                f"{path} has {values.shape[1]} sections, and {len(zs)} z values belong to it: give "
                "map_zs"
            )
        self.place = {float(z): k for k, z in enumerate(zs)}
        missing = sorted(set(self.zs) - self.place.keys())
        if len(missing) == len(self.zs):
            raise RenderModuleException(
                f"{path} has none of the sections of stack {self.z_stack}: give map_zs"
            )
        self.without = missing
        self.scale = float(about["scale"] or 1.0)
        self.stride = float(about["stride"])
        self.origin = tuple(float(v) for v in about["origin"] or (0.0, 0.0))
        self.backward = about["direction"] == "inverse"

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with its warp."""
        from renderapi.matching.flow_grids import filled
        from renderapps.alignment.map_files import inverted, read_map
        from renderapps.alignment.section_warps import Field, folded, give_warp
        from renderapps.rough_align.ApplyLowRes2HighRes import free_id

        (section,) = sections
        if section.z not in self.place:
            return section, {"warp": None, "reason": "the map has no such section"}
        values = read_map(Path(self.args["map_file"]))[:, self.place[section.z]]
        shift = np.asarray(values, np.float64)
        unknown = int(np.isnan(shift).any(0).sum())
        if unknown == shift[0].size:
            return section, {"warp": None, "reason": "all nodes of the map are unknown"}
        shift[:, np.isnan(shift).any(0)] = np.nan
        shift = np.moveaxis(filled(np.moveaxis(shift, 0, -1)), -1, 0)
        scale = self.scale
        origin = (self.origin[0] / scale, self.origin[1] / scale)
        field = Field(origin, self.stride / scale, shift / scale)
        if self.backward:
            field = inverted(field)
            field = field._replace(
                shift=np.moveaxis(filled(np.moveaxis(field.shift, 0, -1)), -1, 0)
            )
        name = free_id(f"map_{self.output_stack}_{section.z:g}", section)
        give_warp(section, name, field)
        return section, {
            "warp": name,
            "unknown_nodes": unknown,
            "largest_shift": round(float(np.hypot(*field.shift).max()), 4),
            "folded_cells": folded(field.shift, field.stride),
        }

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """The sections that the map does not have."""
        return {"sections_without_map": self.without}


if __name__ == "__main__":
    ImportMaps.main()
