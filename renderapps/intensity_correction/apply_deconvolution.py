"""Remove the background of the tiles of a section and deconvolve them with a measured PSF."""

from __future__ import annotations

from typing import Any

from renderapps.intensity_correction.corrected_images import CorrectedImagesModule
from renderapps.intensity_correction.deconvolution import deconvolved_image
from renderapps.intensity_correction.deconvolution_parameters import (
    DeconvolutionParameters,
    DeconvolvedStackParameters,
    settings_of,
)
from renderapps.module.image_edit import holders
from renderapps.module.tile_documents import Json


class ApplyDeconvParams(DeconvolutionParameters, DeconvolvedStackParameters):
    """Parameters of apply_deconvolution."""


class ApplyDeconv(CorrectedImagesModule):
    """Every image, of tiles and of their channels, becomes a 16 bit one.

    The image less its grey opening (white top-hat), Richardson-Lucy, divided by scale_factor,
    rounded, cut off at 65535. Beyond their borders images go on mirrored.
    """

    default_schema = ApplyDeconvParams

    def prepare(self) -> None:
        """Read the point spread function."""
        super().prepare()
        self.settings = settings_of(self.args)

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Deconvolve the images of a tile and its channels."""
        return {"images_made": sum(self.deconvolve(h, tile["z"]) for h in holders(tile))}

    def deconvolve(self, holder: Json, z: float) -> int:
        """Deconvolve the image of a tile or channel."""
        settings = self.settings
        return self.correct(holder, z, settings.recipe, lambda p: deconvolved_image(p, settings))


if __name__ == "__main__":
    ApplyDeconv.main()
