"""Parameters of the modules that exchange regions with TrakEM2."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, Int, List, OutputDir, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range

from renderapps.module import RenderParameters, ZParameters

_EDGES = (("minX", "maxX"), ("minY", "maxY"))


class RenderHomeParameters(DefaultSchema):
    """What older parameter files have."""

    renderHome = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "accepted from older parameter files: the converter is part of this "
            "suite, and no folder of Java programs is needed"
        },
    )


class RenderTrakEM2Parameters(RenderHomeParameters, RenderParameters):
    """Parameters of a module that reads or writes TrakEM2 projects."""


class WorldBoxParameters(DefaultSchema):
    """A box of the world, whole pixels; (minX, minY) is the origin of the canvas."""

    minX = Int(required=True, metadata={"description": "left edge of the box, world pixels"})
    minY = Int(required=True, metadata={"description": "upper edge"})
    maxX = Int(required=True, metadata={"description": "right edge"})
    maxY = Int(required=True, metadata={"description": "lower edge"})

    @validates_schema
    def box_is_not_empty(self, data: dict[str, Any], **_: Any) -> None:
        """A box has an area."""
        for low, high in _EDGES:
            a, b = data.get(low), data.get(high)
            if a is not None and b is not None and a >= b:
                raise ValidationError(f"not below {high} {b}", low)


class ProjectFilesParameters(DefaultSchema):
    """Where projects lie, and whether a range of sections is spread over several."""

    outputXMLdir = OutputDir(required=True, metadata={"description": "folder of the project files"})
    doChunk = Boolean(
        load_default=False,
        metadata={"description": "spread the sections over projects that overlap by half"},
    )
    chunkSize = Int(
        load_default=50,
        validate=Range(min=2),
        metadata={"description": "sections of a project with doChunk, an even number"},
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

    inputStack = Str(
        required=True,
        metadata={"description": "stack that is corrected", "aliases": ["input_stack"]},
    )
    outputStack = Str(
        required=True,
        metadata={
            "description": "stack that is made on the way back; not inputStack",
            "aliases": ["output_stack"],
        },
    )

    @validates_schema
    def output_is_another_stack(self, data: dict[str, Any], **_: Any) -> None:
        """The stack that was exported stays what it was."""
        if data.get("inputStack") == data.get("outputStack"):
            raise ValidationError("is also inputStack: name another one", "outputStack")


def _optional(edge: str) -> Int:
    return Int(
        allow_none=True,
        load_default=None,
        metadata={
            "description": f"{edge} edge of the box, world pixels",
            "default_text": "that of inputStack",
        },
    )


class EMLMRegistrationParameters(TEM2ProjectTransfer):
    """The same for a stack (EM) that is moved over another one (LM)."""

    minX, minY = _optional("left"), _optional("upper")
    maxX, maxY = _optional("right"), _optional("lower")
    LMstack = Str(required=True, metadata={"description": "stack that stays where it is"})


class EMLMRegistrationMultiParameters(TEM2ProjectTransfer):
    """The same over several stacks."""

    minX, minY = _optional("left"), _optional("upper")
    maxX, maxY = _optional("right"), _optional("lower")
    LMstacks = List(
        Str(),
        required=True,
        validate=Length(min=1),
        metadata={"description": "stacks that stay where they are, a layer for each"},
    )
    buffersize = Int(
        load_default=0,
        validate=Range(min=0),
        metadata={"description": "margin added to the box on all sides, world pixels"},
    )
    LMstack_index = Int(
        load_default=0,
        validate=Range(min=0),
        metadata={"description": "which of LMstacks is meant where one is, counted from 0"},
    )

    @validates_schema
    def index_is_one_of_the_stacks(self, data: dict[str, Any], **_: Any) -> None:
        """LMstack_index names one of LMstacks."""
        count = len(data.get("LMstacks") or ())
        if count and data["LMstack_index"] >= count:
            raise ValidationError(f"there are {count} LMstacks, counted from 0", "LMstack_index")
