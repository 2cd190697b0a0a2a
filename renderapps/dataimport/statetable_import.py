"""The import of a statetable: mipmaps first, then tiles, then the stacks are closed.

This is what create_fast_stacks and its multi-channel version share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import orjson
from argschema.fields import Boolean, Float, InputDir, InputFile, Int, Str
from marshmallow import Schema
from marshmallow.validate import OneOf, Range

import renderapi
from renderapi.files import atomic_write
from renderapi.urls import path_to_url
from renderapps.dataimport.image_headers import ImageHeader, read_headers
from renderapps.dataimport.reduced_images import (
    FORMATS,
    LevelSpec,
    few_grey_levels,
    write_levels,
)
from renderapps.dataimport.statetable import StateRow, read_statetable
from renderapps.dataimport.statetable_tiles import Levels, PlannedTile, ProjectFolders, TileMaker
from renderapps.dataimport.tile_upload import Upload, sections_of
from renderapps.module import (
    OutputStack,
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    parameter,
)
from renderapps.module.derived_images import Source
from renderapps.module.display_range import ImportedRangeParameters, checked_range
from renderapps.module.output_parameters import AppendedStackParameters
from renderapps.module.tile_documents import Json

LARGEST_8_BIT = 255.0


class StatetableParameters(
    ImportedRangeParameters, AppendedStackParameters, ParallelParameters, RenderParameters
):
    """Parameters of an import of a statetable."""

    statetableFile = parameter(InputFile, "CSV table with one line for each raw image")
    projectDirectory = parameter(InputDir, "folder below which mipmaps and tile JSON are written")
    outputStackPrefix = parameter(Str, "start of the names of the stacks", default="ACQ")
    dataOutputFolder = parameter(
        Str, "folder below projectDirectory for what is made", default="processed"
    )
    zstack = parameter(Int, "focal plane to import", default=0)
    levels = parameter(
        Int, "make mipmap levels 1 to this one; 0 makes none", default=3, validate=Range(0, 30)
    )
    convert_to_8bit = parameter(
        Boolean,
        "divide 16 bit images by 256 for their mipmaps; 8 bit images are kept as they are",
        default=True,
    )
    image_format = parameter(
        Str,
        "format of the mipmaps; jpg holds 8 bit only",
        default=None,
        default_text="jpg, or tif without convert_to_8bit",
        validate=OneOf(FORMATS),
    )
    force_redo = parameter(Boolean, "make mipmaps again that are there", default=False)
    section_thickness_nm = parameter(
        Float,
        "distance of sections, for the resolution of the stacks",
        default=None,
        default_text="unknown",
        validate=Range(min=0, min_inclusive=False),
    )
    scope = parameter(Str, "microscope, for the layout", default="Leica")
    camera = parameter(Str, "camera, for the layout", default="zyla")


class StatetableImport(RenderModule):
    """Import a statetable: write `planned_tiles(rows)`.

    Attributes
    ----------
    default_maximum : float
        Display maximum of 16 bit images.
    """

    default_schema: type[Schema] = StatetableParameters
    default_maximum = 50000.0

    def planned_tiles(self, rows: list[StateRow]) -> list[PlannedTile]:
        """The tiles to make of the rows."""
        raise NotImplementedError(f"{type(self).__name__} has no planned_tiles()")

    def run(self) -> None:
        """Read the table, make the mipmaps, then write the stacks."""
        rows = read_statetable(Path(self.args["statetableFile"]), self.args["zstack"])
        planned = self.planned_tiles(rows)
        headers = check_images(rows)
        for stack in dict.fromkeys(tile.stack for tile in planned):
            OutputStack(self.render, stack, [], {}, existing=self.args["existing"]).check()
        mipmaps, written = self.make_mipmaps(rows)
        tiles = self.tile_maker(rows, headers, mipmaps)
        made: dict[str, list[tuple[PlannedTile, Json]]] = {}
        for tile in planned:
            made.setdefault(tile.stack, []).append((tile, tiles.tile(tile)))
        stacks = {
            name: (sections_of(tile for _, tile in some), self.version(some[0][0].rows[0]))
            for name, some in made.items()
        }
        upload = Upload(self.render, stacks, self.args)
        files = {name: self.write_json(some) for name, some in made.items()}
        reports = [
            {"stack": name, "tiles": len(made[name]), **report, "files": files[name]}
            for name, report in zip(stacks, upload.write(self.module_name()), strict=True)
        ]
        warnings = self.warnings(rows)
        for warning in warnings:
            self.logger.warning(warning)
        self.output({"output_stacks": reports, "mipmaps_written": written, "warnings": warnings})

    @property
    def folders(self) -> ProjectFolders:
        """Where mipmaps and JSON files go."""
        root = Path(self.args["projectDirectory"]).absolute()
        return ProjectFolders(root, self.args["dataOutputFolder"])

    @property
    def specs(self) -> list[LevelSpec]:
        """Levels of the mipmaps."""
        to_8_bit = self.args["convert_to_8bit"]
        form = self.args["image_format"] or ("jpg" if to_8_bit else "tif")
        return [LevelSpec(level, form, to_8_bit) for level in range(1, self.args["levels"] + 1)]

    def warnings(self, rows: Sequence[StateRow]) -> list[str]:
        """The channels whose mipmaps have few grey levels."""
        if not self.args["convert_to_8bit"] or not self.args["levels"]:
            return []
        channels: dict[str, list[Source]] = {}
        for row in rows:
            channels.setdefault(row.channel, []).append(Source(path_to_url(row.path)))
        found = {name: few_grey_levels(sources) for name, sources in channels.items()}
        return [f"channel {name}: {text}" for name, text in found.items() if text]

    def make_mipmaps(self, rows: Sequence[StateRow]) -> tuple[dict[Path, Levels], int]:
        """Make the mipmaps of all images; their files, and how many were written.

        Nothing is uploaded where one fails.
        """
        folders, specs = self.folders, self.specs
        refuse_shared_names(rows, folders, specs)
        function = partial(
            mipmaps_of, folders=folders, specs=specs, overwrite=self.args["force_redo"]
        )
        results = self.map_tasks(function, rows if specs else [], "making mipmaps")
        failed = [r for r in results if isinstance(r, TaskFailure)]
        if failed:
            files = [{"file": f.item.path, "reason": f.reason} for f in failed]
            self.output({"output_stacks": [], "failed_files": files})
            raise RenderModuleException(
                f"mipmaps of {len(failed)} of {len(rows)} images cannot be made, no stack was "
                f"written; {failed[0].item.source}: {failed[0].reason}"
            )
        of_rows = {row.path: made for row, (made, _) in zip(rows, results, strict=False)}
        return of_rows, sum(count for _, count in results)

    def tile_maker(
        self,
        rows: Iterable[StateRow],
        headers: Mapping[Path, ImageHeader],
        mipmaps: Mapping[Path, Levels],
    ) -> TileMaker:
        """What makes tiles, with the display range of every image."""
        low, high = self.args["minIntensity"], self.args["maxIntensity"]

        def maximum(path: Path) -> float:
            if high is not None:
                return high
            return LARGEST_8_BIT if headers[path].dtype.itemsize == 1 else self.default_maximum

        ranges = {row.path: (low, maximum(row.path)) for row in rows}
        for path, (_, highest) in ranges.items():
            checked_range(low, highest, str(path))
        scope, camera = self.args["scope"], self.args["camera"]
        return TileMaker(mipmaps, ranges, scope, camera)

    def write_json(self, tiles: Iterable[tuple[PlannedTile, Json]]) -> list[str]:
        """Write the tiles of each section of each folder to a file; the files."""
        prefix = f"{self.render.DEFAULT_PROJECT}_{self.render.DEFAULT_OWNER}"
        files: dict[Path, list[Json]] = {}
        for planned, tile in tiles:
            path = self.folders.tilespecs(planned.rows[0], prefix, planned.stack)
            files.setdefault(path, []).append(tile)
        for path, content in files.items():
            atomic_write(path, orjson.dumps(content, option=orjson.OPT_INDENT_2))
        return [str(path) for path in files]

    def version(self, row: StateRow) -> renderapi.stack.StackVersion:
        """Resolution and notes of a stack."""
        size = row.scale * 1000
        return renderapi.stack.StackVersion(
            cycleNumber=1,
            cycleStepNumber=1,
            stackResolutionX=size,
            stackResolutionY=size,
            stackResolutionZ=self.args["section_thickness_nm"],
            versionNotes=f"imported from {self.args['statetableFile']}",
        )


def check_images(rows: Sequence[StateRow]) -> dict[Path, ImageHeader]:
    """Headers of all images; an error where one is unreadable or not as large as the table says."""
    headers, unreadable = read_headers(list(dict.fromkeys(row.path for row in rows)))
    for row in rows:
        if row.path in unreadable:
            raise RenderModuleException(
                f"{len(unreadable)} images of the table cannot be read; {row.source}: {row.path} "
                f"({unreadable[row.path]})"
            )
        width, height, _ = headers[row.path]
        if (width, height) != (row.width, row.height):
            raise RenderModuleException(
                f"{row.source}: {row.path} is {width} x {height} pixels, the table says "
                f"{row.width} x {row.height}"
            )
    return headers


def refuse_shared_names(
    rows: Iterable[StateRow], folders: ProjectFolders, specs: Sequence[LevelSpec]
) -> None:
    """Refuse two images whose mipmaps would be one file."""
    seen: dict[Path, StateRow] = {}
    for row in rows:
        for path in folders.mipmaps(row, specs).values():
            known = seen.setdefault(path, row)
            if known.path != row.path:
                raise RenderModuleException(
                    f"{row.source} and {known.source}: the mipmaps of {row.path} and {known.path} "
                    f"would both be {path}; give ribbon, session and channel folders of their own"
                )


def mipmaps_of(
    row: StateRow, folders: ProjectFolders, specs: Sequence[LevelSpec], overwrite: bool
) -> tuple[Levels, int]:
    """Make the mipmaps of an image; the file of each level, and how many were written."""
    source = Source(path_to_url(row.path))
    paths, written = write_levels(source, folders.mipmaps(row, specs), redo=overwrite)
    return {spec.level: path for spec, path in paths.items()}, written
