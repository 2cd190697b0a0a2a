"""Layout files: operations 34 to 36 of the contract (sections 1.5 and 2.10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from renderapi.urls import url_to_path
from renderws.routes.answers import Answer, text_stream
from renderws.routes.call import Call
from renderws.routes.router import Route
from renderws.routes.values import MAX_Z, MIN_Z, Parameter, one_of
from renderws.store.protocol import TileQuery

Json = dict[str, Any]

_FORMATS = ("KARSH", "SCHEFFER")
_BATCH = 1000
_AFFINE = (0, 2, 4, 1, 3, 5)


def get_layout(call: Call) -> Answer:
    """One line per tile: where it was acquired and where it is."""
    low = call.path.get("z", call.path.get("minZ", call.query.get("minZ")))
    high = call.path.get("z", call.path.get("maxZ", call.query.get("maxZ")))
    metadata = call.store.stack(call.stack)
    if call.query["format"] == "SCHEFFER":
        return text_stream(_scheffer(call, metadata, low, high))
    return text_stream(_karsh(call, low, high))


def _karsh(call: Call, low: float | None, high: float | None) -> Iterator[bytes]:
    base = call.url.split("?")[0].partition("/stack/")
    stack_url = base[0] + base[1] + base[2].split("/")[0]
    for tile in _ordered(call, low, high, by_place=True):
        layout = tile.get("layout", {})
        columns = [
            layout.get("sectionId"),
            tile["tileId"],
            *_affine_part(tile),
            layout.get("imageCol"),
            layout.get("imageRow"),
            layout.get("camera"),
            _raw_path(tile),
            layout.get("temca"),
            layout.get("rotation"),
            tile.get("z"),
            f"{stack_url}/tile/{tile['tileId']}/render-parameters",
        ]
        yield ("\t".join(map(_word, columns)) + "\n").encode()


def _scheffer(call: Call, metadata: Json, low: float | None, high: float | None) -> Iterator[bytes]:
    bounds = metadata.get("stats", {}).get("stackBounds")
    sides = ("minX", "minY", "maxX", "maxY")
    yield f"BBOX {' '.join(str(bounds[side]) for side in sides) if bounds else ''}\n".encode()
    for tile in _ordered(call, low, high, by_place=False):
        affine = " ".join(map(_word, _affine_part(tile)))
        size = f"{_word(tile.get('width'))} {_word(tile.get('height'))}"
        yield f"TRANSFORM '{_word(_raw_path(tile))}' {affine} {size}\n".encode()


def _word(value: Any) -> str:
    return "null" if value is None else str(value)


def _ordered(call: Call, low: float | None, high: float | None, by_place: bool) -> Iterator[Json]:
    """Tiles by z, then by place (minY, minX) or by id; layer after layer."""
    for z in call.store.z_values(call.stack, low, high):
        if by_place:
            yield from _by_place(call, z)
        else:
            records = call.store.tile_documents(call.stack, TileQuery(z=z))
            yield from (orjson.loads(record.document) for record in records)


def _by_place(call: Call, z: float) -> Iterator[Json]:
    ids = [bounds.tile_id for bounds in call.store.tile_bounds(call.stack, TileQuery(z=z))]
    for first in range(0, len(ids), _BATCH):
        batch = ids[first : first + _BATCH]
        records = call.store.tile_documents(call.stack, TileQuery(tile_ids=batch))
        documents = {record.tile_id: record.document for record in records}
        yield from (orjson.loads(documents[i]) for i in batch if i in documents)


def _affine_part(tile: Json) -> Iterable[str]:
    """Last transform: six numbers in row order, more as they are; else the stage position."""
    specs = tile["transforms"]["specList"]
    last = specs[-1] if specs else {}
    values = last.get("dataString", "").split() if last.get("type", "leaf") == "leaf" else []
    if len(values) == len(_AFFINE):
        return [values[i] for i in _AFFINE]
    if len(values) > len(_AFFINE):
        return [str(len(values)), *values]
    layout = tile.get("layout", {})
    return ["1.0", "0.0", _word(layout.get("stageX")), "0.0", "1.0", _word(layout.get("stageY"))]


def _raw_path(tile: Json) -> str | None:
    """Path (or URL) of the first image of the tile."""
    levels = tile.get("mipmapLevels") or {}
    for channel in tile.get("channels") or ():
        levels = levels or channel.get("mipmapLevels") or {}
    if not levels:
        return None
    url = levels[min(levels, key=int)].get("imageUrl")
    path = url_to_path(url) if url else None
    return url if path is None else str(path)


def routes() -> tuple[Route, ...]:
    """Operations 34 to 36."""
    form = Parameter("format", one_of(*_FORMATS), "KARSH")
    whole = (MIN_Z, MAX_Z, form)
    span = "S/zRange/{minZ},{maxZ}/layoutFile"
    return (
        Route(34, "GET", "S/layoutFile", get_layout, whole, consistent=False),
        Route(35, "GET", "S/z/{z}/layoutFile", get_layout, (form,), consistent=False),
        Route(36, "GET", span, get_layout, (form,), consistent=False),
    )
