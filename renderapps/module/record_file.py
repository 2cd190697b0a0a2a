"""A file of records that grows while a run lasts, for a run that goes on where it was killed.

Each line has a check sum, a key and JSON. What a killed run has left half written at the end is cut
off; what stands before it is as it was written. One run at a time has the file open.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from renderapps.module.errors import RenderModuleException

_HEAD = b"records of a run of renderapps, format 1\n"
_DIGITS = 8  # of the check sum


class RecordFile:
    """Records by key, the last one of each. Only keys and places in the file are held in memory.

    Parameters
    ----------
    path : Path
        Made where there is none, with its folder.

    Attributes
    ----------
    found : int
        Records that an earlier run has left.

    Raises
    ------
    RenderModuleException
        Another run has the file open, or it is something else.
    OSError
        It cannot be made or written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._stream = path, _alone(path)
        self._places: dict[str, tuple[int, int]] = {}
        try:
            self._end = self._read()
        except BaseException:
            self.close()
            raise
        self.found = len(self._places)

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def get(self, key: str) -> Any:
        """The content of a record; None where there is none."""
        if key not in self._places:
            return None
        start, length = self._places[key]
        self._stream.seek(start)
        return json.loads(self._stream.read(length))

    def add(self, records: Iterable[tuple[str, Any]]) -> None:
        """Append records; they are on the disk when this returns.

        Keys hold no blank; contents are what JSON can say, NaN and infinity besides.
        """
        lines = []
        for key, content in records:
            text = json.dumps(content, default=lambda value: value.item()).encode()
            body = key.encode() + b" " + text
            line = b"%08x %s\n" % (zlib.crc32(body), body)
            self._places[key] = (self._end + len(line) - len(text) - 1, len(text))
            self._end += len(line)
            lines.append(line)
        self._stream.seek(0, os.SEEK_END)
        self._stream.write(b"".join(lines))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def remove(self) -> None:
        """The run has come to its end: nothing is left to go on with."""
        self.path.unlink(missing_ok=True)

    def _read(self) -> int:
        """Find the whole records; the length of the file, which ends with the last of them."""
        head = self._stream.readline()
        if not head.endswith(b"\n") and _HEAD.startswith(head):  # it was killed right here
            self._cut(0)
            self._stream.write(_HEAD)
            return len(_HEAD)
        if head != _HEAD:
            raise RenderModuleException(
                f"{self.path} is no file of records of an earlier run: it is left as it is; name "
                "another one"
            )
        end = len(_HEAD)
        for line in self._stream:
            body = line[_DIGITS + 1 : -1]
            if line[:_DIGITS] != b"%08x" % zlib.crc32(body) or not line.endswith(b"\n"):
                break
            key, _, text = body.partition(b" ")
            self._places[key.decode()] = (end + len(line) - len(text) - 1, len(text))
            end += len(line)
        self._cut(end)
        return end

    def _cut(self, length: int) -> None:
        self._stream.seek(length)
        self._stream.truncate()


def _alone(path: Path) -> BinaryIO:
    """The file, open for this run only; that of a killed run is free."""
    while True:
        path.touch()
        stream = path.open("r+b")
        try:
            _lock(stream, path)
        except BaseException:
            stream.close()
            raise
        if os.fstat(stream.fileno()).st_nlink:
            return stream
        stream.close()  # the run that had it came to its end in between


def _lock(stream: BinaryIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows has no locks of this kind
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RenderModuleException(
            f"another run is at work with {path}: wait until it is over, or name another file"
        ) from None
    except OSError:  # some network file systems have no locks
        return
