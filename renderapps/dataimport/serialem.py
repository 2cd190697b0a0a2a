"""Read the positions of the pieces of montages: .mdoc files of SerialEM, piece lists of IMOD.

Piece coordinates are pixels with y upwards, of the lower left corner; the pieces of a montage have
one size, so that -y orders their upper left corners downwards. The rows of MRC files run upwards
too, and are turned over where they are read (`renderapi.rendering.mrc`); TIFF files of SerialEM
have the upper row first. So y is turned for both, and pixels and positions agree.
"""

from __future__ import annotations

import re
from math import cos, radians, sin
from pathlib import Path

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.dataimport.image_headers import check_pages
from renderapps.dataimport.mdoc import Entry, Mdoc
from renderapps.dataimport.text_files import in_folder, numbered_lines, numbers
from renderapps.module.errors import RenderModuleException

PIECE_COORDINATES = ("nominal", "aligned", "stage")
ANGSTROM_PER_MICROMETRE = 1e4
_KEYS = {
    "nominal": ("PieceCoordinates",),
    "aligned": ("AlignedPieceCoordsVS", "AlignedPieceCoords"),
}
_NOT_PLAIN = re.compile(r"[^\w.+-]+")
_INDEX = re.compile(r"\{index(?::0?(\d+)d)?\}")

Place = tuple[float, float, float | None]


def mdoc_images(
    mdoc: Mdoc,
    image_directory: Path,
    coordinates: str = PIECE_COORDINATES[0],
    stage_rotation: float | None = None,
) -> list[AcquiredImage]:
    """Images of a SerialEM .mdoc file, positions in pixels, y downwards.

    `[Image = a.tif]` entries are files of their own, `[ZValue = 3]` entries sections of the MRC
    file (or pages of the TIFF file) that `ImageFile` names.

    Parameters
    ----------
    mdoc : Mdoc
    image_directory : Path
    coordinates : {"nominal", "aligned", "stage"}
        PieceCoordinates, or those that SerialEM has aligned, or stage positions. Stage positions
        are taken also where nominal coordinates are asked for and no image has them.
    stage_rotation : float, optional
        Degrees from the x axis of images to that of the stage, counterclockwise as seen;
        RotationAngle + 90 when absent: the angle from the y axis of images to the axis of tilt.

    Raises
    ------
    RenderModuleException
        Names the entry: no coordinates, a section that is not there.
    """
    if coordinates == "nominal" and not any("PieceCoordinates" in e.values for e in mdoc.entries):
        coordinates = "stage" if mdoc.all_have("StagePosition") else coordinates
    keys = _KEYS.get(coordinates, ())
    key = next((key for key in keys if mdoc.all_have(key)), keys[-1] if keys else None)
    is_stack = any(entry.kind == "ZValue" for entry in mdoc.entries)
    stack_file = mdoc.stack_file(image_directory) if is_stack else None
    images = []
    for entry in mdoc.entries:
        at = _on_stage(entry, stage_rotation) if key is None else _piece(entry, key)
        stage = _stage(entry)
        if entry.kind == "Image" or stack_file is None:
            x, y, z = at
            file = in_folder(image_directory, entry.name)
            images.append(AcquiredImage(file, x, -y, entry.source, z=z, stage=stage))
        else:
            number = _section_number(entry)
            images.append(_page(stack_file, number, at, entry.source, stage))
    check_pages(images)
    return images


def read_piece_list(path: Path, image_directory: Path, images: str) -> list[AcquiredImage]:
    """Images of a piece list of IMOD: x, y, z (and what follows) on each line.

    `images` is an MRC or TIFF file with a section for each line, or a name with `{index}`.

    Raises
    ------
    RenderModuleException
        Names the line that cannot be understood, or the file that has too few sections.
    """
    found = []
    for index, (line, text) in enumerate(numbered_lines(path)):
        source = f"{path}, line {line}"
        cells = text.split()
        if len(cells) < 3:
            raise RenderModuleException(f"{source}: expected x, y and z, found {text!r}")
        x, y, z = numbers(cells[:3], source)
        if _INDEX.search(images):
            file = image_directory / numbered_name(images, index)
            found.append(AcquiredImage(file, x, -y, source, z=z))
        else:
            found.append(_page(image_directory / images, index, (x, y, z), source))
    if not found:
        raise RenderModuleException(f"{path} lists no pieces")
    check_pages(found)
    return found


def numbered_name(pattern: str, index: int) -> str:
    """Name with the index filled in.

    >>> numbered_name("piece_{index:04d}.tif", 7)
    'piece_0007.tif'
    """
    return _INDEX.sub(lambda match: str(index).zfill(int(match[1] or 0)), pattern)


def _piece(entry: Entry, key: str) -> Place:
    if key not in entry.values:
        aligned = key != _KEYS["nominal"][0]
        others = (
            "; give piece_coordinates nominal"
            if aligned
            else "; StagePosition is taken only where no image has piece coordinates"
            if "StagePosition" in entry.values
            else ""
        )
        raise RenderModuleException(f"{entry.source}: no {key}{others}")
    x, y, z = entry.numbers(key, 3)
    return x, y, z


def _on_stage(entry: Entry, rotation: float | None) -> Place:
    """Position of the stage in pixels, y upwards; all images are one section."""
    stage = _stage(entry)
    if stage is None:
        raise RenderModuleException(f"{entry.source}: no StagePosition")
    if "PixelSpacing" not in entry.values:
        raise RenderModuleException(
            f"{entry.source}: no PixelSpacing, which stage positions need to become pixels"
        )
    (spacing,) = entry.numbers("PixelSpacing", 1)
    if spacing <= 0:
        raise RenderModuleException(f"{entry.source}: PixelSpacing is {spacing:g}, not positive")
    if rotation is None:
        rotation = (
            entry.numbers("RotationAngle", 1)[0] + 90 if "RotationAngle" in entry.values else 0.0
        )
    x, y = (value * ANGSTROM_PER_MICROMETRE / spacing for value in stage)
    c, s = cos(radians(rotation)), sin(radians(rotation))
    return round(c * x - s * y, 3), round(s * x + c * y, 3), None


def _stage(entry: Entry) -> tuple[float, float] | None:
    if "StagePosition" not in entry.values:
        return None
    x, y = entry.numbers("StagePosition", 2)
    return x, y


def _section_number(entry: Entry) -> int:
    (number,) = numbers([entry.name], entry.source)
    if number != int(number):
        raise RenderModuleException(f"{entry.source}: section {entry.name} is not a whole number")
    return int(number)


def _page(
    file: Path, page: int, at: Place, source: str, stage: tuple[float, float] | None = None
) -> AcquiredImage:
    x, y, z = at
    tile_id = f"{_NOT_PLAIN.sub('_', file.stem)}_{page:05d}"
    return AcquiredImage(file, x, -y, source, z=z, tile_id=tile_id, slice=page, stage=stage)
