"""Read the positions of the pieces of montages: .mdoc files of SerialEM, piece lists of IMOD.

Piece coordinates are pixels with y upwards, of the lower left corner; the pieces of a montage have
one size, so that -y orders their upper left corners downwards.
"""

from __future__ import annotations

import re
from pathlib import Path

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.dataimport.text_list import numbered_lines, numbers
from renderapps.module.errors import RenderModuleException

PIECE_COORDINATES = ("nominal", "aligned")
TIFF_SUFFIXES = (".tif", ".tiff")
_KEYS = {
    "nominal": ("PieceCoordinates",),
    "aligned": ("AlignedPieceCoordsVS", "AlignedPieceCoords"),
}
_SECTION = re.compile(r"\[\s*(ZValue|Image)\s*=\s*(.+?)\s*\]$")
_ENTRY = re.compile(r"(\w+)\s*=\s*(.*)$")
_NOT_PLAIN = re.compile(r"[^\w.+-]+")
_INDEX = re.compile(r"\{index(?::0?(\d+)d)?\}")

Entries = dict[str, str]


def read_mdoc(
    path: Path, image_directory: Path, coordinates: str = PIECE_COORDINATES[0]
) -> list[AcquiredImage]:
    """Images of a SerialEM .mdoc file, positions in pixels, y downwards.

    `[Image = a.tif]` entries are files of their own, `[ZValue = 3]` entries pages of the file
    that `ImageFile` names, which must be TIFF.

    Raises
    ------
    RenderModuleException
        Names the entry: no piece coordinates, an MRC file, a page that is not there.
    """
    common, entries = _mdoc_entries(path)
    if not entries:
        raise RenderModuleException(f"{path} has no [ZValue = ...] or [Image = ...] entries")
    images = []
    for line, kind, name, values in entries:
        source = f"{path}, line {line}"
        x, y, z = _piece(values, coordinates, source)
        if kind == "Image":
            images.append(AcquiredImage(image_directory / name, x, -y, source, z=z))
            continue
        if "ImageFile" not in common:
            raise RenderModuleException(f"{path} has no ImageFile before its entries")
        file = image_directory / common["ImageFile"]
        images.append(_page(file, int(numbers([name], source)[0]), (x, y, z), source))
    _check_pages(images)
    return images


def read_piece_list(path: Path, image_directory: Path, images: str) -> list[AcquiredImage]:
    """Images of a piece list of IMOD: x, y, z (and what follows) on each line.

    `images` is a TIFF file with a page for each line, or a name with `{index}`.

    Raises
    ------
    RenderModuleException
        Names the line that cannot be understood, or the file that has too few pages.
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
    _check_pages(found)
    return found


def numbered_name(pattern: str, index: int) -> str:
    """Name with the index filled in.

    >>> numbered_name("piece_{index:04d}.tif", 7)
    'piece_0007.tif'
    """
    return _INDEX.sub(lambda match: str(index).zfill(int(match[1] or 0)), pattern)


def _mdoc_entries(path: Path) -> tuple[Entries, list[tuple[int, str, str, Entries]]]:
    """What precedes the entries, and line, kind, name and values of each entry."""
    common: Entries = {}
    entries: list[tuple[int, str, str, Entries]] = []
    values: Entries = common
    for line, text in numbered_lines(path):
        if match := _SECTION.match(text):
            values = {}
            entries.append((line, match[1], match[2], values))
        elif text.startswith("["):  # [T = a title], [MontSection = 0]
            values = {}
        elif match := _ENTRY.match(text):
            values[match[1]] = match[2].strip()
    return common, entries


def _piece(values: Entries, coordinates: str, source: str) -> tuple[float, float, float]:
    for key in _KEYS[coordinates]:
        if key in values:
            at = numbers(values[key].split(), source)
            if len(at) != 3:
                raise RenderModuleException(f"{source}: {key} has {len(at)} values, not 3")
            return at[0], at[1], at[2]
    others = "; give piece_coordinates nominal" if coordinates == "aligned" else ""
    raise RenderModuleException(f"{source}: no {_KEYS[coordinates][0]}{others}")


def _page(file: Path, page: int, at: tuple[float, float, float], source: str) -> AcquiredImage:
    if file.suffix.lower() not in TIFF_SUFFIXES:
        raise RenderModuleException(
            f"{source}: {file.name} is not TIFF; convert it, for instance with mrc2tif -s of IMOD"
        )
    x, y, z = at
    tile_id = f"{_NOT_PLAIN.sub('_', file.stem)}_{page:05d}"
    return AcquiredImage(file, x, -y, source, z=z, tile_id=tile_id, slice=page)


def _check_pages(images: list[AcquiredImage]) -> None:
    """Every page is there; files that are missing are reported with all others later."""
    import tifffile

    pages: dict[Path, int] = {}
    for image in images:
        if image.slice is None or not image.file.is_file():
            continue
        if image.file not in pages:
            try:
                with tifffile.TiffFile(image.file) as file:
                    pages[image.file] = len(file.pages)
            except tifffile.TiffFileError:
                continue
        if image.slice >= pages[image.file]:
            raise RenderModuleException(
                f"{image.source}: {image.file} has {pages[image.file]} pages, none for "
                f"index {image.slice}"
            )
