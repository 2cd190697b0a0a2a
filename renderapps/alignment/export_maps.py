"""Write the warps of the sections of a stack as relative coordinate maps, `[2, z, y, x]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Float, Str
from marshmallow.validate import OneOf, Range

from renderapps.module import (
    RenderModule,
    RenderModuleException,
    RenderParameters,
    ZParameters,
    parameter,
)
from renderapps.module.fields import NewFile
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import read_section

DIRECTIONS = ("forward", "inverse")


class ExportMapsParameters(ZParameters, RenderParameters):
    """Parameters of export_maps."""

    input_stack = parameter(
        Str,
        "stack whose sections end in a warp, as align_sections_fine makes it",
        aliases=["stack"],
    )
    map_file = parameter(NewFile, "file to write, .npy; what describes it goes beside it, .json")
    scale = parameter(
        Float,
        "pixels of the volume that the map is for, for each world pixel",
        default=1.0,
        validate=Range(min=0, min_inclusive=False),
    )
    direction = parameter(
        Str,
        "forward: from where a point was to where it goes; inverse: back, as resampling needs it",
        default="forward",
        validate=OneOf(DIRECTIONS),
    )


class ExportMaps(RenderModule):
    """The convention is that of SOFIMA: relative, x first, float32, NaN where nothing is known."""

    default_schema = ExportMapsParameters

    def run(self) -> None:
        """Read the warps, check that they share one grid, and write."""
        from renderapps.alignment.map_files import MapDescription, inverted, write_map
        from renderapps.alignment.section_warps import field_of, finer, same_span

        stack = self.args["input_stack"]
        zs = chosen_zs(
            stack_zs(self.render, stack),
            self.args["zs"],
            self.args["minZ"],
            self.args["maxZ"],
            f"stack {stack}",
        )
        path = Path(self.args["map_file"])
        if path.suffix != ".npy":
            raise RenderModuleException(f"map_file {path} must end in .npy")
        fields = {z: field_of(read_section(self.render, stack, z)) for z in zs}
        there = [(z, field) for z, field in fields.items() if field is not None]
        if not there:
            raise RenderModuleException(
                f"no section of stack {stack} ends in a warp: was it made by align_sections_fine?"
            )
        like = min((field for _, field in there), key=lambda field: field.stride)
        for z, field in there:
            if not same_span(field, like):
                raise RenderModuleException(
                    f"the warps of z={there[0][0]:g} and z={z:g} of stack {stack} are on other "
                    "grids: export them to files of their own (zs)"
                )
        # a section that is torn has a finer grid; the others are the same field on that one
        fields = {z: None if f is None else finer(f, like) for z, f in fields.items()}
        scale, inverse = self.args["scale"], self.args["direction"] == "inverse"
        values = np.zeros((2, len(zs), *like.shift.shape[1:]), np.float32)
        for k, z in enumerate(zs):
            warp = fields[z]
            if warp is not None:
                values[:, k] = (inverted(warp) if inverse else warp).shift * scale
        origin = (like.origin[0] * scale, like.origin[1] * scale)
        about = MapDescription(zs, origin, like.stride * scale, scale, self.args["direction"])
        write_map(path, values, about)
        self.output(self.report(path, values, about, [z for z in zs if fields[z] is None]))

    def report(self, path: Path, values: Any, about: Any, without: list[float]) -> dict[str, Any]:
        """What was written."""
        return {
            "map_file": str(path),
            "shape": list(values.shape),
            "zs": about.zs,
            "origin": list(about.origin),
            "stride": about.stride,
            "scale": about.scale,
            "direction": about.direction,
            "sections_without_warp": without,
            "unknown_nodes": int(np.isnan(values[0]).sum()),
        }


if __name__ == "__main__":
    ExportMaps.main()
