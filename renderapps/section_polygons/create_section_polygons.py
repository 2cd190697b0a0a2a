"""Find the outline of each section: between its two lines of glue, or around its tissue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Boolean, Float, InputDir, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf, Range
from numpy.typing import NDArray

import renderapi
from renderapps.module import SectionModule, SectionParameters, parameter
from renderapps.module.effort import IMAGES
from renderapps.pointmatch.polygon_files import (
    Json,
    polygon_name,
    read_document,
    roi_of,
    write_polygon,
)
from renderapps.section_polygons.glue_lines import LineSearch, find_glue_lines
from renderapps.section_polygons.outlines import between_lines, tissue_outline
from renderapps.section_polygons.section_images import SectionImage, section_image, write_overlay

GLUE, TISSUE = "glue", "tissue"


class CreateSectionPolygonsParameters(SectionParameters):
    """Parameters of create_section_polygons."""

    stack = parameter(
        Str,
        "stack that the images were drawn of, each the bounds of its section",
        aliases=["input_stack"],
    )
    sectionImageDir = parameter(
        InputDir,
        "folder of the images: 00012.tiff (also .tif, .png, .jpg) for z=12, or "
        "as render_section_images writes them",
        aliases=["section_image_dir"],
    )
    polygon_dir = parameter(OutputDir, "folder to write polygon_00012.json to (for z=12)")
    isHorizontal = parameter(
        Boolean,
        "whether the glue lines run from left to right (true) or from top to bottom (false)",
        default=None,
        default_text="none: it must be given where outline is glue",
        aliases=["is_horizontal"],
    )
    outline = parameter(
        Str,
        "glue: what two bright parallel lines enclose; tissue: the outline of "
        "the largest piece of tissue",
        default=GLUE,
        validate=OneOf((GLUE, TISSUE)),
    )
    image_path = parameter(
        Str,
        "where in sectionImageDir the image of a section is, with {z}, "
        "{z:05d}, {project}, {stack}, {thousands} and {hundreds} filled in",
        default=None,
        default_text="the usual names",
    )
    drho = parameter(
        Float,
        "least distance of the two lines, pixels of the image",
        default=None,
        default_text="200, and a quarter of the image at most",
        validate=Range(min=0, min_inclusive=False),
    )
    dtheta = parameter(
        Float,
        "largest difference of the tilts of the two lines, degrees",
        default=1.0,
        validate=Range(0, 45),
    )
    max_tilt = parameter(
        Float,
        "largest tilt of the lines, degrees",
        default=18.0,
        validate=Range(0, 40, min_inclusive=False),
    )
    line_width = parameter(
        Float,
        "greatest thickness of a line, pixels of the image",
        default=None,
        default_text="4 % of the image",
        validate=Range(min=1),
    )
    min_coverage = parameter(
        Float,
        "part of its length on which a line has to be brighter than both sides",
        default=0.6,
        validate=Range(0, 1, min_inclusive=False),
    )
    tissue_threshold = parameter(
        Float,
        "grey value between tissue and background",
        default=None,
        default_text="that of Otsu for each image",
    )
    dark_tissue = parameter(
        Boolean, "the tissue is darker than the background (0 is no data)", default=False
    )
    tolerance = parameter(
        Float,
        "how far the outline of tissue may be simplified, pixels",
        default=2.0,
        validate=Range(min=0),
    )
    smoothing = parameter(
        Float,
        "half the width of cracks and threads of tissue to close, pixels",
        default=None,
        default_text="0.4 % of the image",
        validate=Range(0, 200),
    )
    plot = parameter(
        Boolean,
        "also write the outline over its image, to polygon_dir/overlays",
        default=False,
        aliases=["overlay"],
    )
    overwrite_reviewed = parameter(
        Boolean,
        "replace polygons that somebody has reviewed, too; they are kept else",
        default=False,
    )

    @validates_schema
    def direction(self, data: dict[str, Any], **_: Any) -> None:
        """Lines have a direction."""
        if data.get("outline") == GLUE and data.get("isHorizontal") is None:
            raise ValidationError("needed to find glue lines: true or false", "isHorizontal")


class CreateSectionPolygons(SectionModule):
    """A polygon file for each section, in world pixels, with how sure it is.

    Where only one glue line is found the section is taken to be the larger part of the image, and
    where none is, the whole image; `lines_found` in the file and the report says so: look at these
    with review_section_polygons.
    """

    default_schema = CreateSectionPolygonsParameters
    effort = IMAGES
    stack = "stack"

    def process_section(self, z: float) -> Json:
        """Find and write the outline of a section."""
        path = Path(self.args["polygon_dir"]) / polygon_name(z)
        earlier = (read_document(path) or {}) if path.exists() else {}
        if earlier.get("reviewed") and not self.args["overwrite_reviewed"]:
            return {"file": path, "written": False, "reason": "it is reviewed"}
        stack = self.args["stack"]
        bounds = renderapi.stack.get_bounds_from_z(stack, z, render=self.render)
        where = section_image(
            Path(self.args["sectionImageDir"]).resolve(),
            z,
            self.render.DEFAULT_PROJECT,
            stack,
            self.args["image_path"],
        )
        image = SectionImage.read(where, bounds)
        ring, found = self.outline(image)
        document = {
            "z": int(z) if z == int(z) else z,
            "filepath": str(where),
            "bounds": bounds,
            "roi": roi_of(image.to_world(ring).tolist()),
            **found,
            "reviewed": False,
        }
        write_polygon(path, document)
        if self.args["plot"]:
            overlay = path.parent / "overlays" / path.with_suffix(".png").name
            write_overlay(overlay, image, ring)
            found["overlay"] = overlay
        return {"file": path, "written": True, **found}

    def outline(self, image: SectionImage) -> tuple[NDArray[np.float64], Json]:
        """Ring in the pixels of an image, and what the file says about it."""
        args, (height, width) = self.args, image.grey.shape
        if args["outline"] == TISSUE:
            tissue = tissue_outline(
                image.grey,
                args["tissue_threshold"],
                args["dark_tissue"],
                args["tolerance"],
                args["smoothing"],
            )
            return tissue.ring, {
                "outline": TISSUE,
                "confidence": round(tissue.confidence, 4),
                "components": tissue.components,
                "share_of_image": round(tissue.share, 4),
            }
        search = LineSearch(
            args["drho"], args["dtheta"], args["max_tilt"], args["line_width"], args["min_coverage"]
        )
        lines = find_glue_lines(image.grey, args["isHorizontal"], search)
        confidence = min((line.coverage for line in lines), default=0.0) * len(lines) / 2
        return between_lines(lines, width, height, args["isHorizontal"]), {
            "outline": GLUE,
            "lines_found": len(lines),
            "confidence": round(confidence, 4),
        }

    def finish(self, sections: list[Json]) -> Json:
        """Which sections somebody should look at."""
        glue = [entry for entry in sections if entry.get("outline") == GLUE]
        return {
            "polygon_dir": self.args["polygon_dir"],
            "one_line_zs": [entry["z"] for entry in glue if entry["lines_found"] == 1],
            "no_line_zs": [entry["z"] for entry in glue if entry["lines_found"] == 0],
            "kept_reviewed_zs": [entry["z"] for entry in sections if not entry["written"]],
        }


if __name__ == "__main__":
    CreateSectionPolygons.main()
