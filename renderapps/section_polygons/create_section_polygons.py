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
from renderapps.module import SectionModule, SectionParameters
from renderapps.section_polygons.glue_lines import LineSearch, find_glue_lines
from renderapps.section_polygons.outlines import between_lines, tissue_outline
from renderapps.section_polygons.polygon_files import (
    Json,
    polygon_name,
    read_document,
    roi_of,
    write_polygon,
)
from renderapps.section_polygons.section_images import SectionImage, section_image, write_overlay

GLUE, TISSUE = "glue", "tissue"


class CreateSectionPolygonsParameters(SectionParameters):
    """Parameters of create_section_polygons."""

    stack = Str(
        required=True,
        metadata={
            "description": "stack that the images were drawn of, each the bounds of its section",
            "aliases": ["input_stack"],
        },
    )
    sectionImageDir = InputDir(
        required=True,
        metadata={
            "description": "folder of the images: 00012.tiff (also .tif, .png, .jpg) for z=12, or "
            "as render_section_images writes them",
            "aliases": ["section_image_dir"],
        },
    )
    polygon_dir = OutputDir(
        required=True,
        metadata={"description": "folder to write polygon_00012.json to (for z=12)"},
    )
    isHorizontal = Boolean(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "whether the glue lines run from left to right (true) or from top to "
            "bottom (false)",
            "default_text": "none: it must be given where outline is glue",
            "aliases": ["is_horizontal"],
        },
    )
    outline = Str(
        load_default=GLUE,
        validate=OneOf((GLUE, TISSUE)),
        metadata={
            "description": "glue: what two bright parallel lines enclose; tissue: the outline of "
            "the largest piece of tissue",
        },
    )
    image_path = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "where in sectionImageDir the image of a section is, with {z}, "
            "{z:05d}, {project}, {stack}, {thousands} and {hundreds} filled in",
            "default_text": "the usual names",
        },
    )
    drho = Float(
        allow_none=True,
        load_default=None,
        validate=Range(min=0, min_inclusive=False),
        metadata={
            "description": "least distance of the two lines, pixels of the image",
            "default_text": "200, and a quarter of the image at most",
        },
    )
    dtheta = Float(
        load_default=1.0,
        validate=Range(0, 45),
        metadata={"description": "largest difference of the tilts of the two lines, degrees"},
    )
    max_tilt = Float(
        load_default=18.0,
        validate=Range(0, 40, min_inclusive=False),
        metadata={"description": "largest tilt of the lines, degrees"},
    )
    line_width = Float(
        allow_none=True,
        load_default=None,
        validate=Range(min=1),
        metadata={
            "description": "greatest thickness of a line, pixels of the image",
            "default_text": "4 % of the image",
        },
    )
    min_coverage = Float(
        load_default=0.6,
        validate=Range(0, 1, min_inclusive=False),
        metadata={
            "description": "part of its length on which a line has to be brighter than both sides"
        },
    )
    tissue_threshold = Float(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "grey value between tissue and background",
            "default_text": "that of Otsu for each image",
        },
    )
    dark_tissue = Boolean(
        load_default=False,
        metadata={"description": "the tissue is darker than the background (0 is no data)"},
    )
    tolerance = Float(
        load_default=2.0,
        validate=Range(min=0),
        metadata={"description": "how far the outline of tissue may be simplified, pixels"},
    )
    smoothing = Float(
        allow_none=True,
        load_default=None,
        validate=Range(0, 200),
        metadata={
            "description": "half the width of cracks and threads of tissue to close, pixels",
            "default_text": "0.4 % of the image",
        },
    )
    plot = Boolean(
        load_default=False,
        metadata={
            "description": "also write the outline over its image, to polygon_dir/overlays",
            "aliases": ["overlay"],
        },
    )
    overwrite_reviewed = Boolean(
        load_default=False,
        metadata={
            "description": "replace polygons that somebody has reviewed, too; they are kept else"
        },
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
