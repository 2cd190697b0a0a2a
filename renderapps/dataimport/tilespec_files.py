"""Upload tiles from JSON files to a stack; what the modules upload_*tilespec* share.

A file is a list of tile specs, one tile spec, or an object with `tileIdToSpecMap` and
`transformIdToSpecMap` as the web service exchanges them. Shared transforms may be in files of their
own: a list of transforms, or an object of them by id.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from argschema.fields import Float, InputDir, InputFile, List, Str
from marshmallow import Schema
from marshmallow.validate import Length, Range

from renderapi.stack import StackVersion
from renderapi.transform.specs import references
from renderapps.dataimport.acquired_image import listed, natural_key
from renderapps.dataimport.tile_upload import Upload, sections_of
from renderapps.module import RenderModule, RenderModuleException, RenderParameters, parameter
from renderapps.module.output_parameters import AppendedStackParameters
from renderapps.module.report import StackReport
from renderapps.module.tile_documents import Json, same_transform

TILE_KEYS = ("tileId", "z", "width", "height", "transforms")


class TileSpecFileParameters(AppendedStackParameters, RenderParameters):
    """Parameters of modules that upload tile JSON files."""

    inputDir = parameter(InputDir, "folder of the files", aliases=["input_directory"])
    outputStack = parameter(Str, "stack to fill", aliases=["output_stack"])
    transformFile = parameter(
        InputFile, "JSON file of transforms that all tiles share", default=None
    )
    transformDir = parameter(
        InputDir,
        "folder with the shared transforms of each file, in a file of the same name, with or "
        "without the channel in front",
        default=None,
    )
    zDir = parameter(
        InputDir,
        "folder with other tile files of the same names: the tiles of a file get the z of the "
        "first tile there",
        default=None,
    )
    pixel_size_nm = parameter(
        List,
        "resolution of the stack: width and height of a pixel, distance of sections",
        Float(validate=Range(min=0, min_inclusive=False)),
        default=None,
        default_text="none",
        validate=Length(equal=3),
    )


class TileSpecUpload(RenderModule):
    """Upload tile JSON files: write `files()`."""

    default_schema: type[Schema] = TileSpecFileParameters
    default_output_schema: type[Schema] = StackReport

    def files(self) -> list[Path]:
        """The files to upload."""
        raise NotImplementedError(f"{type(self).__name__} has no files()")

    def short_name(self, name: str) -> str:
        """Name that the transforms of a file may have beside its own."""
        return name

    def run(self) -> None:
        """Read all files, then write the stack."""
        paths = sorted(self.files(), key=lambda path: natural_key(path.name))
        if not paths:
            raise RenderModuleException(f"{self.args['inputDir']} has no {self.wanted()}")
        tiles, transforms = self.read(paths)
        check_references(tiles, transforms)
        x, y, z = self.args["pixel_size_nm"] or (None, None, None)
        version = StackVersion(
            stackResolutionX=x,
            stackResolutionY=y,
            stackResolutionZ=z,
            versionNotes=f"tiles of {self.args['inputDir']}",
        )
        sections = sections_of(tiles, transforms)
        for section in sections:  # a section takes only what its tiles need
            used = needed(section.tiles, transforms)
            section.transforms = {key: transforms[key] for key in used}
        stacks = {self.args["outputStack"]: (sections, version)}
        (report,) = Upload(self.render, stacks, self.args).write(self.module_name())
        self.output(
            {
                **report,
                "files": paths,
                "tiles": len(tiles),
                "shared_transforms": sorted(transforms),
            }
        )

    def wanted(self) -> str:
        """What is looked for in inputDir."""
        return "*.json"

    def read(self, paths: list[Path]) -> tuple[list[Json], dict[str, Json]]:
        """Tiles and shared transforms of all files."""
        tiles: list[Json] = []
        transforms: dict[str, Json] = {}
        if self.args["transformFile"]:
            add_transforms(transforms, Path(self.args["transformFile"]))
        for path in paths:
            own, shared = tiles_of_file(path)
            merge_transforms(transforms, shared, path)
            if self.args["transformDir"]:
                add_transforms(transforms, self.companion("transformDir", path))
            if self.args["zDir"]:
                others, _ = tiles_of_file(self.companion("zDir", path))
                for tile in own:
                    tile["z"] = others[0]["z"]
            tiles += own
        return tiles, transforms

    def companion(self, parameter: str, path: Path) -> Path:
        """File of another folder that goes with a file."""
        folder = Path(self.args[parameter])
        names = dict.fromkeys((path.name, self.short_name(path.name)))
        for name in names:
            if (folder / name).is_file():
                return folder / name
        raise RenderModuleException(f"{parameter} {folder} has no {' or '.join(names)}")


def read_json(path: Path) -> Any:
    """Content of a JSON file; one line that names it where it cannot be read."""
    try:
        return orjson.loads(path.read_bytes())
    except OSError as error:
        raise RenderModuleException(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise RenderModuleException(f"{path} is not JSON: {error}") from None


def tiles_of_file(path: Path) -> tuple[list[Json], dict[str, Json]]:
    """Tiles and shared transforms of a file; at least one tile."""
    content = read_json(path)
    transforms: dict[str, Json] = {}
    if isinstance(content, dict) and "tileIdToSpecMap" in content:
        transforms = dict(content.get("transformIdToSpecMap") or {})
        content = list(content["tileIdToSpecMap"].values())
    tiles = [content] if isinstance(content, dict) else content
    if not isinstance(tiles, list) or not tiles:
        raise RenderModuleException(f"{path} holds no tiles")
    for number, tile in enumerate(tiles, 1):
        missing = [key for key in TILE_KEYS if not isinstance(tile, dict) or key not in tile]
        if missing:
            raise RenderModuleException(f"{path}: tile {number} has no {listed(missing)}")
        if not isinstance(tile["transforms"], dict):
            raise RenderModuleException(f"{path}: tile {number} has no list of transforms")
        tile["transforms"].setdefault("type", "list")
    return tiles, transforms


def add_transforms(transforms: dict[str, Json], path: Path) -> None:
    """Add the transforms of a file, a list or an object by id."""
    content = read_json(path)
    specs = content if isinstance(content, list) else None
    if isinstance(content, dict):
        specs = [{**spec, "id": key} for key, spec in content.items() if isinstance(spec, dict)]
    if specs is None or not all(isinstance(s, dict) and s.get("id") for s in specs):
        raise RenderModuleException(f"{path} is not a list of transforms that have an id")
    merge_transforms(transforms, {spec["id"]: spec for spec in specs}, path)


def merge_transforms(transforms: dict[str, Json], more: dict[str, Json], path: Path) -> None:
    """Add transforms; one id means one transform."""
    for key, spec in more.items():
        known = transforms.setdefault(key, spec)
        if known is not spec and not same_transform(known, spec):
            raise RenderModuleException(f"{path}: transform {key} is another one in another file")


def needed(tiles: Iterable[Json], transforms: dict[str, Json]) -> set[str]:
    """Ids of the shared transforms that tiles refer to, also through other transforms."""
    open_ids = {ref for tile in tiles for ref in references(tile["transforms"])}
    found: set[str] = set()
    while open_ids:
        key = open_ids.pop()
        if key in transforms and key not in found:
            found.add(key)
            open_ids |= references(transforms[key])
    return found


def check_references(tiles: Iterable[Json], transforms: dict[str, Json]) -> None:
    """Every transform that a tile refers to is there."""
    for tile in tiles:
        missing = sorted(references(tile["transforms"]) - set(transforms))
        if missing:
            raise RenderModuleException(
                f"tile {tile['tileId']} refers to transform {missing[0]}, which no file has: "
                "give transformFile or transformDir"
            )
