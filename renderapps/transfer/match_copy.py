"""Copy a collection of point matches from one connection to another, group by group."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import renderapi
from renderapps.module import RenderModuleException
from renderapps.pointmatch.match_collection import import_in_batches, record_metadata

Match = Mapping[str, Any]
Pair = frozenset[tuple[str, str]]


def pair_of(match: Match) -> Pair:
    """The two tiles of a match; services may exchange p and q."""
    return frozenset(((match["pGroupId"], match["pId"]), (match["qGroupId"], match["qId"])))


@dataclass(frozen=True)
class MatchCopy:
    """A collection to copy."""

    source: renderapi.Render
    target: renderapi.Render
    collection_in: str
    collection_out: str

    def copy_group(self, group: str) -> int:
        """Copy the matches whose p is in a group, and look that they have arrived; how many."""
        matches = renderapi.pointmatch.get_matches_with_group(
            self.collection_in, group, render=self.source
        )
        import_in_batches(self.target, None, self.collection_out, matches)
        self._verify(group, matches)
        return len(matches)

    def _verify(self, group: str, matches: Sequence[Match]) -> None:
        lost = self._absent(matches, [group])
        if lost:  # a service may keep a pair under the group of its other tile
            lost = self._absent(lost, sorted({match["qGroupId"] for match in lost}))
        if lost:
            raise RenderModuleException(
                f"{len(lost)} of {len(matches)} pairs of group {group} did not arrive in "
                f"{self.collection_out}, first {lost[0]['pId']} and {lost[0]['qId']}"
            )

    def _absent(self, matches: Sequence[Match], groups: Iterable[str]) -> list[Match]:
        arrived = {
            pair_of(match)
            for name in groups
            for match in renderapi.pointmatch.get_matches_with_group(
                self.collection_out, name, render=self.target
            )
        }
        return [match for match in matches if pair_of(match) not in arrived]

    def copy_metadata(self) -> bool:
        """Copy what is recorded with the collection; False if the target cannot record it."""
        found = renderapi.pointmatch.get_collection_metadata(self.collection_in, render=self.source)
        return not found or record_metadata(self.target, None, self.collection_out, found)
