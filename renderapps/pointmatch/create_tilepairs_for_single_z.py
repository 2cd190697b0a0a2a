"""Pair the tiles of one section with those of nearby sections that cover enough of them."""

from __future__ import annotations

from collections.abc import Sequence

from renderapps.pointmatch.tilepairs import (
    Plan,
    TilePairsAround,
    TilePairsAroundParameters,
    around,
)


class CreateTilePairsForSingleZParameters(TilePairsAroundParameters):
    """Parameters of create_tilepairs_for_single_z."""


class CreateTilePairsForSingleZ(TilePairsAround):
    """Tiles of section z with tiles at most dz above or below it, to match around one section."""

    default_schema = CreateTilePairsForSingleZParameters

    def plan(self, zs: Sequence[float], z: float, dz: float) -> Plan:
        """The section and those around it."""
        return around(zs, z, dz, f"stack {self.args['stack']}")


if __name__ == "__main__":
    CreateTilePairsForSingleZ.main()
