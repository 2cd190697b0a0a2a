"""What the store needs to know of the JSON documents it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import orjson

from renderws.store.protocol import Contents, Invalid, Json, NewTiles, TileRecord
from renderws.store.source import Connection


class Spec(msgspec.Struct, gc=False):
    """The parts of a transform spec that can hold references."""

    type: str | None = None
    refId: str | None = None
    specList: list[Spec] | None = None
    a: Spec | None = None
    b: Spec | None = None


class _Channel(msgspec.Struct, gc=False):
    name: str | None = None


class _Tile(msgspec.Struct, gc=False):
    transforms: Spec | None = None
    channels: list[_Channel] | None = None


NOTHING = Contents((), ())

_tile_decoder = msgspec.json.Decoder(_Tile)
_spec_decoder = msgspec.json.Decoder(Spec)


def new_tiles(records: Sequence[TileRecord]) -> NewTiles:
    """Tiles to be saved from their records; Invalid where a document is no tile."""
    columns = list(zip(*records, strict=True)) or [()] * len(TileRecord._fields)
    ids, places, (sections, groups, flat, documents) = columns[0], columns[1:6], columns[6:]
    table = np.array(places, np.float64).T
    return NewTiles(ids, table, sections, groups, flat, documents, contents_of_tiles(records))


def contents_of_tiles(tiles: Iterable[TileRecord]) -> list[Contents]:
    """References and channels of each tile; Invalid where a document is no tile."""
    known: dict[tuple[str | None, ...], Contents] = {}
    decode = _tile_decoder.decode
    found = []
    for tile in tiles:
        if tile.flat or b'"channels"' in tile.document:
            found.append(tile_contents(tile.document, tile.tile_id, tile.flat))
            continue
        try:
            specs = decode(tile.document).transforms.specList  # type: ignore[union-attr]
            # the usual tile: leaves, and references to the same transforms as its neighbours
            references = tuple(
                [s.refId if s.type == "ref" else None for s in specs if s.type != "leaf"]  # type: ignore[union-attr]
            )
        except (msgspec.DecodeError, RecursionError, AttributeError, TypeError):
            found.append(tile_contents(tile.document, tile.tile_id, tile.flat))
            continue
        contents = known.get(references)
        if contents is None:
            contents = tile_contents(tile.document, tile.tile_id, tile.flat)
            if None not in references:
                known[references] = contents
        found.append(contents)
    return found


def tile_contents(document: bytes, tile_id: str, flat: bool) -> Contents:
    """References and channels of a tile document; Invalid where it is no tile."""
    if flat and b'"channels"' not in document:
        return NOTHING
    try:
        tile = _tile_decoder.decode(document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"the document of tile {tile_id} is malformed: {error}") from error
    references: tuple[str, ...] = ()
    if tile.transforms is not None:
        references = tuple(sorted(_targets(tile.transforms)))
    if not tile.channels:
        return Contents(references, ()) if references else NOTHING
    names = {channel.name for channel in tile.channels if channel.name is not None}
    return Contents(references, tuple(sorted(names)))


def transform_references(document: bytes, transform_id: str) -> set[str]:
    """Ids that a transform document refers to directly."""
    try:
        return _targets(_spec_decoder.decode(document))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"transform {transform_id} is malformed: {error}") from error


def _targets(spec: Spec) -> set[str]:
    """Ids that a spec refers to."""
    found: set[str] = set()
    _collect((spec,), found)
    return found


def _collect(specs: Sequence[Spec], found: set[str]) -> None:
    """Add the ids that specs refer to; their depth was bounded when they were decoded."""
    for spec in specs:
        kind = spec.type
        if kind == "ref":
            if spec.refId is not None:
                found.add(spec.refId)
        elif kind != "leaf":
            if spec.specList:
                _collect(spec.specList, found)
            if spec.a is not None and spec.b is not None:
                _collect((spec.a, spec.b), found)


def same_json(one: bytes, other: bytes) -> bool:
    """Whether two documents say the same, whatever their spacing and order of keys."""
    return one == other or orjson.loads(one) == orjson.loads(other)


def with_values(document: bytes, values: Json) -> bytes:
    """The document with some keys set; the others keep their place."""
    return orjson.dumps({**orjson.loads(document), **values})


class IdList(str):
    """A JSON list of ids, keys or z, the form in which lists are given to SQLite.

    Attributes
    ----------
    values : list
        What is in it, for databases that take lists.
    """

    values: list[Any]
    __slots__ = ("values",)


def id_list(values: Sequence[Any]) -> IdList:
    """A list for a condition `IN (SELECT value FROM json_each(?))`.

    SQLite's JSON functions end a text at a zero character, so that an id with one would find
    another; none is ever stored.
    """
    text = json_list(values)
    if "\\u0000" in text:
        values = [one for one in values if not (isinstance(one, str) and "\0" in one)]
        text = json_list(values)
    made = IdList(text)
    made.values = list(values)
    return made


def json_list(values: Sequence[str] | Sequence[float]) -> str:
    """The text of a JSON list."""
    try:
        return orjson.dumps(values).decode()
    except TypeError as error:
        raise Invalid(f"a list of ids holds something that cannot be stored: {error}") from error


def chunks_by_ids(
    connection: Connection, sql: str, before: tuple[object, ...], ids: list[str]
) -> Iterator[tuple[Any, ...]]:
    """Rows of a query whose last parameter is a JSON list of ids, asked for 10,000 ids at a
    time.
    """
    for start in range(0, len(ids), 10_000):
        yield from connection.execute(sql, (*before, id_list(ids[start : start + 10_000])))
