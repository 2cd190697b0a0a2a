"""Read the TileConfiguration.txt of the Fiji stitching plug-ins.

dim = 2
multiseries = true          (where one file holds several images)
file; series; (x, y)
"""

from __future__ import annotations

import re
from pathlib import Path

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.dataimport.text_files import (
    NUMBER,
    in_folder,
    kind_of_text,
    numbered_lines,
    read_text,
)
from renderapps.dataimport.text_files import TILE_CONFIGURATION as KIND
from renderapps.module.errors import RenderModuleException

_DIMENSION = re.compile(r"dim\s*=\s*(\d+)\s*$", re.IGNORECASE)
_MULTISERIES = re.compile(r"multiseries\s*=\s*(true|false)\s*$", re.IGNORECASE)
_TILE = re.compile(
    rf"(?P<file>[^;]+);(?P<series>[^;]*);\s*\(\s*(?P<at>{NUMBER}(?:\s*,\s*{NUMBER})*)\s*\)$"
)


def read_tile_configuration(path: Path, image_directory: Path) -> list[AcquiredImage]:
    """Images of a TileConfiguration file, positions in pixels.

    The third coordinate of a three-dimensional file is taken as z. A number between the file and
    the position is the series of a file that holds several images, counted from 0.

    Raises
    ------
    RenderModuleException
        Names the file and the line that cannot be understood.
    """
    kind = kind_of_text(read_text(path))
    if kind not in (None, KIND):
        raise RenderModuleException(f"{path} is no TileConfiguration but {kind}")
    dimensions = 2
    images = []
    for number, text in numbered_lines(path):
        source = f"{path}, line {number}"
        if match := _DIMENSION.match(text):
            dimensions = _supported(int(match[1]), source)
        elif not _MULTISERIES.match(text):
            images.append(_image(text, dimensions, source, image_directory))
    if not images:
        raise RenderModuleException(f"{path} lists no images")
    return images


def _supported(dimensions: int, source: str) -> int:
    if dimensions not in (2, 3):
        raise RenderModuleException(f"{source}: dim must be 2 or 3, not {dimensions}")
    return dimensions


def _image(text: str, dimensions: int, source: str, directory: Path) -> AcquiredImage:
    match = _TILE.match(text)
    if match is None:
        raise RenderModuleException(f"{source}: expected 'file; ; (x, y)', found {text!r}")
    at = [float(value) for value in match["at"].split(",")]
    if len(at) != dimensions:
        raise RenderModuleException(f"{source}: {len(at)} coordinates where dim is {dimensions}")
    return AcquiredImage(
        file=in_folder(directory, match["file"].strip()),
        x=at[0],
        y=at[1],
        z=at[2] if dimensions == 3 else None,
        source=source,
        series=_series(match["series"].strip(), source),
    )


def _series(text: str, source: str) -> int | None:
    if text and not re.fullmatch("[0-9]{1,9}", text):
        raise RenderModuleException(f"{source}: {text!r} is not the number of a series")
    return int(text) if text else None
