"""Image files that carry a line of text: what they were made of, and how.

The text is where the format has a place for it: ImageDescription (TIFF), a tEXt chunk (PNG) or a
comment (JPEG). It is there or not with its image, is copied with it, and every reader skips it.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError

JPEG_QUALITY = 85
_KEYWORD = b"renderapps\0"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x00IEND\xaeB`\x82"
_PNG_HEADER = 33  # signature and IHDR
_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True)
class Coding:
    """How the pixels of an image are packed: TIFF compression by name, PNG level 0 to 9."""

    tif: str | None = None
    png_level: int = 1


def encoded(pixels: NDArray, suffix: str, text: str, coding: Coding | None = None) -> bytes:
    """An image file, (h, w) or (h, w, 3), with an ASCII text, as `.tif`, `.png` or `.jpg`.

    Raises
    ------
    ImageError
        The format cannot hold pixels of that type.
    """
    import imagecodecs

    coding, note = coding or Coding(), text.encode("ascii")
    pixels = np.ascontiguousarray(pixels)
    if suffix == ".tif":
        return _tiff(pixels, text, coding.tif)
    if pixels.dtype.kind == "f" or (suffix == ".jpg" and pixels.dtype != np.uint8):
        raise ImageError(f"{suffix[1:]} files cannot hold {pixels.dtype} pixels: choose tif")
    if suffix == ".png":
        data = bytes(imagecodecs.png_encode(pixels, level=coding.png_level))
        body = b"tEXt" + _KEYWORD + note
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:_PNG_HEADER] + chunk + data[_PNG_HEADER:]
    data = bytes(imagecodecs.jpeg8_encode(pixels, level=JPEG_QUALITY))
    after = 4 + struct.unpack(">H", data[4:6])[0]  # the first segment, JFIF, has to stay the first
    comment = b"\xff\xfe" + struct.pack(">H", 2 + len(_KEYWORD) + len(note)) + _KEYWORD + note
    return data[:after] + comment + data[after:]


def text_of(path: Path) -> str | None:
    """The text that `encoded` put into a file; None for any other file, or none."""
    import tifffile

    try:
        with path.open("rb") as file:
            head = file.read(1 << 16)
        if head.startswith(_PNG):
            size = struct.unpack(">I", head[_PNG_HEADER : _PNG_HEADER + 4])[0]
            return _text(head[_PNG_HEADER + 8 : _PNG_HEADER + 8 + size])
        if head.startswith(_JPEG):
            at = 4 + struct.unpack(">H", head[4:6])[0]
            size = struct.unpack(">H", head[at + 2 : at + 4])[0]
            return _text(head[at + 4 : at + 2 + size])
        with tifffile.TiffFile(path) as tiff:
            return tiff.pages.first.description
    except (OSError, struct.error, tifffile.TiffFileError):
        return None


def is_whole(path: Path) -> bool:
    """Whether a file that `encoded` made has all its bytes; no pixel is decoded."""
    import tifffile

    size = path.stat().st_size
    if path.suffix == ".tif":
        try:
            with tifffile.TiffFile(path) as tiff:
                page = tiff.pages.first
                ends = map(sum, zip(page.dataoffsets, page.databytecounts, strict=True))
                return max(ends, default=0) <= size
        except tifffile.TiffFileError:
            return False
    end = _PNG_END if path.suffix == ".png" else _JPEG_END
    with path.open("rb") as file:
        file.seek(max(0, size - len(end)))
        return file.read() == end


def _tiff(pixels: NDArray, text: str, compression: str | None) -> bytes:
    import tifffile

    file = io.BytesIO()
    kind = "rgb" if pixels.ndim == 3 else "minisblack"
    tifffile.imwrite(
        file,
        pixels,
        photometric=kind,
        compression=compression,
        description=text,
        metadata=None,
        software=False,
    )
    return file.getvalue()


def _text(data: bytes) -> str | None:
    note = data.removeprefix(_KEYWORD)
    return None if note == data else note.decode("ascii", "replace")
