"""Build a stack with channels: places from a base stack, images of each channel from another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from argschema.fields import Dict, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf

from renderapps.module import RenderModuleException, parameter
from renderapps.module.correspondence import frame_of, image_name
from renderapps.module.display_range import check_holder
from renderapps.module.stack_edit import StackEditModule, StackEditParameters, ZSpellings
from renderapps.module.tile_documents import Json, Section

RANGE = {"min": "minIntensity", "max": "maxIntensity"}
CHANNEL_KEYS = {"name", "stack", *RANGE, *RANGE.values()}


class ChannelStacks(Dict):
    """Channels and their stacks, in order: an object by name, or a list of objects with `name`.

    They become {name: {stack, minIntensity, maxIntensity}}.
    """

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any
    ) -> dict[str, Json]:
        if isinstance(value, Mapping):
            value = [_named(name, channel) for name, channel in value.items()]
        if not isinstance(value, list) or not value:
            raise ValidationError("names no channel: give an object of channel name: stack")
        channels: dict[str, Json] = {}
        for entry in map(_object, value):
            name, channel = _channel(entry)
            if name in channels:
                raise ValidationError(f"has channel {name} twice")
            channels[name] = channel
        return channels


def _named(name: str, channel: Any) -> Json:
    return {**({"stack": channel} if isinstance(channel, str) else _object(channel)), "name": name}


def _object(entry: Any) -> Json:
    if not isinstance(entry, Mapping):
        raise ValidationError(f"{entry!r} is no channel: give an object with name and stack")
    return dict(entry)


def _channel(entry: Json) -> tuple[str, Json]:
    """Name and settings of a channel under their usual keys."""
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise ValidationError("a channel has no name")
    if not isinstance(entry.get("stack"), str):
        raise ValidationError(f"channel {name} has no stack")
    if unknown := set(entry) - CHANNEL_KEYS:
        raise ValidationError(f"channel {name} has unknown {', '.join(sorted(unknown))}")
    settings = {RANGE.get(key, key): value for key, value in entry.items() if key != "name"}
    for key in RANGE.values():
        if not isinstance(settings.get(key, 0), int | float):
            raise ValidationError(f"{key} of channel {name} is no number")
    low, high = (settings.get(key) for key in RANGE.values())
    if low is not None and high is not None and low >= high:
        raise ValidationError(
            f"channel {name}: minIntensity {low:g} is not below maxIntensity {high:g}"
        )
    return name, settings


class MergeSessionStacksParameters(ZSpellings, StackEditParameters):
    """Parameters of merge_session_stacks."""

    base_stack = parameter(
        Str, "stack that gives tileIds, z values and transforms", aliases=["input_stack"]
    )
    channel_stacks = parameter(
        ChannelStacks,
        "by name of the channel its stack, or an object with stack, minIntensity and "
        "maxIntensity; or a list of such objects with name. The channels come in this order",
    )
    output_stack = parameter(Str, "stack to make", aliases=["outputStack"])
    first_channel = parameter(
        Str, "channel to put first", default=None, default_text="those with DAPI in their name"
    )
    frame_pattern = parameter(
        Str,
        "regular expression whose last match in the name of the image file has the frame number "
        "as its group",
        default=r"_F(\d{4})",
    )
    missing_frames = parameter(
        Str,
        "when a channel lacks the frame of a tile: fail the section, or let the tile go without "
        "the channel",
        default="fail",
        validate=OneOf(("fail", "skip")),
    )

    @validates_schema
    def first_is_a_channel(self, data: dict[str, Any], **_: Any) -> None:
        """The first channel is one of them."""
        if data["first_channel"] not in (None, *data["channel_stacks"]):
            raise ValidationError("is not one of channel_stacks", "first_channel")

    @validates_schema
    def pattern_has_a_group(self, data: dict[str, Any], **_: Any) -> None:
        """The pattern can give a number."""
        try:
            pattern = re.compile(data["frame_pattern"])
        except re.error as error:
            raise ValidationError(f"not a regular expression: {error}", "frame_pattern") from error
        if pattern.groups != 1:
            raise ValidationError("needs one group, for the number", "frame_pattern")


class MergeSessionStacks(StackEditModule):
    """Tiles are matched by their frameId, or the frame number in the names of their images.

    Channels that tiles of the base stack have already stay, unless a new one has their name.
    """

    default_schema = MergeSessionStacksParameters
    inputs = ("base_stack",)
    missing_ok = True
    moves_tiles = False
    tile_inputs = 1

    @property
    def input_stacks(self) -> list[str]:
        """The base stack, then those of the channels in order."""
        return [self.args["base_stack"], *(c["stack"] for _, c in self.channels())]

    def channels(self) -> list[tuple[str, Json]]:
        """Names and settings of the channels, the first one first."""
        named = list(self.args["channel_stacks"].items())
        wanted = self.args["first_channel"]

        def later(channel: tuple[str, Json]) -> bool:
            return channel[0] != wanted if wanted else "DAPI" not in channel[0]

        return sorted(named, key=later)

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section of the base stack with a channel from each of the others."""
        base, *others = sections
        pattern = re.compile(self.args["frame_pattern"])
        missing: dict[str, list[str]] = {}
        made: dict[str, list[Json]] = {tile["tileId"]: [] for tile in base.tiles}
        for (name, channel), section in zip(self.channels(), others, strict=True):
            frames = self.frames(section, pattern, channel["stack"])
            for tile in base.tiles:
                source = frames.get(frame_number(tile, pattern))
                if source is None:
                    missing.setdefault(name, []).append(tile["tileId"])
                else:
                    made[tile["tileId"]].append(channel_of(name, channel, source))
        if missing and self.args["missing_frames"] == "fail":
            name, tiles = next(iter(missing.items()))
            raise RenderModuleException(
                f"channel {name} has no frame for {len(tiles)} tiles of section z={base.z:g}, such "
                f"as {tiles[0]}: give missing_frames skip to do without"
            )
        for tile in base.tiles:
            set_channels(tile, made[tile["tileId"]])
        return base, {"missing_frames": missing}

    def frames(self, section: Section, pattern: re.Pattern[str], stack: str) -> dict[int, Json]:
        """Tiles of a section by frame number."""
        found: dict[int, Json] = {}
        for tile in section.tiles:
            number = frame_number(tile, pattern)
            if number in found:
                raise RenderModuleException(
                    f"tiles {found[number]['tileId']} and {tile['tileId']} of stack {stack} "
                    f"z={section.z:g} both have frame {number}"
                )
            found[number] = tile
        return found


def frame_number(tile: Json, pattern: re.Pattern[str]) -> int:
    """Frame number of a tile: its frameId if that is a number, else that in its image's name.

    In the name the last match of the pattern counts.
    """
    number = frame_of(tile, pattern)
    if number is None:
        raise RenderModuleException(
            f"tile {tile['tileId']}: no frame number in the name of its image "
            f"{image_name(tile)!r} by the pattern {pattern.pattern}"
        )
    return number


def channel_of(name: str, settings: Json, tile: Json) -> Json:
    """A channel with the images of a tile, and its display range or that of the settings."""
    channel = {"name": name}
    for key in ("minIntensity", "maxIntensity"):
        value = settings.get(key, tile.get(key))
        if value is not None:
            channel[key] = value
    check_holder(tile, channel, settings.get("minIntensity"), settings.get("maxIntensity"))
    return channel | {"mipmapLevels": tile["mipmapLevels"]}


def set_channels(tile: Json, channels: Sequence[Json]) -> None:
    """Give a tile new channels before those it has; of one name the new one counts."""
    names = {channel["name"] for channel in channels}
    kept = [c for c in tile.get("channels") or () if c.get("name") not in names]
    if channels or kept:
        tile["channels"] = [*channels, *kept]


if __name__ == "__main__":
    MergeSessionStacks.main()
