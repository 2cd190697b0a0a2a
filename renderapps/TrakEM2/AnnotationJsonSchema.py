"""Schemas of annotation files, under the names that scripts import.

They check and convert; `renderapps.TrakEM2.annotations` reads all generations of the format.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from marshmallow import Schema, ValidationError, fields

from renderapps.module import parameter


class NumpyArray(fields.List):
    """A list in the file, an array in Python; null is None."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        values = super()._deserialize(value, attr, data, **kwargs)
        try:
            return np.array(values)
        except ValueError:
            raise ValidationError("the rows must be of the same length") from None

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return None if value is None else np.asarray(value).tolist()


class Area(Schema):
    """A ring in a section."""

    tileIds = NumpyArray(fields.Str(), metadata={"description": "tile of every point"})
    local_path = NumpyArray(
        fields.List(fields.Float()), metadata={"description": "points in raw pixels of the tiles"}
    )
    global_path = NumpyArray(
        fields.List(fields.Float()), metadata={"description": "points in world pixels"}
    )
    frame_path = NumpyArray(
        fields.List(fields.Float()),
        metadata={"description": "points in pixels of the canvas it was drawn on"},
    )
    z = fields.Float(metadata={"description": "section of the stack"})
    hole = fields.Boolean(metadata={"description": "whether it is taken out of the object"})


class AreaList(Schema):
    """An object."""

    oid = fields.Str(metadata={"description": "its number in the TrakEM2 project"})
    id = parameter(fields.Int, "running number")
    areas = fields.Nested(Area, many=True)


class AnnotationFile(Schema):
    """All objects of a file."""

    area_lists = fields.Nested(AreaList, many=True)
