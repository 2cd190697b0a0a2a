"""The files that the tile pair client leaves, read as one document."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from typing import Any

from renderapi.client.json_files import read_json

Stamp = tuple[int, int, int]


def read_tilepair_files(
    run: Callable[[str], None], outjson: str | None, delete: bool
) -> tuple[dict[str, Any], list[str]]:
    """Let the client write to `outjson` (a temporary file by default) and read what it wrote.

    Parameters
    ----------
    run : callable
        Runs the client with the path to write to.
    outjson : str, optional
    delete : bool
        Remove the files afterwards; temporary ones are always removed, also after a failure.

    Raises
    ------
    ValueError
        Nothing was written, or files of different stacks.
    """
    if outjson is not None:
        return _run_and_read(run, os.fspath(outjson), delete)
    with tempfile.TemporaryDirectory(prefix="tilepairs_") as folder:
        return _run_and_read(run, os.path.join(folder, "tilepairs.json"), False)


def _run_and_read(
    run: Callable[[str], None], path: str, delete: bool
) -> tuple[dict[str, Any], list[str]]:
    before = _stamps(path)
    run(path)
    # a file that the run did not touch is of an earlier run
    files = [file for file, stamp in _stamps(path).items() if before.get(file) != stamp]
    try:
        return combined(files, path), files
    finally:
        for file in files if delete else []:
            os.remove(file)


def _stamps(path: str) -> dict[str, Stamp]:
    """Size, time and number of the file and of the numbered ones beside it, in order."""
    folder, name = os.path.split(path)
    found = re.fullmatch(r"(.*?)((\.json)?(\.gz|\.zip)|\.[^.]*)?", name)
    root, extension = (found[1], found[2] or "") if found else (name, "")
    pattern = re.compile(re.escape(root) + "_p([0-9]+)" + re.escape(extension))
    matches = [pattern.fullmatch(file) for file in os.listdir(folder or ".")]
    numbered = sorted((int(match[1]), match[0]) for match in matches if match)
    stamps = {}
    for file in (path, *(os.path.join(folder, file) for _, file in numbered)):
        if os.path.isfile(file) and os.path.getsize(file) > 0:
            status = os.stat(file)
            stamps[file] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return stamps


def combined(files: list[str], path: str) -> dict[str, Any]:
    """One document with the pairs of all files."""
    documents = [read_json(file) for file in files]
    templates = {document["renderParametersUrlTemplate"] for document in documents}
    if not documents:
        raise ValueError(f"no tile pairs were written to {path}: there are none")
    if len(templates) > 1:
        raise ValueError(f"tile pair files of different stacks: {', '.join(sorted(templates))}")
    pairs = [pair for document in documents for pair in document["neighborPairs"]]
    return {**documents[0], "neighborPairs": pairs}
