"""Even out the contrast of electron micrographs: new images, and a stack that shows them."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Any

from argschema.fields import Boolean, Float, Int, OutputDir, Str
from marshmallow import ValidationError, validates, validates_schema
from marshmallow.validate import Range

from renderapi.urls import path_to_url, url_to_path
from renderapps.module import RenderModuleException, parameter
from renderapps.module.derived_images import (
    DerivedImage,
    Source,
    flipped,
    make_missing,
    show_alone,
)
from renderapps.module.image_edit import ImageEditModule, holders
from renderapps.module.stack_edit import TileEditParameters
from renderapps.module.tile_documents import Json, first_level
from renderapps.tile.em_contrast import ContrastSettings, even_contrast


class FilterEMParameters(TileEditParameters):
    """Parameters of create_filtered_EM_images."""

    sat_pix = parameter(
        Float,
        "percent of the pixels that become black, and as many white",
        default=0.2,
        validate=Range(0, 50, max_inclusive=False),
    )
    contrast_adjust = parameter(
        Float,
        "contrast about grey 128 that the stretched image is given",
        default=0.85,
        validate=Range(min=0, min_inclusive=False),
    )
    clahe_size = parameter(
        Int,
        "local equalisation (CLAHE): number of cells along each side; more cells, stronger "
        "effect; 0 leaves it out",
        default=90,
        validate=Range(min=0),
    )
    clahe_clip_limit = parameter(
        Float, "its clip limit", default=1.5, validate=Range(min=0, min_inclusive=False)
    )
    vert_flip = parameter(Boolean, "turn the image upside down at the end", default=True)
    invert = parameter(Boolean, "black becomes white, first", default=True)
    bilateral_diameter = parameter(
        Int,
        "diameter of the bilateral filter in pixels; 0 leaves it out",
        default=3,
        validate=Range(min=0),
    )
    sigma_color = parameter(
        Float, "width of the bilateral filter in grey levels", default=20.0, validate=Range(min=0)
    )
    sigma_space = parameter(
        Float, "width of the bilateral filter in pixels", default=20.0, validate=Range(min=0)
    )
    source_find = parameter(
        Str,
        "regular expression in the path of a tile's image; replaced by source_replace it gives "
        "the image to filter, where that is another one",
        default=None,
    )
    source_replace = parameter(Str, "see source_find; \\1: group", default="")
    output_directory = parameter(
        OutputDir,
        "folder of the new images: /data/a.png becomes data/a SUFFIX.tif below",
        default=None,
        default_text="beside the image of the tile",
    )
    suffix = parameter(
        Str,
        "added to the name of the tile's image, before .tif; where that file has other content, "
        "12 digits follow",
        default=None,
        default_text="_flip, or _filtered without vert_flip",
    )
    overwrite = parameter(
        Boolean,
        "make every image again; else those are kept that were made of the same source with the "
        "same settings",
        default=False,
        aliases=["force_redo"],
    )

    @validates("source_find")
    def source_find_is_a_pattern(self, value: str | None, **_: Any) -> None:
        """The regular expression compiles."""
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValidationError(f"not a regular expression: {error}") from None

    @validates_schema
    def replacement_has_a_pattern(self, data: dict[str, Any], **_: Any) -> None:
        """source_replace does nothing alone."""
        if data["source_replace"] and data["source_find"] is None:
            raise ValidationError("needed with source_replace", "source_find")


class FilterEMModule(ImageEditModule):
    """Each tile shows its filtered 8 bit image alone: other levels, made of the old one, go.

    Masks of tiles stay; where the image of the tile itself is turned upside down its mask is too.
    """

    default_schema = FilterEMParameters

    def prepare(self) -> None:
        """Share the settings among the tiles."""
        super().prepare()
        names = ContrastSettings.__dataclass_fields__
        self.contrast = ContrastSettings(**{name: self.args[name] for name in names})

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Filter the images of a tile and its channels."""
        return {"images_made": sum(map(self.filter, holders(tile)))}

    def filter(self, holder: Json) -> int:
        """Filter the first level of a tile or channel, which becomes its only one."""
        found = first_level(holder)
        if found is None:
            raise RenderModuleException("it has no image")
        level, entry = found
        shown = Source.image(entry)
        source = self.source(shown)
        suffix = self.args["suffix"] or ("_flip" if self.contrast.vert_flip else "_filtered")
        target = shown.beside(f"{suffix}.tif", self.args["output_directory"])
        image = DerivedImage(source, {"made": "even contrast", **asdict(self.contrast)}, target)
        paths, made = make_missing(
            {0: image},
            lambda _: [even_contrast(source.read(), self.contrast)],
            self.args["overwrite"],
        )
        mask = None
        if entry.get("maskUrl") and self.contrast.vert_flip and source == shown:
            mask, _ = flipped(Source.mask(entry), target.with_name(f"{target.stem}_mask.tif"))
        show_alone(holder, level, paths[0], mask)
        if "maxIntensity" in holder:
            holder["minIntensity"], holder["maxIntensity"] = 0.0, 255.0
        return made

    def source(self, shown: Source) -> Source:
        """The image to filter, where another one than the tile shows."""
        find = self.args["source_find"]
        if find is None:
            return shown
        path = url_to_path(shown.url)
        text = shown.url if path is None else str(path)
        found, count = re.subn(find, self.args["source_replace"], text)
        if not count:
            raise RenderModuleException(f"source_find is not found in {text}")
        return replace(shown, url=found if path is None else path_to_url(found))


if __name__ == "__main__":
    FilterEMModule.main()
