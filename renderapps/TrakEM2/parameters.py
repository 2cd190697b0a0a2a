"""Parameters of the modules that exchange regions with TrakEM2."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, Int, List, OutputDir, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range

from renderapps.module import RenderParameters, ZParameters, parameter

_EDGES = (("minX", "maxX"), ("minY", "maxY"))


class RenderHomeParameters(DefaultSchema):
    """What older parameter files have."""

    renderHome = parameter(
        Str,
        "accepted from older parameter files: the converter is part of this suite, and no folder "
        "of Java programs is needed",
        default=None,
    )


class RenderTrakEM2Parameters(RenderHomeParameters, RenderParameters):
    """Parameters of a module that reads or writes TrakEM2 projects."""


class WorldBoxParameters(DefaultSchema):
    """A box of the world, whole pixels; (minX, minY) is the origin of the canvas."""

    minX = parameter(Int, "left edge of the box, world pixels")
    minY = parameter(Int, "upper edge")
    maxX = parameter(Int, "right edge")
    maxY = parameter(Int, "lower edge")

    @validates_schema
    def box_is_not_empty(self, data: dict[str, Any], **_: Any) -> None:
        """A box has an area."""
        for low, high in _EDGES:
            a, b = data.get(low), data.get(high)
            if a is not None and b is not None and a >= b:
                raise ValidationError(f"not below {high} {b}", low)


class ProjectFilesParameters(DefaultSchema):
    """Where projects lie, and whether a range of sections is spread over several."""

    outputXMLdir = parameter(OutputDir, "folder of the project files")
    doChunk = parameter(
        Boolean, "spread the sections over projects that overlap by half", default=False
    )
    chunkSize = parameter(
        Int, "sections of a project with doChunk, an even number", default=50, validate=Range(min=2)
    )

    @validates_schema
    def chunks_can_be_halved(self, data: dict[str, Any], **_: Any) -> None:
        """Chunks overlap by half."""
        if data["chunkSize"] % 2:
            raise ValidationError(f"must be even, not {data['chunkSize']}", "chunkSize")


class TEM2ProjectTransfer(
    WorldBoxParameters, ProjectFilesParameters, ZParameters, RenderTrakEM2Parameters
):
    """A box of a stack that goes to TrakEM2 and comes back: one set of parameters for both ways."""

    inputStack = parameter(Str, "stack that is corrected", aliases=["input_stack"])
    outputStack = parameter(
        Str, "stack that is made on the way back; not inputStack", aliases=["output_stack"]
    )

    @validates_schema
    def output_is_another_stack(self, data: dict[str, Any], **_: Any) -> None:
        """The stack that was exported stays what it was."""
        if data.get("inputStack") == data.get("outputStack"):
            raise ValidationError("is also inputStack: name another one", "outputStack")


def _optional(edge: str) -> Int:
    return parameter(
        Int,
        f"{edge} edge of the box, world pixels",
        default=None,
        default_text="that of inputStack",
    )


class EMLMRegistrationParameters(TEM2ProjectTransfer):
    """The same for a stack (EM) that is moved over another one (LM)."""

    minX, minY = _optional("left"), _optional("upper")
    maxX, maxY = _optional("right"), _optional("lower")
    LMstack = parameter(Str, "stack that stays where it is")


class EMLMRegistrationMultiParameters(TEM2ProjectTransfer):
    """The same over several stacks."""

    minX, minY = _optional("left"), _optional("upper")
    maxX, maxY = _optional("right"), _optional("lower")
    LMstacks = parameter(
        List, "stacks that stay where they are, a layer for each", Str(), validate=Length(min=1)
    )
    buffersize = parameter(
        Int, "margin added to the box on all sides, world pixels", default=0, validate=Range(min=0)
    )
    LMstack_index = parameter(
        Int,
        "which of LMstacks is meant where one is, counted from 0",
        default=0,
        validate=Range(min=0),
    )

    @validates_schema
    def index_is_one_of_the_stacks(self, data: dict[str, Any], **_: Any) -> None:
        """LMstack_index names one of LMstacks."""
        count = len(data.get("LMstacks") or ())
        if count and data["LMstack_index"] >= count:
            raise ValidationError(f"there are {count} LMstacks, counted from 0", "LMstack_index")
