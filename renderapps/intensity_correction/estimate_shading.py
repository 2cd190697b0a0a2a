"""Find the uneven illumination (flat-field) of a channel, and its dark-field, from its tiles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from argschema.fields import Float, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range
from numpy.typing import NDArray

from renderapps.intensity_correction.reference_images import (
    ReferenceImageModule,
    ReferenceImageParameters,
)
from renderapps.intensity_correction.shading import estimate_fields
from renderapps.module import parameter


class EstimateShadingParameters(ReferenceImageParameters):
    """Parameters of estimate_shading."""

    file_prefix = parameter(
        Str, "first part of the names of the images", default="Shading", validate=Length(min=1)
    )
    dark_stack = parameter(
        Str,
        "stack to make with the dark-field: what is added to the light in "
        "each pixel; needs tiles of different brightness",
        default=None,
        default_text="none: there is no dark-field",
    )
    sigma = parameter(
        Float,
        "width of the Gaussian that smooths what a polynomial of order 6 leaves, pixels",
        default=10.0,
        validate=Range(min=0),
    )

    @validates_schema
    def two_stacks(self, data: dict[str, object], **_: object) -> None:
        """Flat-field and dark-field are two stacks."""
        if data["dark_stack"] == data["output_stack"]:
            raise ValidationError("is the output_stack too: name another one", "dark_stack")


class EstimateShading(ReferenceImageModule):
    """The flat-field has the mean 1, the dark-field 0; both are images of 32 bit floats.

    multIntensityCorr takes them as correction_stack and dark_stack. Tiles should show different
    things: what most of them have at the same place is taken for illumination.
    """

    default_schema = EstimateShadingParameters
    outputs = ("output_stack", "dark_stack")
    settings = ("num_images", "sigma")
    made = "shading"

    def reference(self, images: Iterator[NDArray], count: int) -> dict[str, NDArray]:
        """Flat-field and dark-field."""
        wanted = self.args["dark_stack"] is not None
        flat, dark = estimate_fields(images, wanted, self.args["sigma"])
        return {"output_stack": flat.astype(np.float32), "dark_stack": dark.astype(np.float32)}


if __name__ == "__main__":
    EstimateShading.main()
