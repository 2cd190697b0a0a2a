"""Tile specifications as answered: references resolved and nested lists flattened.

A tile that is stored in that form already is passed on byte for byte; only the others are parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
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
"""Bytes of shared transforms whose texts are kept."""
_TILES_KEPT, _FEW, _SMALL = 4096, 256, 4096
"""Flattened tiles that are kept; most tiles of an answer, and most bytes of each, to be kept."""


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
    small = len(records) <= _FEW and max(len(r.document) for r in records) <= _SMALL
    references = _kept_references if small else _references
    named = [() if r.flat else references(r.document) for r in records]
    texts = _texts_of(store, stack, set(chain.from_iterable(filter(None, named))))
    exchanged = _kept_exchange if small and texts.size <= _SMALL else _exchange
    nested = {
        r.tile_id: orjson.loads(r.document)
        for r, names in zip(records, named, strict=True)
        if names is None or not all(name in texts for name in names)
    }
    lookup = shared_transforms(store, stack, nested.values())
    for record in records:
        if record.flat:
            yield record.document
        elif record.tile_id in nested:
            yield orjson.dumps(flatten_tile(nested[record.tile_id], lookup))
        else:
            yield exchanged(record.document, texts)


def _references(document: bytes) -> tuple[bytes, ...] | None:
    """Ids of the references of a stored tile; None where there is more to flatten than those.

    So it is where labels are handed down, lists are nested, or references hold more than an id. The
    patterns are found in structure only, never inside a text: quotes there are escaped.
    """
    count = document.count  # with texts this short, counting is faster than looking for one
    if count(b'"metaData"') or count(b'"interpolated"') or count(b'"type":"list"') != 1:
        return None
    names = tuple(one or other for one, other in _REFERENCE.findall(document))
    return names if count(b'"type":"ref"') == len(names) else None


class _Texts(dict[bytes, bytes]):
    """For each shared transform that flattens to something, its leaves as JSON, comma separated.

    Never changed once it is made, and hashed by identity.
    """

    __hash__ = object.__hash__  # type: ignore[assignment]

    @cached_property
    def size(self) -> int:
        """Bytes of all texts."""
        return sum(map(len, self.values()))


def _exchange(document: bytes, texts: _Texts) -> bytes:
    """A stored tile with its references exchanged for texts."""
    return _REFERENCE.sub(lambda match: texts[match[1] or match[2]], document)


# viewers ask for the same few tiles again and again
_kept_references = lru_cache(_TILES_KEPT)(_references)
_kept_exchange = lru_cache(_TILES_KEPT)(_exchange)


def _texts_of(store: Store, stack: StackId, ids: Iterable[bytes]) -> _Texts:
    """What replaces the references to these ids, as far as a text can."""
    if not ids:
        return _NO_TEXTS
    stored = store.transforms(stack, sorted(map(bytes.decode, ids)))
    if sum(map(len, stored.values())) > _LARGEST_KEPT:
        return _texts(stored)
    return _kept_texts(tuple(stored.items()))


@lru_cache(maxsize=64)
def _kept_texts(stored: tuple[tuple[str, bytes], ...]) -> _Texts:
    """`_texts` of small transforms, which one request after the other asks for."""
    return _texts(dict(stored))


def _texts(stored: Mapping[str, bytes]) -> _Texts:
    from renderapi.transform.specs import flatten

    lookup = {key: orjson.loads(document) for key, document in stored.items()}
    texts = _Texts()
    for key in lookup:
        try:
            leaves = flatten({"type": "ref", "refId": key}, lookup)
        except RenderError:
            continue
        if leaves:
            texts[key.encode()] = b",".join(map(orjson.dumps, leaves))
    return texts


_NO_TEXTS = _Texts()


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
