"""Whole sections drawn on one window of the world, for comparing them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

import renderapi
from renderapi.matching.contrast import Mask, normalised
from renderapi.matching.outline_masks import filled_rings, rings_within
from renderapps.alignment.rough_pairs import empty
from renderapps.materialize.section_pictures import Window, section_document, section_tiles
from renderapps.module import RenderModuleException

LARGEST = 400_000_000
"""Pixels of a picture above which a smaller scale is asked for."""
KEPT = 4
OPAQUE = 250
RIM = 1


def common_window(render: renderapi.Render, stack: str, scale: float) -> Window:
    """The window that holds all tiles of a stack.

    Raises
    ------
    RenderModuleException
        It would have too many pixels.
    """
    bounds = renderapi.stack.get_stack_bounds(stack, render=render)
    x, y = (float(np.floor(bounds[side])) for side in ("minX", "minY"))
    width, height = (int(np.ceil(bounds[high] - low)) for high, low in (("maxX", x), ("maxY", y)))
    window = Window(x, y, width + 1, height + 1, scale)
    pixels = window.size[0] * window.size[1]
    if pixels > LARGEST:
        raise RenderModuleException(
            f"sections of stack {stack} would be drawn with {pixels / 1e6:.0f} million pixels at "
            f"scale {scale:g}: give a scale below {scale * (LARGEST / pixels) ** 0.5:.2g}"
        )
    return window


@dataclass
class DrawnSections:
    """Sections of a stack drawn on a window, the last few of them kept.

    Attributes
    ----------
    render, stack, window, channel
    kept : int
        So many.
    outlines : mapping of z to bytes
        WKB of the outline of a section, world pixels: what is outside of it does not count.
    """

    render: renderapi.Render
    stack: str
    window: Window
    channel: str | None = None
    kept: int = KEPT
    outlines: Mapping[float, bytes] = field(default_factory=dict)
    _kept: OrderedDict[float, tuple[NDArray[np.float32], Mask]] = field(
        default_factory=OrderedDict, repr=False
    )

    def get(self, z: float) -> tuple[NDArray[np.float32], Mask]:
        """Grey levels (rows, columns) of a section, and which of them show something."""
        if z not in self._kept:
            grey, shown = self._drawn(z)
            self._kept[z] = grey, shown & self._counted(z, shown.shape)
        self._kept.move_to_end(z)
        while len(self._kept) > self.kept:
            self._kept.popitem(last=False)
        return self._kept[z]

    @property
    def offset(self) -> float:
        """World pixels from where a window says that a pixel is to the middle of what it shows."""
        return 0.5 / self.window.scale - 0.5 / self._finer().scale

    def _finer(self) -> Window:
        """The window at up to twice the scale, from which means are taken.

        The renderer takes its pixels from the mipmap level above the scale of a tile. Where that is
        hardly less than the next level's, a picture has twice the detail that its pixels can show,
        and detail at random is what neighbours would be compared by.
        """
        return replace(self.window, scale=min(1.0, 2 * self.window.scale))

    def _counted(self, z: float, shape: tuple[int, ...]) -> Mask | np.bool_:
        """Pixels within the outline of a section; True where it has none."""
        import shapely

        if z not in self.outlines:
            return np.True_
        scale, offset = self.window.scale, self.offset
        to_pixel = np.diag([scale, scale, 1.0])
        to_pixel[:2, 2] = -scale * (self.window.x + offset), -scale * (self.window.y + offset)
        rings = rings_within(shapely.from_wkb(self.outlines[z]), to_pixel, *shape[::-1])
        return np.True_ if rings is None else filled_rings(rings, shape)

    def _drawn(self, z: float) -> tuple[NDArray[np.float32], Mask]:
        import cv2

        from renderapi.rendering import render_canvas
        from renderapi.rendering.output import to_gray

        tiles, window = section_tiles(self.render, self.stack, z), self._finer()
        query = {"channels": self.channel, "convertToGray": True}
        document = section_document(self.render, self.stack, tiles, window, query)
        levels, alpha = to_gray(render_canvas({**document, "convertToGray": True}))
        if levels.ndim == 3:
            levels = levels.mean(axis=2)
        grey = np.asarray(levels, np.float32)
        shown = ~empty(grey)
        if alpha is not None:
            shown &= alpha > OPAQUE
        # what is drawn at an edge is mixed with the black beyond it, and is opaque all the same
        kernel = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
        shown = cv2.erode(shown.astype(np.uint8), kernel, borderValue=0).astype(bool)
        if window.scale == self.window.scale:
            return grey, shown
        ratio = window.scale / self.window.scale
        size = self.window.size
        columns, rows = (
            min(round(ratio * side), have)
            for side, have in zip(size, grey.shape[::-1], strict=True)
        )
        small, share = (
            cv2.resize(v[:rows, :columns], size, interpolation=cv2.INTER_AREA)
            for v in (grey, shown.astype(np.float32))
        )
        return np.asarray(small, np.float32), np.asarray(share > 0.99)


def correlation_of(
    p: tuple[NDArray[np.float32], Mask], q: tuple[NDArray[np.float32], Mask], sigma: float = 12.0
) -> float:
    """Correlation of two pictures where both show something; NaN where that is hardly anywhere.

    Slow changes of brightness (wider than about `sigma` pixels) do not count.
    """
    both = p[1] & q[1]
    if both.sum() < 256:
        return float("nan")
    a, b = (normalised(image, mask, sigma)[both] for image, mask in (p, q))
    return float(np.corrcoef(a, b)[0, 1])


def neighbour_correlations(
    render: renderapi.Render,
    stack: str,
    zs: Sequence[float],
    scale: float = 1.0,
    steps: int = 1,
    channel: str | None = None,
) -> dict[tuple[float, float], float]:
    """Correlation of each section with those up to `steps` further on, by their z.

    See `correlation_of`.
    """
    window = common_window(render, stack, scale)
    drawn = DrawnSections(render, stack, window, channel)
    pairs = [(p, q) for i, p in enumerate(zs) for q in zs[i + 1 : i + 1 + steps]]
    return {(p, q): correlation_of(drawn.get(p), drawn.get(q)) for p, q in pairs}
