"""Strips and tiles of TIFF files that are images of their own, with a size of their own.

A segment in JPEG or JPEG 2000 says itself how large it is, and its decoder believes it. It is
compared with what the page says, before it is decoded. Formats whose header is not looked at here
are not decoded for strangers.
"""

from __future__ import annotations

import struct
from typing import Any

from renderapi.errors import ImageError
from renderapi.rendering.limits import DrawingLimits

# of Compression; the decoders of these are told how many bytes there are to be
_BOUNDED = {8, 32773, 32946, 34925, 50000, 1, 2, 3, 4, 5, 32771, 32809}
_JPEG = {6, 7, 33007, 34892}
_JPEG_2000 = {33003, 33004, 33005, 34712}
_STANDALONE = {0x01, *range(0xD0, 0xDA)}
_NO_FRAME = {0xC4, 0xC8, 0xCC}


def check_segments(page: Any, limits: DrawingLimits) -> None:
    """Refuse a page any of whose segments would decode to more bytes than an image may have."""
    kind = int(page.compression)
    if kind in _BOUNDED:
        return
    sizes = {**dict.fromkeys(_JPEG, jpeg_size), **dict.fromkeys(_JPEG_2000, jpeg_2000_size)}
    if kind not in sizes:
        raise ImageError(f"TIFF compression {kind} is not read here")
    stream = page.parent.filehandle
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        stream.seek(offset)
        size = sizes[kind](stream.read(min(count, stream.size)))
        if size is not None:
            limits.check_image(*size, 2)


def jpeg_size(data: bytes) -> tuple[int, int, int] | None:
    """Height, width and components in the frame header of a JPEG stream; None without one."""
    at = 2
    while at + 10 <= len(data):
        if data[at] != 0xFF or data[at + 1] == 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width, components = struct.unpack_from(">HHB", data, at + 5)
            return height, width, components
        at += 2
        if marker not in _STANDALONE:
            at += int.from_bytes(data[at : at + 2])
    return None


def jpeg_2000_size(data: bytes) -> tuple[int, int, int] | None:
    """Height, width and components in the SIZ segment of a JPEG 2000 stream; None without one."""
    at = data.find(b"\xff\x4f\xff\x51")
    if at < 0 or len(data) < at + 44:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    (components,) = struct.unpack_from(">H", data, at + 40)
    return max(bottom - top, 0), max(right - left, 0), components
