"""Point matches: operations 119 to 142 of the contract (section 1.11), and collection metadata."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from renderws.cleaning import collection_identity, parse
from renderws.documents import CanvasMatches
from renderws.ids import check_ids
from renderws.routes.answers import (
    Answer,
    HttpError,
    created,
    done,
    dumps,
    json_answer,
    json_stream,
)
from renderws.routes.call import Call
from renderws.routes.router import Route
from renderws.routes.values import Parameter, boolean
from renderws.store.points import is_point_by_point
from renderws.store.protocol import CollectionId, Invalid, Match, MatchQuery, NotFound

_LOG = logging.getLogger("renderws")
_IDS = ("pGroupId", "pId", "qGroupId", "qId")
_IDS_NEEDED, _POINTS_NEEDED = frozenset(_IDS), frozenset("pqw")
_DETAILS = Parameter("excludeMatchDetails", boolean, False)
_MERGE = Parameter("mergeCollection", repeat=True)


def get_owners(call: Call) -> Answer:
    """Owners of match collections, ascending."""
    return json_answer(call.store.match_owners())


def get_collections(call: Call) -> Answer:
    """Match collections of an owner with their number of pairs."""
    found = call.store.match_collections(call.path["owner"])
    return json_answer(
        [
            {"collectionId": {"owner": owner, "name": name}, "pairCount": count}
            for (owner, name), count in found
        ]
    )


def get_groups(call: Call, side: str) -> Answer:
    """Group ids of a collection, ascending."""
    return json_answer(call.store.match_groups(call.collection, side))


def get_multi_consensus_groups(call: Call, side: str) -> Answer:
    """Group ids of pairs that hold several match sets, ascending."""
    return json_answer(call.store.multi_consensus_groups(call.collection, side))


def _with_p_group(path: dict[str, Any]) -> MatchQuery:
    return MatchQuery(p_group=path["pGroupId"])


def _within(path: dict[str, Any]) -> MatchQuery:
    return MatchQuery(within=path["groupId"])


def _outside(path: dict[str, Any]) -> MatchQuery:
    return MatchQuery(outside=path["groupId"])


def _between(path: dict[str, Any]) -> MatchQuery:
    return MatchQuery(group=path["pGroupId"], other_group=path["qGroupId"])


def _involving(path: dict[str, Any]) -> MatchQuery:
    return MatchQuery(group=path["groupId"], id=path["id"])


def _canvas_with_group(path: dict[str, Any]) -> MatchQuery:
    return MatchQuery(group=path["pGroupId"], id=path["pId"], other_group=path["qGroupId"])


def _pair(path: dict[str, Any]) -> MatchQuery:
    return MatchQuery(
        group=path["pGroupId"],
        id=path["pId"],
        other_group=path["qGroupId"],
        other_id=path["qId"],
    )


MakeQuery = Callable[[dict[str, Any]], MatchQuery]


def get_matches(call: Call, query: MakeQuery) -> Answer:
    """Point matches, by group and id of p and q; those of merged collections are joined."""
    details = not call.query.get("excludeMatchDetails", False)
    return _match_answer(call, _merged(call, query(call.path), details), details)


def _match_answer(call: Call, matches: Iterator[Match], details: bool) -> Answer:
    counted = not (details and call.settings.omit_match_count)
    return json_stream(dumps(match_json(match, counted)) for match in matches)


def _merged(call: Call, query: MatchQuery, details: bool) -> Iterator[Match]:
    """Matches of the collection of the path and of those to be merged with it."""
    base = call.collection
    names = dict.fromkeys(call.query.get("mergeCollection", ()))
    names.pop(base.name, None)
    if not names:
        return call.store.matches(base, query, details)
    collections = [base, *(call.collection_named(name) for name in names)]
    for collection in collections:
        if not call.store.has_collection(collection):
            raise NotFound(f"owner '{collection.owner}' has no collection '{collection.name}'")
    streams = (call.store.matches(collection, query, details) for collection in collections)
    pairs = groupby(heapq.merge(*streams, key=_key), key=_key)
    return (joined(list(group)) for _, group in pairs)


def _key(match: Match) -> tuple[str, str, str, str]:
    return (match.p_group_id, match.q_group_id, match.p_id, match.q_id)


def joined(matches: list[Match]) -> Match:
    """One document with the points (or, without details, the counts) of several of one pair."""
    first = matches[0]
    if len(matches) == 1:
        return first
    if first.p is None:
        return replace(first, count=sum(match.count for match in matches))
    shapes = {is_point_by_point(match.p) for match in matches if match.p is not None}
    if len(shapes) > 1:
        raise Invalid(
            f"the matches of '{first.p_id}' and '{first.q_id}' cannot be merged: some are point by"
            " point (N x 2), some are rows of x and of y (2 x N)"
        )
    axis = 0 if shapes == {True} else 1
    points: dict[str, Any] = {
        name: np.concatenate([getattr(match, name) for match in matches], axis=axis)
        for name in ("p", "q")
    }
    points["w"] = np.concatenate([match.w for match in matches if match.w is not None])
    return replace(first, **points, count=sum(match.count for match in matches))


def match_json(match: Match, counted: bool = True) -> dict[str, Any]:
    """CanvasMatches of the contract; without `matches` when the points were not asked for."""
    value: dict[str, Any] = {
        "pGroupId": match.p_group_id,
        "pId": match.p_id,
        "qGroupId": match.q_group_id,
        "qId": match.q_id,
    }
    if match.consensus_set is not None:
        value["consensusSetData"] = match.consensus_set
    if match.p is not None and match.q is not None:
        value["matches"] = {
            "p": np.ascontiguousarray(match.p),
            "q": np.ascontiguousarray(match.q),
            "w": match.w,
        }
    if counted:
        value["matchCount"] = match.count
    return value


def delete_matches(call: Call, query: MakeQuery) -> Answer:
    """Remove pairs; success also when none matched."""
    call.store.delete_matches(call.collection, query(call.path))
    return done()


def put_matches(call: Call) -> Answer:
    """Store pairs, replacing those that are there; the first ones make the collection."""
    collection = call.collection
    documents = parse(call.body, list[CanvasMatches], "the list of matches")
    if documents is None:
        raise HttpError(400, "the request body must hold a list of matches")
    matches = [match_of(document, position) for position, document in enumerate(documents)]
    longest = call.settings.max_id_length
    canvases = [match.p_id for match in matches] + [match.q_id for match in matches]
    check_ids("id of a canvas", canvases, longest)
    groups = {match.p_group_id for match in matches} | {match.q_group_id for match in matches}
    check_ids("id of a group", groups, longest)
    if matches:
        call.store.save_matches(collection, matches)
    answer = created(call.url)
    if warning := _point_by_point(collection, matches):
        _LOG.warning(warning)
        text = warning.encode("ascii", "backslashreplace").decode().replace('"', "'")
        answer.headers["Warning"] = f'299 - "{text}"'
    return answer


def _point_by_point(collection: CollectionId, matches: list[Match]) -> str | None:
    """Says which matches are not rows of x and of y, if any: they are of little use to anyone."""
    if all([match.p is None or len(match.p) == 2 for match in matches]):  # quickly seen
        return None
    found = [match for match in matches if match.p is not None and is_point_by_point(match.p)]
    return (
        f"{len(found)} of {len(matches)} matches are stored in {collection.name} as they were sent,"
        f" point by point (N x 2), where readers expect a row of x and one of y (2 x N);"
        f" the first is of {found[0].p_id!r} and {found[0].q_id!r}"
    )


def match_of(document: dict[str, Any] | None, position: int) -> Match:
    """Match of a CanvasMatches document; 400 when ids are missing or the points do not fit.

    Points are a row of x and one of y. A list of (x, y) is taken as it is, which two of them do not
    show.
    """
    if document is None or not document.keys() >= _IDS_NEEDED:
        missing = [key for key in _IDS if key not in (document or {})]
        raise Invalid(f"match {position} of the request has no {', '.join(missing)}")
    name = f"match of '{document['pId']}' and '{document['qId']}'"
    points = document.get("matches")
    if not points or not points.keys() >= _POINTS_NEEDED:
        raise Invalid(f"{name} needs matches with p, q and w")
    w = _numbers(points["w"], name)
    size = w.size
    p = _numbers(points["p"], name) if size else np.empty((2, 0))
    q = _numbers(points["q"], name) if size else p
    shape = p.shape
    if w.ndim != 1 or q.shape != shape or not (shape == (2, size) or shape == (size, 2)):
        raise Invalid(
            f"{name} needs rows of x and of y with one value per weight, in p and in q;"
            f" there are {size} weights, p is {p.shape}, q is {q.shape}"
        )
    p_group, p_id, q_group, q_id = [document[key] for key in _IDS]
    consensus = document.get("consensusSetData")
    return Match(p_group, p_id, q_group, q_id, p, q, w, size, consensus)


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        array = np.array(values, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise Invalid(f"{name} has rows of different lengths") from error
    if not np.isfinite(array).all():
        raise Invalid(f"{name} holds numbers that are not finite")
    return array


def get_match_counts(call: Call) -> Answer:
    """Pairs of a group as p, without their points."""
    matches = call.store.matches(call.collection, _with_p_group(call.path), details=False)
    return _match_answer(call, matches, details=False)


def put_match_counts(call: Call) -> Answer:
    """Make the counts agree with the points; here they always do."""
    collection, group = call.collection, call.path["pGroupId"]
    matches = call.store.matches(collection, MatchQuery(p_group=group), details=False)
    if next(iter(matches), None) is None:
        raise Invalid(f"collection '{collection.name}' has no pairs with pGroupId '{group}'")
    return created(call.url)


def delete_collection(call: Call) -> Answer:
    """Remove a collection with all its pairs."""
    call.store.delete_collection(call.collection)
    return done()


def put_collection_id(call: Call) -> Answer:
    """Give a collection another identity."""
    target = collection_identity(call.body, call.settings.max_name_length)
    call.store.rename_collection(call.collection, target)
    return done()


def get_metadata(call: Call) -> Answer:
    """What is recorded with a collection: {} when nothing is."""
    return json_answer(call.store.collection_metadata(call.collection))


def put_metadata(call: Call) -> Answer:
    """Record a JSON object with a collection, in place of the earlier one."""
    metadata = call.json_object("metadata of the collection")
    call.store.set_collection_metadata(call.collection, metadata)
    return done()


def routes() -> tuple[Route, ...]:
    """Operations 119 to 142, and the metadata of collections."""
    p_group = "C/pGroup/{pGroupId}"
    canvas = "C/group/{groupId}/id/{id}"
    pair = "C/group/{pGroupId}/id/{pId}/matchesWith/{qGroupId}/id/{qId}"
    between = "C/group/{pGroupId}/matchesWith/{qGroupId}"
    within = "C/group/{groupId}/matchesWithinGroup"
    outside = "C/group/{groupId}/matchesOutsideGroup"
    both = (_DETAILS, _MERGE)
    return (
        Route(119, "GET", "/matchCollectionOwners", get_owners),
        Route(120, "GET", "O/matchCollections", get_collections),
        *_group_routes(),
        Route(126, "GET", p_group + "/matches", _getter(_with_p_group), both, consistent=False),
        Route(127, "GET", within, _getter(_within), both, consistent=False),
        Route(128, "GET", outside, _getter(_outside), both, consistent=False),
        Route(129, "GET", between, _getter(_between), both, consistent=False),
        Route(130, "GET", pair, _getter(_pair), (_MERGE,), consistent=False, quick=True),
        Route(
            131,
            "GET",
            "C/group/{pGroupId}/id/{pId}/matchesWith/{qGroupId}",
            _getter(_canvas_with_group),
            both,
            consistent=False,
        ),
        Route(132, "GET", canvas, _getter(_involving), (_MERGE,), consistent=False),
        Route(133, "DELETE", canvas, _deleter(_involving)),
        Route(134, "DELETE", pair, _deleter(_pair)),
        Route(135, "DELETE", between, _deleter(_between), lengthy=True),
        Route(136, "DELETE", p_group + "/matches", _deleter(_with_p_group), lengthy=True),
        Route(137, "DELETE", outside, _deleter(_outside), lengthy=True),
        Route(138, "PUT", "C/matches", put_matches, body="[CanvasMatches]"),
        Route(139, "GET", p_group + "/matchCounts", get_match_counts, consistent=False),
        Route(140, "PUT", p_group + "/matchCounts", put_match_counts),
        Route(141, "DELETE", "C", delete_collection),
        Route(142, "PUT", "C/collectionId", put_collection_id, body="MatchCollectionId"),
        Route(0, "GET", "C/metadata", get_metadata),
        Route(0, "PUT", "C/metadata", put_metadata, body="object"),
    )


def _group_routes() -> Iterator[Route]:
    groups = ((121, "pGroupIds", "p"), (124, "qGroupIds", "q"), (125, "groupIds", "both"))
    for number, word, side in groups:
        yield Route(number, "GET", f"C/{word}", partial(get_groups, side=side))
    for number, word, side in (
        (122, "multiConsensusPGroupIds", "p"),
        (123, "multiConsensusGroupIds", "both"),
    ):
        handler = partial(get_multi_consensus_groups, side=side)
        yield Route(number, "GET", f"C/{word}", handler)


def _getter(query: MakeQuery) -> Callable[[Call], Answer]:
    return partial(get_matches, query=query)


def _deleter(query: MakeQuery) -> Callable[[Call], Answer]:
    return partial(delete_matches, query=query)
