"""Tile specifications as answered: references resolved and nested lists flattened.

A tile that is stored in that form already is passed on byte for byte; only the others are parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from renderapi.errors import RenderError, UnresolvedReference
from renderws.limits import Limits
from renderws.routes.answers import HttpError
from renderws.store.protocol import Invalid, StackId, Store, TileDocument, TileQuery, TileRecord

if TYPE_CHECKING:
    from renderws.routes.call import Call

Json = dict[str, Any]

_REFERENCE = re.compile(
    rb'\{(?:"type":"ref","refId":"([^"\\]+)"|"refId":"([^"\\]+)","type":"ref")\}'
)
_USUAL = b'{"type":"ref","refId":"'

_LARGEST_KEPT = 1 << 17
"""Bytes of shared transforms whose texts are kept."""
_TILES_KEPT, _FEW, _SMALL = 4096, 256, 4096
"""Tiles that are kept cut; most tiles of an answer, and most bytes of each, to be kept."""


_AT_ONCE = 1000
_Tile = TileDocument | TileRecord
_Names = tuple[bytes, ...] | None
_Split = tuple[_Names, Sequence[bytes]]
_WHOLE: _Split = ((), ())
# of tuples, without the way over their names: section after section is thousands of them
_names_of: Callable[[_Split], _Names] = itemgetter(0)
_flat: Callable[[TileDocument], bool] = itemgetter(TileDocument._fields.index("flat"))
_document: Callable[[TileDocument], bytes] = itemgetter(TileDocument._fields.index("document"))


def limited(call: Call, stack: StackId, query: TileQuery) -> list[TileDocument]:
    """The tiles of a query, ascending tileId; 400 when there are more than one answer may hold."""
    return _limited(call, stack, query)[0]


def _limited(call: Call, stack: StackId, query: TileQuery) -> tuple[list[TileDocument], int]:
    """The same, and the bytes of their documents."""
    limit, most = call.settings.max_tiles, call.settings.max_answer_bytes
    if _is_range(query) and call.store.count_tiles(stack, query) > limit:
        raise _too_many(stack, limit)  # all of them would be read and sorted before the first
    found = call.store.tile_documents(stack, query)
    records: list[TileDocument] = []
    size, more = 0, True
    while more:
        part = list(islice(found, min(_AT_ONCE, limit + 1 - len(records))))
        records += part
        if len(records) > limit:
            raise _too_many(stack, limit)
        size += _bytes_of(map(_document, part))
        _check_size(size, most)
        more = len(part) == _AT_ONCE
    return records, size


def _is_range(query: TileQuery) -> bool:
    """Whether tiles are asked for by a range of z alone."""
    return query == TileQuery(min_z=query.min_z, max_z=query.max_z)


def _too_many(stack: StackId, limit: int) -> Invalid:
    return Invalid(f"more than {limit} tiles of stack '{stack.stack}' match; ask for fewer")


def _bytes_of(documents: Iterable[bytes]) -> int:
    return sum(map(len, documents))


def _check_size(size: int, most: int) -> None:
    """400 for more bytes than one answer may hold."""
    if size > most:
        raise Invalid(f"the tiles asked for are more than {most} bytes; ask for fewer")


def flattened(call: Call, stack: StackId, query: TileQuery) -> list[bytes]:
    """Flattened tile specifications (JSON each) of a query, ascending tileId."""
    records, size = _limited(call, stack, query)
    documents, flat = list(map(_document, records)), list(map(_flat, records))
    most = call.settings.max_answer_bytes
    return flat_documents(call.store, stack, documents, flat, size, most)


def flat_tiles(store: Store, stack: StackId, records: Sequence[_Tile]) -> list[Json]:
    """Flattened tile specifications, parsed."""
    documents = [record.document for record in records]
    flat = [record.flat for record in records]
    size, most = _bytes_of(documents), Limits.max_answer_bytes
    return list(map(orjson.loads, flat_documents(store, stack, documents, flat, size, most)))


def flat_documents(
    store: Store,
    stack: StackId,
    documents: list[bytes],
    flat: Sequence[bool],
    size: int,
    most: int,
) -> list[bytes]:
    """Flattened JSON of tiles of one stack; 400 where that is more than `most` bytes.

    References are exchanged for texts where a tile holds no more that has to be flattened.
    `documents` are the tiles as stored, `size` bytes together; `flat` says which need nothing.
    """
    if all(flat):
        return documents
    small = len(documents) <= _FEW and max(map(len, documents)) <= _SMALL
    split = _kept_split if small else _split
    parts = [
        _WHOLE if is_flat else split(document)
        for is_flat, document in zip(flat, documents, strict=True)
    ]
    kinds = set(map(_names_of, parts))  # few: tiles of a stack tend to name the same transforms
    texts = _texts_of(store, stack, set(chain.from_iterable(filter(None, kinds))))
    by_text = {names for names in kinds if names is not None and texts.keys() >= set(names)}
    if len(by_text) == len(kinds) == len(texts) == 1:  # one lens for all of them
        (text,), (used,) = texts.values(), by_text
        _check_size(size + len(parts) * len(used) * len(text), most)
        return [text.join(pieces) for _, pieces in parts]
    size = _joined_size(size, parts, by_text, texts, most)
    _check_size(size, most)
    others = {} if len(by_text) == len(kinds) else _parsed_others(documents, parts, by_text)
    lookup = shared_transforms(store, stack, others.values()) if others else {}
    found = []
    for place, (document, (names, pieces)) in enumerate(zip(documents, parts, strict=True)):
        if place in others:
            document = orjson.dumps(flatten_tile(others[place], lookup))
            size += len(document)
            _check_size(size, most)
        elif names:
            document = _joined(names, pieces, texts)
        found.append(document)
    return found


def _joined_size(
    size: int,
    parts: Sequence[_Split],
    by_text: Collection[_Names],
    texts: Mapping[bytes, bytes],
    most: int,
) -> int:
    """Bytes of documents of `size` bytes with their references exchanged; exact where that may pass
    `most`.
    """
    longest = {names: sum([len(texts[name]) for name in names or ()]) for names in by_text}
    if size + len(parts) * max(longest.values(), default=0) <= most:
        return size
    return size + sum([longest.get(names, 0) for names, _ in parts])


def _joined(
    names: tuple[bytes, ...], pieces: Sequence[bytes], texts: Mapping[bytes, bytes]
) -> bytes:
    """A stored tile with its references exchanged for texts."""
    exchanged = [*(texts[name] for name in names), b""]
    return b"".join(chain.from_iterable(zip(pieces, exchanged, strict=True)))


def _parsed_others(
    documents: Sequence[bytes], parts: Sequence[_Split], by_text: Collection[_Names]
) -> dict[int, Json]:
    """The tiles, by their place, that exchanging texts cannot flatten."""
    return {
        place: orjson.loads(document)
        for place, (document, (names, _)) in enumerate(zip(documents, parts, strict=True))
        if names not in by_text
    }


def _split(document: bytes) -> _Split:
    """A stored tile cut where it names shared transforms: their ids, and what lies between.

    No ids but None where there is more to flatten than those: labels are handed down, lists are
    nested, or references hold more than an id. The patterns are found in structure only, never
    inside a text: quotes there are escaped.
    """
    count = document.count  # with texts this short, counting is faster than looking for one
    if count(b'"metaData"') or count(b'"interpolated"') or count(b'"type":"list"') != 1:
        return None, ()
    references = count(b'"type":"ref"')
    names, pieces = _usual_references(document)
    if len(names) != references:
        names, pieces = _all_references(document)
    return (names, pieces) if len(names) == references else (None, ())


def _usual_references(document: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """Ids of references in the form in which nearly all are written, and what lies between."""
    pieces = document.split(_USUAL)
    names = []
    for place in range(1, len(pieces)):
        name, end, pieces[place] = pieces[place].partition(b'"}')
        if not (name and end) or b'"' in name or b"\\" in name:
            return (), []
        names.append(name)
    return tuple(names), pieces


def _all_references(document: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
    """The same, in whichever order a reference has its fields."""
    parts = _REFERENCE.split(document)
    names = tuple([one or other for one, other in zip(parts[1::3], parts[2::3], strict=True)])
    return names, parts[::3]


# viewers ask for the same few tiles again and again
_kept_split = lru_cache(_TILES_KEPT)(_split)


def _texts_of(store: Store, stack: StackId, ids: Iterable[bytes]) -> Mapping[bytes, bytes]:
    """What replaces the references to these ids, as far as a text can: for each shared transform
    that flattens to something its leaves as JSON, comma separated.
    """
    if not ids:
        return {}
    stored = store.transforms(stack, sorted(map(bytes.decode, ids)))
    if sum(map(len, stored.values())) > _LARGEST_KEPT:
        return _texts(stored)
    return _kept_texts(tuple(stored.items()))


@lru_cache(maxsize=64)
def _kept_texts(stored: tuple[tuple[str, bytes], ...]) -> Mapping[bytes, bytes]:
    """`_texts` of small transforms, which one request after the other asks for."""
    return _texts(dict(stored))


def _texts(stored: Mapping[str, bytes]) -> dict[bytes, bytes]:
    from renderapi.transform.specs import flatten

    lookup = {key: orjson.loads(document) for key, document in stored.items()}
    texts: dict[bytes, bytes] = {}
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
        status = 500 if isinstance(error, UnresolvedReference) else 400
        raise HttpError(status, f"tile '{tile.get('tileId')}': {error}") from error
    return {**tile, "transforms": {"type": "list", "specList": leaves}}
