"""Image files in the archive of a project: put into it, and unpacked below another folder.

Files are read and written in blocks, so that their size does not matter.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from renderapi.files import atomic_path
from renderapi.urls import path_to_url, url_scheme, url_to_path
from renderapps.dataimport.acquired_image import listed
from renderapps.module.errors import RenderModuleException
from renderapps.module.tasks import one_line
from renderapps.module.tile_documents import Json, Section
from renderapps.transfer.archive import ArchiveReader, ArchiveWriter
from renderapps.transfer.storage import BLOCK, Storage, is_local, local_path
from renderapps.transfer.url_rewriting import Moves, UrlRules, canonical, image_urls, split_url

LOOK_AT_ONCE = 8


def named_images(section: Section) -> Iterator[tuple[Json, str, bool]]:
    """JSON object and key of each image and mask of a section, and whether it is a file.

    Computed masks (`mask:`) are left out: they need none.
    """
    for entry, key, in_volume in image_urls(section):
        if url_scheme(entry[key]) != "mask":
            yield entry, key, not in_volume and split_url(entry[key]) is not None


@dataclass
class CollectedImages:
    """The image files of the sections that go into an archive.

    Attributes
    ----------
    storage : Storage
    urls : dict
        Those to be put in, each once, in the order of the tiles.
    left_out : set of str
        Pictures of services and volumes, which are no files.
    """

    storage: Storage
    urls: dict[str, None] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def note(self, section: Section) -> None:
        """Note the images of a section."""
        for entry, key, is_file in named_images(section):
            if is_file:
                self.urls[canonical(entry[key])] = None
            else:
                self.left_out.add(entry[key])

    def drop_missing(self, skip: bool) -> list[str]:
        """URLs of files that are not there, which are left out if `skip`, else an error."""

        def is_missing(url: str) -> bool:
            return self.storage.repeated(lambda: self.storage.size(url)) is None

        with ThreadPoolExecutor(LOOK_AT_ONCE) as pool:
            gone = list(pool.map(is_missing, self.urls))
        missing = [url for url, absent in zip(self.urls, gone, strict=True) if absent]
        if missing and not skip:
            raise RenderModuleException(
                f"{len(missing)} of {len(self.urls)} image files are missing and no archive was "
                f"written; give skip_missing to leave them out: {listed(missing, 3)}"
            )
        for url in missing:
            del self.urls[url]
        return missing

    def write(self, archive: ArchiveWriter) -> list[dict[str, str]]:
        """Put the files into an archive; URL and member of each."""
        entries = []
        for number, url in enumerate(self.urls):
            name = f"images/{number:08d}/{quote(url.rpartition('/')[2], safe='%')}"
            self._add(archive, name, url)
            entries.append({"url": url, "file": name})
        return entries

    def _add(self, archive: ArchiveWriter, name: str, url: str) -> None:
        try:
            if is_local(url):
                archive.add_file(name, local_path(url))
                return
            with TemporaryDirectory(prefix="renderapps-") as folder:  # so that it can be repeated
                copy = Path(folder) / "image"
                self.storage.repeated(lambda: self.storage.copy(url, path_to_url(copy)))
                archive.add_file(name, copy)
        except OSError as error:
            raise RenderModuleException(f"cannot read {url}: {one_line(error)}") from error


@dataclass
class UnpackedImages:
    """The image files of an archive, below a folder.

    Attributes
    ----------
    archive : ArchiveReader
    rules : UrlRules
        Where they go.
    """

    archive: ArchiveReader
    rules: UrlRules
    moves: Moves = field(default_factory=Moves)
    written: int = 0

    def __post_init__(self) -> None:
        self._members: dict[str, str] = {
            entry["url"]: entry["file"] for entry in self.archive.manifest.get("images") or ()
        }
        if not self._members:
            raise RenderModuleException(
                f"archive {self.archive.where} holds no images; export it with include_images, "
                "or leave out image_directory"
            )

    def unpack(self, section: Section) -> None:
        """Write the files of a section that are not there yet."""
        for entry, key, new in self._unpacked(section):
            old = canonical(entry[key])
            is_new = new not in self.moves.old_by_new
            self.moves.add(old, new)
            if is_new:
                self.written += self._write(self._members[old], local_path(new))

    def rewrite(self, section: Section) -> None:
        """Let the tiles of a section name the files where they are unpacked, in place."""
        for entry, key, new in self._unpacked(section):
            entry[key] = new

    def _unpacked(self, section: Section) -> Iterator[tuple[Json, str, str]]:
        """JSON object and key of each image that the archive holds, and its new URL."""
        for entry, key, is_file in named_images(section):
            known = canonical(entry[key])
            new = self.rules.new_url(known) if is_file and known in self._members else None
            if new is not None:
                yield entry, key, new

    def _write(self, member: str, path: Path) -> bool:
        self._check_place(member, path)
        if path.exists():
            if not self._is_same(member, path):
                raise RenderModuleException(
                    f"{path} is there and differs from the file in archive {self.archive.where}: "
                    "remove it, or give another image_directory"
                )
            return False
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            self.archive.copy(member, stream)
        return True

    def _check_place(self, member: str, path: Path) -> None:
        """Refuse a file that a link would lead out of the folder, or that there is no room for."""
        folder = url_to_path(self.rules.destination)
        real = Path(os.path.realpath(path))
        if folder is not None and not real.is_relative_to(os.path.realpath(folder)):
            raise RenderModuleException(
                f"{path} is led out of {folder} by a link; remove the link, or give another "
                "image_directory"
            )
        there = next(p for p in real.parents if p.exists())
        if self.archive.noted(member)["bytes"] > shutil.disk_usage(there).free:
            raise RenderModuleException(
                f"archive {self.archive.where}: there is no room for {member} below {there}"
            )

    def _is_same(self, member: str, path: Path) -> bool:
        noted: dict[str, Any] = self.archive.noted(member)
        if not path.is_file() or path.stat().st_size != noted["bytes"]:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
        return digest.hexdigest() == noted["sha256"]
