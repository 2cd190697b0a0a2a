"""JSON files as the clients read and write them: plain, gzipped, or the first entry of a zip."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

from renderapi.errors import ClientScriptError, RenderError
from renderapi.files import atomic_write, gunzipped, unzipped
from renderapi.jsontext import parse, to_bytes


def read_json(path: str | os.PathLike[str]) -> Any:
    """Value in a .json, .json.gz or .zip file; ClientScriptError naming the file otherwise."""
    try:
        return parse(unpacked(Path(path).read_bytes()))
    except (
        OSError,
        RenderError,
        ValueError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
    ) as error:
        raise ClientScriptError(f"cannot read JSON from {path}: {error}") from error


def unpacked(data: bytes) -> bytes:
    """Content of a gzipped or zipped file; other content as it is."""
    if data[:2] == b"\x1f\x8b":
        return gunzipped(data)
    if data[:4] == b"PK\x03\x04":
        return unzipped(io.BytesIO(data))
    return data


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a value, whole or not at all, packed as the extension says."""
    write_text(path, to_bytes(value))


def write_text(path: str | os.PathLike[str], data: bytes) -> None:
    """Write JSON text, whole or not at all, packed as the extension says."""
    target = Path(path)
    if target.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    elif target.suffix == ".zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{target.stem}.json", data)
        data = packed.getvalue()
    atomic_write(target, data)


def read_list(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """List of objects in a JSON file."""
    value = read_json(path)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ClientScriptError(f"{path} does not hold a list of JSON objects")
    return value
