"""Positions of tiles from the OME-XML of OME-TIFF files.

Each image notes where its planes were taken (`Plane PositionX`, or `StageLabel X`) and how large a
pixel is (`Pixels PhysicalSizeX`), with units. A position without a unit, or in that of the
"reference frame", is taken as micrometres, which is what nearly all programs mean by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from renderapps.dataimport.acquired_image import AcquiredImage, natural_key
from renderapps.dataimport.text_files import numbers
from renderapps.module.errors import RenderModuleException

_MICROMETRES = {
    "m": 1e6, "cm": 1e4, "mm": 1e3, "\u00b5m": 1.0, "\u03bcm": 1.0, "um": 1.0, "micron": 1.0,
    "nm": 1e-3, "\u00c5": 1e-4, "\u212b": 1e-4, "pm": 1e-6, "in": 25400.0, "reference frame": 1.0,
}  # fmt: skip
_PIXEL = "pixel"


@dataclass(frozen=True)
class OmeImages:
    """Images with their places in pixels, and what the files say of the size of a pixel.

    `pixel_size_nm` is (x, y) where all files agree, else None; `assumed_unit` says that at least
    one file names no unit of its positions.
    """

    images: list[AcquiredImage]
    pixel_size_nm: tuple[float, float] | None
    assumed_unit: bool


def ome_images(
    directory: Path, pattern: str, pixel_size_um: Sequence[float] | None = None
) -> OmeImages:
    """Images of the OME-TIFF files below a folder, in the natural order of their names.

    Parameters
    ----------
    directory : Path
    pattern : str
        Which files, as in "*.ome.tif".
    pixel_size_um : (float, float), optional
        Width and height of a pixel instead of what the files note.

    Raises
    ------
    RenderModuleException
        No such files; one without OME-XML, a position or the size of a pixel.
    """
    files = sorted(
        (path for path in directory.glob(pattern) if path.is_file()),
        key=lambda path: natural_key(str(path)),
    )
    if not files:
        raise RenderModuleException(f"{directory} has no files {pattern}")
    places = [place for file in files for place in _places(file, pixel_size_um)]
    sizes = {place.pixel_size_um for place in places}
    noted = sizes.pop() if len(sizes) == 1 else None
    return OmeImages(
        [place.image for place in places],
        (noted[0] * 1000, noted[1] * 1000) if noted else None,
        any(place.assumed_unit for place in places),
    )


def channel_names(xml: str | None, series: int) -> list[str]:
    """Names of the channels of an image, as noted; empty texts where there are none."""
    images = _images(xml or "")
    if series >= len(images):
        return []
    return [c.get("Name", "") for c in images[series].iterfind("{*}Pixels/{*}Channel")]


@dataclass(frozen=True)
class _Place:
    image: AcquiredImage
    pixel_size_um: tuple[float, float] | None
    assumed_unit: bool


def _places(file: Path, pixel_size_um: Sequence[float] | None) -> Iterator[_Place]:
    import tifffile

    try:
        with tifffile.TiffFile(file) as tiff:
            images = _images(tiff.ome_metadata or "")
            # a set of files notes all of its images in each: only those in this file are its own
            own = [series.keyframe.parent is tiff for series in tiff.series]
    except (OSError, tifffile.TiffFileError) as error:
        raise RenderModuleException(f"cannot read {file}: {error}") from None
    if not images:
        raise RenderModuleException(f"{file} has no OME-XML, which positions are to come from")
    if len(own) != len(images):
        raise RenderModuleException(
            f"{file} describes {len(images)} images and holds {len(own)}; give a positions_file"
        )
    for number, image in enumerate(images):
        if own[number]:
            source = f"{file}, image {image.get('Name') or image.get('ID') or number}"
            series = number if len(images) > 1 else None
            yield _place(image, file, series, source, pixel_size_um)


def _place(
    image: Any, file: Path, series: int | None, source: str, given: Sequence[float] | None
) -> _Place:
    pixels = image.find("{*}Pixels")
    noted = _pixel_size(pixels, source)
    size = (given[0], given[1]) if given else noted
    at, assumed = [], False
    for axis, name in enumerate("XY"):
        value, unit = _position(image, pixels, name, source)
        assumed |= unit in ("", "reference frame")
        if unit != _PIXEL and size is None:
            raise RenderModuleException(
                f"{source}: no PhysicalSize{name}, which positions need to become pixels; give "
                "pixel_size_nm"
            )
        in_pixels = (
            value
            if unit == _PIXEL or size is None
            else (value * _micrometres(unit or "um", source) / size[axis])
        )
        at.append(round(in_pixels, 6))
    return _Place(AcquiredImage(file, at[0], at[1], source, series=series), noted, assumed)


def _position(image: Any, pixels: Any, axis: str, source: str) -> tuple[float, str]:
    """Where the first plane was taken, and in which unit."""
    planes = sorted(
        pixels.iterfind("{*}Plane"),
        key=lambda plane: [int(plane.get(f"The{a}", 0)) for a in "TZC"],
    )
    for element, key in ((planes[0] if planes else None, f"Position{axis}"),
                         (image.find("{*}StageLabel"), axis)):  # fmt: skip
        if element is not None and element.get(key) is not None:
            return _number(element.get(key), key, source), element.get(f"{key}Unit", "")
    raise RenderModuleException(f"{source}: no Position{axis} of a plane and no StageLabel")


def _pixel_size(pixels: Any, source: str) -> tuple[float, float] | None:
    sizes = []
    for axis in "XY":
        key = f"PhysicalSize{axis}"
        if pixels.get(key) is None or pixels.get(f"{key}Unit") == _PIXEL:
            return None
        value = _number(pixels.get(key), key, source)
        size = value * _micrometres(pixels.get(f"{key}Unit", "um"), source)
        if size <= 0:
            raise RenderModuleException(f"{source}: {key} is {value:g}, not positive")
        sizes.append(size)
    return sizes[0], sizes[1]


def _micrometres(unit: str, source: str) -> float:
    if unit not in _MICROMETRES:
        raise RenderModuleException(f"{source}: unknown unit {unit!r}; give a positions_file")
    return _MICROMETRES[unit]


def _number(text: str, key: str, source: str) -> float:
    return numbers([text.strip()], f"{source}, {key}")[0]


def _images(xml: str) -> list[ElementTree.Element]:
    if not xml or "<!DOCTYPE" in xml:  # entities have no business in OME-XML
        return []
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return []
    return list(root.iterfind("{*}Image"))
