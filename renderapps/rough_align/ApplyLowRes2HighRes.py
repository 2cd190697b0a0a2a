"""Move the tiles of full resolution sections as their low resolution pictures were aligned."""

from __future__ import annotations

from typing import Any

import numpy as np
from argschema.fields import Boolean, Float, List, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Range

from renderapi.transform.specs import affine_spec, flatten
from renderapps.module import OutputStack, RenderModuleException, Section, parameter
from renderapps.module.stack_edit import StackEditModule, TileEditParameters
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import Json
from renderapps.rough_align.low_resolution import RenderedFrom, recorded
from renderapps.stack.affine import append_reference
from renderapps.stack.remapping import exact_z, write_tile_specs

CYCLE = {"cycleNumber": 11, "cycleStepNumber": 1}
RANGE = (0.0, 100000000.0)


class ApplyLowRes2HighResParameters(TileEditParameters):
    """Parameters of ApplyLowRes2HighRes."""

    input_stack = parameter(
        Str,
        "full resolution stack to move, in the world of prealigned_stack",
        aliases=["inputStack"],
    )
    prealigned_stack = parameter(Str, "stack of which the low resolution pictures were made")
    lowres_stack = parameter(Str, "aligned low resolution stack, one tile in each section")
    output_stack = parameter(Str, "stack to make", aliases=["outputStack"])
    tilespec_directory = parameter(
        OutputDir, "folder for the tile specs, tilespec_ZZZZ.json by the new z"
    )
    scale = parameter(
        Float,
        "pixels of the low resolution pictures for each world pixel; what is "
        "recorded with a low resolution tile (label lowres_scale) counts more",
        default=0.01,
        validate=Range(min=0, min_inclusive=False),
    )
    minZ = parameter(Float, "lowest z of input_stack", default=RANGE[0], aliases=["zmin", "minz"])
    maxZ = parameter(Float, "highest z of input_stack", default=RANGE[1], aliases=["zmax", "maxz"])
    zs = parameter(
        List,
        "z values of input_stack, with their new_zs",
        Float(),
        default=None,
        default_text="all between minZ and maxZ",
        aliases=["old_z", "zValues"],
    )
    new_zs = parameter(
        List,
        "z in lowres_stack, and in the output, of each section that is moved",
        Float(),
        default=None,
        default_text="as recorded with the low resolution tiles (label lowres_z), else 0, "
        "1, 2, ...",
        aliases=["new_z"],
    )
    apply_scale = parameter(
        Boolean,
        "the transforms of lowres_stack lead to full resolution coordinates; "
        "false: to reduced ones, of the low resolution pictures",
        default=True,
    )
    remap_section_ids = parameter(Boolean, "let sectionId be the new z", default=False)
    skip_missing = parameter(
        Boolean,
        "leave out sections that lowres_stack does not have; default: refuse",
        default=False,
    )

    @validates_schema
    def one_selection(self, data: dict[str, Any], **_: Any) -> None:
        """Sections are named one by one or as a range; the range has defaults here."""
        low, high = data["minZ"], data["maxZ"]
        if data["zs"] is not None and (low, high) != RANGE:
            raise ValidationError("give zs, or minZ and maxZ, not both", "zs")
        if low > high:
            raise ValidationError(f"minZ {low:g} is above maxZ {high:g}", "minZ")

    @validates_schema
    def sections_can_be_paired(self, data: dict[str, Any], **_: Any) -> None:
        """New z values are as many as old ones, and once each."""
        zs, new = data["zs"], data["new_zs"]
        if data["lowres_stack"] == data["input_stack"]:
            raise ValidationError("is the input_stack: name the aligned pictures", "lowres_stack")
        if new is not None and len(set(new)) < len(new):
            raise ValidationError("two sections would get the same z", "new_zs")
        if zs is not None and len(set(zs)) < len(zs):
            raise ValidationError("a z is there twice", "zs")
        if new is not None and zs is not None and len(new) != len(zs):
            raise ValidationError(f"has {len(new)} values, zs {len(zs)}", "new_zs")


class ApplyLowRes2HighRes(StackEditModule):
    """Each tile keeps its transforms; a shared one of its section follows them.

    With (minX, minY) the corner of what was drawn (labels lowres_minX and lowres_minY of the low
    resolution tile, else the bounds of the section in prealigned_stack): moved by -(minX, minY),
    scaled by `scale`, then the transforms of the low resolution tile, of any kind.
    """

    default_schema = ApplyLowRes2HighResParameters
    tile_inputs = 1

    @property
    def input_stacks(self) -> list[str]:
        """The stack to move, and what says how."""
        names = ("input_stack", "lowres_stack", "prealigned_stack")
        return list(dict.fromkeys(self.args[name] for name in names))

    def select_zs(self) -> list[float]:
        """The sections to move; `new_z` says where each of them goes."""
        if not hasattr(self, "new_z"):
            self.pair_sections()
        return sorted(self.new_z)

    def pair_sections(self) -> None:
        """Find the low resolution section of each section."""
        chosen = self.args["zs"] if self.args["zs"] is not None else super().select_zs()
        super().select_zs()  # refuses z values that are not there
        there = stack_zs(self.render, self.args["lowres_stack"])
        new = self.args["new_zs"]
        if new is None:
            pairs = self.recorded_pairs(there) or dict(
                zip(chosen, map(float, range(len(chosen))), strict=True)
            )
        elif len(new) != len(chosen):
            raise RenderModuleException(
                f"new_zs has {len(new)} values, but {len(chosen)} sections of "
                f"{self.args['input_stack']} are to be moved"
            )
        else:
            pairs = dict(zip(chosen, new, strict=True))
        missing = [z for z in chosen if pairs.get(z) not in there]
        if missing and not self.args["skip_missing"]:
            z = missing[0]
            raise RenderModuleException(
                f"lowres_stack {self.args['lowres_stack']} has no section for z={z:g}"
                f"{'' if z not in pairs else f' at z={pairs[z]:g}'} ({len(missing)} of "
                f"{len(chosen)} are missing): give skip_missing to leave them out"
            )
        self.new_z = {z: pairs[z] for z in chosen if z not in missing}
        self.skipped = [
            {"z": z, "reason": f"lowres_stack {self.args['lowres_stack']} has no section for it"}
            for z in missing
        ]
        if not self.new_z:
            raise RenderModuleException(
                f"lowres_stack {self.args['lowres_stack']} has none of the sections"
            )

    def recorded_pairs(self, zs: list[float]) -> dict[float, float]:
        """New z of each section by what is recorded with every low resolution tile, if it is."""
        pairs = {}
        for new in zs:
            tile, _ = self.low_resolution(self.read(self.args["lowres_stack"], new))
            source = recorded(tile).z
            if source is None:
                return {}
            pairs[source] = new
        return pairs

    def output_z(self, z: float) -> float:
        """The z of the low resolution section."""
        return self.new_z[z]

    def input_z(self, stack: str, z: float) -> float:
        """Low resolution sections are at the new z."""
        return self.new_z[z] if stack == self.args["lowres_stack"] else z

    def output_of(self, role: str, stack: str) -> OutputStack:
        """The output, recorded as a step of the processing."""
        output = super().output_of(role, stack)
        output.version |= CYCLE
        return output

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section moved, behind one shared transform."""
        by_name = dict(zip(self.input_stacks, sections, strict=True))
        section = by_name[self.args["input_stack"]]
        lowres = by_name[self.args["lowres_stack"]]
        tile, known = self.low_resolution(lowres)
        known = self.completed(known, by_name[self.args["prealigned_stack"]])
        new_z = self.new_z[section.z]
        name = free_id(f"{self.args['lowres_stack']}_{exact_z(new_z)}", section)
        moved = flatten(tile.get("transforms") or {"type": "list"}, lowres.transforms)
        section.transforms[name] = {
            "id": name,
            "type": "list",
            "specList": section_transforms(moved, known, self.args["apply_scale"]),
        }
        for document in section.tiles:
            append_reference(document, name)
            document["z"] = new_z
            if self.args["remap_section_ids"]:
                document["layout"] = {**(document.get("layout") or {}), "sectionId": f"{new_z}"}
        file = write_tile_specs(
            self.args["tilespec_directory"], f"tilespec_{exact_z(new_z)}.json", section
        )
        corner = {"scale": known.scale, "minX": known.minX, "minY": known.minY}
        return section, {"new_z": new_z, "lowres_tile": tile["tileId"], "file": file, **corner}

    def low_resolution(self, section: Section) -> tuple[Json, RenderedFrom]:
        """The one tile of a low resolution section, and what is recorded with it."""
        if len(section.tiles) != 1:
            raise RenderModuleException(
                f"lowres_stack {self.args['lowres_stack']} has {len(section.tiles)} tiles at "
                f"z={section.z:g}: there must be one"
            )
        return section.tiles[0], recorded(section.tiles[0])

    def completed(self, known: RenderedFrom, prealigned: Section) -> RenderedFrom:
        """What is not recorded, from `scale` and the bounds of the section."""
        return RenderedFrom(
            self.args["scale"] if known.scale is None else known.scale,
            min(t["minX"] for t in prealigned.tiles) if known.minX is None else known.minX,
            min(t["minY"] for t in prealigned.tiles) if known.minY is None else known.minY,
        )

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """The sections that were left out."""
        return {"skipped_sections": self.skipped}


def section_transforms(
    aligned: list[Json], drawn: RenderedFrom, to_full_resolution: bool
) -> list[Json]:
    """What follows the transforms of every tile of a section.

    With D the shift by -(minX, minY), S the scaling and L what aligned the picture: D, S, L where L
    leads to full resolution coordinates, else D, S, L, S^-1. D and S are one affine.
    """
    scale, x, y = drawn.scale or 1.0, drawn.minX or 0.0, drawn.minY or 0.0
    into_picture = affine_spec(np.array([[scale, 0, -scale * x], [0, scale, -scale * y]]))
    back = [] if to_full_resolution else [affine_spec(np.diag([1 / scale, 1 / scale, 1.0]))]
    return [into_picture, *aligned, *back]


def free_id(wanted: str, section: Section) -> str:
    """An id that no shared transform of a section has."""
    name, number = wanted, 1
    while name in section.transforms:
        number += 1
        name = f"{wanted}_{number}"
    return name


if __name__ == "__main__":
    ApplyLowRes2HighRes.main()
