"""The parameters of a fit, of every module that fits transforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argschema.fields import Float, Int, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf, Range

from renderapps.module import parameter
from renderapps.module.fitting import LINEAR, MODELS, FitRules


class FitParameters(DefaultSchema):
    """What is fitted to the points of a tile, and when it is believed."""

    transform_type = parameter(
        Str, "transform to fit", default="affine", aliases=["transformType"], validate=OneOf(MODELS)
    )
    polynomial_order = parameter(
        Int, "order of a polynomial transform", default=2, validate=Range(1, 5)
    )
    min_points = parameter(
        Int,
        "tiles with fewer points are left out and named",
        default=None,
        default_text="as many as determine the transform",
        validate=Range(min=1),
    )
    max_residual = parameter(
        Float,
        "tiles whose root mean square residual is larger are left out and named, world pixels",
        default=None,
        default_text="any",
        validate=Range(min=0, min_inclusive=False),
    )
    max_epsilon = parameter(
        Float,
        "points farther than this from the transform that most agree with are outliers, world "
        "pixels (translation, rigid, similarity, affine)",
        default=None,
        default_text="no point is",
        validate=Range(min=0, min_inclusive=False),
    )

    @validates_schema
    def outliers_of_linear_models(self, data: dict[str, Any], **_: Any) -> None:
        """Bent transforms can follow outliers."""
        if data["max_epsilon"] is not None and data["transform_type"] not in LINEAR:
            raise ValidationError(f"goes with {', '.join(LINEAR)}", "max_epsilon")


class GridParameters(FitParameters):
    """A fit to a grid of points of each tile."""

    grid_size = parameter(
        Int, "points of each tile along each side", default=4, validate=Range(2, 64)
    )


def fit_rules(args: Mapping[str, Any]) -> FitRules:
    """The rules that the parameters describe."""
    names = ("min_points", "max_residual", "max_epsilon")
    given = {name: args[name] for name in names}
    return FitRules(args["transform_type"], args["polynomial_order"], **given)
