"""Files that appear whole or not at all; and files of others, read no further than they may be."""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from renderapi.errors import RenderError

STANDARD_OUTPUT = "-"
LARGEST_TEXT = 1 << 32
"""Bytes of a packed JSON or XML file once it is unpacked; what is larger would fill the memory."""
_OPEN_FILES = "/proc/"  # where a process has names for what it has open
_PIECE = 1 << 20
_LONGEST_NAME = 255
_LEFTOVER = re.compile(r"\.([0-9a-f]{4})-([0-9a-f]{1,8})-[0-9a-f]{6}(?:\.|$)")
"""Names by `temporary_sibling`: machine, process, and a random number."""


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary file to write to; it becomes `path` when the block succeeds.

    A symbolic link stays one: the file that it leads to is replaced. What is no regular file (a
    pipe, a device, a terminal) receives the bytes when all of them are there, and so does the
    standard output, whose name is "-".

    The temporary name keeps the suffixes of `path`, since writers choose their format by them.
    Missing parent folders are made. On an error the temporary file is removed and `path` is as it
    was; what a killed process has left is removed by the next one that writes into the folder.
    """
    if os.fspath(path) == STANDARD_OUTPUT or _is_stream(path):
        with tempfile.TemporaryDirectory(prefix="render-") as folder:
            temporary = Path(folder) / f"output{Path(path).suffix}"
            yield temporary
            _pour(temporary, path)
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(target)
    try:
        yield temporary
        _take_mode(temporary, target)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def atomic_write(path: str | os.PathLike[str], data: bytes | str) -> None:
    """Write `data` (text as UTF-8) to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def temporary_sibling(target: Path) -> Path:
    """A hidden name beside `target` that nobody else uses; it says which process is using it.

    What dead processes of this machine have left in the folder is removed first, once for each
    folder.
    """
    _remove_leftovers(os.fspath(target.parent), os.getpid())
    mark = f".{_machine()}-{os.getpid():x}-{secrets.token_hex(3)}"
    name = f"{mark}.{target.name}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = mark + target.suffix
    return target.with_name(name)


@functools.lru_cache(maxsize=1)
def _machine() -> str:
    """Four digits for where the numbers of processes mean something: host and namespace."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return f"{zlib.crc32(f'{platform.node()} {namespace}'.encode()) & 0xFFFF:04x}"


@functools.lru_cache(maxsize=4096)
def _remove_leftovers(folder: str, process: int) -> None:
    """Remove temporary files and folders whose process is gone; once for each process."""
    if os.name == "nt":  # where asking for a process would end it
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            found = _LEFTOVER.match(entry.name)
            if found is None or found[1] != _machine() or not _is_gone(int(found[2], 16)):
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's
        return False
    return False


def _is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether bytes are sent to `path` rather than kept there under its name."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISREG(mode):  # standard output led into a file is not to be replaced by another
        return any(hop.startswith(_OPEN_FILES) for hop in _hops(path))
    return not stat.S_ISDIR(mode)


def _hops(path: str | os.PathLike[str]) -> Iterator[str]:
    """Path in a folder without links, and what each link there leads to in turn."""
    name = os.path.abspath(path)
    while True:
        name = os.path.join(os.path.realpath(os.path.dirname(name)), os.path.basename(name))
        yield name
        if not os.path.islink(name):
            return
        name = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))


def _pour(temporary: Path, path: str | os.PathLike[str]) -> None:
    """Send what was written where it belongs."""
    with temporary.open("rb") as source:
        if os.fspath(path) != STANDARD_OUTPUT:
            with open(path, "ab", buffering=0) as target:
                shutil.copyfileobj(source, target)
            return
        sys.stdout.flush()
        binary = getattr(sys.stdout, "buffer", None)
        if binary is None:
            sys.stdout.write(source.read().decode())
        else:
            shutil.copyfileobj(source, binary)
        sys.stdout.flush()


def _take_mode(temporary: Path, target: Path) -> None:
    """Give a file the permissions of the one that it replaces."""
    try:
        mode = stat.S_IMODE(os.stat(target).st_mode)
    except OSError:
        return
    if stat.S_IMODE(os.stat(temporary).st_mode) != mode:
        os.chmod(temporary, mode)


def gunzipped(data: bytes, most: int = LARGEST_TEXT) -> bytes:
    """Unpack gzip data to `most` bytes at most.

    Raises
    ------
    RenderError
        There are more bytes.
    OSError, EOFError, zlib.error
        The data are damaged or cut short.
    """
    parts: list[bytes] = []
    total = 0
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        while part := stream.read(_PIECE):
            total += len(part)
            if total > most:
                raise RenderError(f"it unpacks to more than {most} bytes")
            parts.append(part)
    return b"".join(parts)


def unzipped(stream: BinaryIO, most: int = LARGEST_TEXT) -> bytes:
    """First file of a zip archive, of `most` bytes at most.

    Raises
    ------
    RenderError
        It holds no file, or a longer one.
    ValueError, zipfile.BadZipFile
        The archive is damaged.
    """
    import zipfile

    with zipfile.ZipFile(stream) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if not members:
            raise RenderError("it holds no file")
        if members[0].file_size > most:
            raise RenderError(f"it unpacks to more than {most} bytes")
        with archive.open(members[0]) as member:
            return member.read(members[0].file_size)
