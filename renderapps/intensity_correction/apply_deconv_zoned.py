"""Deconvolve the tiles of a section zone by zone, where the PSF varies over the field."""

from __future__ import annotations

from typing import Any

import numpy as np
from argschema.fields import Boolean, InputFile, Int
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Range
from numpy.typing import NDArray

from renderapps.intensity_correction.corrected_images import CorrectedImagesModule
from renderapps.intensity_correction.deconvolution import (
    require_fit,
    require_grey,
    to_16_bit,
    without_background,
)
from renderapps.intensity_correction.deconvolution_parameters import (
    DeconvolutionParameters,
    DeconvolvedStackParameters,
)
from renderapps.intensity_correction.point_spread import fingerprint, read_psf
from renderapps.intensity_correction.zones import ZoneGrid, deconvolved_by_zones, zone_psfs
from renderapps.module import RenderModuleException, parameter
from renderapps.module.image_edit import holders
from renderapps.module.tile_documents import Json

RECIPE = ("num_iter", "bgrd_size", "scale_factor", "zone_size", "zone_overlap")
OF_ESTIMATE = ("bgrd_size_psf", "blind_iterations")


class ApplyDeconvZonedParams(DeconvolutionParameters, DeconvolvedStackParameters):
    """Parameters of apply_deconv_zoned."""

    psf_file = parameter(
        InputFile,
        "image of the measured point spread function, grey, its centre in the "
        "middle (odd sizes); or a TIFF of many, one for each zone, column by column, top to "
        "bottom",
    )
    zone_size = parameter(Int, "side of the zones, pixels", default=128, validate=Range(min=8))
    zone_overlap = parameter(
        Int,
        "least overlap of zones, over which they are blended, pixels",
        default=10,
        validate=Range(min=0),
    )
    estimate_psf = parameter(
        Boolean,
        "find a point spread function for each zone of each image by blind "
        "deconvolution, which starts from that of psf_file",
        default=False,
    )
    blind_iterations = parameter(
        Int,
        "with estimate_psf: iterations of the blind deconvolution",
        default=10,
        validate=Range(min=1),
    )
    psf_size = parameter(
        Int,
        "with estimate_psf: start from a flat square of this side instead of "
        "psf_file; 21 is a good one",
        default=None,
        validate=Range(min=3),
    )
    bgrd_size_psf = parameter(
        Int,
        "with estimate_psf: bgrd_size for it; where bgrd_size is 0 there is "
        "no background removal at all",
        default=20,
        validate=Range(0, 2000),
    )

    @validates_schema
    def zones_are_larger_than_their_overlap(self, data: dict[str, Any], **_: Any) -> None:
        """Zones go forward, and what is for the estimate is not given without it."""
        if 2 * data["zone_overlap"] > data["zone_size"]:
            raise ValidationError("is more than half of zone_size", "zone_overlap")
        if data["psf_size"] is not None and not data["estimate_psf"]:
            raise ValidationError("is for estimate_psf", "psf_size")


class ApplyDeconvZoned(CorrectedImagesModule):
    """As apply_deconvolution, in zones of zone_size pixels, of which the last ends at the border.

    Each zone is deconvolved with what surrounds it, by the point spread function of psf_file, by
    its own one there, or by one that is found in the image (estimate_psf); then zones are blended.
    """

    default_schema = ApplyDeconvZonedParams

    def prepare(self) -> None:
        """Read the point spread functions and say what the images depend on."""
        super().prepare()
        args = self.args
        self.psf = read_psf(args["psf_file"])
        if args["psf_size"] is not None:
            self.psf = np.full((args["psf_size"],) * 2, args["psf_size"] ** -2.0)
        if args["estimate_psf"] and self.psf.ndim == 3:
            raise RenderModuleException(
                f"psf_file {args['psf_file']} has {len(self.psf)} point spread functions: "
                "estimate_psf starts from one"
            )
        self.grid = ZoneGrid((args["zone_size"],) * 2, (args["zone_overlap"],) * 2)
        names = RECIPE + (OF_ESTIMATE if args["estimate_psf"] else ())
        self.recipe = {"made": "deconvolved by zones", "psf": fingerprint(self.psf)}
        self.recipe |= {name: args[name] for name in names}

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Deconvolve the images of a tile and its channels."""
        made = (self.correct(h, tile["z"], self.recipe, self.deconvolve) for h in holders(tile))
        return {"images_made": sum(made)}

    def deconvolve(self, pixels: NDArray) -> NDArray[np.uint16]:
        """The image of a tile or channel, deconvolved."""
        args, image, psf = self.args, require_grey(pixels), self.psf
        require_fit(image, psf[0] if psf.ndim == 3 else psf)
        if args["estimate_psf"]:
            radius = args["bgrd_size"] and args["bgrd_size_psf"]
            seen = without_background(image, radius)
            psf = zone_psfs(seen, psf, args["blind_iterations"], self.grid)
        sharp = without_background(image, args["bgrd_size"])
        sharp = deconvolved_by_zones(sharp, psf, args["num_iter"], self.grid)
        return to_16_bit(sharp, args["scale_factor"])


if __name__ == "__main__":
    ApplyDeconvZoned.main()
