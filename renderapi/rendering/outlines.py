"""Outlines of tiles with their names, drawn instead of pixels when there are too many tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.canvas import Canvas
from renderapi.rendering.intensity import DisplayRange
from renderapi.rendering.parameters import Parameters, parse_parameters
from renderapi.rendering.windows import bounds_of

GREEN = (0, 255, 0)
LINE_LENGTH = 12
FONT_SIZE = 12
ADVANCE = 0.6 * FONT_SIZE  # from letter to letter, as in the usual monospaced fonts
SMALLEST_BOX = 1.3


def outline_canvas(parameters: Mapping[str, Any]) -> Canvas:
    """Picture of the boxes of the tiles of a RenderParameters document; no image is read.

    Each tile is a 1 pixel green rectangle on a transparent picture (or the background colour),
    with its tileId inside, 12 characters a line, where the box is wider than 1.3 lines.

    Raises
    ------
    SpecError
        A tile has no stored box.
    """
    from PIL import Image, ImageDraw

    parsed = parse_parameters(parameters)
    width, height = parsed.window.image_size
    image = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1"
    for tile in parsed.tiles:
        _draw_tile(draw, tile, parsed)
    return _as_canvas(np.array(image), parsed)


def outline_limit(limit: int | None, default: int | None, tiles: Sequence[Any]) -> bool:
    """Whether outlines are drawn: more tiles than maxTileSpecsToRender.

    Parameters
    ----------
    limit : int or None
        maxTileSpecsToRender of the request; absent or negative: the server's.
    default : int or None
        The server's; None for no limit.
    """
    chosen = default if limit is None or limit < 0 else limit
    return chosen is not None and len(tiles) > chosen


def _draw_tile(draw: Any, tile: Mapping[str, Any], parameters: Parameters) -> None:
    window = parameters.window
    min_x, min_y, max_x, max_y = bounds_of([dict(tile)])
    x = int((min_x - window.x) * window.scale)
    y = int((min_y - window.y) * window.scale)
    across = int((max_x - min_x) * window.scale)
    down = int((max_y - min_y) * window.scale)
    draw.rectangle((x, y, x + across, y + down), outline=(*GREEN, 255))
    name = str(tile.get("tileId") or "")
    lines = [name[k : k + LINE_LENGTH] for k in range(0, len(name), LINE_LENGTH)]
    if not lines:
        return
    if across <= SMALLEST_BOX * len(lines[0]) * ADVANCE:
        return
    for number, line in enumerate(lines):
        left = x + (across - len(line) * ADVANCE) / 2
        base = y + down // 4 + number * (FONT_SIZE + 2)
        for place, letter in enumerate(line):
            middle = round(left + (place + 0.5) * ADVANCE)
            draw.text((middle, base), letter, fill=(*GREEN, 255), font=_font(), anchor="ms")


@lru_cache(maxsize=1)
def _font() -> Any:
    """A font of 12 points, the one that ships with Pillow; letters are set at equal distances."""
    from PIL import ImageFont

    return ImageFont.load_default(FONT_SIZE)


def _as_canvas(rgba: NDArray[np.uint8], parameters: Parameters) -> Canvas:
    return Canvas(
        np.ascontiguousarray(rgba[:, :, :3]),
        np.ascontiguousarray(rgba[:, :, 3]),
        DisplayRange(0.0, 255.0),
        rgba.shape[1],
        rgba.shape[0],
        bool(parameters.tiles),
        parameters.background,
        convert_to_gray=parameters.convert_to_gray,
        quality=parameters.quality,
    )
