"""Pictures that are too large to hold at once: painted and written band by band."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.files import atomic_path
from renderapi.rendering import output
from renderapi.rendering.canvas import Canvas
from renderapi.rendering.jpeg import JpegWriter
from renderapi.rendering.parameters import parse_parameters
from renderapi.rendering.pipeline import complete, make_plan, paint_rows
from renderapi.rendering.png import PngWriter
from renderapi.rendering.sources import SourceCache


def render_bands(
    parameters: Mapping[str, Any],
    rows: int = 1024,
    *,
    sources: SourceCache | None = None,
    threads: int = 1,
    seed: int = 0,
) -> Iterator[tuple[int, Canvas]]:
    """Draw a picture in bands.

    Parameters
    ----------
    parameters : mapping
        RenderParameters.
    rows : int
        Height of a band; the last may be lower.
    sources, threads, seed
        As for `pipeline.render_canvas`. The cache bounds what source images take: it should hold
        the tiles that one band touches.

    Yields
    ------
    (first row, Canvas)
        From top to bottom, cut to the image that is answered; together the same pixels as in one
        piece.
    """
    if rows < 1:
        raise SpecError(f"a band must have at least one row, not {rows}")
    view = (SourceCache() if sources is None else sources).view()
    plan = make_plan(complete(parameters, view), view, seed)
    height = plan.parameters.window.image_size[1]
    for start in range(0, height, rows):
        yield start, paint_rows(plan, view, start, min(start + rows, height), threads)


def write_image(
    parameters: Mapping[str, Any],
    path: str | Path,
    format: str | None = None,
    *,
    rows: int = 1024,
    sources: SourceCache | None = None,
    threads: int = 1,
    seed: int = 0,
) -> None:
    """Draw a picture into a file, whole or not at all, in memory bounded by one band.

    Parameters
    ----------
    parameters : mapping
        RenderParameters.
    path : path
        The suffix chooses the format where none is given.
    format : str, optional
        As for `output.encode`. Files are written as bands are painted: TIFF with one strip per
        band, JPEG with restart markers.
    """
    path = Path(path)
    format = format or _format_of(path)
    if format not in output.CONTENT_TYPES:
        raise SpecError(f"unknown image format {format!r}")
    bands = render_bands(parameters, rows, sources=sources, threads=threads, seed=seed)
    with atomic_path(path) as temporary:
        if format == "jpeg":
            _write_jpeg(temporary, bands, _picture_size(parameters))
            return
        arrays = (_pixels_of(canvas, format) for _, canvas in bands)
        _WRITERS[format](temporary, arrays, _picture_size(parameters), rows)


def _format_of(path: Path) -> str:
    suffix = path.suffix.lower().lstrip(".")
    format = {"jpg": "jpeg", "tif": "tiff"}.get(suffix, suffix)
    if format not in output.CONTENT_TYPES:
        raise SpecError(f"{path.name}: the suffix {path.suffix!r} is no image format")
    return format


def _picture_size(parameters: Mapping[str, Any]) -> tuple[int, int]:
    return parse_parameters(parameters).window.image_size


def _pixels_of(canvas: Canvas, format: str) -> NDArray:
    """Pixels of one band as the format stores them."""
    if format in ("tiff16", "png16", "raw16"):
        return output.to_values_16(canvas)
    return output.to_rgba(canvas) if format in ("png", "raw") else output.to_rgb(canvas)


def _write_tiff(path: Path, arrays: Iterator[NDArray], size: tuple[int, int], rows: int) -> None:
    import tifffile

    first = next(arrays)
    big = size[0] * size[1] * first[0, 0].nbytes > 1 << 32
    with tifffile.TiffWriter(path, byteorder=">", bigtiff=big) as writer:
        writer.write(
            (
                band.astype(band.dtype.newbyteorder(">"), copy=False)
                for band in chain([first], arrays)
            ),
            shape=(size[1], size[0], *first.shape[2:]),
            dtype=first.dtype,
            photometric="rgb" if first.ndim == 3 else "minisblack",
            rowsperstrip=min(rows, size[1]),
            metadata=None,
            software=False,
        )


def _write_png(path: Path, arrays: Iterator[NDArray], size: tuple[int, int], rows: int) -> None:
    first = next(arrays)
    with path.open("wb") as stream:
        writer = PngWriter(stream, size, first.dtype, first.shape[2] if first.ndim == 3 else 1)
        for band in chain([first], arrays):
            writer.write(band)
        writer.close()


def _write_jpeg(path: Path, bands: Iterator[tuple[int, Canvas]], size: tuple[int, int]) -> None:
    writer = None
    with path.open("wb") as stream:
        for _, canvas in bands:
            writer = writer or JpegWriter(stream, size, canvas.quality)
            writer.write(output.to_rgb_over_black(canvas))
        if writer is not None:
            writer.close()


def _write_raw(path: Path, arrays: Iterator[NDArray], size: tuple[int, int], rows: int) -> None:
    with path.open("wb") as stream:
        for band in arrays:
            words = band[:, :, [3, 0, 1, 2]] if band.ndim == 3 else band.astype(">u2")
            stream.write(np.ascontiguousarray(words).tobytes())


_WRITERS = {
    "tiff": _write_tiff,
    "tiff16": _write_tiff,
    "png": _write_png,
    "png16": _write_png,
    "raw": _write_raw,
    "raw16": _write_raw,
}
