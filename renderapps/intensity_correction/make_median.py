"""Find the illumination of a channel: the median of all its tiles, pixel by pixel, smoothed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from argschema.fields import Float, Str
from marshmallow.validate import Length, Range
from numpy.typing import NDArray

from renderapps.intensity_correction.flat_field import as_type
from renderapps.intensity_correction.reference_images import (
    ReferenceImageModule,
    ReferenceImageParameters,
)
from renderapps.module import parameter
from renderapps.module.pixel_statistics import across_images


class MakeMedianParams(ReferenceImageParameters):
    """Parameters of make_median."""

    file_prefix = parameter(
        Str, "first part of the names of the images", default="Median", validate=Length(min=1)
    )
    sigma = parameter(
        Float,
        "width of the Gaussian that smooths the median, pixels",
        default=10.0,
        validate=Range(min=0),
    )


class MakeMedian(ReferenceImageModule):
    """The median of an even number of images is the mean of the middle two.

    It is smoothed as float64, then rounded to the pixel type of the images. They are read once and
    held in a temporary file of their size (see TMPDIR), so that memory does not grow with their
    number.
    """

    default_schema = MakeMedianParams
    settings = ("num_images", "sigma")
    made = "median"

    def reference(self, images: Iterator[NDArray], count: int) -> dict[str, NDArray]:
        """The smoothed median."""
        first = next(images)
        median = across_images(chain([first], images))
        return {"output_stack": as_type(smoothed(median, self.args["sigma"]), first.dtype)}


def smoothed(image: NDArray, sigma: float) -> NDArray[np.float64]:
    """Gaussian of the image, which goes on mirrored beyond its borders, in float64."""
    from scipy.ndimage import gaussian_filter

    values = image.astype(np.float64)
    return gaussian_filter(values, sigma) if sigma else values


if __name__ == "__main__":
    MakeMedian.main()
