"""Carry a stack along with a reference stack that has been aligned: what two modules share."""

from __future__ import annotations

from typing import Any

from argschema.fields import Float
from argschema.schemas import DefaultSchema
from marshmallow import Schema
from marshmallow.validate import Range

from renderapps.module import parameter
from renderapps.module.fitting import Placement, fit_and_place
from renderapps.module.output_stack import OutputStack
from renderapps.module.stack_edit import StackEditModule, StackEditParameters
from renderapps.module.tile_documents import Section
from renderapps.registration.carrying import carried_targets, tile_grids
from renderapps.registration.fit_parameters import GridParameters, fit_rules


def _resolution(axis: str) -> Float:
    return parameter(
        Float,
        f"nm per pixel of the output in {axis.lower()}",
        default=None,
        default_text="that of the stack that is carried along",
        validate=Range(min=0, min_inclusive=False),
    )


class ResolutionParameters(DefaultSchema):
    """Resolution of an output, where it is not that of the input."""

    stackResolutionX = _resolution("X")
    stackResolutionY = _resolution("Y")
    stackResolutionZ = _resolution("Z")


class RegisteredStackParameters(ResolutionParameters, GridParameters, StackEditParameters):
    """Parameters of a module that carries a stack along."""


class RegisteredStackModule(StackEditModule):
    """The inputs are: the stack, (where it is another one) the same tiles in the shared space, and
    the reference in the shared space and in the destination.

    A grid of points of each tile is followed through the reference, and a transform fitted. Tiles
    that it cannot be fitted to are left out; the report names them, and has the residuals of all.
    """

    default_schema: type[Schema] = RegisteredStackParameters
    missing_ok = True
    tile_inputs = 1

    def placement(self) -> Placement:
        """Where the fitted transforms go."""
        raise NotImplementedError(f"{type(self).__name__} has no placement()")

    def one_for_all(self) -> bool:
        """Whether all tiles of a section get one transform."""
        return False

    def output_of(self, role: str, stack: str) -> OutputStack:
        """The output, with the resolution that is asked for."""
        target = super().output_of(role, stack)
        for axis in "XYZ":
            name = f"stackResolution{axis}"
            if self.args[name] is not None:
                target.version[name] = self.args[name]
        return target

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with its tiles where the reference has gone."""
        source, *placed, shared_space, destination = sections
        raw = tile_grids(source.tiles, self.args["grid_size"])
        there = placed[0] if placed else source
        targets = carried_targets(source.tiles, raw, there, shared_space, destination)
        kept, fits, dropped = fit_and_place(
            source.tiles,
            source.transforms,
            raw,
            targets,
            fit_rules(self.args),
            self.placement(),
            self.one_for_all(),
        )
        return Section(source.z, kept, source.transforms), {"fits": fits, "not_fitted": dropped}
