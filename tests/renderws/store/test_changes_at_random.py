"""What happens in pieces, and is interrupted at random, is answered as if it had been done at once.

Two stores are told the same. One of them does everything in pieces of a few rows and is interrupted
as often as not; the other does it all in one transaction.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from interrupted_pieces import Crash, crash_after

from renderws.store import (
    arrivals,
    exchangeviews,
    pairarrivals,
    pairremovals,
    pieces,
    removals,
    renumbering,
)
from renderws.store.conformance.samples import COLLECTION, STACK, affine, match, reference, tile
from renderws.store.documents import new_tiles
from renderws.store.opening import open_store
from renderws.store.protocol import (
    CollectionChange,
    CollectionId,
    MatchQuery,
    StackChange,
    StackId,
    StoreError,
    TileQuery,
)

STACKS = [STACK, StackId(*STACK[:2], "two")]
COLLECTIONS = [COLLECTION, CollectionId(COLLECTION.owner, "two")]
LARGE = (exchangeviews, pairarrivals, pairremovals, removals, renumbering)
MOVING = (arrivals, pairarrivals, pairremovals, removals)
SECTIONS, ZS = ("s", "t"), (1.0, 2.0, 3.0)
BOX = (10.0, 10.0, 95.0, 80.0)

stacks, collections = st.sampled_from([0, 1]), st.sampled_from([0, 1])
zs = st.lists(st.sampled_from(ZS), min_size=1, max_size=3, unique=True)
numbers = st.lists(st.integers(0, 30), min_size=1, max_size=25, unique=True)
save = st.tuples(st.just("save"), stacks, numbers, st.sampled_from(ZS), st.sampled_from(SECTIONS))
exchange = st.tuples(
    st.just("exchange"), stacks, zs, st.booleans(), st.sampled_from(["LOADING", "COMPLETE"])
)
renumber = st.tuples(st.just("renumber"), stacks, st.sampled_from(SECTIONS), st.sampled_from(ZS))
delete = st.tuples(st.just("delete"), stacks, st.sampled_from(ZS))
save_pairs = st.tuples(st.just("save_pairs"), collections, numbers, st.integers(0, 9))
take_in = st.tuples(st.just("take_in"), collections)
delete_pairs = st.tuples(st.just("delete_pairs"), collections, st.sampled_from(["0", "1", "2"]))
steps = st.lists(
    st.tuples(
        st.one_of(save, save, exchange, exchange, renumber, delete, save_pairs, take_in,
                  delete_pairs),
        st.integers(0, 8),
    ),
    min_size=2, max_size=9,
)  # fmt: skip


def do(store, step):
    """Do a step; the name of what the store raises."""
    name, which, *rest = step
    try:
        if name == "save":
            store.create_stack(STACKS[which], {})
            spread, z, section = rest
            tiles = [
                tile(f"t{n:02d}", z, 7.0 * n, 5.0 * z, size=20.0 * (1 + n % 3), section=section,
                     transforms=[reference("lens"), affine(n, 0)])
                for n in spread
            ]  # fmt: skip
            store.save_tiles(STACKS[which], new_tiles(tiles), {"lens": b'{"id":"lens"}'})
        elif name == "exchange":
            chosen, keep, state = rest
            change = StackChange(STACKS[1 - which], STACKS[which], chosen, keep, state)
            store.change_stacks([change])
        elif name == "renumber":
            store.set_section_z(STACKS[which], *rest)
        elif name == "delete":
            store.delete_tiles(STACKS[which], TileQuery(z=rest[0]))
        elif name == "save_pairs":
            spread, seed = rest
            store.save_matches(
                COLLECTIONS[which],
                [match(f"{n % 3}/a{n}", f"{n % 2}/b{n}", seed=seed) for n in spread],
            )
        elif name == "take_in":
            one, other = COLLECTIONS[1 - which], COLLECTIONS[which]
            store.change_collections([CollectionChange(one, other, keep=True)])
        else:
            store.delete_matches(COLLECTIONS[which], MatchQuery(p_group=rest[0]))
    except StoreError as error:
        return type(error).__name__
    return ""


def seen(store):
    """Answers to questions about everything, but for when it was changed."""
    found = []
    for stack in STACKS:
        found.append([list(store.tiles(stack, TileQuery())), store.z_values(stack)])
        for z in ZS:
            found.append(list(store.tiles(stack, TileQuery(z=z, box=BOX))))
            found.append([store.layer_bounds(stack, z), store.section_data_now(stack, z)])
        found.append(store.count_tiles(stack, TileQuery()))
        found.append(list(store.tile_ids(stack, 1.5)))
        found += [list(store.tiles(stack, TileQuery(section_id=one))) for one in SECTIONS]
    for owned in store.stacks(STACK.owner):
        found.append([owned["stackId"], owned["state"], owned.get("stats")])
    found.append(store.match_collections(COLLECTION.owner))
    for collection in COLLECTIONS:
        if store.has_collection(collection):
            for query in (MatchQuery(), MatchQuery(outside="1"), MatchQuery(group="0", id="a3")):
                pairs = store.matches(collection, query)
                found.append([(p.p_id, p.q_id, p.p.tolist(), p.w.tolist()) for p in pairs])
            found.append(store.match_groups(collection, "both"))
    return found


def interrupted(store, step, count):
    """A step that goes in pieces, of which only so many are done for now."""
    with pytest.MonkeyPatch.context() as patched:
        for module in LARGE:
            patched.setattr(module, "LARGE", 0)
        patched.setattr(pieces, "ROWS", 4)
        patched.setattr(pieces, "SECONDS", 0.0)
        patched.setattr(pieces.time, "sleep", lambda _: None)
        for module in MOVING:
            crash_after(patched, module, count)
        try:
            return do(store, step)
        except Crash:
            return ""


def compare(done):
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(Path(folder) / "pieces.db") as store,
        open_store(Path(folder) / "once.db") as other,
    ):
        for step, count in done:
            assert interrupted(store, step, count) == do(other, step)
            assert seen(store) == seen(other)
            assert store.check() == []
            removals.TILES.settle(store._source, *STACKS)
            pairremovals.PAIRS.settle(store._source, *COLLECTIONS)
            assert seen(store) == seen(other)
        while store.reclaim():
            pass
        assert seen(store) == seen(other)
        assert store.check() == []


def of_so_many(count):
    """Settings of a test of so many sequences."""
    return settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck))


@of_so_many(8)
@given(steps)
def test_pieces_are_not_to_be_seen(done):
    compare(done)


@pytest.mark.soak
@of_so_many(300)
@given(steps)
def test_pieces_are_not_to_be_seen_however_long_one_looks(done):
    compare(done)
