"""Parameters of align_sections_fine, and what its engines make of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from argschema.fields import Float, Int, OutputDir, Str
from marshmallow.validate import Range

from renderapps.alignment.series_parameters import FINE_ROUNDS, long_range_field
from renderapps.module import parameter
from renderapps.module.stack_edit import TileEditParameters
from renderapps.pointmatch.section_outlines import SectionOutlineParameters

if TYPE_CHECKING:
    from renderapi.matching.block_flow import FlowParameters
    from renderapps.alignment.relaxation import RelaxationParameters

SPACING, LEAST_SPACING = 32, 4
"""Distance of the nodes, pixels of the drawn sections: usual, and least."""


class AlignSectionsFineParameters(SectionOutlineParameters, TileEditParameters):
    """Parameters of align_sections_fine."""

    polygon_stack = parameter(
        Str,
        "stack in whose world the outlines of polygon_dir are, such as that of the montage: they "
        "are moved with the tiles",
        default=None,
        default_text="input_stack",
    )

    scale = parameter(
        Float,
        "scale at which sections are drawn for comparison",
        default=1.0,
        validate=Range(min=0, max=1, min_inclusive=False),
    )
    neighbours = parameter(
        Int,
        "each section is compared with so many on either side, which vote",
        default=2,
        aliases=["neighbors", "z_neighbours"],
        validate=Range(min=1),
    )
    long_range = long_range_field("compared")
    spacing = parameter(
        Float,
        f"distance of the nodes of the meshes, world pixels; {LEAST_SPACING} pixels of the drawn "
        "sections at least",
        default=None,
        default_text=f"{SPACING} pixels of the drawn sections",
        validate=Range(min=0, min_inclusive=False),
    )
    block_size = parameter(
        Int,
        "side of the blocks that are compared, pixels of the drawn sections; coarser levels have "
        "as many pixels",
        default=64,
        validate=Range(min=16),
    )
    levels = parameter(
        Int,
        "comparison starts at 1 / 2^levels of the drawn scale",
        default=3,
        validate=Range(min=0, max=8),
    )
    search_radius = parameter(
        Float,
        "how far off a place may be, world pixels",
        default=None,
        default_text="128 pixels of the drawn sections with 3 levels",
        validate=Range(min=0, min_inclusive=False),
    )
    rounds = parameter(
        Int,
        "sections are compared so many times: after the first time as they lie by then",
        default=FINE_ROUNDS,
        validate=Range(min=1),
    )
    min_correlation = parameter(
        Float,
        "least correlation of a block, besides what blocks reach in the mirrored section",
        default=0.1,
        validate=Range(min=0, max=1),
    )
    bending = parameter(
        Float,
        "stiffness of the meshes against bending; 1 is the weight of the matches of a node",
        default=1.0,
        validate=Range(min=0, min_inclusive=False),
    )
    stretching = parameter(
        Float, "their stiffness against stretching", default=0.02, validate=Range(min=0)
    )
    crack = parameter(
        Float,
        "displacements that jump by more than this from node to node, world pixels, are a crack "
        "or fold, which is not smoothed over",
        default=None,
        default_text="6 pixels of the drawn sections",
        validate=Range(min=0, min_inclusive=False),
    )
    anchor_sections = parameter(
        Float,
        "drift is held by the rough places: a shift decays to 1 / e after so many sections",
        default=20.0,
        validate=Range(min=1),
    )
    min_found = parameter(
        Float,
        "two sections are linked where at least this share of the blocks is found",
        default=0.05,
        validate=Range(min=0, max=1),
    )
    flow_directory = parameter(
        OutputDir,
        "folder for what was found of each pair: a run that was stopped, or one with other "
        "stiffness, takes what is there",
        default=None,
    )
    channel = parameter(Str, "channel to compare", default=None, default_text="the first")


def stride_of(args: Mapping[str, Any]) -> float:
    """Distance of the nodes of the meshes, world pixels: a whole number of drawn pixels."""
    return _spacing(args) / float(args["scale"])


def _spacing(args: Mapping[str, Any]) -> int:
    if args["spacing"] is None:
        return SPACING
    return max(LEAST_SPACING, round(args["spacing"] * args["scale"]))


def flow_parameters(args: Mapping[str, Any]) -> FlowParameters:
    """How blocks are looked for, in pixels of the drawn sections."""
    from renderapi.matching.block_flow import FlowParameters

    radius = 16
    if args["search_radius"] is not None:
        radius = max(3, int(np.ceil(args["search_radius"] * args["scale"] / 2 ** args["levels"])))
    return FlowParameters(
        spacing=_spacing(args),
        size=args["block_size"],
        radius=radius,
        levels=args["levels"],
        correlation=args["min_correlation"],
    )


def relaxation_parameters(args: Mapping[str, Any]) -> RelaxationParameters:
    """Stiffness of the meshes, in pixels of the drawn sections."""
    from renderapps.alignment.relaxation import RelaxationParameters

    return RelaxationParameters(
        bending=args["bending"],
        stretching=args["stretching"],
        anchor_sections=args["anchor_sections"],
        jump=6.0 if args["crack"] is None else args["crack"] * args["scale"],
    )
