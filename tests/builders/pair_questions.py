"""All questions that a store answers about the pairs of a collection."""

from __future__ import annotations

from renderws.store.conformance.samples import COLLECTION, same_match
from renderws.store.protocol import MatchQuery


def in_order(pairs):
    return sorted(pairs, key=lambda one: (one.p_group_id, one.q_group_id, one.p_id, one.q_id))


def assert_pairs(store, pairs, groups, collection=COLLECTION):
    """Everything is answered from these pairs and no others; tiles of a group are called as it is,
    and a number.
    """
    left = in_order(pairs)

    def check(query, wanted):
        found, wanted = list(store.matches(collection, query)), list(wanted)
        assert len(found) == len(wanted)
        assert all(map(same_match, found, wanted))

    check(MatchQuery(), left)
    for g in groups:
        check(MatchQuery(p_group=g), (one for one in left if one.p_group_id == g))
        check(MatchQuery(within=g), (o for o in left if o.p_group_id == o.q_group_id == g))
        check(MatchQuery(outside=g), in_order(
            one for one in left if (one.p_group_id == g) != (one.q_group_id == g)
        ))  # fmt: skip
        check(MatchQuery(group=g, id=f"{g}03"), in_order(
            one for one in left
            if (g, f"{g}03") in ((one.p_group_id, one.p_id), (one.q_group_id, one.q_id))
        ))  # fmt: skip
    ends = ("a", "a05", "c", "c06")
    one = MatchQuery(**dict(zip(("group", "id", "other_group", "other_id"), ends, strict=True)))
    check(one, [o for o in left if (o.p_group_id, o.p_id, o.q_group_id, o.q_id) == ends])
    assert store.match_groups(collection, "p") == sorted({one.p_group_id for one in left})
    assert store.match_groups(collection, "q") == sorted({one.q_group_id for one in left})
    several = [one for one in left if one.consensus_set is not None]
    assert store.multi_consensus_groups(collection, "both") == sorted(
        {one.p_group_id for one in several} | {one.q_group_id for one in several}
    )
    assert dict(store.match_collections("owner"))[collection] == len(left)
