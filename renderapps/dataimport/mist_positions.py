"""Read the global positions that NIST MIST writes: img-global-positions-0.txt.

    file: tile_01.tif; corr: 0.9312; position: (18, 0); grid: (0, 0);

Positions are pixels, x right and y down; the grid is (column, row).
"""

from __future__ import annotations

import re
from pathlib import Path

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.dataimport.text_files import NUMBER, in_folder, lines_of
from renderapps.module.errors import RenderModuleException

_START = re.compile(r"\s*file:[^;]*;\s*corr:", re.IGNORECASE)
_LINE = re.compile(
    rf"file:\s*(?P<file>[^;]+?)\s*;\s*corr:[^;]*;\s*position:\s*\(\s*(?P<x>{NUMBER})\s*,\s*"
    rf"(?P<y>{NUMBER})\s*\)\s*;\s*grid:\s*\(\s*(?P<column>\d+)\s*,\s*(?P<row>\d+)\s*\)\s*;?",
    re.IGNORECASE,
)


def is_mist(text: str) -> bool:
    """Whether a text is a list of global positions of MIST, by its first line."""
    return bool(_START.match(text))


def mist_images(text: str, path: Path, image_directory: Path) -> list[AcquiredImage]:
    """Images of a list of global positions, in its order, with their place in the grid.

    Raises
    ------
    RenderModuleException
        Names the line that cannot be understood.
    """
    images = []
    for number, line in lines_of(text):
        source = f"{path}, line {number}"
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise RenderModuleException(
                f"{source}: expected 'file: ...; corr: ...; position: (x, y); grid: (c, r);' as "
                f"MIST writes it, found {line.strip()!r}"
            )
        images.append(
            AcquiredImage(
                file=in_folder(image_directory, match["file"]),
                x=float(match["x"]),
                y=float(match["y"]),
                source=source,
                row=int(match["row"]),
                column=int(match["column"]),
            )
        )
    return images
