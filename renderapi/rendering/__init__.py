"""Tiles -> pixels: pictures of render-parameters documents, without a server.

The functions here import what they need when they are called: importing this package loads
neither numba nor an image library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from renderapi.rendering.canvas import Canvas
    from renderapi.rendering.limits import Stop
    from renderapi.rendering.sources import SourceCache

__all__ = [
    "encode",
    "render",
    "render_bands",
    "render_canvas",
    "render_tilespec",
    "render_tilespecs",
    "write_image",
]


def render_canvas(
    parameters: Mapping[str, Any],
    *,
    sources: SourceCache | None = None,
    threads: int = 1,
    seed: int = 0,
    stop: Stop | None = None,
) -> Canvas:
    """Draw a RenderParameters document: see `renderapi.rendering.pipeline.render_canvas`."""
    from renderapi.rendering import pipeline

    return pipeline.render_canvas(
        parameters, sources=sources, threads=threads, seed=seed, stop=stop
    )


def encode(canvas: Canvas, format: str, quality: float | None = None) -> bytes:
    """Bytes of an image file of a canvas: see `renderapi.rendering.output.encode`."""
    from renderapi.rendering import output

    return output.encode(canvas, format, quality)


def render(
    parameters: Mapping[str, Any],
    *,
    sources: SourceCache | None = None,
    threads: int = 1,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Picture of a RenderParameters document.

    Returns
    -------
    (height, width, 4) uint8
        RGBA, the array that a service's PNG of the same document decodes to.
    """
    from renderapi.rendering import output

    canvas = render_canvas(parameters, sources=sources, threads=threads, seed=seed)
    return output.to_rgba(canvas)


def render_tilespec(tile: Any, **options: Any) -> NDArray[np.uint8]:
    """Picture of one tile over its own box: see `render_tilespecs`."""
    return render_tilespecs([tile], **options)


def render_tilespecs(
    tiles: Sequence[Any],
    *,
    scale: float = 1.0,
    sources: SourceCache | None = None,
    threads: int = 1,
    **options: Any,
) -> NDArray[np.uint8]:
    """Picture of tiles over the box that holds them all.

    Parameters
    ----------
    tiles : sequence of tile specs or their dicts
        Drawn in this order; their transforms must be resolved.
    scale : float
        Pixels of the picture per world pixel.
    **options
        Further RenderParameters keys, such as `filter`, `minIntensity`, `channels`; `x`, `y`,
        `width` and `height` choose another window.

    Returns
    -------
    (height, width, 4) uint8, RGBA
    """
    from renderapi.rendering.windows import tiles_parameters

    documents = [tile if isinstance(tile, dict) else tile.to_dict() for tile in tiles]
    parameters = tiles_parameters(documents, scale, options)
    return render(parameters, sources=sources, threads=threads)


def render_bands(
    parameters: Mapping[str, Any],
    rows: int = 1024,
    *,
    sources: SourceCache | None = None,
    threads: int = 1,
    seed: int = 0,
) -> Iterator[tuple[int, Canvas]]:
    """Draw a picture in bands of `rows` rows: see `renderapi.rendering.bands.render_bands`."""
    from renderapi.rendering import bands

    return bands.render_bands(parameters, rows, sources=sources, threads=threads, seed=seed)


def write_image(
    parameters: Mapping[str, Any], path: Any, format: str | None = None, **options: Any
) -> None:
    """Draw a picture into a file in bounded memory: see `renderapi.rendering.bands.write_image`."""
    from renderapi.rendering import bands

    bands.write_image(parameters, path, format, **options)


def __getattr__(name: str) -> Any:
    """`SourceCache`, `Canvas` and `CONTENT_TYPES`, imported on first use."""
    if name == "SourceCache":
        from renderapi.rendering.sources import SourceCache

        return SourceCache
    if name == "Canvas":
        from renderapi.rendering.canvas import Canvas

        return Canvas
    if name == "CONTENT_TYPES":
        from renderapi.rendering.output import CONTENT_TYPES

        return CONTENT_TYPES
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
