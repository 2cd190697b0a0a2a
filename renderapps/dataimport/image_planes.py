"""What a file holds beside one image: channels, focal planes, time points, series, thumbnails.

A position table names files. Of a file with several pages the first full one is the image; the
channels of OME-TIFF files and ImageJ hyperstacks become channels of the tile; whatever is left is
told, never passed over in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.dataimport.acquired_tiles import plain_text
from renderapps.dataimport.image_headers import THREADS
from renderapps.module.errors import RenderModuleException

_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_LOOKED_AT = 64
_AXES = {"Z": "focal planes", "T": "time points", "C": "channels", "R": "tiles"}


@dataclass(frozen=True)
class Contents:
    """Pages to take of a file, by channel, and what is not taken.

    Attributes
    ----------
    pages : dict of (str or None) to (int or None)
        Page of each channel, counted from 0. The one channel of a plain file is None, and so is
        its page where readers take it anyhow.
    unused : str or None
        What the file holds beside these, for the report.
    """

    pages: dict[str | None, int | None]
    unused: str | None = None


PLAIN = Contents({None: None})


def chosen_planes(
    images: Sequence[AcquiredImage],
) -> tuple[list[AcquiredImage], list[dict[str, Any]]]:
    """The images with a page where they need one, an image for each channel of their files.

    Returns
    -------
    images : list of AcquiredImage
        In the order given; one whose page is known, or whose file is missing, as it was.
    partly_used : list of dict
        `file`, `used` and `unused` of each file that holds more.

    Raises
    ------
    RenderModuleException
        A file does not have the series that is asked for.
    """
    keys = list(dict.fromkeys((i.file, i.series) for i in images if i.slice is None))
    with ThreadPoolExecutor(THREADS) as pool:
        contents = dict(zip(keys, pool.map(_contents_or_plain, keys), strict=True))
    stems = Counter(file.stem for file in {file for file, _ in keys})
    planes: list[AcquiredImage] = []
    partly_used: dict[Path, dict[str, Any]] = {}
    for image in images:
        if image.slice is not None:
            planes.append(image)
            continue
        held = contents[image.file, image.series]
        if isinstance(held, str):
            raise RenderModuleException(f"{image.source}: {held}")
        used = _of_image(image, held, _tile_id(image, stems))
        planes += used
        if held.unused or len(used) < len(held.pages):
            partly_used[image.file] = _report(image, held, used)
    return planes, list(partly_used.values())


def _of_image(image: AcquiredImage, held: Contents, tile_id: str | None) -> list[AcquiredImage]:
    """An image for each channel; where the source names the channel, the first of them is it."""
    pages = held.pages
    if image.channel is not None or len(pages) == 1:
        pages = {image.channel: next(iter(pages.values()))}
    if pages == {image.channel: None}:  # readers take it anyhow, and the file's name is the tile's
        return [image]
    name = image.tile_id or tile_id
    return [replace(image, channel=c, slice=page, tile_id=name) for c, page in pages.items()]


def _tile_id(image: AcquiredImage, stems: Mapping[str, int]) -> str | None:
    """Name of the file, which is better than that of a page; None where files share a name."""
    if stems[image.file.stem] > 1:
        return None
    stem = plain_text(image.file.stem)
    return stem if image.series is None else f"{stem}_{image.series:05d}"


def _report(image: AcquiredImage, held: Contents, used: Sequence[AcquiredImage]) -> dict[str, Any]:
    left = list(held.pages)[len(used) :]
    channels = [f"channels {', '.join(map(str, left))}"] if left else []
    pages = [plane.slice or 0 for plane in used]
    unused = "; ".join([*channels, *([held.unused] if held.unused else [])])
    return {"file": image.file, "used_pages": pages, "unused": unused}


def _contents_or_plain(key: tuple[Path, int | None]) -> Contents | str:
    """Contents of a file, or why its series is not there; a bad file is reported by its header."""
    import tifffile

    from renderapi.errors import ImageError

    file, series = key
    try:
        return file_contents(file, series)
    except RenderModuleException as error:
        return str(error)
    except (OSError, ImageError, tifffile.TiffFileError, ValueError):
        return PLAIN


def file_contents(file: Path, series: int | None = None) -> Contents:
    """What to take of a file, from its headers.

    Parameters
    ----------
    file : Path
    series : int, optional
        Which image of a file that holds several, counted from 0.

    Raises
    ------
    RenderModuleException
        There is no such series.
    """
    import tifffile

    from renderapi.rendering.formats import TIFF_MAGIC, count_planes

    with file.open("rb") as stream:
        magic = stream.read(4)
    if magic not in TIFF_MAGIC:
        if series:
            raise RenderModuleException(
                f"series {series} of {file}: only TIFF files can be read by series; export the "
                "series as single images"
            )
        sections = count_planes(file)
        return PLAIN if sections == 1 else Contents({None: 0}, f"sections 1 to {sections - 1}")
    with tifffile.TiffFile(file) as tiff:
        if series is None and len(tiff.pages) == 1 and not tiff.is_imagej and not tiff.is_ome:
            return Contents({None: None}, _samples(tiff.pages[0]))
        if series is not None or tiff.is_imagej or tiff.is_ome:
            return _of_series(tiff, file, series or 0)
        return _of_pages(tiff.pages)


def _of_pages(pages: Any) -> Contents:
    """The first page that is neither reduced nor a mask, of a file that does not say more."""
    looked_at = range(min(len(pages), _LOOKED_AT))
    full = [k for k in looked_at if not pages[k].subfiletype & (_REDUCED | _MASK)] or [0]
    others = len(full) - 1 + len(pages) - len(looked_at)
    unused = [f"{others} other page{'s' * (others > 1)}"] if others else []
    samples = _samples(pages[full[0]])
    return Contents(
        {None: full[0] or None}, "; ".join([*unused, *([samples] if samples else [])]) or None
    )


def _of_series(tiff: Any, file: Path, number: int) -> Contents:
    if number >= len(tiff.series):
        raise RenderModuleException(
            f"{file} has {len(tiff.series)} series, none numbered {number} (from 0)"
        )
    series = tiff.series[number]
    axes = {axis: n for axis, n in zip(series.axes, series.shape, strict=True) if axis not in "YXS"}
    pages = _channel_pages(series, axes, tiff)
    names = _channel_names(tiff, number, len(pages))
    unused = [
        f"{n - 1} other {_AXES.get(axis, 'pages')}"
        for axis, n in axes.items()
        if n > 1 and axis != "C"
    ]
    if len(tiff.series) > 1 and tiff.is_ome and number == 0:
        unused.append(f"{len(tiff.series) - 1} other series")
    if samples := _samples(series.keyframe):
        unused.append(samples)
    only_one = len(pages) == 1 and not pages[0]
    chosen: dict[str | None, int | None] = {None: None}
    if not only_one:
        chosen = dict(zip(names, pages, strict=True))
    return Contents(chosen, "; ".join(unused) or None)


def _channel_pages(series: Any, axes: dict[str, int], tiff: Any) -> list[int]:
    """Page of each channel at the first focal plane and time point; only pages of this file."""
    order, channels = list(axes), axes.get("C", 1)
    after = order[order.index("C") + 1 :] if "C" in order else []
    step = 1
    for axis in after:
        step *= axes[axis]
    found = []
    for channel in range(channels):
        place = channel * step
        if len(series.pages) == 1 and place:  # ImageJ keeps one directory for large stacks
            found.append(place)
            continue
        page = series.pages[place] if place < len(series.pages) else None
        if page is not None and page.parent is tiff:
            found.append(int(page.index))
    return found or [0]


def _channel_names(tiff: Any, series: int, count: int) -> list[str | None]:
    if count == 1:
        return [None]
    from renderapps.dataimport.ome import channel_names

    noted = channel_names(tiff.ome_metadata, series) if tiff.is_ome else []
    names = noted if len(noted) == count else [""] * count
    unique: list[str | None] = []
    for number, name in enumerate(names, 1):
        plain = name.strip().replace("__", "_")
        unique.append(plain if plain and plain not in unique else f"{plain or 'C'}{number}")
    return unique


def _samples(page: Any) -> str | None:
    """Samples of a pixel that are not read: all but the first of two."""
    second = page.samplesperpixel == 2 and not page.extrasamples
    return "the second of two samples of each pixel" if second else None
