"""Even out the illumination of the tiles of a section by a flat-field image."""

from __future__ import annotations

from typing import Any

from argschema.fields import Float, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Range
from numpy.typing import NDArray

from renderapps.intensity_correction.corrected_images import (
    CorrectedImagesModule,
    CorrectionParameters,
    image_of,
)
from renderapps.intensity_correction.flat_field import as_type, flattened
from renderapps.module import RenderModuleException, Section, parameter
from renderapps.module.derived_images import Source
from renderapps.module.image_edit import holders
from renderapps.module.tile_documents import Json, first_level

Field = tuple[Source, NDArray]
OWN = ""  # the image of the tile itself, which has no name


class MultIntensityCorrParams(CorrectionParameters):
    """Parameters of multIntensityCorr."""

    input_stack = parameter(Str, "stack to correct", aliases=["inputStack"])
    correction_stack = parameter(
        Str,
        "stack whose first tile in the section has the flat-field image (see "
        "make_median, estimate_shading), of each channel where it has channels",
        aliases=["correctionStack"],
    )
    dark_stack = parameter(
        Str,
        "stack with dark-field images, which are subtracted first (see estimate_shading)",
        default=None,
    )
    scale_factor = parameter(
        Float, "divide the result by this", default=1.0, validate=Range(min=0, min_inclusive=False)
    )
    clip_min = parameter(
        Float, "least value of the result", default=None, default_text="that of the pixel type"
    )
    clip_max = parameter(
        Float, "greatest value of the result", default=None, default_text="that of the pixel type"
    )

    @validates_schema
    def limits_are_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The limits leave something between them."""
        low, high = data["clip_min"], data["clip_max"]
        if low is not None and high is not None and low >= high:
            raise ValidationError(f"not below clip_max {high:g}", "clip_min")


class MultIntensityCorr(CorrectedImagesModule):
    """I becomes G = I max(F) / (F + 0.0001), times mean(I) / mean(G), in the type of I.

    F is the flat-field of the section. Channels are corrected by the channel of the same name of
    the correction stack, or by its image where that has no channels.
    """

    default_schema = MultIntensityCorrParams
    tile_inputs = 1

    @property
    def input_stacks(self) -> list[str]:
        """The stack, and those of the fields."""
        names = ("input_stack", "correction_stack", "dark_stack")
        return [self.args[name] for name in names if self.args[name]]

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with corrected images, by the fields of the same z."""
        section, flat, *dark = sections
        self.flats = _fields(flat, self.args["correction_stack"])
        self.darks = _fields(dark[0], self.args["dark_stack"]) if dark else {}
        return super().edit((section,))

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Correct the images of a tile and its channels."""
        own = image_of(tile)
        names = {image_of(c): c["name"] for c in reversed(tile.get("channels") or ())}
        made = 0
        for holder in holders(tile):
            name = names.get(own, OWN) if holder is tile else holder["name"]
            made += self.flatten(holder, name, tile["z"])
        return {"images_made": made}

    def flatten(self, holder: Json, channel: str, z: float) -> int:
        """Correct the image of a tile or channel."""
        source, flat = _field(self.flats, channel, self.args["correction_stack"])
        recipe: dict[str, Any] = {"made": "flattened", "flat": source.identity()}
        dark = None
        if self.darks:
            source, dark = _field(self.darks, channel, self.args["dark_stack"])
            recipe["dark"] = source.identity()
        names = ("scale_factor", "clip_min", "clip_max")
        recipe |= {name: self.args[name] for name in names}

        def change(pixels: NDArray) -> NDArray:
            values = flattened(pixels, flat, dark) / self.args["scale_factor"]
            return as_type(values, pixels.dtype, self.args["clip_min"], self.args["clip_max"])

        return self.correct(holder, z, recipe, change)


def _fields(section: Section, stack: str) -> dict[str, Field]:
    """The images of the first tile of a section, by channel, read once."""
    if not section.tiles:
        raise RenderModuleException(f"stack {stack} has no tiles at z={section.z:g}")
    found: dict[str, Field] = {}
    for holder in holders(section.tiles[0]):
        level = first_level(holder)
        if level is not None:
            source = Source.image(level[1])
            found[holder.get("name", OWN)] = source, source.read()
    if not found:
        raise RenderModuleException(f"tile {section.tiles[0]['tileId']} of {stack} has no image")
    return found


def _field(fields: dict[str, Field], channel: str, stack: str) -> Field:
    """The field of a channel; the one of the tile where that is the only one."""
    if channel in fields:
        return fields[channel]
    if len(fields) == 1 and OWN in fields:
        return fields[OWN]
    raise RenderModuleException(
        f"stack {stack} has no image for {f'channel {channel}' if channel else 'the tile itself'}"
    )


if __name__ == "__main__":
    MultIntensityCorr.main()
