"""Pair the tiles on the two sides of a break in a series of sections."""

from __future__ import annotations

from collections.abc import Sequence

from renderapps.pointmatch.tilepairs import (
    Plan,
    TilePairsAround,
    TilePairsAroundParameters,
    across,
)


class CreateTilePairsAcrossZBreakParameters(TilePairsAroundParameters):
    """Parameters of create_tilepairs_for_across_z_break; z is the last section before the break."""


class CreateTilePairsAcrossZBreak(TilePairsAround):
    """Tiles of sections up to z with tiles above z, where these are at most dz apart.

    z is the last section before the break. The tile on the near side is the one that has to be
    covered.
    """

    default_schema = CreateTilePairsAcrossZBreakParameters

    def plan(self, zs: Sequence[float], z: float, dz: float) -> Plan:
        """The sections before the break, each with those after it that it reaches."""
        return across(zs, z, dz, f"stack {self.args['stack']}")


if __name__ == "__main__":
    CreateTilePairsAcrossZBreak.main()
