"""Files and pages opened on the word of a tile: what is permitted is what is read.

A URL and a loader give one `Address`; permission is asked for the address, links resolved, before
anything is touched, and once more for the very file that was opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.parse import parse_qsl

from renderapi.errors import ImageError
from renderapi.urls import path_to_url, url_scheme, url_to_path

Allow = Callable[[str], None]
SLICE_LOADERS = frozenset({"N5_SLICE", "ZARR_SLICE", "H5_SLICE"})
_USUAL_LENGTH = 1000
_WITHOUT_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


class Address(NamedTuple):
    """What a URL names.

    Attributes
    ----------
    url : str
        As it was given.
    scheme : str
    path : Path or None
        Local file, or container of a volume; None for other schemes.
    inner : str
        Data set in the container, without leading and trailing slashes.
    query : dict
        What a URL of a volume says beside.
    is_folder : bool
        Whether the data set is a folder below the container.
    """

    url: str
    scheme: str
    path: Path | None
    inner: str = ""
    query: dict[str, str] = {}
    is_folder: bool = False

    @property
    def opened(self) -> Path:
        """The file or folder that is opened."""
        assert self.path is not None
        return self.path / self.inner if self.is_folder and self.inner else self.path


def address_of(url: str, loader: str | None = None) -> Address:
    """Take a URL apart, once for every use.

    Raises
    ------
    ImageError
        A URL that names no file and no page.
    """
    # a coarse picture of many tiles takes a third of its time for this, and again for the next one
    return _kept_address(url, loader) if len(url) <= _USUAL_LENGTH else _address(url, loader)


def _address(url: str, loader: str | None) -> Address:
    scheme = url_scheme(url)
    if loader not in SLICE_LOADERS:
        path = url_to_path(url) if scheme == "file" else None
        return Address(url, scheme, path)
    base, _, text = url.partition("?")
    path = url_to_path(base) if scheme == "file" else None
    if path is None:
        raise ImageError(f"volume slices are read from local disk only: {url}")
    query = dict(parse_qsl(text.split("#", 1)[0]))
    inner = query.pop("dataSet", "").strip("/")
    if "\0" in inner:
        raise ImageError(f"{url!r} cannot be the name of a data set")
    return Address(url, scheme, path, inner, query, loader != "H5_SLICE")


_kept_address = lru_cache(maxsize=8192)(_address)


def ask(address: Address, allow: Allow | None) -> None:
    """Ask whether an address may be opened: of a file its path, links resolved.

    Raises
    ------
    SourceNotAllowed
    """
    if allow is None or address.scheme == "mask":
        return
    if address.path is not None:
        allow(path_to_url(os.path.realpath(address.opened)))
    else:
        allow(address.url)


def open_file(path: str | os.PathLike[str], allow: Allow | None = None) -> BinaryIO:
    """Open a regular file to read: nothing that waits for a writer, and no device.

    Parameters
    ----------
    path : path
    allow : callable, optional
        Asked for the file that is open, whatever the path has become since it was looked at.

    Raises
    ------
    ImageError
        Something else than a regular file.
    OSError
        It cannot be opened.
    """

    def opener(name: str, flags: int) -> int:
        handle = os.open(name, flags | _WITHOUT_WAITING)
        try:
            _check_regular(os.fstat(handle), path)
            if allow is not None:
                allow(path_to_url(_path_of(handle, path)))
        except BaseException:
            os.close(handle)
            raise
        return handle

    _check_regular(os.stat(path), path)  # to open a device may already do something
    return open(path, "rb", opener=opener)


def _check_regular(status: os.stat_result, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{os.fspath(path)} is not a regular file")


def _path_of(handle: int, path: str | os.PathLike[str]) -> str:
    """Where an open file lies: from the system where it tells, else by the path and the inode."""
    shown = f"/proc/self/fd/{handle}"
    if os.path.islink(shown):
        return os.readlink(shown)
    real = os.path.realpath(path)
    if not os.path.samestat(os.stat(real), os.fstat(handle)):
        raise ImageError(f"{os.fspath(path)} changed while it was opened")
    return real
