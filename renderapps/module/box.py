"""A box of the world: the parameters that give one, the tiles in it, and reading by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from argschema.fields import Float
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema

import renderapi
from renderapi.errors import NotFoundError
from renderapi.render import Render
from renderapi.utils import get_json
from renderapps.module.addresses import stack_url
from renderapps.module.tile_documents import Json, Section

SIDES = ("minX", "minY", "maxX", "maxY")


def _side(name: str) -> Float:
    text = {"description": f"{name} side of the box, world pixels"}
    return Float(
        allow_none=True,
        load_default=None,
        metadata=text | {"default_text": "that of the bounds of the stack"},
    )


class BoxParameters(DefaultSchema):
    """A box in x and y; a side that is not given is that of the bounds of the stack."""

    minX = _side("left")
    maxX = _side("right")
    minY = _side("upper")
    maxY = _side("lower")

    @validates_schema
    def box_has_sides(self, data: dict[str, Any], **_: Any) -> None:
        """The box is not inside out."""
        for axis in "XY":
            low, high = data.get(f"min{axis}"), data.get(f"max{axis}")
            if low is not None and high is not None and low > high:
                raise ValidationError(f"is above max{axis}", f"min{axis}")


class Box(NamedTuple):
    """Sides of a box, world pixels; those of tiles are compared with them, borders included."""

    min_x: float
    min_y: float
    max_x: float
    max_y: float

    @classmethod
    def of(cls, args: Mapping[str, Any], bounds: Mapping[str, float] | None = None) -> Box:
        """The box of the parameters; its other sides from bounds, else infinitely far."""
        far = dict(zip(SIDES, (-float("inf"),) * 2 + (float("inf"),) * 2, strict=True))
        sides = (args.get(side) for side in SIDES)
        rest = ((bounds or far)[side] for side in SIDES)
        return cls(*(float(r if s is None else s) for s, r in zip(sides, rest, strict=True)))

    def touches(self, tile: Mapping[str, Any]) -> bool:
        """Whether the bounding box of a tile and this one have a point in common."""
        return bool(
            tile["minX"] <= self.max_x
            and tile["maxX"] >= self.min_x
            and tile["minY"] <= self.max_y
            and tile["maxY"] >= self.min_y
        )

    def holds(self, tile: Mapping[str, Any]) -> bool:
        """Whether the bounding box of a tile lies in this one."""
        return bool(
            self.min_x <= tile["minX"]
            and tile["maxX"] <= self.max_x
            and self.min_y <= tile["minY"]
            and tile["maxY"] <= self.max_y
        )


def box_of(args: Mapping[str, Any], render: Render, stack: str) -> Box:
    """The box of the parameters, its other sides from the bounds of a COMPLETE stack."""
    if all(args.get(side) is not None for side in SIDES):
        return Box.of(args)
    return Box.of(args, renderapi.stack.get_stack_bounds(stack, render=render))


def read_box(render: Render, stack: str, z: float, box: Box) -> Section:
    """The tiles of a section whose bounding boxes touch a box; none where there is none."""
    try:
        sides = {side: at for side, at in zip(SIDES, box, strict=True) if abs(at) < 1e30}
        url = stack_url(render, stack, "resolvedTiles")
        document = get_json(render.session, url, params={"minZ": z, "maxZ": z} | sides)
    except NotFoundError:
        return Section(z)
    tiles: list[Json] = [
        {"tileId": key, **tile} for key, tile in document["tileIdToSpecMap"].items()
    ]
    found = [tile for tile in tiles if box.touches(tile)]
    return Section(z, found, dict(document.get("transformIdToSpecMap") or {}))
