"""JPEG files in bands: rows of blocks are encoded as they come, and joined at restart markers.

The blocks of a row start anew after a restart marker (ITU-T T.81, E.1.4), so that the entropy coded
data of one band can follow those of another: what is decoded is what one encoder would have made.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.rendering.output import LARGEST_JPEG_SIDE

BLOCK_ROWS = 16  # of the chroma samples, which are halved
_START_OF_FRAME, _START_OF_SCAN, _END_OF_IMAGE = 0xC0, 0xDA, b"\xff\xd9"
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


class JpegWriter:
    """Writes bands of (rows, w) or (rows, w, 3) uint8 to a stream, top to bottom.

    Parameters
    ----------
    stream : binary file
    size : (width, height) of the whole picture
    quality : float
        0 to 1.
    """

    def __init__(self, stream: BinaryIO, size: tuple[int, int], quality: float) -> None:
        if max(size) > LARGEST_JPEG_SIDE:
            raise SpecError("a JPEG side cannot exceed 65,500 pixels; choose png or tiff")
        self._stream, self._height, self._quality = stream, size[1], quality
        self._waiting: list[NDArray[np.uint8]] = []
        self._restarts = 0
        self._is_begun = False

    def write(self, band: NDArray[np.uint8]) -> None:
        """Encode what makes whole blocks; the rest waits for the next band."""
        rows = np.concatenate([*self._waiting, band])
        whole = len(rows) // BLOCK_ROWS * BLOCK_ROWS
        self._waiting = [rows[whole:]]
        self._encode(rows[:whole])

    def close(self) -> None:
        """Encode what is left, and end the image."""
        self._encode(np.concatenate(self._waiting))
        self._stream.write(_END_OF_IMAGE)

    def _encode(self, rows: NDArray[np.uint8]) -> None:
        if not len(rows):
            return
        data = encode_rows(rows, self._quality)
        frame, scan = _segments(data)
        if self._is_begun:
            self._stream.write(self._marker())
        else:
            height = struct.pack(">H", self._height)
            self._stream.write(data[: frame + 5] + height + data[frame + 7 : scan])
            self._is_begun = True
        coded = data[scan : -len(_END_OF_IMAGE)]
        self._stream.write(_RESTART.sub(lambda _: self._marker(), coded))

    def _marker(self) -> bytes:
        """The next of the eight restart markers."""
        self._restarts += 1
        return bytes((0xFF, 0xD0 + (self._restarts - 1) % 8))


def encode_rows(rows: NDArray[np.uint8], quality: float) -> bytes:
    """JPEG of rows with a restart marker after every row of blocks."""
    import cv2

    pixels = rows if rows.ndim == 2 else cv2.cvtColor(rows, cv2.COLOR_RGB2BGR)
    block = 8 if rows.ndim == 2 else 16
    options = [cv2.IMWRITE_JPEG_QUALITY, max(1, min(100, round(quality * 100)))]
    options += [cv2.IMWRITE_JPEG_RST_INTERVAL, -(-rows.shape[1] // block)]
    done, data = cv2.imencode(".jpg", pixels, options)
    if not done:
        raise SpecError(f"cannot encode rows of shape {rows.shape} as JPEG")
    return data.tobytes()


def _segments(data: bytes) -> tuple[int, int]:
    """Where the frame header begins, and where the coded data do."""
    frame, place = 0, 2
    while True:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        if marker == _START_OF_FRAME:
            frame = place
        place += 2 + length
        if marker == _START_OF_SCAN:
            return frame, place
