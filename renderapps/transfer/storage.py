"""Files by URL, on this machine or in an object store, through fsspec.

fsspec and the package behind a scheme (s3fs for s3) are imported when a URL of that scheme is
opened.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from renderapi.files import atomic_path
from renderapi.urls import url_scheme, url_to_path
from renderapps.module.errors import RenderModuleException
from renderapps.module.tasks import one_line

BLOCK = 1 << 22
S3_SCHEMES = ("s3", "s3a")
FINAL_ERRORS = (
    FileNotFoundError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
    RenderModuleException,
)

Value = TypeVar("Value")


@dataclass(frozen=True)
class Storage:
    """How object stores are reached.

    Attributes
    ----------
    aws_region, endpoint_url : str or None
        Region, and address of a server with the S3 protocol that is not Amazon's.
    options : mapping
        Further arguments of the fsspec file system of the scheme.
    retries : int
        How often a failed transfer is tried again.
    pause : float
        Seconds before the first repetition; doubled for each further one.
    """

    aws_region: str | None = None
    endpoint_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 4
    pause: float = 0.5

    def file_system(self, scheme: str) -> Any:
        """File system of a scheme; an error that says what to install when it is not there."""
        import fsspec

        options = {"use_listings_cache": False, **self.options} if scheme != "file" else {}
        if scheme in S3_SCHEMES:
            client = {"region_name": self.aws_region, "endpoint_url": self.endpoint_url}
            given = {key: value for key, value in client.items() if value is not None}
            options["client_kwargs"] = given | dict(self.options.get("client_kwargs", {}))
        try:
            return fsspec.filesystem(scheme, **options)
        except ImportError as error:
            how = "pip install 'render-python-apps[s3]'" if scheme in S3_SCHEMES else str(error)
            raise RenderModuleException(
                f"{scheme}:// URLs need a package that is not installed: {how}"
            ) from error
        except ValueError as error:
            raise RenderModuleException(f"{scheme}:// URLs are not known: {error}") from error

    def locate(self, url: str) -> tuple[Any, str]:
        """File system and path of a URL."""
        path = url_to_path(url)
        if path is not None:
            return self.file_system("file"), str(path.absolute())
        system = self.file_system(url_scheme(url))
        return system, system._strip_protocol(url)

    def check_access(self, url: str) -> None:
        """RenderModuleException unless the bucket of an S3 URL can be reached."""
        scheme, bucket = url_scheme(url), urlsplit(url).netloc
        if scheme not in S3_SCHEMES:
            return
        try:
            self.file_system(scheme).ls(bucket)
        except FileNotFoundError:
            raise RenderModuleException(f"there is no bucket {bucket}; make it first") from None
        except RenderModuleException:
            raise
        except Exception as error:
            raise RenderModuleException(f"bucket {bucket}: {one_line(error)}") from error

    def size(self, url: str) -> int | None:
        """Bytes of a file; None when it is not there."""
        found = self._info(url)
        return None if found is None else int(found["size"])

    def digest(self, url: str) -> str:
        """MD5 of the content of a file, read through."""
        system, path = self.locate(url)
        digest = hashlib.md5(usedforsecurity=False)
        with system.open(path, "rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def holds(self, url: str, size: int, digest: str) -> bool:
        """Whether a file is there with that size and MD5. S3's own checksum saves reading it."""
        found = self._info(url)
        if found is None or int(found["size"]) != size:
            return False
        own = str(found.get("ETag", "")).strip('"')
        if own == digest:
            return True
        try:
            return self.digest(url) == digest
        except Exception:  # damaged so that it cannot even be read: it is to be copied again
            return False

    def copy(self, source: str, target: str) -> None:
        """Copy a file; a local target appears whole or not at all."""
        (from_system, from_path), (to_system, to_path) = self.locate(source), self.locate(target)
        if url_to_path(target) is not None:
            with atomic_path(to_path) as temporary:
                from_system.get_file(from_path, str(temporary))
        elif url_to_path(source) is not None:
            to_system.put_file(from_path, to_path)
        else:
            with from_system.open(from_path, "rb") as old, to_system.open(to_path, "wb") as new:
                while block := old.read(BLOCK):
                    new.write(block)

    def repeated(self, action: Callable[[], Value]) -> Value:
        """Result of an action that may fail for a moment, as networks do."""
        for attempt in range(self.retries):
            try:
                return action()
            except FINAL_ERRORS:
                raise
            except Exception:
                time.sleep(self.pause * 2**attempt)
        return action()

    def _info(self, url: str) -> dict[str, Any] | None:
        system, path = self.locate(url)
        try:
            found = system.info(path)
        except FileNotFoundError:
            return None
        return found if found.get("type") == "file" else None


@dataclass(frozen=True)
class Copied:
    """What became of one file: `status` is uploaded, skipped, missing, absent or failed."""

    old: str
    new: str
    status: str
    size: int = 0
    reason: str | None = None


def copy_verified(pair: tuple[str, str], storage: Storage) -> Copied:
    """Copy a file unless its copy is there; compare size and checksum of both."""
    old, new = pair
    if old == new:
        return Copied(old, new, "skipped")
    try:
        return storage.repeated(lambda: _copy(old, new, storage))
    except Exception as error:
        return Copied(old, new, "failed", reason=one_line(error))


def _copy(old: str, new: str, storage: Storage) -> Copied:
    size = storage.size(old)
    if size is None:
        return Copied(old, new, "missing", reason="no such file")
    digest = storage.digest(old)
    if storage.holds(new, size, digest):
        return Copied(old, new, "skipped", size)
    storage.copy(old, new)
    if not storage.holds(new, size, digest):
        raise OSError(f"the copy {new} differs from {old}")
    return Copied(old, new, "uploaded", size)


def look_for_copy(pair: tuple[str, str], storage: Storage) -> Copied:
    """Whether a file has a copy of its size; nothing is copied."""
    old, new = pair
    try:
        sizes = [storage.repeated(partial(storage.size, url)) for url in pair]
    except Exception as error:
        return Copied(old, new, "failed", reason=one_line(error))
    if sizes[0] is None:
        return Copied(old, new, "missing", reason="no such file")
    return Copied(old, new, "skipped" if sizes[0] == sizes[1] else "absent", sizes[0])


def is_local(url: str) -> bool:
    """Whether a URL or path names a file of this machine."""
    return url_to_path(url) is not None


def local_path(url: str) -> Path:
    """Path of a local URL."""
    path = url_to_path(url)
    if path is None:
        raise RenderModuleException(f"{url} is not a file of this machine")
    return path
