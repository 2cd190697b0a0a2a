"""Before collections change: what is hidden is removed, and what arrives is made theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from renderws.store import pairarrivals, pairremovals
from renderws.store.collectionrows import find_collection
from renderws.store.pieces import in_pieces
from renderws.store.protocol import CollectionId, StoreError
from renderws.store.source import Name, Source


@contextmanager
def changing_pairs(source: Source, *names: Name) -> Iterator[Any]:
    """A transaction that changes pairs of collections, which have all that is stored with them and
    nothing else.
    """
    collections = [name for name in names if isinstance(name, CollectionId)]
    while True:
        settle_pairs(source, *collections)
        with source.write(*names) as connection:
            rows = [find_collection(connection, name) for name in collections]
            if all(row is None or row.is_settled for row in rows):
                yield connection
                return


def settle_pairs(source: Source, *collections: CollectionId) -> None:
    """Remove the pairs of collections that are hidden, and take in those that arrive."""
    with source.read() as connection:
        rows = [find_collection(connection, name) for name in collections]
    for row in rows:
        if row is not None and row.hidden is not None:
            in_pieces(lambda key=row.key: pairremovals.do_piece(source, key))  # type: ignore[misc]
        if row is not None and row.arriving is not None:
            in_pieces(lambda key=row.key: pairarrivals.do_piece(source, key))  # type: ignore[misc]


def finish(source: Source, *collections: CollectionId) -> None:
    """Settle what was changed a moment ago; where that fails, others do what is left."""
    with suppress(StoreError):
        settle_pairs(source, *collections)


def settle_some_pairs(source: Source) -> int:
    """Settle some pairs, of whatever collection; returns how many, 0: there are none."""
    for unsettled, piece in (
        (pairremovals.hidden_somewhere, pairremovals.do_piece),
        (pairarrivals.arriving_somewhere, pairarrivals.do_piece),
    ):
        key = unsettled(source)
        if key is not None:
            return max(1, piece(source, key))
    return 0
