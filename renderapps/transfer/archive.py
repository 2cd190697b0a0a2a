"""A project as one archive: a ZIP of JSON files and, last, a manifest with their checksums.

    manifest.json              format, version, owner, project, stacks, collections, members
    stacks/NAME/stack.json     metadata of a stack as the service gives it
    stacks/NAME/z_Z.json       tiles and shared transforms at Z, as the service gives them
    matches/NAME/metadata.json what is recorded with a collection
    matches/NAME/N.json        matches of one group, N = 0, 1, ...
    images/N/FILE              image files, where they are included; the manifest has their URLs

Names are percent-encoded. An archive without its manifest is one that was not finished.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.parse import quote

import orjson

from renderapi.files import LARGEST_TEXT, atomic_path
from renderapi.urls import path_to_url
from renderapps.module.errors import RenderModuleException
from renderapps.transfer.storage import BLOCK, Storage, copy_verified, is_local, local_path

FORMAT = "renderapps-project"
VERSION = 1
MANIFEST = "manifest.json"


def member_name(kind: str, name: str, file: str) -> str:
    """Name of a file of a stack or collection in the archive.

    >>> member_name("stacks", "raw/1", "z_3.0.json")
    'stacks/raw%2F1/z_3.0.json'
    """
    return f"{kind}/{quote(name, safe='')}/{file}"


@dataclass
class ArchiveWriter:
    """An archive that is being written."""

    zip: zipfile.ZipFile
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, value: Any) -> str:
        """Write a JSON value and note its checksum; the name of the member."""
        data = orjson.dumps(value)
        self.members[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        self.zip.writestr(name, data)
        return name

    def add_file(self, name: str, path: Path) -> None:
        """Write a file block by block, as it is, and note its checksum."""
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name, datetime.now(UTC).timetuple()[:6])
        with path.open("rb") as old, self.zip.open(info, "w", force_zip64=True) as new:
            while block := old.read(BLOCK):
                digest.update(block)
                size += len(block)
                new.write(block)
        self.members[name] = {"bytes": size, "sha256": digest.hexdigest()}

    def finish(self, contents: dict[str, Any]) -> None:
        """Write the manifest."""
        manifest = {"format": FORMAT, "version": VERSION, **contents, "members": self.members}
        self.zip.writestr(MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))


@dataclass(frozen=True)
class ArchiveReader:
    """An archive whose manifest has been read."""

    where: str
    zip: zipfile.ZipFile
    manifest: dict[str, Any]

    def read(self, name: str) -> Any:
        """JSON value of a member, whose checksum is compared."""
        if self.noted(name)["bytes"] > LARGEST_TEXT:
            raise RenderModuleException(
                f"archive {self.where}: {name} unpacks to more than {LARGEST_TEXT} bytes"
            )
        stream = io.BytesIO()
        self.copy(name, stream)
        return orjson.loads(stream.getvalue())

    def verify(self) -> int:
        """Compare the checksum of every member; their number."""
        for name in self.manifest["members"]:
            self.copy(name)
        return len(self.manifest["members"])

    def noted(self, name: str) -> dict[str, Any]:
        """Bytes and checksum of a member as the manifest has them."""
        return self.manifest["members"].get(name, {"bytes": 0, "sha256": None})

    def copy(self, name: str, target: IO[bytes] | None = None) -> None:
        """Read a member block by block, write it to `target` if given; compare its checksum."""
        noted = self.noted(name)
        digest, size = hashlib.sha256(), 0
        for block in self._blocks(name):
            digest.update(block)
            size += len(block)
            if size > noted["bytes"]:
                break
            if target is not None:
                target.write(block)
        if digest.hexdigest() != noted["sha256"]:
            raise RenderModuleException(
                f"archive {self.where}: the checksum of {name} is wrong; get another copy of it"
            )

    def _blocks(self, name: str) -> Iterator[bytes]:
        try:
            with self.zip.open(name) as stream:
                while block := stream.read(BLOCK):
                    yield block
        except (KeyError, zipfile.BadZipFile, OSError, ValueError) as error:
            raise RenderModuleException(
                f"archive {self.where}: {name} cannot be read ({error})"
            ) from error
        except Exception as error:  # zlib.error of damaged data
            raise RenderModuleException(f"archive {self.where}: {name} is damaged") from error


@contextmanager
def written_archive(url: str, storage: Storage) -> Iterator[ArchiveWriter]:
    """Archive to write to; it appears at its path or URL when the block succeeds."""
    if is_local(url):
        with atomic_path(local_path(url)) as temporary, _new_zip(temporary) as archive:
            yield ArchiveWriter(archive)
        return
    with TemporaryDirectory(prefix="renderapps-") as folder:
        temporary = Path(folder) / "project.zip"
        with _new_zip(temporary) as archive:
            yield ArchiveWriter(archive)
        copied = copy_verified((path_to_url(temporary), url), storage)
        if copied.status == "failed":
            raise RenderModuleException(f"cannot write archive {url}: {copied.reason}")


@contextmanager
def read_archive(url: str, storage: Storage) -> Iterator[ArchiveReader]:
    """Archive at a path or URL, with its manifest read."""
    with _opened(url, storage) as stream:
        try:
            archive = zipfile.ZipFile(stream)
        except zipfile.BadZipFile:
            raise RenderModuleException(f"{url} is not a ZIP archive, or is cut short") from None
        with archive:
            yield ArchiveReader(url, archive, _manifest(url, archive))


def _new_zip(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED)


@contextmanager
def _opened(url: str, storage: Storage) -> Iterator[IO[bytes]]:
    system, path = storage.locate(url)
    try:
        stream = system.open(path, "rb")
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
        raise RenderModuleException(f"cannot read archive {url}: {reason}") from error
    with stream:
        yield stream


def _manifest(url: str, archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        if archive.getinfo(MANIFEST).file_size > LARGEST_TEXT:
            raise ValueError
        manifest = orjson.loads(archive.read(MANIFEST))
        kind, version = manifest["format"], manifest["version"]
    except (KeyError, TypeError, ValueError) as error:
        raise RenderModuleException(
            f"{url} is not an archive of a project: it has no {MANIFEST}"
        ) from error
    if kind != FORMAT or version != VERSION:
        raise RenderModuleException(
            f"{url} has format {kind} {version}; this version reads {FORMAT} {VERSION}"
        )
    return manifest
