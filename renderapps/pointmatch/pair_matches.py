"""The matches of a pair of tiles, p before q whichever way round they were stored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.pointmatch import match_points
from renderapps.module.errors import RenderModuleException

Json = dict[str, Any]
Floats = NDArray[np.float64]
Tile = tuple[str, str]


@dataclass(frozen=True)
class PairMatches:
    """Corresponding points of two tiles.

    Attributes
    ----------
    p_tile, q_tile : (groupId, tileId)
        In string order: p before q, as services keep them.
    p, q : (N, 2) float64
        In the coordinates that `local_transforms` of the collection says.
    w : (N,) float64
    more : mapping
        What else the document holds (consensusSetData), which is carried along.
    """

    p_tile: Tile
    q_tile: Tile
    p: Floats
    q: Floats
    w: Floats
    more: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        one: Tile,
        other: Tile,
        points_of_one: ArrayLike,
        points_of_other: ArrayLike,
        weights: ArrayLike,
        more: Mapping[str, Any] | None = None,
    ) -> PairMatches:
        """Matches of two tiles in any order: the tiles change places with their points.

        RenderModuleException where there are not as many points and weights on both sides.
        """
        p, q = (np.asarray(a, float).reshape(-1, 2) for a in (points_of_one, points_of_other))
        w = np.asarray(weights, float).ravel()
        if not len(p) == len(q) == len(w):
            raise RenderModuleException(
                f"tiles {one[1]} and {other[1]} have {len(p)} and {len(q)} points "
                f"with {len(w)} weights"
            )
        if one > other:
            one, other, p, q = other, one, q, p
        return cls(one, other, p, q, w, more or {})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> PairMatches:
        """Matches of a document (CanvasMatches); SpecError for points that are not rows."""
        p, q, weights = match_points(document)
        known = {"pGroupId", "pId", "qGroupId", "qId", "matches", "matchCount"}
        return cls.of(
            (document["pGroupId"], document["pId"]),
            (document["qGroupId"], document["qId"]),
            p,
            q,
            weights,
            {key: value for key, value in document.items() if key not in known},
        )

    def to_document(self) -> Json:
        """The document to store."""
        matches = {"p": self.p.T.tolist(), "q": self.q.T.tolist(), "w": self.w.tolist()}
        return {**self.ids, **self.more, "matches": matches}

    @property
    def ids(self) -> Json:
        """pGroupId, pId, qGroupId and qId."""
        (p_group, p_id), (q_group, q_id) = self.p_tile, self.q_tile
        return {"pGroupId": p_group, "pId": p_id, "qGroupId": q_group, "qId": q_id}

    @property
    def key(self) -> int:
        """A number of 64 bits for the pair, to tell pairs apart without holding their names."""
        text = "\0".join((*self.p_tile, *self.q_tile))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")

    def from_tile(self, tile_id: str) -> tuple[Floats, Floats]:
        """Points on one of the tiles, and those on the other one; KeyError for a third tile."""
        if tile_id == self.p_tile[1]:
            return self.p, self.q
        if tile_id == self.q_tile[1]:
            return self.q, self.p
        raise KeyError(f"tile {tile_id} is neither {self.p_tile[1]} nor {self.q_tile[1]}")

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> PairMatches:
        """The points that a mask or an index chooses."""
        return replace(self, p=self.p[chosen], q=self.q[chosen], w=self.w[chosen])

    def distinct(self) -> PairMatches:
        """Without points that are there before at both ends; the greatest of their weights counts.

        Points keep their order.
        """
        if len(self.w) < 2:
            return self
        ends = np.concatenate([self.p, self.q], axis=1)
        _, first, which = np.unique(ends, axis=0, return_index=True, return_inverse=True)
        weights = np.full(len(first), -np.inf)
        np.maximum.at(weights, which.ravel(), self.w)
        order = np.argsort(first)
        return replace(self.only(first[order]), w=weights[order])

    def at_most(self, count: int) -> PairMatches:
        """The points of the greatest weights, and of equal ones some by lot, the same each time.

        Points keep their order.
        """
        if len(self.w) <= count:
            return self
        lot = np.random.default_rng(self.key).random(len(self.w))
        chosen = np.lexsort((lot, -self.w))[:count]
        return self.only(np.sort(chosen))


def joined(pairs: Sequence[PairMatches]) -> list[PairMatches]:
    """One for each pair of tiles, with the points of all that are given, in their order."""
    together: dict[tuple[Tile, Tile], list[PairMatches]] = {}
    for pair in pairs:
        together.setdefault((pair.p_tile, pair.q_tile), []).append(pair)
    return [some[0] if len(some) == 1 else _joined(some) for some in together.values()]


def _joined(some: Sequence[PairMatches]) -> PairMatches:
    p, q, w = (np.concatenate([getattr(m, name) for m in some]) for name in ("p", "q", "w"))
    more = {key: value for m in reversed(some) for key, value in m.more.items()}
    return replace(some[0], p=p, q=q, w=w, more=more)
