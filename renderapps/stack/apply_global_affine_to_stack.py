"""Append one affine transform to every tile of a stack: shift, scale, rotate or fit it globally."""

from __future__ import annotations

from typing import Any

from renderapps.module.stack_edit import InPlaceEditParameters, StackEditModule
from renderapps.module.tile_documents import Section
from renderapps.stack.affine import (
    AffineNumbers,
    affine_document,
    append_reference,
    determinant,
    require_free_id,
)


class ApplyAffineParameters(AffineNumbers, InPlaceEditParameters):
    """Parameters of apply_global_affine_to_stack."""


class ApplyAffine(StackEditModule):
    """The affine x' = M00 x + M01 y + B0, y' = M10 x + M11 y + B1 becomes a shared transform.

    Applied twice it counts twice, under two ids.
    """

    default_schema = ApplyAffineParameters
    in_place_by_default = True

    def prepare(self) -> None:
        """The id must be new in the stack: another transform of that id is in use."""
        require_free_id(self.render, self.args["input_stack"], self.args["transformId"])
        for line in self.warnings():
            self.logger.warning(line)

    def warnings(self) -> list[str]:
        """What users should know about the affine."""
        mirrors = determinant(self.args) < 0
        return ["the affine mirrors the stack (its determinant is negative)"] if mirrors else []

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """The transform, and what there is to say about it."""
        return {"transform": affine_document(self.args), "warnings": self.warnings()}

    def edit(self, sections: tuple[Section, ...]) -> Section:
        """The section with a reference to the affine at the end of every tile."""
        (section,) = sections
        transform = self.args["transformId"]
        for tile in section.tiles:
            append_reference(tile, transform)
        section.transforms[transform] = affine_document(self.args)
        return section


if __name__ == "__main__":
    ApplyAffine.main()
