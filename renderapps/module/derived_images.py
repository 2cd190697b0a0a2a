"""Images made from the images of tiles: mipmaps, filtered, corrected, mirrored ones.

What such an image is follows from its source (URL, loader, slice, size in bytes, time of change)
and its recipe (what is done, with all settings). Both are written into the file itself, and
together decide whether it is there already. The first image that wants a name gets it; the same
name is never given to other content, since a stack may show it: an image made with other settings,
or from a source that has changed, gets the name with 12 digits of the hash of both. So does one
whose name a file of somebody else has. An image appears whole or not at all, two programs may make
it at once, and a run that was stopped goes on where it was.

A module makes a `DerivedImage` of each image it wants and passes them to `make_missing` with a
function that gives the pixels; `show_alone` lets a tile show the result. See
`renderapps.module.image_edit` for doing so with all tiles of a stack.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError
from renderapi.files import atomic_write, temporary_sibling
from renderapi.urls import path_to_url, url_to_path
from renderapps.module.image_files import Coding, encoded, is_whole, text_of

Json = dict[str, Any]
Key = TypeVar("Key")


@dataclass(frozen=True)
class Source:
    """An image or mask: its URL, and the loader and slice that a tile names for it."""

    url: str
    loader: str | None = None
    slice: int | None = None
    is_mask: bool = False

    @classmethod
    def image(cls, entry: Mapping[str, Any]) -> Source:
        """The image of one level of a tile."""
        return cls(entry["imageUrl"], entry.get("imageLoaderType"), entry.get("imageSliceNumber"))

    @classmethod
    def mask(cls, entry: Mapping[str, Any]) -> Source:
        """The mask of one level of a tile."""
        loader, number = entry.get("maskLoaderType"), entry.get("maskSliceNumber")
        return cls(entry["maskUrl"], loader, number, is_mask=True)

    def read(self) -> NDArray:
        """Its pixels; those of a mask as 8 bit."""
        from renderapi.rendering.masks import to_mask
        from renderapi.rendering.readers import read_image

        pixels = read_image(self.url, self.loader, self.slice)
        return to_mask(pixels) if self.is_mask else pixels

    def info(self) -> tuple[int, int, np.dtype[Any]]:
        """(width, height, pixel type)."""
        from renderapi.rendering.readers import read_info

        found = read_info(self.url, self.loader, self.slice)
        return found.width, found.height, found.dtype

    def identity(self) -> Json:
        """What tells it from others, and from itself after a change; of a web image its URL."""
        from renderapi.rendering.readers import check_source

        stamp = check_source(self.url, self.loader)
        return asdict(self) | {"changed_and_bytes": stamp}

    def beside(self, suffix: str, folder: str | os.PathLike[str] | None = None) -> Path:
        """Path for an image made from this one: NAME[_SLICE]suffix beside it.

        With `folder` the file of /data/a.tif is below it in data; ImageError where the source is no
        file of this machine.
        """
        path = url_to_path(self.url)
        if path is None:
            raise ImageError(f"image {self.url} is not a file of this machine")
        path = path.absolute()
        parent = path.parent
        if folder is not None:
            parent = Path(folder).absolute() / parent.relative_to(parent.anchor)
        return parent / f"{self.stem(path)}{suffix}"

    def stem(self, path: Path) -> str:
        """Name of what is made of the image at `path`: that of one slice has its number."""
        return path.stem if self.slice is None else f"{path.stem}_{self.slice:05d}"


@dataclass(frozen=True)
class DerivedImage:
    """An image to make.

    Attributes
    ----------
    source : Source
    recipe : mapping
        What is done and all its settings, as JSON values.
    target : Path
        Where it goes if that name is free; its suffix, .tif, .png or .jpg, is the format.
    coding : Coding
        How the pixels are packed.
    """

    source: Source
    recipe: Mapping[str, Any]
    target: Path
    coding: Coding = field(default_factory=Coding)

    @cached_property
    def text(self) -> str:
        """What is written into the file: recipe and source."""
        packed = {"tif": self.coding.tif, "png_level": self.coding.png_level}
        recipe = {**self.recipe, "coding": packed}
        return json.dumps({"recipe": recipe, "source": self.source.identity()}, sort_keys=True)

    @property
    def own_path(self) -> Path:
        """The name that no other image can have."""
        key = hashlib.sha256(self.text.encode()).hexdigest()[:12]
        return self.target.with_name(f"{self.target.stem}_{key}{self.target.suffix}")

    def place(self) -> Path | None:
        """Where this very image is, or was before its file was damaged; None: nowhere."""
        paths = (self.target, self.own_path)
        return next((path for path in paths if text_of(path) == self.text), None)

    def found(self) -> Path | None:
        """Where this very image is, whole."""
        path = self.place()
        return path if path is not None and is_whole(path) else None

    def write(self, pixels: NDArray) -> Path:
        """Write the image, under the first of its two names that has no other content."""
        data = encoded(pixels, self.target.suffix, self.text, self.coding)
        path = self.place()
        if path is None and _created(self.target, data):
            return self.target
        path = path or self.place() or self.own_path
        atomic_write(path, data)
        return path


def make_missing(
    wanted: Mapping[Key, DerivedImage],
    make: Callable[[Sequence[Key]], Iterable[NDArray]],
    redo: bool = False,
) -> tuple[dict[Key, Path], int]:
    """Make those images that are not there; the paths of all, and how many were made.

    `make` is called with the keys of what is missing (all of them with `redo`), unless that is
    nothing, and gives their pixels one after the other.
    """
    found = {key: None if redo else image.found() for key, image in wanted.items()}
    missing = [key for key, path in found.items() if path is None]
    made = {}
    if missing:
        for key, pixels in zip(missing, make(missing), strict=True):
            made[key] = wanted[key].write(pixels)
    return {key: path or made[key] for key, path in found.items()}, len(missing)


def flipped(source: Source, target: Path) -> tuple[Path, NDArray | None]:
    """An image upside down, its values kept; its file, and the pixels if it was written now."""
    made: list[NDArray] = []

    def make(_: Sequence[int]) -> Iterator[NDArray]:
        made.append(source.read()[::-1])
        yield made[0]

    image = DerivedImage(source, {"made": "upside down"}, target, Coding("zlib", png_level=6))
    paths, _ = make_missing({0: image}, make)
    return paths[0], made[0] if made else None


def show_alone(holder: Json, level: str, image: Path, mask: Path | None = None) -> int:
    """Let a tile or channel show a new image at one level; how many other levels were dropped.

    They were made of the old image. The mask of the level stays unless a new one is given.
    """
    levels = holder["mipmapLevels"]
    old = {k: v for k, v in levels[level].items() if k.startswith("mask") and v is not None}
    new = old if mask is None else {"maskUrl": path_to_url(mask)}
    holder["mipmapLevels"] = {level: {"imageUrl": path_to_url(image)} | new}
    return len(levels) - 1


def _created(path: Path, data: bytes) -> bool:
    """Write a new file, whole; False where there is one of that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(path)
    try:
        temporary.write_bytes(data)
        _claim(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _claim(temporary: Path, path: Path) -> None:
    """Give a file a name that is free; FileExistsError where it is not."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: take the name, then fill it
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        os.replace(temporary, path)
