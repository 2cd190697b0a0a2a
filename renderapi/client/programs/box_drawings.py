"""What boxes show: the layer as a picture, or its tiles as labels."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.client.programs.box_pyramids import BoxGrid, Pixels, mean_halved
from renderapi.client.programs.java_random import shuffle
from renderapi.client.programs.tile_documents import touches
from renderapi.errors import ClientScriptError
from renderapi.rendering import output, render_canvas
from renderapi.rendering.readers import read_image
from renderapi.rendering.sources import SourceCache

Json = dict[str, Any]
EMPTY_LABEL = 65535
SEED = 99


@dataclass
class LayerDrawing:
    """A layer as a picture: 8-bit grey, or RGBA.

    Attributes
    ----------
    document : dict
        Render parameters of the whole layer.
    grid : BoxGrid
    gray : bool
    format : str
        png, jpeg or tiff.
    sources : SourceCache
    """

    document: Json
    grid: BoxGrid
    gray: bool
    format: str
    sources: SourceCache

    def draw(self, row: int, column: int) -> Pixels | None:
        """Pixels of a level 0 box; None where no tile is."""
        parameters = self.box(row, column)
        if not parameters["tileSpecs"]:
            return None
        canvas = render_canvas(parameters, sources=self.sources)
        if self.gray:
            return output.to_rgb_over_black(replace(canvas, convert_to_gray=True))
        return output.to_rgba(canvas)

    def box(self, row: int, column: int) -> Json:
        """Render parameters of a level 0 box."""
        box = self.grid.extent(0, row, column)
        tiles = [tile for tile in self.document["tileSpecs"] if touches(tile, box)]
        size = {"width": self.grid.width, "height": self.grid.height}
        window = {"x": box[0], "y": box[1], **size, "scale": 1.0}
        return {**self.document, **window, "tileSpecs": tiles}

    def blank(self, height: int, width: int) -> Pixels:
        """Black, transparent where pictures have alpha."""
        return np.zeros((height, width) if self.gray else (height, width, 4), np.uint8)

    def halve(self, pixels: Pixels) -> Pixels:
        """Means of 2 x 2 pixels."""
        return mean_halved(pixels)

    def write(self, path: Path, pixels: Pixels) -> None:
        """Write a box in the format of the drawing."""
        image = np.asarray(pixels, np.uint8)
        if self.format == "png":
            path.write_bytes(output.encode_png(image))
            return
        image = np.ascontiguousarray(image[..., :3]) if image.ndim == 3 else image
        if self.format == "jpeg":
            path.write_bytes(output.encode_jpeg(image, 0.85))
        else:
            path.write_bytes(output.encode_tiff(image))

    def read(self, path: Path) -> Pixels:
        """Read a box; the alpha that a format does not keep is opaque."""
        from PIL import Image

        with Image.open(path) as picture:
            return np.asarray(picture.convert("L" if self.gray else "RGBA"))


@dataclass
class LabelDrawing:
    """A layer as labels: each tile a 16-bit value of its own, 65535 where no tile is."""

    document: Json
    grid: BoxGrid
    sources: SourceCache
    labels: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._pictures = LayerDrawing(self.document, self.grid, True, "png", self.sources)
        self.labels = labels_of([tile["tileId"] for tile in self.document["tileSpecs"]])

    def draw(self, row: int, column: int) -> Pixels | None:
        """Labels of the tiles that are seen in a level 0 box."""
        parameters = self._pictures.box(row, column)
        if not parameters["tileSpecs"]:
            return None
        pixels = self.blank(self.grid.height, self.grid.width)
        for tile in parameters["tileSpecs"]:
            pixels[self._covered(parameters, tile)] = self.labels[tile["tileId"]]
        return pixels

    def _covered(self, parameters: Json, tile: Json) -> NDArray[np.bool_]:
        """Where a tile is drawn: where its mask, or else its whole image, is fully opaque."""
        alone = {
            **parameters,
            "tileSpecs": [whole_shown(tile)],
            "binaryMask": True,
            "excludeMask": False,
            "fillWithNoise": False,
        }
        canvas = render_canvas(alone, sources=self.sources)
        if canvas.alpha is None:
            raise ClientScriptError(f"tile {tile['tileId']} has no outline")
        return np.asarray(canvas.alpha[: canvas.height, : canvas.width] == 255)

    def blank(self, height: int, width: int) -> Pixels:
        """No tile anywhere."""
        return np.full((height, width), EMPTY_LABEL, np.uint16)

    def halve(self, pixels: Pixels) -> Pixels:
        """Every second pixel: the mean of two labels is the label of neither."""
        return pixels[::2, ::2]

    def write(self, path: Path, pixels: Pixels) -> None:
        """Write 16-bit grey."""
        path.write_bytes(output.encode_png(np.ascontiguousarray(pixels)))

    def read(self, path: Path) -> Pixels:
        """Read 16-bit grey."""
        pixels = read_image(str(path))
        if pixels.dtype != np.uint16 or pixels.ndim != 2:
            raise ClientScriptError(f"{path} is not a 16-bit grey image of labels")
        return pixels


def labels_of(tile_ids: list[str]) -> dict[str, int]:
    """A distinct 16-bit value for each tile, the same in every run."""
    values = [green * 256 + blue for green in range(1, 254) for blue in range(1, 254)]
    if len(tile_ids) > len(values):
        raise ClientScriptError(f"{len(tile_ids)} tiles are more than the {len(values)} labels")
    shuffle(values, SEED)
    return dict(zip(sorted(tile_ids), values, strict=False))


def whole_shown(tile: Json) -> Json:
    """The tile with a mask that shows all of it where it has none."""
    width, height = int(tile["width"]), int(tile["height"])
    size = f"maxX={width}&maxY={height}&width={width}&height={height}"
    whole = f"mask://outside-box?minX=0&minY=0&{size}"

    def with_mask(levels: Json) -> Json:
        first = min(levels, key=int)
        entry = levels[first]
        return {first: entry if entry.get("maskUrl") else {**entry, "maskUrl": whole}}

    if tile.get("channels"):
        channels = [
            {**channel, "mipmapLevels": with_mask(channel["mipmapLevels"])}
            for channel in tile["channels"]
        ]
        return {**tile, "channels": channels}
    return {**tile, "mipmapLevels": with_mask(tile["mipmapLevels"])}
