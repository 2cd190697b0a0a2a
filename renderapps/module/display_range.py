"""Display ranges: the parameters that give one, and what a tile becomes by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from argschema.fields import Float
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema

from renderapps.module.errors import RenderModuleException
from renderapps.module.fields import parameter
from renderapps.module.tile_documents import Json


class DisplayRangeParameters(DefaultSchema):
    """The values shown black and white. Either may be left out, and is then that of each tile.

    Where only one is given, `checked_range` compares it with the other of each tile.
    """

    minIntensity = parameter(
        Float, "display minimum", default=None, default_text="that of the tiles"
    )
    maxIntensity = parameter(
        Float, "display maximum", default=None, default_text="that of the tiles"
    )

    @validates_schema
    def minimum_is_below_maximum(self, data: dict[str, Any], **_: Any) -> None:
        """A range is not the wrong way round."""
        low, high = data.get("minIntensity"), data.get("maxIntensity")
        if low is not None and high is not None and low >= high:
            raise ValidationError(f"not below maxIntensity {high:g}", "minIntensity")


class ImportedRangeParameters(DisplayRangeParameters):
    """The range of tiles that have none yet."""

    minIntensity = parameter(Float, "display minimum", default=0.0)
    maxIntensity = parameter(
        Float,
        "display maximum",
        default=None,
        default_text="50000 for 16 bit images, 255 for 8 bit images",
    )


def checked_range(low: float | None, high: float | None, what: str) -> None:
    """Refuse a range, by the name of what it belongs to, whose minimum is not below its maximum."""
    if low is not None and high is not None and low >= high:
        raise RenderModuleException(
            f"{what}: minIntensity {low:g} is not below maxIntensity {high:g}; give both"
        )


def set_range(tile: Json, holder: Json, minimum: float | None, maximum: float | None) -> None:
    """Give a tile or one of its channels a display range; None leaves that end as it is.

    Raises
    ------
    RenderModuleException
        The end that is given is not on its side of the one that stays. Nothing is changed then.
    """
    check_holder(tile, holder, minimum, maximum)
    if minimum is not None:
        holder["minIntensity"] = minimum
    if maximum is not None:
        holder["maxIntensity"] = maximum


def check_holder(
    tile: Mapping[str, Any],
    holder: Mapping[str, Any],
    minimum: float | None,
    maximum: float | None,
) -> None:
    """Refuse one end of a range that does not go with the other end of a tile or channel."""
    if minimum is None and maximum is None:
        return
    low = holder.get("minIntensity") if minimum is None else minimum
    high = holder.get("maxIntensity") if maximum is None else maximum
    if low is not None and high is not None and low >= high:
        channel = "" if holder is tile else f" channel {holder.get('name')}"
        checked_range(low, high, f"tile {tile['tileId']}{channel}")


def check_drawn(
    tiles: Sequence[Json], channel: str | None, minimum: float | None, maximum: float | None
) -> None:
    """The same for what is drawn of tiles: a channel, or the first; themselves where none."""
    for tile in tiles:
        there = tile.get("channels") or [tile]
        named = [holder for holder in there if holder.get("name") == channel]
        for holder in named if channel is not None else there[:1]:
            check_holder(tile, holder, minimum, maximum)


def range_holders(tile: Json, channels: Sequence[str] | None) -> list[Json]:
    """Where a tile keeps its display ranges: itself and its channels, or only those named."""
    there = tile.get("channels") or []
    if channels is None:
        return [tile, *there]
    return [channel for channel in there if channel.get("name") in channels]
