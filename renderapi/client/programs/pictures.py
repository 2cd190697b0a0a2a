"""Image files drawn on this machine from render parameters."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.client.programs.options import Options
from renderapi.errors import ClientScriptError
from renderapi.files import atomic_path, atomic_write
from renderapi.rendering import output, render_bands
from renderapi.rendering.bands import write_image
from renderapi.rendering.parameters import parse_parameters
from renderapi.rendering.png import PngWriter
from renderapi.rendering.sources import SourceCache

log = logging.getLogger(__name__)

Json = dict[str, Any]
FORMATS = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "tif": "tiff", "tiff": "tiff"}
ROWS = 1024


@dataclass(frozen=True)
class Calibration:
    """Size of a pixel of the picture, in `unit`."""

    width: float
    height: float
    unit: str


def image_format(extension: str) -> str:
    """Format of a file by its extension, in either case."""
    if extension.lower() not in FORMATS:
        raise ClientScriptError(
            f"image format {extension!r} is none of {', '.join(sorted(FORMATS))}"
        )
    return FORMATS[extension.lower()]


def picture_extension(options: Options, default: str) -> str:
    """Extension of the files: --format, or --imageType as older callers say it.

    Raises
    ------
    ClientScriptError
        The two name different formats.
    """
    said, older = options.format, options.imageType
    if older is not None and older.lower() not in FORMATS:
        log.warning("--imageType %s is no file format, and has no effect", older)
        older = None
    if said and older and image_format(said) != image_format(older):
        raise ClientScriptError(f"--format {said} and --imageType {older} contradict each other")
    return str(said or older or default).lower()


def write_picture(
    parameters: Json,
    path: Path,
    *,
    gray: bool = False,
    sources: SourceCache | None = None,
    threads: int = 1,
    calibration: Calibration | None = None,
    labels: Sequence[Json] = (),
) -> None:
    """Draw a picture into a file, band by band.

    Parameters
    ----------
    parameters : dict
        RenderParameters.
    path : Path
        Its suffix decides the format.
    gray : bool
        8-bit grey (luma over black) instead of colours.
    sources, threads
        As for `rendering.render_bands`.
    calibration : Calibration, optional
        Written into a TIFF the way ImageJ reads it.
    labels : sequence of tile specs
        Tiles whose ids are written at their upper left corners.
    """
    format = image_format(path.suffix.lstrip("."))
    if not (gray or calibration or labels):
        write_image(parameters, path, format, sources=sources, threads=threads)
        return
    bands = _levels(parameters, gray, sources, threads)
    if labels:
        bands = iter([_labelled(np.concatenate(list(bands)), parameters, labels)])
    if format == "jpeg":
        quality = parse_parameters(parameters).quality
        atomic_write(path, output.encode_jpeg(np.concatenate(list(bands)), quality))
        return
    with atomic_path(path) as temporary:
        if format == "png":
            _write_png(temporary, bands, parse_parameters(parameters).window.image_size)
        else:
            _write_tiff(temporary, bands, parameters, calibration)


def _levels(
    parameters: Json, gray: bool, sources: SourceCache | None, threads: int
) -> Iterator[NDArray[np.uint8]]:
    """Bands over black: (rows, width) grey or (rows, width, 3)."""
    for _, canvas in render_bands(parameters, ROWS, sources=sources, threads=threads):
        yield output.to_rgb_over_black(replace(canvas, convert_to_gray=gray))


def _write_png(path: Path, bands: Iterator[NDArray], size: tuple[int, int]) -> None:
    first = next(bands)
    with path.open("wb") as stream:
        writer = PngWriter(stream, size, first.dtype, first.shape[2] if first.ndim == 3 else 1)
        writer.write(first)
        for band in bands:
            writer.write(band)
        writer.close()


def _write_tiff(
    path: Path, bands: Iterator[NDArray], parameters: Json, calibration: Calibration | None
) -> None:
    import tifffile

    width, height = parse_parameters(parameters).window.image_size
    first = next(bands)
    more: dict[str, Any] = {}
    if calibration is not None:
        more["resolution"] = (1 / calibration.width, 1 / calibration.height)
        more["resolutionunit"] = 1
        more["description"] = f"ImageJ=1.53t\nunit={calibration.unit}\n"

    def rows() -> Iterator[NDArray]:
        yield first.astype(first.dtype.newbyteorder(">"))
        for band in bands:
            yield band.astype(band.dtype.newbyteorder(">"))

    big = width * height * first[0, 0].nbytes > 1 << 32
    with tifffile.TiffWriter(path, byteorder=">", bigtiff=big) as writer:
        writer.write(
            rows(),
            shape=(height, width, *first.shape[2:]),
            dtype=first.dtype,
            photometric="rgb" if first.ndim == 3 else "minisblack",
            rowsperstrip=first.shape[0],
            metadata=None,
            software=False,
            **more,
        )


def _labelled(pixels: NDArray[np.uint8], parameters: Json, tiles: Sequence[Json]) -> NDArray:
    """Picture with the id of each tile at its upper left corner, white on black."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    white, black = (255, 0) if pixels.ndim == 2 else ((255,) * 3, (0,) * 3)
    scale = float(parameters.get("scale", 1.0))
    for tile in tiles:
        place = [
            (float(tile[key]) - float(parameters[axis])) * scale
            for key, axis in (("minX", "x"), ("minY", "y"))
        ]
        corner = (place[0] + 3, place[1] + 3)
        text = str(tile["tileId"])
        draw.rectangle(draw.textbbox(corner, text), fill=black)
        draw.text(corner, text, fill=white)
    return np.asarray(picture)
