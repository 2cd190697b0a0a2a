"""What the output JSON of alignment.report holds."""

from __future__ import annotations

from typing import Any

from argschema.fields import Dict, Float, Int, List, Nested, Str
from marshmallow import INCLUDE, Schema

from renderapps.module.report import SectionEntry, SectionReport


def _about(text: str) -> dict[str, Any]:
    return {"description": text}


class _Open(Schema):
    class Meta:
        """More may be said."""

        unknown = INCLUDE


class ReportedSection(SectionEntry):
    """What is found in a section; entries of matches are there where collections are given."""

    tiles = Int(required=True, metadata=_about("number of tiles"))
    holes = List(
        Str(),
        required=True,
        allow_none=True,
        metadata=_about("tiles of before_stack that are gone"),
    )
    gaps = List(
        List(Str()),
        required=True,
        allow_none=True,
        metadata=_about("side neighbours that touched in before_stack and do not now"),
    )
    uncovered = List(
        Dict(), required=True, metadata=_about("box and area of places amid the tiles without any")
    )
    scale_deviation = List(
        Float(), required=True, metadata=_about("median absolute deviation of x and y scales")
    )
    distorted_tiles = List(
        Dict(), required=True, metadata=_about("tileId, scale, shear and departure, worst first")
    )
    unplaced_tiles = List(
        Dict(), required=True, metadata=_about("tiles without an outline, with reasons")
    )
    pairs = Int(metadata=_about("pairs of tiles with matches within the section"))
    points = Int(metadata=_about("their matches"))
    median_residual = Float(allow_none=True, metadata=_about("of the pairs, pixels"))
    worst_residual = Float(allow_none=True, metadata=_about("of the pairs, pixels"))
    seams = List(Dict(), metadata=_about("centroid, points, residual and pairs of each"))
    displaced_tiles = List(
        Dict(), metadata=_about("the fewest tiles that account for the pairs that do not meet")
    )
    unmatched_tiles = List(Str(), metadata=_about("tiles without matches within the section"))
    disconnected_groups = List(
        List(Str()), metadata=_about("groups of tiles that no match connects with the largest")
    )
    unusable_pairs = List(Dict(), metadata=_about("pairs that cannot be placed, with reasons"))
    to_later_sections = List(
        Dict(), metadata=_about("z, pairs, points and residuals of matches to each later section")
    )
    picture_problem = Str(metadata=_about("why the section is not drawn"))


class PairEntry(_Open):
    """A pair of tiles."""

    pId = Str(required=True, metadata=_about("a tile"))
    qId = Str(required=True, metadata=_about("and the other"))
    z_p = Float(required=True, metadata=_about("z of the one"))
    z_q = Float(required=True, metadata=_about("z of the other"))
    points = Int(required=True, metadata=_about("matches"))
    residual = Float(
        required=True, metadata=_about("root mean square distance of their ends, pixels")
    )
    place = List(Float(), required=True, metadata=_about("x and y of the middle of the matches"))


class StepEntry(_Open):
    """Something to do."""

    finding = Str(required=True, metadata=_about("what was found"))
    module = Str(required=True, metadata=_about("module to run"))
    parameter = Str(required=True, allow_none=True, metadata=_about("its parameter that matters"))
    advice = Str(required=True, metadata=_about("what to do"))
    zs = List(Float(), required=True, metadata=_about("sections that it is about"))


class AlignmentReport(SectionReport):
    """The report of a stack: the numbers of the page."""

    sections = List(Nested(ReportedSection), metadata=_about("what is found in each section"))
    totals = Dict(metadata=_about("sums over the sections, medians of residual and correlation"))
    between_sections = List(
        Dict(),
        metadata=_about("matches of each two sections that follow each other; none is told too"),
    )
    correlations = List(
        Dict(),
        metadata=_about("correlation of each two thumbnails, now and before; with html_report"),
    )
    worst_pairs = List(Nested(PairEntry), metadata=_about("the worst first"))
    what_next = List(Nested(StepEntry), metadata=_about("what to do, in this order"))
    html_report = Str(allow_none=True, metadata=_about("the page"))
