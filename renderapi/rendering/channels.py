"""Which channels a picture shows, and how several are added up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.rendering.parameters import Parameters
from renderapi.rendering.sources import Channel, SourceView, level_info

Painted = tuple[NDArray, NDArray[np.uint8] | None, float]


def parse_channels(text: str) -> list[tuple[str, float]]:
    """Names and weights of a `channels` value: `NAME` or `A__0.9__B__0.1`.

    Three underscores, as older documentation writes them, are accepted too.

    >>> parse_channels("DAPI__0.8__GFP__0.2")
    [('DAPI', 0.8), ('GFP', 0.2)]
    """
    parts = text.split("___" if "___" in text else "__")
    if len(parts) == 1:
        return [(text, 1.0)]
    try:
        weights = [float(part) for part in parts[1::2]]
    except ValueError:
        weights = []
    if len(parts) % 2 or not weights:
        raise SpecError(f"channels must be NAME or NAME__WEIGHT__NAME__WEIGHT..., not {text!r}")
    if not all(weight >= 0 for weight in weights) or sum(weights) > 1 + 1e-9:
        raise SpecError(f"the weights of channels {text!r} must not be negative or exceed 1 in sum")
    return list(zip(parts[0::2], weights, strict=True))


def requested_channels(
    parameters: Parameters, channels_by_tile: list[list[Channel]]
) -> list[tuple[str | None, float]]:
    """Channels to draw with their weights; the first channel of the first tile by default."""
    if parameters.channels:
        return list(parse_channels(parameters.channels))
    return [(channels_by_tile[0][0].name, 1.0)] if channels_by_tile else []


def check_sizes(tile_id: Any, channels: list[Channel], sources: SourceView) -> None:
    """Refuse channels of one tile whose images differ in size: they do not lie on each other.

    Raises
    ------
    SpecError
        Naming the tile and two channels with their sizes.
    """
    first: tuple[Channel, int, int] | None = None
    for channel in channels:
        level = channel.first.level
        width, height = (side << level for side in level_info(channel.first, sources)[:2])
        if first is None:
            first = channel, width, height
            continue
        other, other_width, other_height = first
        slack = (1 << max(level, other.first.level)) - 1  # what halving odd sides drops
        if abs(width - other_width) > slack or abs(height - other_height) > slack:
            raise SpecError(
                f"tile {tile_id}: channels of one picture must have images of one size, but "
                f"{other.name} has {other_width} x {other_height} and {channel.name} has "
                f"{width} x {height} pixels"
            )


def mix_channels(painted: list[Painted]) -> tuple[NDArray, NDArray[np.uint8]]:
    """Weighted sum of the canvases of several channels.

    Parameters
    ----------
    painted : list of (pixels, alpha or None, weight)
        All of one shape and type.

    Returns
    -------
    pixels : as the first
        Sum of value * alpha * weight; integer types keep truncated partial sums.
    alpha : (h, w) uint8
        Sum of 255 * alpha * weight, each truncated: 254 for two opaque halves.
    """
    first = painted[0][0]
    total = np.zeros_like(first)
    opacity = np.zeros(first.shape[:2], dtype=np.uint8)
    highest = np.iinfo(first.dtype).max if first.dtype.kind == "u" else np.inf
    for pixels, alpha, weight in painted:
        share = np.full(first.shape[:2], weight) if alpha is None else alpha / 255.0 * weight
        # a rounding error below a whole number must not cost a level
        opacity += (255.0 * share + 1e-9).astype(np.uint8)
        factor = share[:, :, None] if first.ndim == 3 else share
        sums = np.minimum(total + pixels * factor + 1e-9, highest)
        total = sums.astype(first.dtype)
    return total, opacity
