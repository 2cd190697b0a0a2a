"""Read the TileConfiguration.txt of the Fiji stitching plug-ins."""

from __future__ import annotations

import re
from pathlib import Path

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.module.errors import RenderModuleException

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_DIMENSION = re.compile(r"dim\s*=\s*(\d+)\s*$", re.IGNORECASE)
_TILE = re.compile(
    rf"(?P<file>[^;]+);(?P<series>[^;]*);\s*\(\s*(?P<at>{_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*\)$"
)


def read_tile_configuration(path: Path, image_directory: Path) -> list[AcquiredImage]:
    """Images of a TileConfiguration file, positions in pixels.

    The third coordinate of a three-dimensional file is taken as z.

    Raises
    ------
    RenderModuleException
        Names the file and the line that cannot be understood.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RenderModuleException(f"cannot read {path}: {reason}") from None
    dimensions = 2
    images = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if match := _DIMENSION.match(text):
            dimensions = _supported(int(match[1]), f"{path}, line {number}")
        else:
            images.append(_image(text, dimensions, f"{path}, line {number}", image_directory))
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
    if match["series"].strip() not in ("", "0"):
        raise RenderModuleException(
            f"{source}: series {match['series'].strip()} of a multi-series file is not supported; "
            "export the series as single images"
        )
    at = [float(value) for value in match["at"].split(",")]
    if len(at) != dimensions:
        raise RenderModuleException(f"{source}: {len(at)} coordinates where dim is {dimensions}")
    return AcquiredImage(
        file=directory / match["file"].strip(),
        x=at[0],
        y=at[1],
        z=at[2] if dimensions == 3 else None,
        source=source,
    )
