"""Bytes of an image file -> pixels, told apart by their first bytes and not by their name.

Pixels are one of four kinds, as `pixel_types` says. Palettes are looked up: RGB when coloured,
uint8 when grey.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError
from renderapi.rendering import mrc
from renderapi.rendering.limits import OWN, DrawingLimits
from renderapi.rendering.opening import open_file
from renderapi.rendering.pixel_types import cmyk_to_rgb, kind_of_pixels
from renderapi.rendering.pixel_types import to_pixels as as_pixels
from renderapi.rendering.tiff_segments import check_segments

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PNG_MAGIC = b"\x89PNG"
ZIP_MAGIC = b"PK\x03\x04"
# what Pillow may take a file for, with the name of its plugin
PILLOW_FORMATS = {
    "PNG": "Png",
    "JPEG": "Jpeg",
    "BMP": "Bmp",
    "GIF": "Gif",
    "PPM": "Ppm",
    "WEBP": "WebP",
    "JPEG2000": "Jpeg2K",
}
_PILLOW_BYTES = {"1": 1, "L": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # others: 4, padded to a word
Source = Path | bytes | BinaryIO
_LOOKED_AT = 64  # pages, for the first one that is no thumbnail
_PLAIN_CODECS = 5  # of Compression: none, fax and LZW; above are some that bring their own sizes
_PALETTE = 3  # of PhotometricInterpretation
_PIXEL_TYPES = {"1": 1, "L": 1, "LA": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I": 2}
_PIXEL_MAPS = ("PPM", "PNG")  # their 16-bit greys, which Pillow gives 32 bits


class ImageInfo(NamedTuple):
    """Size and pixel type of an image; `components` is 3 for RGB, else 1."""

    width: int
    height: int
    dtype: np.dtype[Any]
    components: int = 1


def decode(source: Source, plane: int | None = None, limits: DrawingLimits = OWN) -> NDArray:
    """Decode an image.

    Parameters
    ----------
    source : path, bytes or open file
        A TIFF, MRC, PNG, JPEG, JPEG 2000, WebP, BMP, GIF, PGM or PPM file, or a zip file that holds
        one.
    plane : int, optional
        Page of a multi-page TIFF or section of an MRC file, counted from 0; the first when absent.
    limits : DrawingLimits
        An image that would take more bytes is refused before it is decoded.

    Returns
    -------
    (h, w) uint8, uint16 or float32, or (h, w, 3) uint8.
    """
    with _opened(source) as stream:
        head = _head(stream)
        magic = head[:4]
        if magic == ZIP_MAGIC:
            return decode(_unzipped(stream, limits), plane, limits)
        if magic in TIFF_MAGIC:
            return _decode_tiff(stream, plane, limits)
        if header := mrc_header(head):
            return decode_mrc(stream, header, plane, limits)
        if plane:
            raise ImageError(f"plane {plane} of a file that is neither TIFF nor MRC")
        if magic == PNG_MAGIC:
            return _decode_png(stream.read(), limits)
        return _decode_with_pillow(stream, limits)


def read_info(source: Source, plane: int | None = None, limits: DrawingLimits = OWN) -> ImageInfo:
    """Size and pixel type of an image from its header, without decoding it."""
    with _opened(source) as stream:
        head = _head(stream)
        magic = head[:4]
        if magic == ZIP_MAGIC:
            return read_info(_unzipped(stream, limits), plane, limits)
        if magic in TIFF_MAGIC:
            return _tiff_info(stream, plane)
        if header := mrc_header(head):
            mrc.check_complete(header, plane or 0, stream.seek(0, io.SEEK_END))
            return ImageInfo(header.width, header.height, header.dtype, header.components)
        return _pillow_info(stream, limits)


def _pillow_info(stream: BinaryIO, limits: DrawingLimits) -> ImageInfo:
    with _pillow_image(stream) as image:
        if (image.mode == "I" and image.format not in _PIXEL_MAPS) or image.mode == "F":
            return ImageInfo(image.width, image.height, np.dtype(np.float32))
        if image.mode in _PIXEL_TYPES and image.mode != "P":
            dtype = np.dtype(f"u{_PIXEL_TYPES[image.mode]}")
            return ImageInfo(image.width, image.height, dtype)
        if image.mode == "P":
            limits.check_image(*image.size, 4)
            components = as_pixels(_pillow_array(image)).ndim
            return ImageInfo(image.width, image.height, np.dtype("u1"), 2 * components - 3)
        return ImageInfo(image.width, image.height, np.dtype("u1"), 3)


def read_infos(path: Path, planes: Sequence[int | None]) -> list[ImageInfo | ImageError]:
    """`read_info` of several planes of a file, which is opened once; errors in their places."""
    with _opened(path) as stream:
        if _head(stream)[:4] not in TIFF_MAGIC:
            return [_info_or_error(partial(read_info, stream, plane)) for plane in planes]
        import tifffile

        with tifffile.TiffFile(stream) as tiff:
            return [_info_or_error(partial(_info_of_page, tiff, plane)) for plane in planes]


def _info_or_error(read: Callable[[], ImageInfo]) -> ImageInfo | ImageError:
    try:
        return read()
    except ImageError as error:
        return error


def first_full_page(pages: Any) -> int:
    """Number of the first page of a TIFF file that is neither a reduced copy nor a mask; else 0.

    Cameras and scanners write a thumbnail first, with bit 1 of NewSubfileType (mask: bit 4).
    """
    for number in range(min(len(pages), _LOOKED_AT) if pages[0].subfiletype & 5 else 0):
        if not pages[number].subfiletype & 5:
            return number
    return 0


def count_planes(path: Path) -> int:
    """Pages of a TIFF file or sections of an MRC file; 1 for other files."""
    with _opened(path) as stream:
        head = _head(stream)
        if head[:4] in TIFF_MAGIC:
            import tifffile

            with tifffile.TiffFile(stream) as tiff:
                hidden = (tiff.imagej_metadata or {}).get("images", 1) if tiff.is_imagej else 1
                return max(len(tiff.pages), int(hidden))
        header = mrc_header(head)
        return header.sections if header else 1


def is_mrc(path: Path) -> bool:
    """Whether a file is an MRC file, by its header."""
    with _opened(path) as stream:
        return mrc_header(_head(stream)) is not None


def mrc_header(head: bytes) -> mrc.Header | None:
    """Header of an MRC file from the first bytes of a file; None for a file of another kind."""
    other = head[:4] in (PNG_MAGIC, ZIP_MAGIC, *TIFF_MAGIC)
    return None if other else mrc.parse_header(head)


def decode_mrc(
    stream: BinaryIO, header: mrc.Header, plane: int | None, limits: DrawingLimits = OWN
) -> NDArray:
    """Decode a section of an open MRC file."""
    limits.check_image(header.width, header.height, header.components, header.dtype.itemsize)
    return mrc.read_section(stream, header, plane or 0)


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    """A stream of a source at its beginning; that of the caller stays open."""
    if isinstance(source, Path):
        source = open_file(source)
    elif isinstance(source, bytes):
        source = io.BytesIO(source)
    else:
        source.seek(0)
        yield source
        return
    with source:
        yield source


def _head(stream: BinaryIO) -> bytes:
    """First bytes of a file, which is at its beginning afterwards."""
    head = stream.read(mrc.HEADER_BYTES)
    stream.seek(0)
    return head


def _unzipped(stream: BinaryIO, limits: DrawingLimits) -> bytes:
    """The first TIFF of a zip file, else its first file; never more bytes than announced."""
    import zipfile

    with zipfile.ZipFile(stream) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if not members:
            raise ImageError("the zip file is empty")
        tiffs = [m for m in members if m.filename.lower().endswith((".tif", ".tiff"))]
        chosen = (tiffs or members)[0]
        limits.check_image(chosen.file_size)
        with archive.open(chosen) as member:
            data = member.read(chosen.file_size)
    if data[:4] == ZIP_MAGIC:
        raise ImageError("the zip file holds another zip file")
    return data


def _tiff_page(tiff: Any, plane: int | None) -> Any:
    number = first_full_page(tiff.pages) if plane is None else plane
    if not 0 <= number < len(tiff.pages):
        raise ImageError(f"plane {number} of {len(tiff.pages)} does not exist")
    return tiff.pages[number]


def _check_tiff(page: Any, limits: DrawingLimits) -> None:
    """Refuse a page before it is decoded: as it is stored, as it is decoded, tile by tile."""
    stored = np.dtype(page.dtype or np.uint8)
    size = max(1, stored.itemsize, 4 if stored.kind == "i" else 0)  # signed ones become float32
    if page.photometric == 3:  # a palette: three colours come of each sample
        size *= 4
    samples, depth = page.samplesperpixel, max(1, page.imagedepth)
    limits.check_image(page.imagewidth, page.imagelength, samples, depth, size)
    limits.check_image(*page.chunks, size)
    if depth > 1:
        raise ImageError(f"a TIFF page of depth {depth} is not an image")
    if page.compression > _PLAIN_CODECS and limits.image_bytes < OWN.image_bytes:
        check_segments(page, limits)


def _decode_tiff(stream: BinaryIO, plane: int | None, limits: DrawingLimits) -> NDArray:
    import tifffile

    with tifffile.TiffFile(stream) as tiff:
        if tiff.is_imagej and len(tiff.pages) == 1 and plane:
            series = tiff.series[0]  # ImageJ keeps one directory for large stacks
            limits.check_image(*series.shape, max(1, series.dtype.itemsize))
            planes = series.asarray().reshape(-1, *series.shape[-2:])
            if not 0 <= plane < len(planes):
                raise ImageError(f"plane {plane} of {len(planes)} does not exist")
            return as_pixels(planes[plane])
        page = _tiff_page(tiff, plane)
        _check_tiff(page, limits)
        array = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and array.ndim == 3:
            array = np.moveaxis(array, 0, -1)
        if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
            array = _looked_up(array, (np.asarray(page.colormap) >> 8).astype(np.uint8).T)
        elif page.photometric == tifffile.PHOTOMETRIC.SEPARATED and array.shape[2:] >= (4,):
            array = cmyk_to_rgb(array)
        elif page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and array.dtype.kind in "bu":
            array = ~array
        return as_pixels(array)


def _tiff_info(stream: BinaryIO, plane: int | None) -> ImageInfo:
    import tifffile

    with tifffile.TiffFile(stream) as tiff:
        return _info_of_page(tiff, plane)


def _info_of_page(tiff: Any, plane: int | None) -> ImageInfo:
    hidden = tiff.is_imagej and len(tiff.pages) == 1  # one directory for all planes
    page = tiff.pages[0] if hidden else _tiff_page(tiff, plane)
    _check_complete(page, tiff.filehandle.size)
    width, height = int(page.imagewidth), int(page.imagelength)
    if page.photometric == _PALETTE:
        colours = np.asarray(page.colormap)
        grey = bool((colours[0] == colours[1]).all() and (colours[1] == colours[2]).all())
        return ImageInfo(width, height, np.dtype("u1"), 1 if grey else 3)
    stored = np.dtype(page.dtype or np.uint8)
    return ImageInfo(width, height, *kind_of_pixels(stored, page.samplesperpixel))


def _check_complete(page: Any, size: int) -> None:
    """Refuse a file that ends before its pixels, as an interrupted copy leaves it."""
    ends = (o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False))
    missing = max(ends, default=0) - size
    if missing > 0:
        raise ImageError(f"the file is cut short: {missing} bytes are missing; copy it again")


def composite(source: Source, limits: DrawingLimits = OWN) -> NDArray:
    """Render a multi-channel ImageJ TIFF to RGB: each channel through its range and colours, added.

    Returns
    -------
    (h, w, 3) uint8
    """
    import tifffile

    with _opened(source) as stream, tifffile.TiffFile(stream) as tiff:
        metadata = tiff.imagej_metadata or {}
        pages: Any = tiff.pages[: int(metadata.get("channels", 0)) or None]
        for page in pages:
            _check_tiff(page, limits)
        first = pages[0]
        limits.check_image(first.imagewidth, first.imagelength, 3 * 8 + 8 * len(pages))
        planes = [page.asarray() for page in pages]
        if len(planes) == 1:
            only = as_pixels(planes[0])
            if only.ndim == 3:
                return only
    tables, ranges = metadata.get("LUTs"), metadata.get("Ranges")
    total = np.zeros((*planes[0].shape[:2], 3))
    for number, plane in enumerate(planes):
        low, high = (
            ranges[2 * number : 2 * number + 2] if ranges else (float(plane.min()), plane.max())
        )
        span = max(float(high) - float(low), 1e-12)
        grey = np.clip(256 * (plane.astype(np.float64) - low) / span, 0, 255).astype(np.uint8)
        table = tables[number].T if tables else _primary_colour(number, len(planes))
        total += table[grey]
    return np.clip(total, 0, 255).astype(np.uint8)


def _primary_colour(number: int, count: int) -> NDArray[np.uint8]:
    """ImageJ's default colours: grey for one channel, then red, green, blue, grey, ..."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    colours = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0)]
    return ramp * np.array(colours[number % 7] if count > 1 else (1, 1, 1), dtype=np.uint8)


def _looked_up(indices: NDArray, table: NDArray[np.uint8]) -> NDArray:
    colours = table[indices]
    grey = (colours[..., 0] == colours[..., 1]).all() and (colours[..., 1] == colours[..., 2]).all()
    return colours[..., 0] if grey else colours


def _decode_png(data: bytes, limits: DrawingLimits) -> NDArray:
    import imagecodecs

    if len(data) < 33:
        raise ImageError("the file is cut short; copy it again")
    depth, colour = data[24], data[25]
    samples = {2: 3, 3: 4, 4: 2, 6: 4}.get(colour, 1)
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    limits.check_image(width, height, samples, 2 if depth == 16 else 1)
    if colour == 3 or depth < 8 or b"tRNS" in data[: data.find(b"IDAT")]:
        return _decode_with_pillow(io.BytesIO(data), limits)  # palette, packed bits, alpha apart
    shape = (height, width, samples) if samples > 1 else (height, width)
    pixels = np.empty(shape, np.uint16 if depth == 16 else np.uint8)
    try:
        imagecodecs.png_decode(data, out=pixels)
    except Exception:
        pixels.resize(0, refcheck=False)  # the decoder keeps what it failed to fill for ever
        raise
    return as_pixels(pixels)


def _pillow_image(stream: BinaryIO) -> Any:
    """Image of a file, not decoded yet.

    `Image.open` is not asked: it has a bound of its own, in pixels, and tries every format there
    is, of which some start other programs.
    """
    from importlib import import_module

    from PIL import Image

    prefix = stream.read(16)
    for name, plugin in PILLOW_FORMATS.items():
        import_module(f"PIL.{plugin}ImagePlugin")
        factory, accept = Image.OPEN[name]
        if accept is None or accept(prefix) is True:
            stream.seek(0)
            return factory(stream, "")
    raise ImageError("the file is in no known image format")


def _decode_with_pillow(stream: BinaryIO, limits: DrawingLimits) -> NDArray:
    with _pillow_image(stream) as image:
        limits.check_image(*image.size, _PILLOW_BYTES.get(image.mode, 4))
        return as_pixels(_pillow_array(image))


def _pillow_array(image: Any) -> NDArray:
    if image.mode == "P":
        colours = np.asarray(image.convert("RGB"))
        grey = bool((colours[..., :1] == colours[..., 1:]).all())
        return colours[..., 0] if grey else colours
    if image.mode == "1":
        return np.asarray(image.convert("L"))
    if image.mode == "I":
        array = np.asarray(image)
        return array.astype(np.uint16) if image.format in _PIXEL_MAPS else array
    if image.mode not in ("L", "LA", "RGB", "RGBA", "F") and not image.mode.startswith("I;16"):
        return np.asarray(image.convert("RGB"))
    return np.asarray(image)
