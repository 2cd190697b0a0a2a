"""What a solve did to tiles, pairs and sections, in pixels and nanometres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapps.alignment.models import Floats, changes_of
from renderapps.alignment.solving import Solution
from renderapps.alignment.stack_placing import FIXED, StackPlaced
from renderapps.alignment.stage_model import MATCHES, STAGE
from renderapps.alignment.volume import Volume
from renderapps.module.result import rounded
from renderapps.module.wording import listed

Json = dict[str, Any]
WORST = 20
"""Pairs and tiles that are listed as the worst."""
DISTORTED = 0.02
"""A tile whose scale differs by more than this from the median of all is named."""


def spread_of(values: Floats) -> Json:
    """Median, MAD (median distance from it) and extremes."""
    if not len(values):
        return {"median": None, "mad": None, "least": None, "greatest": None}
    median = float(np.median(values))
    return {
        "median": rounded(median, 6),
        "mad": rounded(np.median(np.abs(values - median)), 6),
        "least": rounded(values.min(), 6),
        "greatest": rounded(values.max(), 6),
    }


def scales_and_shears(changes: Floats) -> tuple[Floats, Floats, Floats]:
    """(N,) scale, shear and rotation (degrees) of (N, 3, 3) changes.

    The scale is the root of the area's; the shear is how far the angle between the axes of a tile
    is from a right one, as a cosine.
    """
    x, y = changes[:, :2, 0], changes[:, :2, 1]
    scale = np.sqrt(np.abs(x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0]))
    lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    shear = np.einsum("nk,nk->n", x, y) / np.maximum(lengths, 1e-12)
    return scale, shear, np.degrees(np.arctan2(x[:, 1], x[:, 0]))


class SolveReport:
    """The report of sections that were solved together.

    Parameters
    ----------
    nanometres : float, optional
        Size of a pixel.
    every_pair : bool
        List all pairs; without it those that were rejected, and the worst.
    connectivity : dict, optional
        What was said before the solve.
    """

    def __init__(
        self,
        volume: Volume,
        solution: Solution,
        placed: StackPlaced,
        nanometres: float | None,
        every_pair: bool = True,
        connectivity: Json | None = None,
    ) -> None:
        self.volume = volume
        self.solution = solution
        self.placed = placed
        self.nm = nanometres
        self.every_pair = every_pair
        self.connectivity = connectivity or {}
        self.changes = changes_of(placed.terms, solution.centres, solution.sizes)
        self.scale, self.shear, self.turn = scales_and_shears(self.changes)
        self.tile_numbers = self._tile_numbers()
        self.disconnects = self._disconnected()

    def _tile_numbers(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """(T,) pairs of each tile, accepted ones, and the root mean square misfit of these."""
        count = len(self.volume.index.names)
        good = self.solution.accepted
        squares = np.where(good, self.solution.misfits**2, 0.0)
        total, used, sums = np.zeros(count, int), np.zeros(count, int), np.zeros(count)
        for side in (0, 1):
            tiles = self.volume.pairs[:, side]
            total += np.bincount(tiles, minlength=count)
            used += np.bincount(tiles, good, minlength=count).astype(int)
            sums += np.bincount(tiles, squares, minlength=count)
        residual = np.where(used > 0, np.sqrt(sums / np.maximum(used, 1)), np.nan)
        return total, used, residual

    def _disconnected(self) -> dict[int, list[str]]:
        """By rejected pair: units (the smaller side) that it alone would have connected."""
        groups = self.solution.components
        counts = np.bincount(groups, minlength=1)
        found = {}
        for k in np.flatnonzero(~self.solution.accepted):
            one = groups[self.volume.moments.first[k]]
            two = groups[self.volume.moments.second[k]]
            if one != two:
                smaller = two if counts[two] <= counts[one] else one
                units = np.flatnonzero(groups == smaller)
                found[int(k)] = [self.volume.names[unit] for unit in units]
        return found

    def pair(self, k: int) -> Json:
        """The entry of a pair."""
        names, solution = self.volume.index.names, self.solution
        row: Json = {
            "pId": names[self.volume.pairs[k, 0]],
            "qId": names[self.volume.pairs[k, 1]],
            "points": int(self.volume.moments.counts[k]),
            "points_doubted": int(self.volume.moments.doubted[k]),
            "residual": rounded(solution.misfits[k]),
            "scatter": rounded(solution.scatters[k]),
            "accepted": bool(solution.accepted[k]),
        } | self._nm(solution.misfits[k])
        if not solution.accepted[k]:
            row["reason"] = (
                f"contradicts the other matches by {solution.misfits[k]:.2f} px "
                f"(tolerance {solution.tolerance:.2f} px)"
            )
            if solution.by_stage[k]:
                row["reason"] += (
                    "; they leave open which of them is wrong: this one departs most from the stage"
                )
        elif solution.bridges[k]:
            row["unchecked"] = "no other matches connect its two sides"
        if k in self.disconnects:
            row["disconnects"] = self.disconnects[k]
        return row

    def _nm(self, pixels: Any) -> Json:
        return {} if self.nm is None else {"residual_nm": rounded(float(pixels) * self.nm, 2)}

    def tile(self, k: int) -> Json:
        """The entry of a tile."""
        total, used, residual = self.tile_numbers
        unit = self.volume.unit_of[k]
        corners = self.volume.index.corners_of(k)
        change = self.changes[unit]
        centre = corners.mean(axis=0)
        moved = change[:2, :2] @ centre + change[:2, 2] - centre
        return {
            "pairs": int(total[k]),
            "accepted_pairs": int(used[k]),
            "residual": rounded(residual[k]),
            **(self._nm(residual[k]) if used[k] else {}),
            "moved": np.round(moved, 4).tolist(),
            "scale": rounded(self.scale[unit], 6),
            "shear": rounded(self.shear[unit], 6),
            "turned": rounded(self.turn[unit], 5),
            "group": int(self.solution.components[unit]),
            "placed_by": self.placed.rules[unit],
        }

    def section(self, number: int) -> Json:
        """The entry of a section: its tiles, and the pairs whose first tile is in it."""
        index = self.volume.index
        tiles = range(index.starts[number], index.starts[number + 1])
        inside = index.section_of[self.volume.pairs[:, 0]] == number
        other = index.section_of[self.volume.pairs[:, 1]] == number
        good = self.solution.accepted & (inside | other)
        misfits = self.solution.misfits[good]
        rules = [self.placed.rules[self.volume.unit_of[k]] for k in tiles]
        units = np.unique(self.volume.unit_of[tiles.start : tiles.stop])
        entry: Json = {
            "used_pairs": int(good.sum()),
            "rejected_pairs": int((~self.solution.accepted & (inside | other)).sum()),
            "median_residual": rounded(np.median(misfits)) if len(misfits) else None,
            "worst_residual": rounded(misfits.max()) if len(misfits) else None,
            "scale": spread_of(self.scale[units]),
            "shear": spread_of(self.shear[units]),
            "placed_by": {rule: rules.count(rule) for rule in dict.fromkeys(rules)},
            "unmatched_tiles": [index.names[k] for k in tiles if not self.tile_numbers[1][k]],
            "tiles_by_id": {index.names[k]: self.tile(k) for k in tiles},
            "pairs": [self.pair(int(k)) for k in self._listed(np.flatnonzero(inside))],
        }
        if self.nm is not None and len(misfits):
            entry["median_residual_nm"] = rounded(np.median(misfits) * self.nm, 2)
            entry["worst_residual_nm"] = rounded(misfits.max() * self.nm, 2)
        return entry

    def _listed(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.every_pair:
            return pairs
        worst = pairs[np.argsort(-self.solution.misfits[pairs], kind="stable")][:WORST]
        told = pairs[~self.solution.accepted[pairs] | self.solution.bridges[pairs]]
        return np.asarray(np.union1d(worst, told))

    def whole(self) -> Json:
        """What is said of all sections together."""
        good = self.solution.accepted
        misfits = self.solution.misfits[good]
        rules = self.placed.rules
        worst = np.argsort(np.where(good, -self.solution.misfits, 1.0), kind="stable")[:WORST]
        elsewhere = [k for k, rule in enumerate(rules) if rule not in (MATCHES, FIXED)]
        report: Json = {
            "used_pairs": int(good.sum()),
            "rejected_pairs": int((~good).sum()),
            "unchecked_pairs": int(self.solution.bridges.sum()),
            "points_doubted": int(self.volume.moments.doubted.sum()),
            "tolerance": rounded(self.solution.tolerance),
            "median_residual": rounded(np.median(misfits)) if len(misfits) else None,
            "worst_residual": rounded(misfits.max()) if len(misfits) else None,
            "scatter": spread_of(self.solution.scatters[good]),
            "scale": spread_of(self.scale),
            "shear": spread_of(self.shear),
            "placed_by": {rule: rules.count(rule) for rule in dict.fromkeys(rules)},
            "placed_without_matches": [
                {"name": self.volume.names[k], "placed_by": rules[k]} for k in elsewhere
            ],
            "worst_pairs": [self.pair(int(k)) for k in worst if good[k]],
            "rejected": [self.pair(int(k)) for k in np.flatnonzero(~good)],
            "pairs_left_out": self.volume.left_out,
            "warnings": self.warnings(),
        }
        if self.nm is not None and len(misfits):
            report["median_residual_nm"] = rounded(np.median(misfits) * self.nm, 2)
            report["worst_residual_nm"] = rounded(misfits.max() * self.nm, 2)
        return report

    def warnings(self) -> list[str]:
        """What a person should look at."""
        found = [
            f"rejecting {self._ends(k)} disconnects {listed(units)} from the rest"
            for k, units in self.disconnects.items()
        ]
        rules = self.placed.rules
        if STAGE in rules and self.volume.free.any():
            count = rules.count(STAGE)
            found.append(f"{count} without accepted matches keep their places")
        if len(self.scale) > 2:
            off = np.abs(self.scale / np.median(self.scale) - 1)
            odd = np.flatnonzero(off > DISTORTED)
            if len(odd):
                odd = odd[np.argsort(-off[odd])]
                names = listed([self.volume.names[k] for k in odd])
                found.append(f"{len(odd)} differ in scale by more than {DISTORTED:.0%}: {names}")
        return found

    def _ends(self, k: int) -> str:
        one, two = self.volume.pairs[k]
        return f"{self.volume.index.names[one]} - {self.volume.index.names[two]}"
