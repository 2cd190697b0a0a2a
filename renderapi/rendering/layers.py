"""One channel of one tile in one picture: its level image, its mask and its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError, RenderError
from renderapi.rendering.cache import SourceView
from renderapi.rendering.intensity import (
    DisplayRange,
    convert,
    display_range,
    kind_of,
    stretch_components,
)
from renderapi.rendering.mesh import PixelMap
from renderapi.rendering.parameters import Parameters
from renderapi.rendering.sources import Source, as_16_bit, level_info, load_mask, load_pixels
from renderapi.rendering.tiles import Placement

Value = TypeVar("Value")


class Mask(NamedTuple):
    """A mask and which of its cells are opaque throughout."""

    pixels: NDArray[np.uint8]
    opaque: NDArray[np.bool_]


@dataclass
class TileLayer:
    """One channel of one tile in one picture.

    Attributes
    ----------
    level : int
        Pyramid level that is sampled.
    shown : DisplayRange
        Of the channel, or the picture's override; not yet rounded to a pixel type.
    is_16_bit : bool
        8 bit images are taken as the high bytes of 16.
    canvas_kind : str
        Kind of pixels of the canvas, to which the tile is converted.
    use_mask : bool
        Whether the canvas has alpha on account of masks.
    """

    placement: Placement
    source: Source
    level: int
    shown: DisplayRange
    is_16_bit: bool
    parameters: Parameters
    seed: int
    canvas_kind: str = "8"
    use_mask: bool = False

    @property
    def may_be_masked(self) -> bool:
        """Whether the tile has a mask that counts in this picture."""
        return self.use_mask and self.source.mask_url is not None

    def kind(self, sources: SourceView) -> str:
        """Kind of the tile's own pixels, from the header of its image."""
        kind = self._named(lambda: level_info(self.source, sources))[2]
        return "16" if kind == "8" and self.is_16_bit else kind

    def size(self, sources: SourceView) -> tuple[int, int]:
        """Width and height of the level image."""
        return self._named(lambda: level_info(self.source, sources))[:2]

    def pixels(self, sources: SourceView) -> NDArray:
        """Level image, filtered and converted to the canvas; shared, not to be written to."""
        return self._named(lambda: self._pixels(sources))

    def mask(self, sources: SourceView) -> Mask | None:
        """Mask of the level image; None where the tile is drawn whole."""
        from renderapi.rendering import kernels

        if not self.may_be_masked:
            return None
        width, height = self.size(sources)
        mask = self._named(lambda: load_mask(self.source, (height, width), sources))
        if mask is None:
            return None
        source = self.source
        key = sources.key(source.mask_url or "", source.mask_loader, source.mask_number)
        cells = sources.get((*key, "opaque", source.halvings), lambda: kernels.opaque_cells(mask))
        return None if cells.all() else Mask(mask, cells)

    def _pixels(self, sources: SourceView) -> NDArray:
        own = level_info(self.source, sources)[2]
        shown = display_range(own, *self.shown)
        is_stretched = own == "rgb" and shown != (0.0, 255.0)
        if own == self.canvas_kind and not (self.parameters.filters or is_stretched):
            return load_pixels(self.source, sources)
        filters = json.dumps(self.parameters.filters, sort_keys=True)
        key = (
            *sources.key(self.source.url, self.source.loader, self.source.number),
            (self.source.halvings, self.level, filters, self.seed if filters != "[]" else 0),
            (self.is_16_bit, self.canvas_kind, self.shown),
        )
        return sources.get(key, lambda: self._converted(load_pixels(self.source, sources), sources))

    def _converted(self, pixels: NDArray, sources: SourceView) -> NDArray:
        """Filtered, 8 bit raised to 16 where the channel says so, and as the canvas is."""
        if self.parameters.filters:
            from renderapi.rendering.filters import apply_filters

            shown = display_range(kind_of(pixels), *self.shown)
            scale = 1 / (1 << self.level)
            pixels = apply_filters(
                pixels,
                self.parameters.filters,
                shown,
                scale,
                self.seed,
                sources.limits,
                sources.check_stop,
            )
        if self.is_16_bit and kind_of(pixels) == "8":
            pixels = as_16_bit(pixels)
        shown = display_range(kind_of(pixels), *self.shown)
        if kind_of(pixels) == "rgb":
            pixels = stretch_components(pixels, shown)
        return convert(pixels, self.canvas_kind, shown)

    def _named(self, read: Callable[[], Value]) -> Value:
        """Run a reader; its errors name the tile."""
        try:
            return read()
        except ImageError as error:
            text = str(error)
            prefix = f"tile {self.placement.tile_id}: "
            raise type(error)(text if text.startswith(prefix) else prefix + text) from error

    def pixel_map(self, sources: SourceView, whole: bool) -> PixelMap:
        """Polygons of the tile in global canvas coordinates and the way back to its pixels."""
        try:
            return self.placement.pixel_map(
                self.parameters.mesh_cell_size,
                self.parameters.window.scale,
                self.level,
                self.size(sources),
                whole,
            )
        except RenderError as error:
            text = str(error)
            prefix = f"tile {self.placement.tile_id}: "
            raise type(error)(text if text.startswith(prefix) else prefix + text) from error
