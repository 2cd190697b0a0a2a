"""Upload the stitched tiles of a range of statetables, one stack for each channel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from argschema.fields import Boolean, InputDir, Int, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range

from renderapi.stack import StackVersion
from renderapps.dataimport.acquired_image import listed
from renderapps.dataimport.text_columns import read_text_table
from renderapps.dataimport.text_files import read_text
from renderapps.dataimport.tile_upload import Upload, sections_of
from renderapps.dataimport.tilespec_files import (
    add_transforms,
    check_references,
    merge_transforms,
    needed,
    tiles_of_file,
)
from renderapps.module import (
    RenderModule,
    RenderModuleException,
    RenderParameters,
    Section,
    parameter,
)
from renderapps.module.lists import Names
from renderapps.module.output_parameters import AppendedStackParameters
from renderapps.module.tile_documents import Json

COLUMNS = ("ch_name", "session", "ribbon", "section")
Place = tuple[int, int, int]  # ribbon, session, section


class CreateAcquiredFFFullstackParameters(AppendedStackParameters, RenderParameters):
    """Parameters of create_acquiredff_fullstack."""

    rootDir = parameter(InputDir, "folder of the project, with scripts_ff and processed")
    firstStatetableNum = parameter(Int, "number of the first statetable", validate=Range(min=0))
    lastStatetableNum = parameter(Int, "number of the last statetable", validate=Range(min=0))
    outputStack = parameter(
        Str, "start of the names of the stacks; _CHANNEL follows", aliases=["output_stack"]
    )
    updateZval = parameter(
        Boolean,
        "tiles get the z of the first tile in flatfieldcorrected_tilespec; no file is changed",
        default=False,
    )
    channels = parameter(
        Names, "channels to upload", default=lambda: ["DAPI_1"], validate=Length(min=1)
    )

    @validates_schema
    def in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The last is not before the first."""
        if data.get("lastStatetableNum", 0) < data.get("firstStatetableNum", 0):
            raise ValidationError("is before firstStatetableNum", "lastStatetableNum")


class CreateAcquiredFFFullstack(RenderModule):
    """All files are read and checked before anything is written; all stacks change, or none."""

    default_schema = CreateAcquiredFFFullstackParameters

    def run(self) -> None:
        """Read the files, then write the stacks."""
        places = self.places()
        version = StackVersion(
            cycleNumber=1, cycleStepNumber=3, versionNotes=f"tiles of {self.args['rootDir']}"
        )
        stacks = {
            f"{self.args['outputStack']}_{channel}": (self.sections(channel, found), version)
            for channel, found in places.items()
        }
        reports = Upload(self.render, stacks, self.args).write(self.module_name())
        self.output({"stacks": reports})

    def places(self) -> dict[str, list[Place]]:
        """Ribbon, session and section of all lines of each channel, in order and once each."""
        found: dict[str, set[Place]] = {channel: set() for channel in self.args["channels"]}
        seen = set()
        for number in range(self.args["firstStatetableNum"], self.args["lastStatetableNum"] + 1):
            path = Path(self.args["rootDir"]) / "scripts_ff" / f"statetable_{number:04d}"
            for channel, place in rows_of(path):
                seen.add(channel)
                if channel in found:
                    found[channel].add(place)
        for channel, some in found.items():
            if not some:
                raise RenderModuleException(
                    f"the statetables have no channel {channel}; they have {listed(sorted(seen))}"
                )
        return {channel: sorted(some) for channel, some in found.items()}

    def sections(self, channel: str, places: Sequence[Place]) -> list[Section]:
        """The tiles of a channel, with the shared transforms that they need."""
        processed = Path(self.args["rootDir"]) / "processed"
        tiles: list[Json] = []
        transforms: dict[str, Json] = {}
        for ribbon, session, section in places:
            name = f"rib{ribbon:04d}sess{session:04d}sect{section:04d}.json"
            path = processed / "stitched_tilespec_ff" / f"{channel}_{name}"
            own, shared = tiles_of_file(path)
            merge_transforms(transforms, shared, path)
            add_transforms(transforms, processed / "stitched_transformspec_ff" / name)
            if self.args["updateZval"]:
                others, _ = tiles_of_file(processed / "flatfieldcorrected_tilespec" / path.name)
                for tile in own:
                    tile["z"] = others[0]["z"]
            tiles += own
        check_references(tiles, transforms)
        found = sections_of(tiles, transforms)
        for made in found:  # a section takes only what its tiles need
            made.transforms = {key: transforms[key] for key in needed(made.tiles, transforms)}
        return found


def rows_of(path: Path) -> Iterator[tuple[str, Place]]:
    """Channel, and ribbon, session and section, of each line of a statetable."""
    table = read_text_table(
        read_text(path, "the statetable"), str(path), lambda header: {*COLUMNS} <= {*header}
    )
    for source, line in table.rows:
        if missing := [name for name in COLUMNS if name not in line]:
            raise RenderModuleException(f"{path} has no column {listed(missing)} ({source})")
        try:
            ribbon, session, section = (int(line[n]) for n in ("ribbon", "session", "section"))
        except ValueError as error:
            raise RenderModuleException(
                f"{source}: ribbon, session and section have to be whole numbers"
            ) from error
        yield str(line["ch_name"]).strip(), (ribbon, session, section)


if __name__ == "__main__":
    CreateAcquiredFFFullstack.main()
