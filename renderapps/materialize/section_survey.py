"""Which channels and display ranges the sections of a stack have, before any image is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import renderapi
from renderapi.rendering.windows import sorted_tiles
from renderapps.materialize.mask_check import ignored_masks
from renderapps.materialize.section_pictures import Window, section_tiles, touches
from renderapps.module import RenderModuleException
from renderapps.module.display_range import check_holder

DisplayRange = tuple[float, float]

WIDEST_8_BIT = 255
NAMED_SECTIONS = 5


@dataclass(frozen=True)
class SectionContents:
    """What the tiles of a section say of their pixels.

    Attributes
    ----------
    z : float
    ranges : mapping of channel name (None: unnamed) to (minimum, maximum)
        Widest display range of the tiles, in the order in which channels are first met.
    ignored_masks : tuple of dict
        Masks that drawing will not use, as `mask_check.ignored_masks` gives them.
    ends : mapping of channel name to (first, last)
        First and last tile of the channel in painting order, of those in the window that is drawn:
        the first decides the pixel type of a picture, the last how it is shown.
    """

    z: float
    ranges: Mapping[str | None, DisplayRange]
    ignored_masks: tuple[dict[str, Any], ...] = ()
    ends: Mapping[str | None, tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=dict)


def section_contents(
    render: renderapi.Render,
    stack: str,
    z: float,
    given: tuple[float | None, float | None] = (None, None),
    window: Window | None = None,
) -> SectionContents:
    """Channels of a section with their display ranges, and what decides how a window is drawn.

    RenderModuleException where an end that is given does not go with the other end of a tile.
    """
    ranges: dict[str | None, DisplayRange] = {}
    tiles = section_tiles(render, stack, z)
    for tile in tiles:
        channels = tile.get("channels")
        for source in channels or [tile]:
            check_holder(tile, source, *given)
            name = source["name"] if channels else None
            own = _number(source, "minIntensity", 0.0), _number(source, "maxIntensity", 255.0)
            low, high = ranges.get(name, own)
            ranges[name] = min(low, own[0]), max(high, own[1])
    masks = tuple({"z": z} | mask for mask in ignored_masks(tiles))
    shown = [tile for tile in tiles if window is None or touches(tile, window)]
    return SectionContents(z, ranges, masks, _ends(sorted_tiles(shown)))


def _ends(
    tiles: Sequence[dict[str, Any]],
) -> dict[str | None, tuple[dict[str, Any], dict[str, Any]]]:
    """First and last tile of each channel."""
    found: dict[str | None, tuple[dict[str, Any], dict[str, Any]]] = {}
    for tile in tiles:
        for channel in tile.get("channels") or [{"name": None}]:
            name = channel["name"]
            found[name] = (found.get(name, (tile, tile))[0], tile)
    return found


def common_channels(
    sections: Sequence[SectionContents], wanted: Sequence[str] | None, stack: str
) -> list[str]:
    """Channels that every section has: the wanted ones, else all; [] for unnamed ones.

    Raises
    ------
    RenderModuleException
        A section lacks a channel: its plane would be empty without a word.
    """
    found = dict.fromkeys(name for section in sections for name in section.ranges)
    for channel in wanted or found:
        lacking = [section for section in sections if channel not in section.ranges]
        if lacking:
            raise RenderModuleException(_lacking(stack, channel, lacking, wanted is None))
    return list(wanted) if wanted else [name for name in found if name is not None]


def _lacking(
    stack: str, channel: str | None, sections: Sequence[SectionContents], is_by_default: bool
) -> str:
    zs = ", ".join(f"{section.z:g}" for section in sections[:NAMED_SECTIONS])
    more = f" and {len(sections) - NAMED_SECTIONS} more" if len(sections) > NAMED_SECTIONS else ""
    names = [name for name in sections[0].ranges if name is not None]
    there = f"it has {', '.join(names)}" if names else "its tiles have no named channels"
    what = "no unnamed channel" if channel is None else f"no channel {channel}"
    advice = "; choose channels or zs that go together" if is_by_default else ""
    return f"stack {stack} has {what} at z={zs}{more}; {there}{advice}"


def widest_range(sections: Sequence[SectionContents], channel: str | None) -> DisplayRange:
    """Display range that holds those of a channel in all sections."""
    ranges = [section.ranges[channel] for section in sections]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def zs_beyond_8_bit(
    sections: Sequence[SectionContents], channels: Sequence[str | None]
) -> list[float]:
    """z of the sections with a display range that ends above 255."""
    return [
        section.z
        for section in sections
        if any(section.ranges[channel][1] > WIDEST_8_BIT for channel in channels)
    ]


def _number(source: Mapping[str, object], key: str, default: float) -> float:
    value = source.get(key)
    return default if not isinstance(value, int | float) else float(value)
