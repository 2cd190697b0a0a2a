"""Deconvolve the tiles of a section, each of their channels with settings of its own."""

from __future__ import annotations

from typing import Any

from argschema.fields import Int, Nested, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

from renderapps.intensity_correction.corrected_images import CorrectedImagesModule, image_of
from renderapps.intensity_correction.deconvolution import DeconvolutionSettings, deconvolved_image
from renderapps.intensity_correction.deconvolution_parameters import (
    DeconvolutionParameters,
    DeconvolvedStackParameters,
    settings_of,
)
from renderapps.module import RenderModuleException, parameter
from renderapps.module.tile_documents import Json, first_level


class ChannelDeconvSettings(DeconvolutionParameters):
    """How the images of one channel are deconvolved."""

    name = parameter(
        Str,
        "the channel; empty: those that no other settings name, and tiles without channels",
        default="",
    )


class ApplyDeconvParams(DeconvolvedStackParameters):
    """Parameters of apply_deconvolution_multi."""

    deconv_settings = parameter(
        Nested, "settings of each channel", ChannelDeconvSettings, many=True, validate=Length(min=1)
    )
    cycle_step_number = parameter(Int, "cycleStepNumber of the output", default=2)

    @validates_schema
    def channels_are_named_once(self, data: dict[str, Any], **_: Any) -> None:
        """Two settings of one channel contradict each other."""
        names = [given["name"] for given in data.get("deconv_settings") or ()]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValidationError(
                f"channel {double or '(empty)'} is there twice", "deconv_settings"
            )


class ApplyDeconv(CorrectedImagesModule):
    """As apply_deconvolution, channel by channel.

    The tile itself shows what has become of the channel whose image it showed; where it showed
    another one, that is deconvolved with the settings of the empty name. A channel without settings
    is an error.
    """

    default_schema = ApplyDeconvParams

    def prepare(self) -> None:
        """Read the point spread functions."""
        super().prepare()
        given = self.args["deconv_settings"]
        self.settings = {channel["name"]: settings_of(channel) for channel in given}

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Deconvolve the channels of a tile, and let it show its own one of them."""
        own = image_of(tile)
        made, replaced = 0, None
        for channel in tile.get("channels") or ():
            is_own = own is not None and image_of(channel) == own
            made += self.deconvolve(channel, channel["name"], tile["z"])
            if is_own and replaced is None:
                replaced = channel["mipmapLevels"]
        if replaced is not None:
            mask = _mask_of(tile)
            ((level, entry),) = replaced.items()
            tile["mipmapLevels"] = {level: {**entry, **mask}}
        elif own is not None or not tile.get("channels"):
            made += self.deconvolve(tile, "", tile["z"])
        return {"images_made": made}

    def deconvolve(self, holder: Json, channel: str, z: float) -> int:
        """Deconvolve the image of a channel, or of a tile (empty name)."""
        settings = self.settings_for(channel)
        return self.correct(holder, z, settings.recipe, lambda p: deconvolved_image(p, settings))

    def settings_for(self, channel: str) -> DeconvolutionSettings:
        """The settings of a channel, else those of the empty name."""
        found = self.settings.get(channel, self.settings.get(""))
        if found is None:
            what = f"channel {channel}" if channel else "the image of the tile itself"
            known = ", ".join(self.settings)
            raise RenderModuleException(
                f"deconv_settings has nothing for {what}: it has {known}; add it, or an entry "
                "with an empty name for all others"
            )
        return found


def _mask_of(tile: Json) -> Json:
    found = first_level(tile)
    entry = {} if found is None else found[1]
    return {key: value for key, value in entry.items() if key.startswith("mask") and value}


if __name__ == "__main__":
    ApplyDeconv.main()
