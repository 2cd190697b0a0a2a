"""Estimate the distortion of the lens from overlapping tiles, and put it first in their lists.

One transform, shared by all tiles, found together with the places of the tiles: from a calibration
montage, or from the overlaps of ordinary montages. What the matches do not determine is refused
with a reason; the affine part of a lens, which no overlap can show, is left at nothing. The method
is in `lens.py` and docs/alignment.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from argschema.fields import Float, Int, Str
from marshmallow.validate import OneOf, Range

from renderapps.module import (
    RenderModuleException,
    Section,
    StackEditModule,
    StackEditParameters,
    parameter,
)
from renderapps.module.fields import NewFile
from renderapps.module.stack_edit import DryRunParameters
from renderapps.pointmatch.match_collection import MatchCollectionParameters, owner_of_matches

if TYPE_CHECKING:
    from renderapps.alignment.lens_data import LensData

POLYNOMIAL, SPLINE = "polynomial", "thin_plate_spline"


class EstimateLensParameters(MatchCollectionParameters, DryRunParameters, StackEditParameters):
    """Parameters of estimate_lens."""

    input_stack = parameter(
        Str, "stack with the tiles; their transforms have to be affine", aliases=["stack"]
    )
    output_stack = parameter(
        Str, "stack to make, whose tiles have the lens as their first transform", default=None
    )
    model = parameter(
        Str,
        "polynomial, or a thin plate spline, which needs matches all over the image",
        default=POLYNOMIAL,
        validate=OneOf((POLYNOMIAL, SPLINE)),
    )
    order = parameter(Int, "of the polynomial", default=3, validate=Range(2, 5))
    grid = parameter(
        Int, "control points along each side of the spline", default=5, validate=Range(3, 8)
    )
    tile_model = parameter(
        Str,
        "how tiles may lie besides: shifted, or with a turn, scale and shear of their own, which "
        "leaves second order terms of the lens open (they are then left out)",
        default="translation",
        validate=OneOf(("translation", "affine")),
    )
    minimum_pairs = parameter(
        Int, "fewest pairs of tiles with matches", default=8, validate=Range(min=1)
    )
    maximum_standard_error = parameter(
        Float,
        "a lens that is less certain than this anywhere in the image is refused, pixels",
        default=0.5,
        validate=Range(min=0, min_inclusive=False),
    )
    lens_id = parameter(
        Str,
        "id of the shared transform",
        default=None,
        default_text="lens_ and the name of the output stack",
    )
    residual_map = parameter(
        NewFile, "PNG with residuals before and after", default=None, default_text="none is drawn"
    )
    local_transforms = parameter(
        Int,
        "number of leading transforms that the match points were stored after; has to be 0, since "
        "a lens comes first",
        default=None,
        default_text="what the match collection says",
        validate=Range(min=0),
    )


class EstimateLens(StackEditModule):
    """Estimate one lens for all tiles, and write a stack that uses it."""

    default_schema = EstimateLensParameters

    def prepare(self) -> None:
        """Estimate the lens from all sections that are worked on."""
        from renderapps.alignment.lens import UndeterminedLens
        from renderapps.alignment.lens_data import estimated, read_lens_data
        from renderapps.alignment.stored_matches import find_collection

        args = self.args
        collection = find_collection(
            self.render, owner_of_matches(self), args["matchCollection"], 1.0,
            args["local_transforms"],
        )  # fmt: skip
        if collection.after:
            raise RenderModuleException(
                f"the points of match collection {collection.name} were stored after "
                f"{collection.after} transforms; a lens is estimated from pixels of the images: "
                "match with local_transforms 0"
            )
        sections = (self.read(self.input_stacks[0], z) for z in self.select_zs())
        data = read_lens_data(self.render, collection, sections)
        if len(data.points.counts) < args["minimum_pairs"]:
            raise RenderModuleException(
                f"{len(data.points.counts)} pairs of tiles have matches, minimum_pairs is "
                f"{args['minimum_pairs']}: match more tiles or sections"
            )
        name = SPLINE if args["model"] == SPLINE else f"{POLYNOMIAL}{args['order']}"
        try:
            self.fit = estimated(
                data, name, args["grid"], args["tile_model"] == "affine",
                args["maximum_standard_error"],
            )  # fmt: skip
        except UndeterminedLens as error:
            raise RenderModuleException(str(error)) from error
        self.lens_id = args["lens_id"] or f"lens_{args['output_stack'] or self.output_stack}"
        self.spec = self.transform()
        self.told = self.report(data)
        self.output(self.told)

    def transform(self) -> dict[str, Any]:
        """Document of the lens."""
        from renderapps.alignment.lens_data import lens_transform

        return lens_transform(self.fit).to_dict() | {"id": self.lens_id, "type": "leaf"}

    def report(self, data: LensData) -> dict[str, Any]:
        """What the estimate says; what is to be drawn is kept."""
        import numpy as np

        from renderapps.alignment.lens_map import panels_of
        from renderapps.module.result import rounded

        fit, names = self.fit, data.names
        rejected = np.flatnonzero(~fit.accepted)
        x, y = np.meshgrid(*(np.linspace(0, side - 1, 33) for side in data.size))
        sizes = np.hypot(*fit.displacements(np.column_stack([x.ravel(), y.ravel()])).T)
        report: dict[str, Any] = {
            "lens": {"id": self.lens_id, "className": self.spec["className"]},
            "pairs": len(fit.accepted),
            "points": int(data.points.counts.sum()),
            "residual_before": rounded(np.median(fit.before[fit.accepted])),
            "residual_after": rounded(np.median(fit.after[fit.accepted])),
            "standard_error": rounded(fit.standard_error),
            "largest_displacement": rounded(sizes.max()),
            "rejected_pairs": [
                {
                    "pId": names[data.points.first[k]],
                    "qId": names[data.points.second[k]],
                    "residual": rounded(fit.after[k]),
                    "reason": f"misses by {fit.after[k]:.2f} px, many times the usual",
                }
                for k in rejected
            ],
            "warnings": [],
        }
        if fit.after[fit.accepted].mean() > 0.9 * fit.before[fit.accepted].mean():
            report["warnings"].append(
                "the lens explains hardly anything of the residuals: there may be none"
            )
        for text in report["warnings"]:
            self.logger.warning("%s", text)
        self.panels = panels_of(data, fit) if self.args["residual_map"] else None
        return report

    def edit(self, sections: tuple[Section, ...]) -> Section:
        """The tiles of a section, with the lens before all that they have."""
        from renderapi.transform.slices import entries_of

        (section,) = sections
        section.transforms[self.lens_id] = self.spec
        first = {"type": "ref", "refId": self.lens_id}
        for tile in section.tiles:
            tile["transforms"] = {"type": "list", "specList": [first, *entries_of(tile)]}
        return section

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """The estimate, and its picture."""
        from renderapps.alignment.lens_map import draw

        if self.panels is None:
            return self.told
        draw(self.args["residual_map"], self.panels)
        return self.told | {"residual_map": self.args["residual_map"]}


if __name__ == "__main__":
    EstimateLens.main()
