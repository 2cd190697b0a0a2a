"""Propose an order of the sections from their matches, with what is exchanged or out of place.

Sections that lie near each other have more matches. The proposal is written as JSON; the stack is
given the new z values only where an output is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from renderapps.alignment.proposals import ProposalModule, ProposalParameters
from renderapps.alignment.rough_pairs import group_of
from renderapps.module import RenderModuleException
from renderapps.module.tile_documents import read_section
from renderapps.pointmatch.match_collection import (
    MatchCollectionParameters,
    owner_of_matches,
    p_groups_of,
)


class OrderSectionsParameters(MatchCollectionParameters, ProposalParameters):
    """Parameters of order_sections."""


class OrderSections(ProposalModule):
    """All sections keep the z values that are there, in another order.

    Weights of matches count, so that those that are exact count more. Pairs of sections that were
    not matched are taken for far apart: match with more neighbours than sections may be displaced.
    """

    default_schema = OrderSectionsParameters

    def propose(self, zs: Sequence[float]) -> tuple[list[float], dict[str, Any]]:
        """The z values in the order of the shortest path."""
        from renderapps.alignment.series_order import best_order, changes_of

        likeness = self.likeness(zs)
        if len(zs) > 1 and not likeness.any():
            raise RenderModuleException(
                f"match collection {self.args['matchCollection']} has no matches between sections "
                f"of stack {self.z_stack}: match them first (alignment.match_sections_rough)"
            )
        order = best_order(likeness)
        changes = changes_of(order)
        new = [0.0] * len(zs)
        for place, section in enumerate(order):
            new[section] = zs[place]
        alone = [z for z, row in zip(zs, likeness, strict=True) if not row.any()]
        return new, {
            "order": [zs[k] for k in order],
            "exchanged": [[zs[a], zs[b]] for a, b in changes["exchanged"]],
            "moved": [{"z": zs[section], "new_z": zs[to]} for section, _, to in changes["moved"]],
            "sections_without_matches": alone if len(zs) > 1 else [],
            "matches_between_neighbours": [
                {"z": zs[a], "next_z": zs[b], "weight": round(float(likeness[a, b]), 4)}
                for a, b in pairwise(order)
            ],
        }

    def likeness(self, zs: Sequence[float]) -> np.ndarray:
        """Sum of the weights of the matches between each two sections."""
        import renderapi

        owner, collection = owner_of_matches(self), self.args["matchCollection"]
        groups = p_groups_of(self.render, owner, collection)
        place: dict[tuple[str, str], int] = {}
        for k, z in enumerate(zs):
            for tile in read_section(self.render, self.z_stack, z).tiles:
                place[group_of(tile), tile["tileId"]] = k
        result = np.zeros((len(zs), len(zs)))
        for group in groups:
            stored = renderapi.pointmatch.get_matches_with_group(
                collection, group, owner=owner, render=self.render
            )
            for match in stored:
                p = place.get((match["pGroupId"], match["pId"]))
                q = place.get((match["qGroupId"], match["qId"]))
                if p is not None and q is not None and p != q:
                    result[p, q] += sum(match["matches"]["w"])
        return result + result.T


if __name__ == "__main__":
    OrderSections.main()
