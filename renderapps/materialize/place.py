"""Where a volume is kept: a folder of this machine, or below a URL of an object store.

Files are named by keys, "0/c/1/0/0", below the place. They appear whole: on this machine by being
renamed, in object stores since they do so there.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renderapi.files import atomic_write
from renderapi.urls import url_scheme, url_to_path
from renderapps.module.errors import RenderModuleException
from renderapps.transfer.storage import Storage

BLOCK = 1 << 24


@dataclass(frozen=True)
class Place:
    """A folder or URL, without a slash at its end."""

    url: str
    storage: Storage = field(default_factory=Storage)

    @classmethod
    def of(cls, target: str, storage: Storage | None = None) -> Place:
        """Place of a path or URL as users write them."""
        path = url_to_path(target)
        url = str(path.absolute()) if path is not None else target.rstrip("/")
        return cls(url, storage or Storage())

    @property
    def folder(self) -> Path | None:
        """Folder of this machine; None for an object store."""
        return url_to_path(self.url)

    @property
    def is_of_process(self) -> bool:
        """Whether only this process sees it: fsspec's memory."""
        return url_scheme(self.url) == "memory"

    def child(self, name: str) -> Place:
        """A place below this one."""
        return Place(f"{self.url}/{name}", self.storage)

    def beside(self, name: str) -> Place:
        """A place with the same parent."""
        return Place(f"{self.url.rpartition('/')[0]}/{name}", self.storage)

    @property
    def name(self) -> str:
        """Last part of its path."""
        return self.url.rpartition("/")[2]

    def read(self, key: str) -> bytes | None:
        """Content of a file; None where there is none."""
        if self.folder is not None:
            try:
                return (self.folder / key).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return self._do(self._read_remote, key)

    def write(self, key: str, data: bytes | str) -> None:
        """Write a file (text as UTF-8), whole or not at all."""
        data = data.encode() if isinstance(data, str) else data
        if self.folder is not None:
            atomic_write(self.folder / key, data)
            return
        self._do(lambda system, path: system.pipe_file(path, data), key)

    def take(self, file: Path, key: str) -> None:
        """Move a file of this machine here."""
        if self.folder is None:
            self._do(lambda system, path: system.put_file(str(file), path), key)
            file.unlink()
            return
        target = self.folder / key
        try:
            os.replace(file, target)
        except FileNotFoundError:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, target)

    def replace_by(self, file: Path) -> None:
        """Be a copy of a file of this machine, in an object store."""
        self._do(lambda system, path: system.put_file(str(file), path))

    def holds(self, key: str, size: int, checksum: int) -> bool:
        """Whether a file is there with that size and checksum (`checksum_of`)."""
        if self.folder is not None:
            path = self.folder / key
            try:
                return path.stat().st_size == size and checksum_of(path) == checksum
            except OSError:
                return False
        data = self.read(key)
        return data is not None and len(data) == size and zlib.crc32(data) == checksum

    def files(self) -> list[str]:
        """Keys of all files, in order."""
        if self.folder is not None:
            walk = os.walk(self.folder)
            found = (os.path.join(folder, name) for folder, _, names in walk for name in names)
            return sorted(os.path.relpath(path, self.folder) for path in found)
        paths, below = self._do(_found)
        return sorted(path[below:].lstrip("/") for path in paths)

    def exists(self) -> bool:
        """Whether there is anything."""
        if self.folder is not None:
            return self.folder.exists()
        return bool(self._do(lambda system, path: system.exists(path)))

    def remove(self) -> None:
        """Remove everything that is here."""
        if self.folder is not None:
            if self.folder.is_dir():
                shutil.rmtree(self.folder)
            else:
                self.folder.unlink(missing_ok=True)
        elif self.exists():
            self._do(lambda system, path: system.rm(path, recursive=True))

    def remove_file(self, key: str) -> None:
        """Remove a file if it is there."""
        if self.folder is not None:
            (self.folder / key).unlink(missing_ok=True)
        elif self._do(lambda system, path: system.exists(path), key):
            self._do(lambda system, path: system.rm_file(path), key)

    @staticmethod
    def _read_remote(system: Any, path: str) -> bytes | None:
        try:
            return system.cat_file(path)
        except FileNotFoundError:
            return None

    def _do(self, action: Callable[[Any, str], Any], key: str = "") -> Any:
        """Result of an action on a file of the object store, tried again where it fails."""
        system, path = self.storage.locate(f"{self.url}/{key}" if key else self.url)
        try:
            return self.storage.repeated(lambda: action(system, path))
        except RenderModuleException:
            raise
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise RenderModuleException(f"{self.url}/{key}: {text}") from error


def _found(system: Any, path: str) -> tuple[list[str], int]:
    return (system.find(path) if system.exists(path) else []), len(path)


def checksum_of(path: Path) -> int:
    """CRC-32 of a file."""
    value = 0
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            value = zlib.crc32(block, value)
    return value
