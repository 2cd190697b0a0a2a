"""Sections of tiles behind a shared lens transform, as the service and as SQLite take them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform

COLUMNS, TILES = 50, 2500  # of a section that is imported
LARGE_COLUMNS, LARGE = 100, 5000  # of a section that is read
STEP_X, STEP_Y = 2300.0, 1950.0
LENS = AffineModel(M00=1.001, M11=0.999, transformId="lens")


def tiles(z: int, count: int = TILES) -> list[TileSpec]:
    """Tiles of a section, row by row."""
    columns = COLUMNS if count == TILES else LARGE_COLUMNS
    return [
        TileSpec(
            tileId=f"tile_{z:04d}_{i:05d}",
            z=float(z),
            width=2560,
            height=2160,
            imageUrl=f"file:///data/section_{z:04d}/tile_{i}.tif",
            sectionId=f"{z}.0",
            tforms=[
                ReferenceTransform("lens"),
                AffineModel(B0=STEP_X * (i % columns), B1=STEP_Y * (i // columns)),
            ],
        )
        for i in range(count)
    ]


def body(z: int, count: int = TILES) -> bytes:
    """A request that saves a section."""
    documents = {tile.tileId: tile.document() for tile in tiles(z, count)}
    return orjson.dumps(
        {"transformIdToSpecMap": {"lens": LENS.to_dict()}, "tileIdToSpecMap": documents}
    )


class Bodies:
    """Requests that save one section after the other, all alike but for z and the ids."""

    def __init__(self, count: int = TILES, first: int = 0) -> None:
        self._first = body(0, count)
        self._z = first

    def __call__(self) -> bytes:
        z = self._z
        self._z += 1
        changed = self._first.replace(b"tile_0000_", b"tile_%04d_" % z)
        changed = changed.replace(b"section_0000", b"section_%04d" % z)
        return changed.replace(b'"z":0.0', b'"z":%d.0' % z).replace(b'"0.0"', b'"%d.0"' % z)


class Floor:
    """The same documents in a table of plain SQLite: one index, durable, nothing checked."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE tile (id TEXT PRIMARY KEY, z REAL, document BLOB)")

    def write(self, documents: Sequence[dict[str, Any]]) -> None:
        """Store tiles in one transaction."""
        self._connection.execute("BEGIN")
        self._connection.executemany(
            "INSERT INTO tile VALUES (?, ?, ?)",
            [(tile["tileId"], tile["z"], orjson.dumps(tile)) for tile in documents],
        )
        self._connection.execute("COMMIT")

    def read(self, first: str, last: str) -> list[tuple[bytes]]:
        """Documents of a range of ids, in order."""
        sql = "SELECT document FROM tile WHERE id BETWEEN ? AND ? ORDER BY id"
        return self._connection.execute(sql, (first, last)).fetchall()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
