"""Estimate a good display range for each section from the histograms of some of its images."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from argschema.fields import Float, Int, List, OutputDir
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range

from renderapps.module import parameter
from renderapps.module.display_range import range_holders, set_range
from renderapps.module.effort import IMAGES
from renderapps.module.output_parameters import ReplacingParameters
from renderapps.module.stack_edit import StackEditModule, TileEditParameters
from renderapps.module.tile_documents import Json, Section, first_level
from renderapps.stack.levels import (
    PowerLaw,
    histogram,
    median_range,
    percentile_range,
    power_law_range,
)
from renderapps.stack.remapping import exact_z, write_tile_specs


class AutoSetStackLevelsParameters(ReplacingParameters, TileEditParameters):
    """Parameters of auto_set_stack_levels."""

    output_directory = parameter(
        OutputDir, "folder to write the tile specs to as well, STACK_ZZZZZ.json", default=None
    )
    samples = parameter(
        Int,
        "number of tiles to look at in each section, all different",
        default=10,
        validate=Range(min=1),
    )
    seed = parameter(
        Int,
        "seed of the choice of tiles; the same seed chooses the same",
        default=0,
        validate=Range(min=0),
    )
    bin_width = parameter(
        Int,
        "width of the bins of the histogram, grey values",
        default=128,
        validate=Range(min=1, max=8192),
    )
    log_cut = parameter(
        Float,
        "natural logarithm of the count at which the range ends",
        default=4.0,
        validate=Range(min=0),
    )
    margin = parameter(
        Float,
        "how far the minimum lies below the most frequent grey value",
        default=500.0,
        validate=Range(min=0),
    )
    least_r_squared = parameter(
        Float,
        "poorest fit (R squared) of the power law that is believed",
        default=0.5,
        validate=Range(0, 1),
    )
    percentiles = parameter(
        List,
        "percentiles of the grey values to take where the power law does not fit, as with 8 bit "
        "images",
        Float(validate=Range(0, 100)),
        default=lambda: [0.1, 99.9],
        default_text="0.1 99.9",
        validate=Length(equal=2),
    )

    @validates_schema
    def percentiles_rise(self, data: dict[str, Any], **_: Any) -> None:
        """The lower percentile comes first."""
        if data["percentiles"][0] >= data["percentiles"][1]:
            raise ValidationError("the first is not below the second", "percentiles")


class AutoSetStackLevels(StackEditModule):
    """The bright side of a histogram falls like a power of the grey value; the maximum is where
    that law comes down to exp(log_cut) pixels, the minimum `margin` below the fullest bin.

    A section gets the medians over its sampled tiles, each channel its own.
    """

    default_schema = AutoSetStackLevelsParameters
    effort = IMAGES
    moves_tiles = False

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with the estimated range on its tiles and channels."""
        (section,) = sections
        ranges = self.estimate(section)
        for tile in section.tiles:
            for holder in range_holders(tile, None):
                # a channel is told by its name, the tile itself by None
                if found := ranges.get(holder.get("name")):
                    set_range(tile, holder, found["minIntensity"], found["maxIntensity"])
        report: dict[str, Any] = {
            "ranges": [{"channel": name} | found for name, found in ranges.items()]
        }
        if self.args["output_directory"]:
            name = f"{self.output_stack}_{exact_z(section.z, 5)}.json"
            report["file"] = write_tile_specs(self.args["output_directory"], name, section)
        return section, report

    def estimate(self, section: Section) -> dict[str | None, Json]:
        """Range of each channel (None: the tiles themselves), with how it was found."""
        rng = np.random.default_rng([self.args["seed"], zlib.crc32(repr(section.z).encode())])
        count = min(self.args["samples"], len(section.tiles))
        chosen = sorted(rng.choice(len(section.tiles), count, replace=False).tolist())
        found: dict[str | None, list[tuple[tuple[float, float], str]]] = {}
        for index in chosen:
            for holder in range_holders(section.tiles[index], None):
                if level := first_level(holder):
                    found.setdefault(holder.get("name"), []).append(self.range_of(level[1]))
        return {name: _summary(ranges) for name, ranges in found.items()}

    def range_of(self, image: Json) -> tuple[tuple[float, float], str]:
        """Range of one image, and the method that gave it."""
        from renderapi.rendering.sources import read_image

        pixels = read_image(
            image["imageUrl"], image.get("imageLoaderType"), image.get("imageSliceNumber")
        )
        names = ("bin_width", "log_cut", "margin", "least_r_squared")
        law = PowerLaw(**{name: self.args[name] for name in names})
        fitted = power_law_range(*histogram(pixels, law.bin_width), law)
        if fitted is not None:
            return fitted, "power law"
        low, high = self.args["percentiles"]
        return percentile_range(pixels, (low, high)), "percentiles"


def _summary(ranges: list[tuple[tuple[float, float], str]]) -> Json:
    low, high = median_range(r for r, _ in ranges)
    methods = [method for _, method in ranges]
    return {
        "minIntensity": low,
        "maxIntensity": high,
        "samples": len(ranges),
        "by_power_law": methods.count("power law"),
    }


if __name__ == "__main__":
    AutoSetStackLevels.main()
