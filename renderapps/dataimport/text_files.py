"""Text that microscopes and stitchers write: its encoding, its lines, its numbers, its file names.

Every reader of positions (tables, lists, TileConfiguration, .mdoc, piece lists) starts here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from renderapi.urls import url_to_path
from renderapps.module.errors import RenderModuleException

NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_NUMBER = re.compile(NUMBER)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\ufffe\uffff]")
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_END_OF_FILE = "\x1a"  # Ctrl-Z, with which programs of DOS end a text
TILE_CONFIGURATION = "a TileConfiguration of Fiji (tile_configuration)"
_KINDS = (
    (re.compile(r"\s*<\?xml|\s*<[A-Za-z!]"), "XML (the project of another program?)"),
    (re.compile(r"\s*\[\s*(ZValue|Image|T)\s*=", re.M), "a SerialEM .mdoc file (mdoc_file)"),
    (
        re.compile(r"^\s*(dim\s*=\s*\d|multiseries\s*=|[^;\n]+;[^;\n]*;\s*\()", re.M | re.I),
        TILE_CONFIGURATION,
    ),
    (re.compile(r"\s*file:[^;]*;\s*corr:", re.I), "positions of MIST (positions_file)"),
)


def read_text(path: Path, what: str = "") -> str:
    """The text of a file: UTF-8, UTF-16 or UTF-32, or else the Windows code page 1252.

    `what` says in messages what the file is to be: "the positions in".

    Raises
    ------
    RenderModuleException
        The file cannot be read, or is not text.
    """
    name = f"{what} {path}" if what else str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RenderModuleException(f"cannot read {name}: {error.strerror}") from None
    try:
        text = _decoded(data)
    except UnicodeDecodeError:
        raise RenderModuleException(
            f"cannot read {name}: it is not text (neither UTF-8, UTF-16 nor cp1252)"
        ) from None
    text = text.rstrip().rstrip(_END_OF_FILE)
    if strange := _NOT_TEXT.search(text):
        raise RenderModuleException(
            f"cannot read {name}: it is not text (it holds the character "
            f"{hex(ord(strange[0]))}, as images and spreadsheets do); save it as plain text"
        )
    return text


def _decoded(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding)
    if len(data) % 2 == 0 and data.count(0) > len(data) // 4:
        return data.decode("utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Stripped lines of a text file, numbered from 1, without empty ones and comments (#)."""
    return [(number, line.strip()) for number, line in lines_of(read_text(path))]


def lines_of(text: str) -> list[tuple[int, str]]:
    """Lines of a text as they are, numbered from 1, without empty ones and comments (#)."""
    lines = ((number, line) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1))
    return [(n, line) for n, line in lines if line.strip() and not line.lstrip().startswith("#")]


def kind_of_text(text: str) -> str | None:
    """What a text is, where it is none of tables and lists: for messages.

    >>> kind_of_text("dim = 2")
    'a TileConfiguration of Fiji (tile_configuration)'
    """
    return next((kind for pattern, kind in _KINDS if pattern.search(text[:5000])), None)


def is_number(text: str) -> bool:
    """Whether a text is a finite decimal number: no underscores, no nan, no other alphabets."""
    return bool(_NUMBER.fullmatch(text)) and math.isfinite(float(text))


def numbers(cells: Sequence[str], source: str) -> list[float]:
    """Cells as finite numbers."""
    if not all(map(is_number, cells)):
        raise RenderModuleException(f"{source}: expected numbers, found {' '.join(cells)!r}")
    return [float(cell) for cell in cells]


def in_folder(directory: Path, name: str) -> Path:
    r"""File below a folder.

    A relative path may have backslashes. Of an absolute Windows path, as the microscope notes it,
    the longest end that is there below the folder counts, else the bare name. A `file:` URL is the
    path that it names.
    """
    if name[:5].lower() == "file:":
        return url_to_path(name) or directory / name
    windows = PureWindowsPath(name)
    if "\\" not in name and not (windows.drive and windows.root):
        return directory / name
    if (directory / name).exists():
        return directory / name
    if not windows.anchor:
        return directory.joinpath(*windows.parts)
    parts = windows.parts[1:]
    ends = (directory.joinpath(*parts[k:]) for k in range(len(parts)))
    return next((end for end in ends if end.exists()), directory / windows.name)
