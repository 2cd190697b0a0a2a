"""One affine transform for a whole stack, as a shared transform that every tile refers to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from argschema.fields import Float, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema

from renderapi.render import Render
from renderapi.transform.specs import affine_spec
from renderapps.module import RenderModuleException, parameter
from renderapps.module.tile_documents import Json, shared_transform

ROWS = (("M00", "M01", "B0"), ("M10", "M11", "B1"))


class AffineNumbers(DefaultSchema):
    """The affine x' = M00 x + M01 y + B0, y' = M10 x + M11 y + B1."""

    transformId = parameter(Str, "id of the shared transform to make", aliases=["transform_id"])
    M00 = parameter(Float, "x' from x", default=1.0)
    M10 = parameter(Float, "y' from x", default=0.0)
    M01 = parameter(Float, "x' from y", default=0.0)
    M11 = parameter(Float, "y' from y", default=1.0)
    B0 = parameter(Float, "translation in x, world pixels", default=0.0)
    B1 = parameter(Float, "translation in y, world pixels", default=0.0)

    @validates_schema
    def can_be_inverted(self, data: dict[str, Any], **_: Any) -> None:
        """A matrix that maps everything to a line places nothing."""
        if determinant(data) == 0:
            raise ValidationError("the matrix M00 M01 / M10 M11 cannot be inverted")


def determinant(numbers: Mapping[str, Any]) -> float:
    """Determinant of the linear part; negative for a mirror."""
    return numbers["M00"] * numbers["M11"] - numbers["M01"] * numbers["M10"]


def affine_document(numbers: Mapping[str, Any]) -> Json:
    """JSON object of the shared transform."""
    matrix = np.array([[numbers[name] for name in row] for row in ROWS])
    return {"id": numbers["transformId"], **affine_spec(matrix)}


def append_reference(tile: Json, transform: str) -> None:
    """Let a shared transform be the last one of a tile."""
    transforms = tile.get("transforms") or {"type": "list", "specList": []}
    if "specList" not in transforms:
        transforms = {"type": "list", "specList": [transforms]}
    tile["transforms"] = {
        **transforms,
        "specList": [*transforms["specList"], {"type": "ref", "refId": transform}],
    }


def require_free_id(render: Render, stack: str, transform: str) -> None:
    """Refuse the id of a shared transform that a stack has already: tiles may refer to it."""
    if shared_transform(render, stack, transform) is not None:
        raise RenderModuleException(
            f"stack {stack} already has a shared transform {transform}: give another transformId"
        )
