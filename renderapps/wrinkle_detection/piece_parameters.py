"""When the matches of a tile are taken to be of several pieces: parameters of this theme."""

from __future__ import annotations

from argschema.fields import Float, Int, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import OneOf, Range

from renderapi.matching.models import MODELS
from renderapps.module import parameter

RULES = ("model", "max_epsilon", "min_inliers", "max_pieces")
"""Those that `SplitRules` begins with, in its order."""


class PieceParameters(DefaultSchema):
    """Add to a schema of a module that looks for pieces."""

    model = parameter(
        Str,
        "what the matches of a piece, or of a flat tile, with one other section follow",
        default="affine",
        aliases=["transform_type"],
        validate=OneOf(MODELS),
    )
    max_epsilon = parameter(
        Float,
        "matches of a piece lie so near to it, world pixels; a jump between "
        "pieces is more than twice as large",
        default=5.0,
        validate=Range(min=0, min_inclusive=False),
    )
    min_inliers = parameter(
        Int, "fewest matches of a piece with one other section", default=12, validate=Range(min=4)
    )
    max_pieces = parameter(Int, "most pieces", default=6, validate=Range(min=2))
