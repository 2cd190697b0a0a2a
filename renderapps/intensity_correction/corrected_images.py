"""Modules that give the tiles of chosen sections corrected images, one folder for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from argschema.fields import Float, Int, OutputDir, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, post_load, validates_schema
from numpy.typing import NDArray

from renderapi.urls import url_to_path
from renderapps.module import OutputStack, RenderModuleException, parameter
from renderapps.module.derived_images import DerivedImage, Source, make_missing, show_alone
from renderapps.module.image_edit import ImageEditModule
from renderapps.module.stack_edit import TileEditParameters
from renderapps.module.tile_documents import Json, first_level
from renderapps.stack.remapping import exact_z


class CycleParameters(DefaultSchema):
    """Which step of the processing an output is recorded as."""

    cycle_number = parameter(Int, "cycleNumber of the output", default=2)
    cycle_step_number = parameter(Int, "cycleStepNumber of the output", default=1)


class CorrectionParameters(CycleParameters, TileEditParameters):
    """Parameters of a module that corrects the images of one section or more."""

    output_stack = parameter(Str, "stack to make", aliases=["outputStack"])
    output_directory = parameter(
        OutputDir,
        "folder of the new images, OUTPUT-STACK_ZZZZ_NAME; where that file has "
        "other content, 12 digits follow",
    )
    z_index = parameter(
        Float,
        "z of the section to correct; for several give zs, or minZ and maxZ",
        default=None,
        aliases=["z"],
    )

    @validates_schema
    def sections_are_chosen(self, data: dict[str, Any], **_: Any) -> None:
        """Pipelines call these modules for each section: all of them have to be meant."""
        others = [key for key in ("zs", "minZ", "maxZ") if data.get(key) is not None]
        if data.get("z_index") is None and not others:
            raise ValidationError("missing: name a section, or give zs, minZ or maxZ", "z_index")
        if data.get("z_index") is not None and others:
            raise ValidationError(f"give z_index or {others[0]}, not both", "z_index")

    @post_load
    def one_section(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """z_index is a list of one section."""
        return data if data["z_index"] is None else {**data, "zs": [data["z_index"]]}


def in_cycle(output: OutputStack, args: Mapping[str, Any]) -> OutputStack:
    """An output, recorded as a step of the processing."""
    output.version |= {
        "cycleNumber": args["cycle_number"],
        "cycleStepNumber": args["cycle_step_number"],
    }
    return output


class CorrectedImagesModule(ImageEditModule):
    """Each tile shows its corrected image alone, behind its mask: other levels, of the old one, go.

    The images are `output_directory/OUTPUT-STACK_ZZZZ_NAME`, NAME being that of the old file.
    """

    def output_of(self, role: str, stack: str) -> OutputStack:
        """An output, recorded as a step of the processing."""
        return in_cycle(super().output_of(role, stack), self.args)

    def correct(
        self,
        holder: Json,
        z: float,
        recipe: Mapping[str, Any],
        change: Callable[[NDArray], NDArray],
    ) -> int:
        """Let a tile or channel show its first level changed; how many images were made now."""
        found = first_level(holder)
        if found is None:
            raise RenderModuleException("it has no image")
        level, entry = found
        source = Source.image(entry)
        image = DerivedImage(source, recipe, self.target_path(source, z))
        paths, made = make_missing({0: image}, lambda _: [change(source.read())])
        show_alone(holder, level, paths[0])
        return made

    def target_path(self, source: Source, z: float) -> Path:
        """Where the new image of a source goes if that name is free."""
        folder = Path(self.args["output_directory"]).absolute()
        return folder / f"{self.output_stack}_{exact_z(z)}_{file_name(source)}"


def file_name(source: Source) -> str:
    """Name for what is made of an image: its own, as .tif if it was not that or .png."""
    path = url_to_path(source.url)
    known = PurePosixPath(unquote(urlsplit(source.url).path)) if path is None else path
    suffix = known.suffix if known.suffix in (".tif", ".png") else ".tif"
    return f"{source.stem(Path(known))}{suffix}"


def image_of(holder: Json) -> tuple[Any, ...] | None:
    """What tells the image that a tile or channel shows from others; None where it has none."""
    found = first_level(holder)
    keys = ("imageUrl", "imageLoaderType", "imageSliceNumber")
    return None if found is None else tuple(found[1].get(key) for key in keys)
