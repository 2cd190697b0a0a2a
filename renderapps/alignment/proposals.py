"""Modules that propose another z for sections, and apply it where an output is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argschema.fields import Boolean, Str
from marshmallow import ValidationError, validates_schema

from renderapi.files import atomic_write
from renderapps.module import parameter
from renderapps.module.fields import NewFile
from renderapps.module.output_parameters import ReplacingParameters
from renderapps.module.result import to_json
from renderapps.module.stack_edit import TileEditParameters
from renderapps.stack.remapping import RemapModule, SectionIdParameters


class ProposalParameters(ReplacingParameters, SectionIdParameters, TileEditParameters):
    """Parameters of a module that proposes z values."""

    output_stack = parameter(
        Str,
        "stack to make with the new z values",
        default=None,
        default_text="none: the proposal is written, nothing else changes",
        aliases=["outputStack"],
    )
    in_place = parameter(Boolean, "not offered here: a proposal is applied beside", default=False)
    proposal_file = parameter(
        NewFile, "file to write the proposal to, .json", default=None, default_text="none"
    )

    @validates_schema
    def beside(self, data: dict[str, Any], **_: Any) -> None:
        """What is proposed is to be looked at first."""
        if data["in_place"]:
            raise ValidationError("name an output_stack: the input stays as it is", "in_place")


class ProposalModule(RemapModule):
    """Write `propose(zs)`: the new z of each section, and what the proposal says besides."""

    def propose(self, zs: Sequence[float]) -> tuple[list[float], dict[str, Any]]:
        """New z values, in the order of the sections, and entries of the proposal."""
        raise NotImplementedError(f"{type(self).__name__} has no propose()")

    @property
    def dry_run(self) -> bool:
        """Without an output nothing is written."""
        return self.args["output_stack"] is None

    def new_zs(self, zs: Sequence[float]) -> list[float]:
        """The new z values; the proposal is written at once, before any stack."""
        new, more = self.propose(zs)
        self.proposal = {
            "input_stack": self.z_stack,
            "mapping": [[z, n] for z, n in zip(zs, new, strict=True)],
            **more,
        }
        self.output({"proposal": self.proposal})
        if self.args["proposal_file"]:
            atomic_write(self.args["proposal_file"], to_json(self.proposal))
        return new

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """The proposal, and whether it was applied."""
        return {**super().finish(sections), "proposal": self.proposal, "applied": not self.dry_run}
