"""Positions with a z for nearly every tile: a montage that would be scattered over sections.

Registered TileConfigurations of three dimensions place the tiles of one montage a little above and
below each other; tables may list the focus of each tile. Read as the z of sections, such numbers
make a section of every tile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from renderapps.dataimport.placement import PlacedImage

FEWEST_TILES = 3
MOST_TILES_OF_A_Z = 1.25
SIDE_BY_SIDE = 1.5


def scattered(
    placed: Sequence[PlacedImage], size_of: Callable[[PlacedImage], tuple[int, int]]
) -> str | None:
    """What is strange about the z of tiles that lie side by side; None where nothing is.

    Tiles lie side by side where together they are 1.5 times as wide or high as the largest one;
    serial sections of one tile each lie above each other.
    """
    places = {(p.x, p.y, p.z): p for p in placed}
    zs = sorted({p.z for p in placed})
    if len(places) < FEWEST_TILES or len(places) > MOST_TILES_OF_A_Z * len(zs):
        return None
    sizes = [size_of(p) for p in placed]
    for axis in (0, 1):
        starts = [(p.x, p.y)[axis] for p in placed]
        extent = max(s + size[axis] for s, size in zip(starts, sizes, strict=True)) - min(starts)
        if extent > SIDE_BY_SIDE * max(size[axis] for size in sizes):
            return (
                f"{len(places)} tiles that lie side by side have {len(zs)} different z "
                f"({zs[0]:g} to {zs[-1]:g}): as sections they would be scattered"
            )
    return None
