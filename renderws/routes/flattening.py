"""Tile specifications as answered: references resolved and nested lists flattened.

A tile that is stored in that form already is passed on byte for byte; only the others are parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import orjson

from renderapi.errors import RenderError
from renderws.routes.answers import HttpError
from renderws.store.protocol import Invalid, StackId, Store, TileQuery, TileRecord

if TYPE_CHECKING:
    from renderws.routes.call import Call

Json = dict[str, Any]

_REFERENCE = re.compile(
    rb'\{(?:"type":"ref","refId":"([^"\\]+)"|"refId":"([^"\\]+)","type":"ref")\}'
)

_LARGEST_KEPT = 1 << 17


def limited(call: Call, stack: StackId, query: TileQuery) -> list[TileRecord]:
    """The tiles of a query, ascending tileId; 400 when there are more than one answer may hold."""
    limit = call.settings.max_tiles
    records = list(islice(call.store.tiles(stack, query), limit + 1))
    if len(records) > limit:
        raise Invalid(f"more than {limit} tiles of stack '{stack.stack}' match; ask for fewer")
    return records


def flattened(call: Call, stack: StackId, query: TileQuery) -> list[bytes]:
    """Flattened tile specifications (JSON each) of a query, ascending tileId."""
    return list(flat_documents(call.store, stack, limited(call, stack, query)))


def flat_documents(store: Store, stack: StackId, records: Iterable[TileRecord]) -> Iterator[bytes]:
    """Flattened JSON of tiles of one stack."""
    records = list(records)
    if all(record.flat for record in records):
        return (record.document for record in records)
    return _resolved(store, stack, records)


def flat_tiles(store: Store, stack: StackId, records: Iterable[TileRecord]) -> list[Json]:
    """Flattened tile specifications, parsed."""
    return [orjson.loads(document) for document in flat_documents(store, stack, records)]


def _resolved(store: Store, stack: StackId, records: list[TileRecord]) -> Iterator[bytes]:
    """Flattened JSON of tiles, by exchanging the text of references where a tile holds no more."""
    parts = [[] if r.flat else _REFERENCE.split(r.document) for r in records]
    found = [_named(pieces) for pieces in parts]
    ids = set(chain.from_iterable(found))
    texts = _texts_of(store, stack, ids) if ids else {}
    rest = [
        r
        for r, names in zip(records, found, strict=True)
        if not (r.flat or _is_plain(r.document, names, texts))
    ]
    tiles = {r.tile_id: orjson.loads(r.document) for r in rest}
    lookup = shared_transforms(store, stack, tiles.values())
    for record, pieces, names in zip(records, parts, found, strict=True):
        if record.flat:
            yield record.document
        elif record.tile_id in tiles:
            yield orjson.dumps(flatten_tile(tiles[record.tile_id], lookup))
        else:
            pieces[1::3] = [texts[name] for name in names]
            pieces[2::3] = [b""] * len(names)
            yield b"".join(pieces)


def _named(pieces: Sequence[bytes]) -> list[bytes]:
    """Ids in a document that was split at its references: either of two groups holds one."""
    return [one or other for one, other in zip(pieces[1::3], pieces[2::3], strict=True)]


def _is_plain(document: bytes, names: Sequence[bytes], texts: Mapping[bytes, bytes]) -> bool:
    """Whether exchanging the text of its references for `texts` flattens a stored tile.

    Not where labels are handed down, lists are nested, or references hold more than an id. The
    patterns are found in structure only, never inside a text: quotes there are escaped.
    """
    count = document.count  # with texts this short, counting is faster than looking for one
    if count(b'"metaData"') or count(b'"interpolated"') or count(b'"type":"list"') != 1:
        return False
    return count(b'"type":"ref"') == len(names) and all(name in texts for name in names)


def _texts_of(store: Store, stack: StackId, ids: Iterable[bytes]) -> dict[bytes, bytes]:
    """What replaces the references to these ids, as far as a text can."""
    stored = store.transforms(stack, sorted(map(bytes.decode, ids)))
    if sum(map(len, stored.values())) > _LARGEST_KEPT:
        return _texts(stored)
    return _kept_texts(tuple(stored.items()))


@lru_cache(maxsize=64)
def _kept_texts(stored: tuple[tuple[str, bytes], ...]) -> dict[bytes, bytes]:
    """`_texts` of small transforms, which one request after the other asks for."""
    return _texts(dict(stored))


def _texts(stored: Mapping[str, bytes]) -> dict[bytes, bytes]:
    """For each shared transform that flattens to something, its leaves as JSON, comma separated."""
    from renderapi.transform.specs import flatten

    lookup = {key: orjson.loads(document) for key, document in stored.items()}
    texts = {}
    for key in lookup:
        try:
            leaves = flatten({"type": "ref", "refId": key}, lookup)
        except RenderError:
            continue
        if leaves:
            texts[key.encode()] = b",".join(map(orjson.dumps, leaves))
    return texts


def shared_transforms(store: Store, stack: StackId, tiles: Iterable[Json]) -> dict[str, Json]:
    """Every shared transform that the tiles depend on, by id."""
    wanted = wanted_references(tiles)
    if not wanted:
        return {}
    stored = store.transforms(stack, sorted(wanted))
    return {key: orjson.loads(document) for key, document in stored.items()}


def wanted_references(tiles: Iterable[Json]) -> set[str]:
    """Ids of the shared transforms that the tiles name themselves."""
    from renderapi.transform.specs import references

    wanted: set[str] = set()
    for tile in tiles:
        for spec in tile.get("transforms", {}).get("specList", ()):
            if spec.get("type") == "ref":
                wanted.add(spec.get("refId", ""))
            elif "className" not in spec:
                wanted |= references(spec)
    return wanted


def flatten_tile(tile: Json, lookup: dict[str, Json]) -> Json:
    """The tile with one list of leaves and interpolated transforms; 500 when a reference dangles.

    A stored reference was there when its tile was saved: a missing one is damage, not a bad
    request.
    """
    from renderapi.transform.specs import flatten

    try:
        leaves = flatten(tile.get("transforms", {"type": "list", "specList": []}), lookup)
    except RenderError as error:
        raise HttpError(500, f"tile '{tile.get('tileId')}': {error}") from error
    return {**tile, "transforms": {"type": "list", "specList": leaves}}
