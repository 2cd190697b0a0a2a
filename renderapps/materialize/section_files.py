"""Pictures of sections on disk: where they go, and grey images written band by band."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from renderapi.files import atomic_path

SUFFIXES = {"png": "png", "jpg": "jpg", "tif": "tif", "png16": "png", "tif16": "tif"}
BAND_ROWS = 1024


def java_number(value: float) -> str:
    """Text of a number as Java writes a double, which names folders and files of section images.

    >>> [java_number(v) for v in (301, 0.05, 0.0005, 1.5e7)]
    ['301.0', '0.05', '5.0E-4', '1.5E7']
    """
    value = float(value)
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value) if "e" not in repr(value) else f"{value:.1f}"
    sign, digits, _ = Decimal(repr(value)).as_tuple()
    exponent = Decimal(repr(value)).adjusted()
    text = "".join(map(str, digits)).rstrip("0")
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{exponent}"


def section_path(
    root: Path,
    project: str,
    stack: str,
    scale: float,
    z: float,
    suffix: str,
    custom: tuple[str | None, str | None] = (None, None),
    padded: bool = False,
) -> Path:
    """File of a section's picture.

    Without a custom folder `{root}/{project}/{stack}/sections_at_{scale}/{z // 1000, 3 digits}/
    {hundreds of z}/{z}.{suffix}`, as the section client of render writes it; with one
    `{root}/{custom folder}/{sub-folder}/{z}.{suffix}`. `padded` names the file by z as a whole
    number of five digits.
    """
    folder, below = custom
    if folder:
        directory = root / folder / (below or "")
    else:
        thousands, rest = divmod(int(z), 1000)
        directory = root / project / stack / f"sections_at_{java_number(scale)}"
        directory = directory / f"{thousands:03d}" / str(rest // 100)
    name = f"{int(z):05d}" if padded else java_number(z)
    return directory / f"{name}.{suffix}"


def write_section_picture(document: Mapping[str, Any], path: Path, image_format: str) -> None:
    """Draw a RenderParameters document into a grey image, whole or not at all.

    8 bit formats show the display range, 16 bit formats hold the values.
    """
    from renderapi.rendering import render_bands, write_image
    from renderapi.rendering.output import to_rgb_over_black

    document = {**document, "convertToGray": True}
    path.parent.mkdir(parents=True, exist_ok=True)
    if image_format not in ("png", "tif"):
        written = {"jpg": "jpeg", "png16": "png16", "tif16": "tiff16"}[image_format]
        write_image(document, path, written, rows=BAND_ROWS)
        return
    size = int(document["width"] * document["scale"]), int(document["height"] * document["scale"])
    bands = (to_rgb_over_black(canvas) for _, canvas in render_bands(document, BAND_ROWS))
    with atomic_path(path) as temporary:
        write = _write_png if image_format == "png" else _write_tiff
        write(temporary, bands, size)


def _write_png(path: Path, bands: Iterator[np.ndarray], size: tuple[int, int]) -> None:
    from renderapi.rendering.png import PngWriter

    with path.open("wb") as stream:
        writer = PngWriter(stream, size, np.dtype(np.uint8), 1)
        for band in bands:
            writer.write(band)
        writer.close()


def _write_tiff(path: Path, bands: Iterator[np.ndarray], size: tuple[int, int]) -> None:
    import tifffile

    with tifffile.TiffWriter(path, bigtiff=size[0] * size[1] > 1 << 31) as writer:
        writer.write(
            bands,
            shape=size[::-1],
            dtype=np.uint8,
            photometric="minisblack",
            rowsperstrip=min(BAND_ROWS, size[1]),
            metadata=None,
        )
