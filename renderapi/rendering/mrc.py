"""Sections of MRC files: the stacks (.st, .mrc, .rec, .map) that SerialEM and IMOD write.

A file is a header of 1024 bytes, an extended header, and the sections one after the other. One
section is read without the others, so that a file of many gigabytes costs what a section costs.

The first row of a section is the bottom of the picture: the origin of an MRC image is its lower
left corner, and 3dmod, SerialEM and mrc2tif show it so. Sections are turned upside down here, so
that row 0 is the top as in every other image. The y of piece coordinates grows upwards likewise.

| mode | stored | pixels |
|---|---|---|
| 0 | unsigned bytes | uint8 |
| 0 | signed bytes | uint8, 128 added, as IMOD shows them |
| 1 | 16 bit, signed | float32: noise around a dark reference lies on both sides of 0 |
| 2 | 32 bit float | float32 |
| 6 | 16 bit, unsigned | uint16 |
| 12 | 16 bit float | float32 |
| 16 | RGB bytes | RGB |

Bytes are signed where IMOD's stamp says so; without a stamp, where the least value that the header
notes is negative.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError

HEADER_BYTES = 1024
IMOD_STAMP = 1146047817  # the letters IMOD
_SIGNED_BYTES = 1  # bit of IMOD's flags
_TYPES = {0: "u1", 1: "i2", 2: "f4", 6: "u2", 12: "f2", 16: "u1"}
_PIXELS = {1: np.float32, 2: np.float32, 6: np.uint16, 12: np.float32}
_RGB = 16
_ORDERS = {b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"}


class Header(NamedTuple):
    """What the header of an MRC file says: sizes, mode, byte order (< or >), first data byte."""

    width: int
    height: int
    sections: int
    mode: int
    signed_bytes: bool
    order: str
    start: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels that `read_section` gives."""
        if self.mode not in _TYPES:
            known = ", ".join(map(str, _TYPES))
            raise ImageError(f"an MRC file of mode {self.mode} is not an image (known: {known})")
        return np.dtype(_PIXELS.get(self.mode, np.uint8))

    @property
    def components(self) -> int:
        """3 for RGB, else 1."""
        return 3 if self.mode == _RGB else 1

    @property
    def section_bytes(self) -> int:
        """Size of one section in the file."""
        itemsize = np.dtype(_TYPES[self.mode]).itemsize if self.mode in _TYPES else 1
        return self.width * self.height * self.components * itemsize


def parse_header(head: bytes) -> Header | None:
    """Header from the first 1024 bytes of a file; None unless it is an MRC file.

    An MRC file has MAP at byte 208. Files of before the year 2000 lack that; in these the numbers
    of the axes at byte 64 are 1, 2 and 3.
    """
    if len(head) < HEADER_BYTES:
        return None
    stamped = head[208:211] == b"MAP"
    known = _ORDERS.get(head[212:214]) if stamped else None
    for order in (known,) if known else ("<", ">"):
        width, height, sections, mode = struct.unpack_from(f"{order}4i", head)
        axes = sorted(struct.unpack_from(f"{order}3i", head, 64))
        possible = min(width, height) > 0 and sections >= 0 and 0 <= mode < 128
        if possible and (axes == [1, 2, 3] or (stamped and axes == [0, 0, 0])):
            (extended,) = struct.unpack_from(f"{order}i", head, 92)
            start = HEADER_BYTES + max(extended, 0)
            signed = _has_signed_bytes(head, order)
            return Header(width, height, sections, mode, signed, order, start)
    return None


def check_section(header: Header, number: int) -> None:
    """Refuse the number of a section that a file does not have."""
    if not 0 <= number < header.sections:
        raise ImageError(f"section {number} of {header.sections} does not exist")


def whole_sections(header: Header, size: int) -> int:
    """Sections that a file of so many bytes holds from their first to their last pixel."""
    return min(header.sections, max(size - header.start, 0) // header.section_bytes)


def check_complete(header: Header, number: int, size: int) -> None:
    """Refuse a section that a file of `size` bytes does not hold, or not to its end."""
    check_section(header, number)
    whole = whole_sections(header, size)
    if number >= whole:
        raise ImageError(
            f"section {number} of {header.sections} is cut short: the file ends after {whole} "
            "whole sections; copy it again"
        )


def _has_signed_bytes(head: bytes, order: str) -> bool:
    stamp, flags = struct.unpack_from(f"{order}2i", head, 152)
    if stamp == IMOD_STAMP:
        return bool(flags & _SIGNED_BYTES)
    (minimum,) = struct.unpack_from(f"{order}f", head, 76)
    return bool(minimum < 0)


def read_section(stream: BinaryIO, header: Header, number: int) -> NDArray:
    """Read one section, upper row first.

    Parameters
    ----------
    stream : open file
        At any place; it must be able to seek.
    header : Header
    number : int
        Counted from 0.

    Returns
    -------
    (h, w) uint8, uint16 or float32, or (h, w, 3) uint8
    """
    pixels = header.dtype
    check_section(header, number)
    stored = np.dtype(header.order + _TYPES[header.mode])
    count = header.width * header.height * header.components
    stream.seek(header.start + number * count * stored.itemsize)
    data = stream.read(count * stored.itemsize)
    if len(data) < count * stored.itemsize:
        raise ImageError(f"section {number} of {header.sections} is cut short")
    rows = np.frombuffer(data, stored).reshape(header.height, -1)[::-1]
    if header.mode == _RGB:
        return np.ascontiguousarray(rows.reshape(header.height, header.width, 3))
    if header.mode == 0 and header.signed_bytes:
        rows = rows ^ np.uint8(128)  # -128 becomes 0
    return np.array(rows, dtype=pixels, order="C")
