"""Point matches: corresponding points of two tiles, kept in collections of an owner.

A match is a dict with pGroupId, pId, qGroupId, qId and `matches`: p and q are [[x...], [y...]] and
w is one weight per point; arrays are accepted when matches are stored. The service stores each pair
in string order of its ids, so p and q may come back exchanged.

Points sent one by one, [[x, y], ...], are stored and come back like that, and what uses matches
refuses them: `with_rows` makes rows before they are sent, or of what was stored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import requests
from numpy.typing import NDArray

from renderapi.errors import NotFoundError, SpecError
from renderapi.render import Render, format_baseurl, renderaccess
from renderapi.utils import get_json, put_json, rest_delete
from renderapi.web import join, with_query

logger = logging.getLogger(__name__)

Match = dict[str, Any]
Names = Sequence[str] | None
Points = NDArray[np.float64]


def point_rows(points: Any) -> list[list[float]]:
    """Row of x and row of y of points (N, 2), as matches have them.

    Raises SpecError for anything but N x 2 numbers.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.size == 0:
        return [[], []]
    if array.ndim != 2 or array.shape[1] != 2:
        raise SpecError(f"points must be N x 2 numbers, not an array of shape {array.shape}")
    rows: list[list[float]] = array.T.tolist()
    return rows


def is_point_by_point(match: Mapping[str, Any]) -> bool:
    """Whether the points of a match are pairs [x, y], one after the other, and not two rows.

    Two points are taken as rows: nothing tells one form from the other.
    """
    points = match["matches"]
    count = np.size(points["w"])
    return count not in (0, 2) and any(np.shape(points[side]) == (count, 2) for side in ("p", "q"))


def with_rows(match: Mapping[str, Any]) -> Match:
    """Copy of a match whose points are rows, where they were point by point; see `point_rows`.

    Two points have one form: give `point_rows` of them when the match is made.
    """
    if not is_point_by_point(match):
        return copy_match_explicit(match)
    points = match["matches"]
    rows = {side: point_rows(points[side]) for side in ("p", "q")}
    return {**match, "matches": {**points, **rows, "w": list(points["w"])}}


def match_points(match: Mapping[str, Any]) -> tuple[Points, Points, Points]:
    """Points on p (N, 2), points on q (N, 2) and weights (N,) of a match, float64.

    Raises SpecError naming the tiles of a match whose points are stored one by one, or are not two
    rows of the same length.
    """
    points = match["matches"]
    names = f"the match of tiles {match.get('pId')} and {match.get('qId')}"
    if is_point_by_point(match):
        raise SpecError(
            f"{names} is stored point by point, [[x, y], ...], not as a row of x and a row of y: "
            "store it again after renderapi.pointmatch.with_rows"
        )
    try:
        p, q = (np.asarray(points[side], dtype=np.float64) for side in ("p", "q"))
        weights = np.asarray(points["w"], dtype=np.float64)
        p, q = (a.reshape(2, 0) if a.size == 0 else a for a in (p, q))
        if not p.shape == q.shape == (2, weights.size) or weights.ndim != 1:
            raise ValueError(f"p is {p.shape}, q is {q.shape}, w is {weights.shape}")
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"{names} needs two rows in p and in q, a value per weight: {error}"
        ) from error
    return p.T, q.T, weights


def copy_match_explicit(match: Mapping[str, Any]) -> Match:
    """Copy of a match whose points and weights can be changed independently."""
    points = match["matches"]
    return {
        **match,
        "matches": {
            **points,
            "p": [list(row) for row in points["p"]],
            "q": [list(row) for row in points["q"]],
            "w": list(points["w"]),
        },
    }


def copy_matches_explicit(matches: Iterable[Mapping[str, Any]]) -> list[Match]:
    """Copies of matches whose points and weights can be changed independently."""
    return [copy_match_explicit(match) for match in matches]


def swap_matchpair(match: Mapping[str, Any], copy: bool = True) -> Match:
    """The match with p and q exchanged. Without `copy` it shares its lists with `match`."""
    match = copy_match_explicit(match) if copy else match
    points = match["matches"]
    return {
        **match,
        "pId": match["qId"],
        "qId": match["pId"],
        "pGroupId": match["qGroupId"],
        "qGroupId": match["pGroupId"],
        "matches": {**points, "p": points["q"], "q": points["p"]},
    }


def add_merge_collections(request_url: str, mcs: Names) -> str:
    """URL of a query that merges further collections into the result.

    >>> add_merge_collections("http://h/matches", ["a", "b"])
    'http://h/matches?mergeCollection=a&mergeCollection=b'
    """
    names = [mcs] if isinstance(mcs, str) else mcs or []
    return with_query(request_url, "mergeCollection", names)


def _collection_url(
    host: str | None, port: int | str | None, owner: str | None, collection: str
) -> str:
    return join(format_baseurl(host, port), "owner", owner, "matchCollection", collection)


@renderaccess
def get_matchcollection_owners(
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[str]:
    """Owners that have match collections."""
    return get_json(session, join(format_baseurl(host, port), "matchCollectionOwners"))


@renderaccess
def get_matchcollections(
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[dict[str, Any]]:
    """Match collections of an owner: collectionId (owner, name) and pairCount of each."""
    return get_json(session, join(format_baseurl(host, port), "owner", owner, "matchCollections"))


@renderaccess
def get_collection_metadata(
    matchCollection: str,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """What is recorded with a collection; {} if nothing is, or the service cannot record it.

    `local_transforms` is the number of leading transforms of each tile that were applied to the
    points stored in the collection (0: raw pixels). Not part of the Java service.
    """
    url = _collection_url(host, port, owner, matchCollection)
    try:
        return get_json(session, join(url, "metadata"))
    except NotFoundError:
        return {}


@renderaccess
def set_collection_metadata(
    matchCollection: str,
    metadata: Mapping[str, Any],
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Replace what is recorded with a collection; it may be done before the first match is stored.

    Raises NotFoundError where the service cannot record it (the Java service).
    """
    url = _collection_url(host, port, owner, matchCollection)
    return put_json(session, join(url, "metadata"), dict(metadata))


@renderaccess
def get_match_groupIds(
    matchCollection: str,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[str]:
    """Group ids of a collection, whether they occur as p or as q."""
    return get_json(session, join(_collection_url(host, port, owner, matchCollection), "groupIds"))


@renderaccess
def get_matches_outside_group(
    matchCollection: str,
    groupId: str,
    mergeCollections: Names = None,
    stream: bool = True,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[Match]:
    """Matches between a group and any other group."""
    url = _collection_url(host, port, owner, matchCollection)
    url = join(url, "group", groupId, "matchesOutsideGroup")
    return get_json(session, add_merge_collections(url, mergeCollections), stream=stream)


@renderaccess
def get_matches_within_group(
    matchCollection: str,
    groupId: str,
    mergeCollections: Names = None,
    stream: bool = True,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[Match]:
    """Matches whose two tiles are in the same group."""
    url = _collection_url(host, port, owner, matchCollection)
    url = join(url, "group", groupId, "matchesWithinGroup")
    return get_json(session, add_merge_collections(url, mergeCollections), stream=stream)


@renderaccess
def get_matches_from_group_to_group(
    matchCollection: str,
    pgroup: str,
    qgroup: str,
    mergeCollections: Names = None,
    stream: bool = True,
    render: Render | None = None,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    **kwargs: Any,
) -> list[Match]:
    """Matches between two groups, which may be given in either order."""
    url = _collection_url(host, port, owner, matchCollection)
    url = join(url, "group", pgroup, "matchesWith", qgroup)
    return get_json(session, add_merge_collections(url, mergeCollections), stream=stream)


@renderaccess
def get_matches_from_tile_to_tile(
    matchCollection: str,
    pgroup: str,
    pid: str,
    qgroup: str,
    qid: str,
    mergeCollections: Names = None,
    render: Render | None = None,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    **kwargs: Any,
) -> list[Match]:
    """Matches between two tiles, which may be given in either order."""
    url = _collection_url(host, port, owner, matchCollection)
    url = join(url, "group", pgroup, "id", pid, "matchesWith", qgroup, "id", qid)
    return get_json(session, add_merge_collections(url, mergeCollections))


@renderaccess
def get_matches_with_group(
    matchCollection: str,
    pgroup: str,
    mergeCollections: Names = None,
    stream: bool = True,
    render: Render | None = None,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    **kwargs: Any,
) -> list[Match]:
    """Matches whose p tile is in a group."""
    url = _collection_url(host, port, owner, matchCollection)
    url = join(url, "pGroup", pgroup, "matches") + "/"
    return get_json(session, add_merge_collections(url, mergeCollections), stream=stream)


@renderaccess
def get_match_groupIds_from_only(
    matchCollection: str,
    mergeCollections: Names = None,
    render: Render | None = None,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    **kwargs: Any,
) -> list[str]:
    """Group ids that occur as p."""
    url = join(_collection_url(host, port, owner, matchCollection), "pGroupIds")
    return get_json(session, add_merge_collections(url, mergeCollections))


@renderaccess
def get_match_groupIds_to_only(
    matchCollection: str,
    mergeCollections: Names = None,
    render: Render | None = None,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    **kwargs: Any,
) -> list[str]:
    """Group ids that occur as q."""
    url = join(_collection_url(host, port, owner, matchCollection), "qGroupIds")
    return get_json(session, add_merge_collections(url, mergeCollections))


@renderaccess
def get_matches_involving_tile(
    matchCollection: str,
    groupId: str,
    id: str,
    mergeCollections: Names = None,
    stream: bool = True,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    **kwargs: Any,
) -> list[Match]:
    """Matches of a tile, whether it is p or q."""
    url = _collection_url(host, port, owner, matchCollection)
    url = join(url, "group", groupId, "id", id) + "/"
    return get_json(session, add_merge_collections(url, mergeCollections), stream=stream)


@renderaccess
def delete_point_matches_between_groups(
    matchCollection: str,
    pGroupId: str,
    qGroupId: str,
    render: Render | None = None,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    **kwargs: Any,
) -> None:
    """Delete the matches between two groups."""
    url = _collection_url(host, port, owner, matchCollection)
    rest_delete(session, join(url, "group", pGroupId, "matchesWith", qGroupId))


@renderaccess
def import_matches(
    matchCollection: str,
    data: Sequence[Mapping[str, Any]],
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Store matches; those of a pair that is already stored are replaced.

    The collection is made by its first matches.
    """
    url = join(_collection_url(host, port, owner, matchCollection), "matches")
    return put_json(session, url, data)


@renderaccess
def delete_collection(
    matchCollection: str,
    owner: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Delete a collection with its matches."""
    rest_delete(session, _collection_url(host, port, owner, matchCollection))
