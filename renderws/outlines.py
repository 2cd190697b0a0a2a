"""Pictures of where tiles are, without their pixels (section 4.12 of the contract)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.output import encode_jpeg, encode_png, encode_tiff
from renderws.store.protocol import TileBounds

_GREEN = (0, 255, 0, 255)
_FONT_SIZE = 12
_LINE_LENGTH = 12
_LINES_NEEDED = 1.3


def draw_outlines(window: dict[str, Any], tiles: Sequence[TileBounds]) -> NDArray[np.uint8]:
    """RGBA picture (H, W, 4) of the boxes of tiles, with their ids where there is room.

    Parameters
    ----------
    window : dict
        RenderParameters: x, y, width, height, scale and backgroundRGBColor count.
    tiles : sequence of TileBounds
        Boxes in world pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    scale = window["scale"]
    size = (int(scale * window["width"]), int(scale * window["height"]))
    colour = window.get("backgroundRGBColor")
    ground = (0, 0, 0, 0) if colour is None else (*int(colour).to_bytes(4, "big")[1:], 255)
    picture = Image.new("RGBA", size, ground)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(_FONT_SIZE)
    for tile in tiles:
        left = int((tile.min_x - window["x"]) * scale)
        top = int((tile.min_y - window["y"]) * scale)
        width = int((tile.max_x - tile.min_x) * scale)
        height = int((tile.max_y - tile.min_y) * scale)
        draw.rectangle((left, top, left + width, top + height), outline=_GREEN)
        _write_id(draw, font, tile.tile_id, (left, top, width, height))
    return np.asarray(picture)


def _write_id(draw: Any, font: Any, tile_id: str, box: tuple[int, int, int, int]) -> None:
    """The id in lines of twelve letters, centred, from a quarter of the box's height."""
    left, top, width, height = box
    lines = [tile_id[i : i + _LINE_LENGTH] for i in range(0, len(tile_id), _LINE_LENGTH)]
    if not lines or width <= _LINES_NEEDED * draw.textlength(lines[0], font=font):
        return
    for number, line in enumerate(lines):
        x = left + (width - draw.textlength(line, font=font)) / 2
        y = top + height // 4 + number * _FONT_SIZE
        draw.text((x, y), line, fill=_GREEN, font=font, anchor="ls")


def encode_outlines(picture: NDArray[np.uint8], format: str) -> bytes:
    """Bytes of an image file of an RGBA picture; colours lie on black where there is no alpha."""
    if format == "png":
        return encode_png(picture)
    if format == "raw":
        return np.ascontiguousarray(picture[:, :, [3, 0, 1, 2]]).tobytes()
    colours = np.ascontiguousarray(picture[:, :, :3])
    if format == "jpeg":
        return encode_jpeg(colours, 0.85)
    if format == "tiff":
        return encode_tiff(colours)
    values = colours.mean(axis=2).astype(np.uint16)
    if format == "tiff16":
        return encode_tiff(values)
    return encode_png(values) if format == "png16" else values.astype(">u2").tobytes()
