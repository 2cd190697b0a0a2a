"""Records of finished parts: by them a run that was stopped goes on where it was.

A record names the files of a part with their sizes and checksums, and what they were made from. A
part whose record holds is not made again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from renderapps.materialize.place import Place, checksum_of

RECORDS = "records"

Mark = tuple[int, int]
"""Size and checksum of a file."""


def valid_record(target: Place, work: Place, key: str, made_from: str) -> dict[str, Any] | None:
    """The record of a part whose files are all there, unchanged, and made from the same.

    `files` of a record lie at the target, `sums` beside the record.
    """
    data = work.read(key)
    if data is None:
        return None
    try:
        record = json.loads(data)
        if record["made_from"] != made_from:
            return None
        kept = all(
            place.holds(file, *mark)
            for place, files in ((target, record["files"]), (work, record["sums"]))
            for file, mark in files.items()
        )
    except (ValueError, KeyError, TypeError):
        return None
    return record if kept else None


def bytes_of(record: dict[str, Any]) -> int:
    """Bytes of the files that a part has at the target."""
    return sum(size for size, _ in record["files"].values())


@contextmanager
def staged(work: Place) -> Iterator[Path]:
    """A folder for files that are being written; on the disk of the volume where that is here."""
    if work.folder is not None:
        work.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="stage-", dir=work.folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def moved(path: Path, place: Place, key: str) -> Mark:
    """Move a file to its place."""
    mark = os.stat(path).st_size, checksum_of(path)
    place.take(path, key)
    return mark


def moved_files(folder: Path, place: Place) -> dict[str, Mark]:
    """Move every file below a folder to a place, under its relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    keys = [path.relative_to(folder).as_posix() for path in files]
    return {key: moved(path, place, key) for path, key in zip(files, keys, strict=True)}
