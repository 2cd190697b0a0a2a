"""Where the images of tiles are to be found after they have been moved: new URLs for old ones.

A URL is taken apart into a place (nothing for files, `s3://bucket` for objects) and an absolute
path below it. Keys of objects hold no character that URLs quote: `=20` stands for a blank, so that
programs that decode URLs and programs that do not find the same object. Paths come back from keys
exactly.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from renderapi.rendering.volumes import LOADERS as VOLUME_LOADERS
from renderapi.urls import path_to_url, url_scheme, url_to_path
from renderapps.module.errors import RenderModuleException
from renderapps.module.tile_documents import Json, Section, image_entries

OBJECT_SCHEMES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"})
_UNSAFE = re.compile(rb"[^A-Za-z0-9/._-]")
_QUOTED = re.compile(rb"=([0-9A-F]{2})")
_KINDS = (("imageUrl", "imageLoaderType"), ("maskUrl", "maskLoaderType"))


def quote_key(path: str) -> str:
    """Path as the key of an object.

    >>> quote_key("/nas/a b=50%.tif")
    '/nas/a=20b=3D50=25.tif'
    """
    return _UNSAFE.sub(lambda m: b"=%02X" % m[0][0], path.encode()).decode()


def unquote_key(key: str) -> str:
    """Path that a key stands for; inverse of `quote_key`."""
    path = _QUOTED.sub(lambda m: bytes([int(m[1], 16)]), key.encode())
    return path.decode(errors="surrogateescape")


def split_url(url: str) -> tuple[str, str] | None:
    """Place and absolute path of the file or object that a URL names; None for other URLs.

    >>> split_url("file:///a%20b.tif"), split_url("s3://bucket/nas/a=20b.tif")
    (('', '/a b.tif'), ('s3://bucket', '/nas/a b.tif'))
    """
    path = url_to_path(url)
    if path is not None:
        return "", os.path.abspath(path)
    parts = urlsplit(url)
    if parts.scheme.lower() not in OBJECT_SCHEMES or parts.query or parts.fragment:
        return None
    return f"{parts.scheme.lower()}://{parts.netloc}", unquote_key(parts.path or "/")


def check_destination(destination: str) -> None:
    """RenderModuleException unless a destination is a folder or a place for objects."""
    if url_scheme(destination) == "file" or destination == "file:":
        return
    parts = urlsplit(destination)
    if parts.scheme.lower() not in OBJECT_SCHEMES:
        raise RenderModuleException(
            f"data_destination {destination!r} is neither a folder nor an object store "
            f"({', '.join(sorted(OBJECT_SCHEMES))})"
        )
    if (not parts.netloc and parts.scheme != "memory") or ":" in parts.netloc:
        raise RenderModuleException(
            f"data_destination {destination!r} names no bucket; give it as "
            f"{parts.scheme}://bucket or {parts.scheme}://bucket/folder"
        )


@dataclass(frozen=True)
class UrlRules:
    """How the URLs of images and masks are changed.

    Attributes
    ----------
    destination : str
        Folder or object store that paths are put below; "file:" alone is the root of files.
    source_prefix : str or None
        Only URLs below it are changed, and it is taken off the path.
    remove_masks : bool
        Leave out masks.
    rewrite : bool
        False: URLs stay as they are.
    """

    destination: str = "file:"
    source_prefix: str | None = None
    remove_masks: bool = False
    rewrite: bool = True

    def new_url(self, url: str) -> str | None:
        """URL in the new place; None for a URL that stays, such as that of a service."""
        parts = split_url(url)
        if parts is None:
            return None
        path = self._below_prefix(*parts)
        if path is None:
            return None
        if url_scheme(self.destination) == "file" or self.destination == "file:":
            folder = None if self.destination == "file:" else url_to_path(self.destination)
            if ".." in Path(path).parts:
                raise RenderModuleException(f"{url} has '..' in its path and gets no file")
            return path_to_url(Path(folder or "/").absolute() / path.lstrip("/"))
        return self.destination.rstrip("/") + "/" + quote_key(path).lstrip("/")

    def _below_prefix(self, place: str, path: str) -> str | None:
        if self.source_prefix is None:
            return path
        prefix = split_url(self.source_prefix)
        if prefix is None or prefix[0] != place:
            return None
        folder = prefix[1].rstrip("/") + "/"
        return path[len(folder) - 1 :] if path.startswith(folder) else None


@dataclass
class Moves:
    """Old URL by new URL, in the order of the tiles, and the URLs that stay as they are."""

    old_by_new: dict[str, str] = field(default_factory=dict)
    staying: set[str] = field(default_factory=set)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(old URL, new URL), unique by new URL."""
        return [(old, new) for new, old in self.old_by_new.items()]

    def add(self, old: str, new: str) -> None:
        """Note a move; two files must not become one."""
        known = self.old_by_new.setdefault(new, old)
        if known != old:
            raise RenderModuleException(
                f"{old} and {known} would both become {new}; give a source_prefix, "
                "or move them with different destinations"
            )


def image_urls(section: Section) -> Iterator[tuple[Json, str, bool]]:
    """JSON object and key of each image and mask of a section, and whether it is of a volume."""
    for tile in section.tiles:
        for _, entry in image_entries(tile):
            for key, loader in _KINDS:
                if entry.get(key):
                    yield entry, key, entry.get(loader) in VOLUME_LOADERS


def rewrite_section(section: Section, rules: UrlRules, moves: Moves) -> None:
    """Change the URLs of all tiles, channels, levels and masks of a section, in place."""
    if rules.remove_masks:
        _remove_masks(section)
    for entry, key, in_volume in image_urls(section):
        url = entry[key]
        if not rules.rewrite:
            moves.add(url, url)
            continue
        new = None if in_volume else rules.new_url(url)
        if new is None:
            moves.staying.add(url)
        else:
            moves.add(canonical(url), new)
            entry[key] = new


def _remove_masks(section: Section) -> None:
    for tile in section.tiles:
        for _, entry in image_entries(tile):
            for key in ("maskUrl", "maskLoaderType", "maskSliceNumber"):
                entry.pop(key, None)


def canonical(url: str) -> str:
    """One spelling for the URLs and paths of a file; URLs of other kinds as they are."""
    path = url_to_path(url)
    return url if path is None else path_to_url(path)
