"""Import a site of an ATLAS 5 project, placed over light microscopy by stage coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Boolean, Float, InputFile, Int, Str
from marshmallow.validate import OneOf, Range
from numpy.typing import NDArray

from renderapps.cross_modal_registration.atlas_sites import (
    AtlasProject,
    Placing,
    Site,
    acquired_file,
    read_atlas_project,
    ribbon_number,
)
from renderapps.module import (
    OutputStack,
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    Section,
    TaskFailure,
    parameter,
    written,
)
from renderapps.module.derived_images import DerivedImage, Source, make_missing
from renderapps.module.output_parameters import WrittenStackParameters
from renderapps.module.report import ReportSchema
from renderapps.module.stacks import stack_zs, version_of
from renderapps.module.tile_documents import read_section
from renderapps.TrakEM2.exporting import tiles_in_box

Json = dict[str, Any]
Job = tuple[Path, Path, Path]


class ImportAtlasSchema(WrittenStackParameters, ParallelParameters, RenderParameters):
    """Parameters of import_atlas_project."""

    project_path = parameter(InputFile, "project file, .a5proj")
    LM_dataset_name = parameter(
        Str, "name of the light microscopy data set in the project", default="test"
    )
    site_name = parameter(Str, "name of the set of sites to import")
    output_stack = parameter(Str, "stack to make")
    LM_stack = parameter(
        Str, "stack of light microscopy that was exported to ATLAS", default="ACQDAPI_1"
    )
    make_tiles = parameter(
        Boolean,
        "make the images that tiles show: 8 bit, upside down, inverted, with "
        "masks of what has data",
        default=False,
    )
    flip = parameter(
        Boolean, "tiles show these images; else what the microscope wrote", default=True
    )
    placement = parameter(
        Str,
        "exact, or the places of older imports, which are off by about the height of a tile",
        default="exact",
        validate=OneOf(("exact", "as_before")),
    )
    short_names = parameter(
        Boolean,
        "names of images lack the last four characters of the tile's name, as "
        "older imports made them",
        default=False,
    )
    ribbon = parameter(
        Int,
        "number of the ribbon: sectionId is 1000 times it plus the section",
        default=None,
        default_text="from the name of the project's folder",
        validate=Range(min=0),
    )
    LM_pixel_size = parameter(
        Float,
        "micrometres per pixel of LM_stack",
        default=0.107,
        validate=Range(min=0, min_inclusive=False),
    )
    pixel_size = parameter(
        Float,
        "pixel size noted in the layout of tiles",
        default=0.03,
        validate=Range(min=0, min_inclusive=False),
    )
    scopeId = parameter(Str, "microscope, for the layout", default="Gemini")
    cameraId = parameter(Str, "camera, for the layout", default="SEM3nm5K")


class ImportAtlasProject(RenderModule):
    """Each tile lies where its stage coordinates are in the LM tile nearest to it.

    Sites without data, or of sections that LM_stack lacks, are named in the output JSON.
    """

    default_schema = ImportAtlasSchema
    default_output_schema = ReportSchema

    def run(self) -> None:
        """Read the project, place its tiles, make their images if asked, write the stack."""
        path = Path(self.args["project_path"]).absolute()
        lm_stack = self.args["LM_stack"]
        project = read_atlas_project(path, self.args["LM_dataset_name"], self.args["site_name"])
        ribbon = self.args["ribbon"]
        ribbon = ribbon_number(path) if ribbon is None else ribbon
        lm = self.lm_sections(lm_stack)
        sections: dict[float, Section] = {}
        skipped: list[Json] = []
        jobs: list[Job] = []
        for site in project.sites:
            self.place(
                project, site, str(1000 * ribbon + site.section_index), lm, sections, skipped
            )
            jobs += self.jobs(site)
        if not sections:
            reason = f": {skipped[0]['reason']}" if skipped else ""
            raise RenderModuleException(
                f"no site of {self.args['site_name']} in {path} gives tiles{reason}"
            )
        images = self.make_images(jobs) if self.args["make_tiles"] else 0
        self.write(sections, f"{self.module_name()} from {path.name}", lm_stack)
        self.output(self.written | {"skipped_sites": skipped, "images": images})

    def lm_sections(self, stack: str) -> dict[str, tuple[float, list[Mapping[str, Any]]]]:
        """z and tiles with stage coordinates of LM sections, by sectionId."""
        found: dict[str, tuple[float, list[Mapping[str, Any]]]] = {}
        for z in stack_zs(self.render, stack):
            for tile in tiles_in_box(read_section(self.render, stack, z), None):
                layout = tile.get("layout") or {}
                if layout.get("stageX") is not None and layout.get("stageY") is not None:
                    found.setdefault(str(layout.get("sectionId")), (z, []))[1].append(tile)
        if not found:
            raise RenderModuleException(f"no tile of stack {stack} has stage coordinates")
        return found

    def placing(self) -> Placing:
        """How the parameters say tiles are placed."""
        args = self.args
        return Placing(
            args["LM_pixel_size"],
            args["flip"],
            args["placement"] == "exact",
            args["scopeId"],
            args["cameraId"],
            args["pixel_size"],
            args["short_names"],
        )

    def place(
        self,
        project: AtlasProject,
        site: Site,
        section_id: str,
        lm: Mapping[str, tuple[float, list[Mapping[str, Any]]]],
        sections: dict[float, Section],
        skipped: list[Json],
    ) -> None:
        """Add the tiles of a site to the sections, or the site to what was skipped."""
        if site.mosaic is None or not site.mosaic.tiles:
            skipped.append({"site": site.name, "reason": "it has no acquired data"})
            return
        if section_id not in lm:
            reason = f"stack {self.args['LM_stack']} has no section {section_id}"
            skipped.append({"site": site.name, "reason": reason})
            return
        z, lm_tiles = lm[section_id]
        section = sections.setdefault(z, Section(z))
        placing = self.placing()
        for node in site.mosaic.tiles:
            tile = placing.tile(project, site.mosaic, node, lm_tiles, z, section_id)
            section.tiles.append(tile)

    def jobs(self, site: Site) -> list[Job]:
        """Acquired image, image and mask of every tile of a site."""
        if site.mosaic is None or not self.args["flip"]:
            return []
        placing, folder = self.placing(), site.mosaic.folder
        jobs = []
        for node in site.mosaic.tiles:
            image, mask = placing.files(folder, node["Name"])
            jobs.append((acquired_file(folder, node["Name"]), image, mask or image))
        return jobs

    def make_images(self, jobs: list[Job]) -> int:
        """Make the images and masks; how many tiles have them."""
        results = self.map_tasks(make_tile_masks, jobs, "making images")
        failed = [r for r in results if isinstance(r, TaskFailure)]
        if failed:
            raise RenderModuleException(
                f"images of {len(failed)} of {len(jobs)} tiles cannot be made; {failed[0].reason}"
            )
        return len(jobs)

    def write(self, sections: Mapping[float, Section], notes: str, like: str) -> None:
        """Write the stack."""
        zs = sorted(sections)
        output = OutputStack(
            self.render,
            self.args["output_stack"],
            zs,
            version_of(self.render, like, notes),
            existing=self.args["existing"],
            state="COMPLETE" if self.args["close_stack"] else "LOADING",
        )
        with written([output], self.module_name()):
            for z in zs:
                output.write(sections[z])
        self.written = output.report() | {
            "sections": [{"z": z, "tiles": len(sections[z].tiles)} for z in zs]
        }


def make_tile_masks(job: Job) -> None:
    """Make the image and the mask of a tile beside what was acquired, unless they are there.

    The image is 8 bit (16 bit values divided by 257), upside down and inverted; the mask is 255
    where the acquired value is above 1.
    """
    acquired, image, mask = job
    if not acquired.is_file():
        raise RenderModuleException(f"no file {acquired}")
    source = Source(acquired.as_uri())
    wanted = {
        "image": DerivedImage(source, {"made": "8 bit, upside down, inverted"}, image),
        "mask": DerivedImage(source, {"made": "mask above 1, upside down"}, mask),
    }
    pixels: list[NDArray] = []

    def make(keys: Any) -> Any:
        pixels.append(source.read()[::-1])
        for key in keys:
            yield inverted_8_bit(pixels[0]) if key == "image" else mask_of(pixels[0])

    paths, _ = make_missing(wanted, make)
    for key, target in (("image", image), ("mask", mask)):
        if paths[key] != target:
            raise RenderModuleException(
                f"{target} is another image already: move it away, or change short_names"
            )


def inverted_8_bit(pixels: NDArray) -> NDArray[np.uint8]:
    """Grey values with white and black exchanged; 16 bit ones divided by 257."""
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise RenderModuleException(f"images of ATLAS have 8 or 16 bit, not {pixels.dtype}")
    return 255 - pixels


def mask_of(pixels: NDArray) -> NDArray[np.uint8]:
    """255 where there are data: values above 1."""
    return np.where(pixels > 1, 255, 0).astype(np.uint8)


if __name__ == "__main__":
    ImportAtlasProject.main()
