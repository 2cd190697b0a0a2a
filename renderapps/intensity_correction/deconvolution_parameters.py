"""The parameters that say how images are deconvolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argschema.fields import Boolean, Float, InputFile, Int
from argschema.schemas import DefaultSchema
from marshmallow.validate import Range

from renderapps.intensity_correction.corrected_images import CorrectionParameters
from renderapps.intensity_correction.deconvolution import DeconvolutionSettings
from renderapps.intensity_correction.point_spread import read_psf
from renderapps.module import RenderModuleException, parameter


class DeconvolutionParameters(DefaultSchema):
    """How images are deconvolved."""

    psf_file = parameter(
        InputFile,
        "image of the measured point spread function, grey, much smaller than "
        "the tiles, its centre in the middle (odd sizes); it is divided by its sum",
    )
    num_iter = parameter(Int, "iterations of Richardson-Lucy", default=20, validate=Range(min=1))
    bgrd_size = parameter(
        Int,
        "radius in pixels of the disk by which the background is found (white "
        "top-hat); 0 leaves it in",
        default=20,
        validate=Range(0, 2000),
    )
    scale_factor = parameter(
        Float,
        "divide the result by this, to keep bright spots within 16 bit",
        default=1.0,
        validate=Range(min=0, min_inclusive=False),
    )


class DeconvolvedStackParameters(CorrectionParameters):
    """Parameters of every deconvolution of sections."""

    close_stack = parameter(
        Boolean,
        "set the output stack to COMPLETE at the end; else it is LOADING, for the next section",
        default=False,
    )


def settings_of(given: Mapping[str, Any]) -> DeconvolutionSettings:
    """The settings that parameters mean, with the one point spread function of their file."""
    psf = read_psf(given["psf_file"])
    if psf.ndim == 3:
        raise RenderModuleException(
            f"psf_file {given['psf_file']} has {len(psf)} images: here one is used for all; "
            "apply_deconv_zoned takes one for each zone"
        )
    names = ("num_iter", "bgrd_size", "scale_factor")
    return DeconvolutionSettings(psf, **{name: given[name] for name in names})
