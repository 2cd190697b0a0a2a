"""Tile-pair files: which tiles to match, and how their render parameters are found.

A file is JSON, `.json`, `.json.gz` or `.zip` (first entry): `renderParametersUrlTemplate` with the
tokens `{baseDataUrl}` and `{id}` left in, and `neighborPairs`, sorted, p before q.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from renderapi.errors import RenderError, SpecError
from renderapi.files import atomic_write, gunzipped, unzipped
from renderapi.matching.neighbours import Pair


@dataclass(frozen=True)
class TilePairs:
    """Content of a tile-pair file (or of the numbered files of one run)."""

    template: str
    pairs: list[Pair]


def template_url(
    owner: str, project: str, stack: str, query: Mapping[str, Any] | None = None
) -> str:
    """Template of the render parameters of a stack's tiles, with `{baseDataUrl}` and `{id}` open.

    >>> template_url("me", "p", "s", {"excludeAllTransforms": True})
    '{baseDataUrl}/owner/me/project/p/stack/s/tile/{id}/render-parameters?excludeAllTransforms=true'
    """
    names = (quote(name, safe="") for name in (owner, project, stack))
    base = "{{baseDataUrl}}/owner/{}/project/{}/stack/{}/tile/{{id}}/render-parameters".format(
        *names
    )
    values = {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in (query or {}).items()
    }
    return f"{base}?{urlencode(values)}" if values else base


def pair_to_json(pair: Pair) -> dict[str, Any]:
    """Entry of a pair in a tile-pair file."""
    p = {"groupId": pair.p_group, "id": pair.p_id}
    q = {"groupId": pair.q_group, "id": pair.q_id}
    if pair.p_position:
        p["relativePosition"], q["relativePosition"] = pair.p_position, pair.q_position
    if pair.delta_z is None:
        return {"p": p, "q": q}
    return {"p": p, "q": q, "absoluteDeltaZ": pair.delta_z}


def pair_from_json(entry: Mapping[str, Any]) -> Pair:
    """Pair of an entry, put in order (groupId, then id, as text); extra keys are ignored."""
    p, q = entry["p"], entry["q"]
    if (p["groupId"], p["id"]) > (q["groupId"], q["id"]):
        p, q = q, p
    return Pair(
        str(p["groupId"]),
        str(p["id"]),
        p.get("relativePosition") or "",
        str(q["groupId"]),
        str(q["id"]),
        q.get("relativePosition") or "",
        entry.get("absoluteDeltaZ"),
    )


def write_tile_pairs(
    path: str | os.PathLike[str],
    template: str,
    batches: Iterable[list[Pair]],
    max_pairs_per_file: int = 100_000,
    write_empty: bool = False,
) -> tuple[list[Path], int]:
    """Write pairs as they come, in files of at most `max_pairs_per_file`.

    Whenever more pairs than that have gathered, full files `name_p000.json`, `name_p001.json`, ...
    are written from the start of the sorted pairs. The rest goes to `path` when it is all there is,
    else to the next numbered file. Numbered files of an earlier, longer run are removed.

    Parameters
    ----------
    batches : iterable of list of Pair
        As `neighbours.neighbour_pairs` gives them.
    write_empty : bool
        Write a file without pairs when there are none; otherwise nothing is written.

    Returns
    -------
    list of Path, int
        The files in order, and the number of pairs.
    """
    if max_pairs_per_file < 1:
        raise SpecError(f"maxPairsPerFile must be at least 1, not {max_pairs_per_file}")
    target = Path(path)
    files: list[Path] = []
    gathered: set[Pair] = set()
    total = 0
    for batch in batches:
        gathered.update(batch)
        if len(gathered) <= max_pairs_per_file:
            continue
        ordered = sorted(gathered, key=lambda pair: pair.order)
        full = len(ordered) // max_pairs_per_file * max_pairs_per_file
        for start in range(0, full, max_pairs_per_file):
            files.append(numbered(target, len(files)))
            _write(files[-1], template, ordered[start : start + max_pairs_per_file])
        total += full
        gathered = set(ordered[full:])
    if gathered or (write_empty and not files):
        files.append(numbered(target, len(files)) if files else target)
        _write(files[-1], template, sorted(gathered, key=lambda pair: pair.order))
    if files:
        _remove_stale(target, files)
    return files, total + len(gathered)


def numbered(path: Path, number: int) -> Path:
    """Name of a numbered file: x.json.gz, 3 -> x_p003.json.gz."""
    prefix, suffix = _split(path)
    return path.with_name(f"{prefix}_p{number:03d}{suffix}")


def stem(path: Path) -> str:
    """Name of a tile-pair file without its suffixes."""
    return _split(path)[0]


def _split(path: Path) -> tuple[str, str]:
    found = re.fullmatch(r"(.*?)((\.json)?(\.gz|\.zip)|\.json)", path.name)
    return (found[1], found[2]) if found else (path.stem, path.suffix)


def _numbered_files(path: Path) -> list[Path]:
    prefix, suffix = _split(path)
    pattern = re.compile(re.escape(prefix) + r"_p([0-9]{3,})" + re.escape(suffix))
    found = [(pattern.fullmatch(f.name), f) for f in path.parent.glob("*_p*")]
    return [f for match, f in sorted((int(m[1]), f) for m, f in found if m)]


def _remove_stale(target: Path, written: list[Path]) -> None:
    """Remove what an earlier run left under the names that belong to this one."""
    for old in {*_numbered_files(target), target} - set(written):
        if old.is_file():
            old.unlink()


def _write(path: Path, template: str, pairs: list[Pair]) -> None:
    document = {
        "renderParametersUrlTemplate": template,
        "neighborPairs": [pair_to_json(pair) for pair in pairs],
    }
    write_document(path, document)


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON, packed as the name of the file says (.gz, .zip); the file appears whole."""
    data = orjson.dumps(document, option=orjson.OPT_INDENT_2)
    if path.suffix == ".gz":
        data = gzip.compress(data, mtime=0)
    elif path.suffix == ".zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.stem + ("" if path.stem.endswith(".json") else ".json"), data)
        data = buffer.getvalue()
    atomic_write(path, data)


def read_tile_pairs(path: str | os.PathLike[str]) -> TilePairs:
    """Read a tile-pair file; where it does not exist, the numbered files of that name.

    Raises
    ------
    SpecError
        When there is no such file, or it is not a tile-pair file.
    """
    target = Path(path)
    files = [target] if target.exists() else _numbered_files(target)
    if not files:
        raise SpecError(f"no tile-pair file {target} (create_tilepairs writes one)")
    documents = [_read(file) for file in files]
    templates = {template for template, _ in documents}
    if len(templates) > 1:
        raise SpecError(f"{files[0]} and the files numbered after it are of different stacks")
    pairs = dict.fromkeys(pair for _, some in documents for pair in some)
    return TilePairs(templates.pop(), list(pairs))


UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    RenderError,
    EOFError,
    OSError,
    zlib.error,
    zipfile.BadZipFile,
)
"""What reading a file that is something else raises."""


def why_unreadable(error: BaseException) -> str:
    """What one of `UNREADABLE` says of a file."""
    return f"no {error} in it" if isinstance(error, KeyError) else str(error)


def _read(path: Path) -> tuple[str, list[Pair]]:
    try:
        document = read_document(path)
        return (
            str(document["renderParametersUrlTemplate"]),
            [pair_from_json(entry) for entry in document["neighborPairs"]],
        )
    except UNREADABLE as error:
        raise SpecError(f"{path} is not a tile-pair file: {why_unreadable(error)}") from error


def read_document(path: Path) -> Any:
    """Content of a JSON file, packed (gzip, or the first entry of a zip archive) or not."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gunzipped(data)
    elif data[:4] == b"PK\x03\x04":
        data = unzipped(io.BytesIO(data))
    return orjson.loads(data)
