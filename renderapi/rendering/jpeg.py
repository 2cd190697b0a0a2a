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

from renderapi.rendering.output import check_jpeg_size, encode_jpeg

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
        check_jpeg_size(size)
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
        block = 8 if rows.ndim == 2 else 16
        data = encode_jpeg(rows, self._quality, restart_interval=-(-rows.shape[1] // block))
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
