"""The .mdoc (and .idoc) text files that SerialEM writes beside images: entries of key = value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from renderapps.dataimport.text_files import in_folder, numbered_lines, numbers
from renderapps.module.errors import RenderModuleException

_SECTION = re.compile(r"\[\s*(ZValue|Image)\s*=\s*(.+?)\s*\]$")
_ENTRY = re.compile(r"(\w+)\s*=\s*(.*)$")


@dataclass(frozen=True)
class Entry:
    """One image.

    Attributes
    ----------
    kind : {"ZValue", "Image"}
        Whether `name` is the number of a section of the stack file, or a file.
    name : str
    source : str
        File and line, for messages.
    values : dict
        What the file says of the image, and before the first image of all of them.
    """

    kind: str
    name: str
    source: str
    values: dict[str, str]

    def numbers(self, key: str, count: int) -> list[float]:
        """The numbers of a key; an error that names the line unless there are `count`."""
        found = numbers(self.values[key].split(), self.source)
        if len(found) != count:
            raise RenderModuleException(
                f"{self.source}: {key} has {len(found)} values, not {count}"
            )
        return found


@dataclass(frozen=True)
class Mdoc:
    """A file: what holds for all images, and the images."""

    path: Path
    common: dict[str, str] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)

    def all_have(self, key: str) -> bool:
        """Whether every image has a value for a key."""
        return all(key in entry.values for entry in self.entries)

    @property
    def pixel_size_nm(self) -> float | None:
        """Size of a pixel, where it is noted and the same for all images."""
        if not self.all_have("PixelSpacing"):
            return None
        sizes = {entry.numbers("PixelSpacing", 1)[0] for entry in self.entries}
        return sizes.pop() / 10 if len(sizes) == 1 and min(sizes) > 0 else None

    def stack_file(self, directory: Path) -> Path:
        """The file that holds the sections: as noted, or the one that this file is named after."""
        named = directory / self.path.stem
        if "ImageFile" not in self.common:
            if self.path.suffix and named.is_file():
                return named
            raise RenderModuleException(f"{self.path} has no ImageFile before its entries")
        noted = in_folder(directory, self.common["ImageFile"])
        return named if named.is_file() and not noted.exists() else noted


def parse_mdoc(path: Path) -> Mdoc:
    """Read a file.

    Raises
    ------
    RenderModuleException
        It cannot be read, or has no images.
    """
    mdoc = Mdoc(path)
    values = mdoc.common
    for line, text in numbered_lines(path):
        if match := _SECTION.match(text):
            values = dict(mdoc.common)
            mdoc.entries.append(Entry(match[1], match[2], f"{path}, line {line}", values))
        elif text.startswith("["):  # [T = a title], [MontSection = 0]
            values = {}
        elif match := _ENTRY.match(text):
            values[match[1]] = match[2].strip()
    if not mdoc.entries:
        raise RenderModuleException(f"{path} has no [ZValue = ...] or [Image = ...] entries")
    return mdoc
