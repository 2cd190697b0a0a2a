"""What is found in one section of a stack: its tiles, its matches, and those to later sections.

Everything is in world pixels of the stack. The defects are those of `alignment.defects`; here they
become the entry of a section in the report of a stack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import renderapi
from renderapi.errors import NotFoundError
from renderapps.alignment.defect_report import SeamRules, matches_within, named_tiles
from renderapps.alignment.defects import (
    Pair,
    PairEnds,
    disconnected_groups,
    distortion,
    gaps,
    holes,
    seams,
)
from renderapps.alignment.placed_outlines import Outlines, outlines_of
from renderapps.alignment.stored_matches import Collection
from renderapps.module.section_table import SectionTable
from renderapps.module.tile_documents import Json, Section, read_section
from renderapps.pointmatch.match_points import world_ends
from renderapps.pointmatch.pair_matches import PairMatches

if TYPE_CHECKING:
    from shapely import Polygon

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ends:
    """Pairs that can be placed, and those that cannot, with their reasons."""

    pairs: list[PairEnds]
    unusable: list[Json]


def shape_findings(
    section: Section, there: Outlines, before: Section | None, distortion_threshold: float
) -> Json:
    """Holes, gaps, uncovered places and distorted tiles.

    Parameters
    ----------
    there : Outlines
        Of `section`.
    before : Section, optional
        The same section before the alignment; without it nothing is said of holes and gaps (None).
    distortion_threshold : float
        See `distorted_tiles`.
    """
    known = [tile for tile in section.tiles if tile["tileId"] in there.polygons]
    widths, heights = (np.array([t[side] for t in known], float) for side in ("width", "height"))
    across, down = distortion(there.corners, widths, heights)
    entry: Json = {"tiles": len(section.tiles), "holes": None, "gaps": None}
    if before is not None and before.tiles:
        placed = outlines_of(before)
        entry["holes"] = holes(before.tile_ids, section.tile_ids)
        entry["gaps"] = [list(pair) for pair in gaps(placed, there.polygons)]
    return entry | {
        "uncovered": uncovered(there.polygons),
        "scale_deviation": [round(across, 8), round(down, 8)],
        "distorted_tiles": distorted_tiles(
            list(there.polygons), there.corners, widths, heights, distortion_threshold
        ),
        "unplaced_tiles": [{"tileId": t, "reason": why} for t, why in there.skipped.items()],
    }


def uncovered(polygons: Mapping[str, Polygon]) -> list[Json]:
    """Places that tiles enclose and none covers, of at least a pixel, the largest first."""
    import shapely

    whole = shapely.union_all(list(polygons.values()))
    parts = shapely.get_parts(whole) if polygons else []
    rings = [shapely.Polygon(ring) for part in parts for ring in getattr(part, "interiors", ())]
    return [
        {"box": [round(v, 3) for v in ring.bounds], "area": round(ring.area, 3)}
        for ring in sorted(rings, key=lambda ring: -ring.area)
        if ring.area >= 1
    ]


def distorted_tiles(
    names: Sequence[str], corners: Floats, widths: Floats, heights: Floats, threshold: float
) -> list[Json]:
    """Tiles whose scale or shear departs from the section's, the worst first.

    Parameters
    ----------
    corners : (T, 4, 2)
        Clockwise from the upper left.
    widths, heights : (T,)
        Of the images, pixels.
    threshold : float
        Tolerated difference of a scale from the median of the section, as a share of it, and of
        the cosine between the upper and the left edge from that median.
    """
    if not len(names):
        return []
    right, down = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    lengths = np.linalg.norm(right, axis=1), np.linalg.norm(down, axis=1)
    scales = np.stack([lengths[0] / widths, lengths[1] / heights], axis=1)
    shear = (right * down).sum(1) / np.maximum(lengths[0] * lengths[1], 1e-300)
    off = np.abs(scales / np.median(scales, axis=0) - 1).max(axis=1)
    off = np.maximum(off, np.abs(shear - np.median(shear)))
    return [
        {
            "tileId": names[k],
            "scale": [round(float(v), 6) for v in scales[k]],
            "shear": round(float(shear[k]), 6),
            "departure": round(float(off[k]), 6),
        }
        for k in np.argsort(-off, kind="stable")
        if off[k] > threshold
    ]


def ends_of(
    found: Iterable[tuple[Collection, Sequence[PairMatches]]], tiles: Mapping[Any, Any]
) -> Ends:
    """World places of all matches; those of a pair in several collections are put together."""
    together: dict[Pair, list[tuple[Floats, Floats]]] = {}
    unusable: list[Json] = []
    for collection, pairs in found:
        counted = [pair.only(pair.w > 0) for pair in pairs if (pair.w > 0).any()]
        placed = world_ends(counted, tiles, "that is reported", collection.after)
        for pair, ends in zip(counted, placed, strict=True):
            if isinstance(ends, str):
                unusable.append(pair.ids | {"collection": collection.name, "reason": ends})
            else:
                together.setdefault((pair.p_tile[1], pair.q_tile[1]), []).append(ends)
    merged = [
        PairEnds(names, *(np.concatenate(side) for side in zip(*some, strict=True)))
        for names, some in together.items()
    ]
    return Ends(merged, unusable)


def ends_within(
    render: renderapi.Render, collections: Sequence[Collection], section: Section
) -> Ends:
    """Matches between tiles of a section."""
    found = ((c, matches_within(render, c.owner, c.name, section)) for c in collections if c.stored)
    return ends_of(found, named_tiles(section))


def match_findings(section: Section, ends: Ends, rules: SeamRules) -> Json:
    """Residuals, seams, displaced and disconnected tiles of a section."""
    rows = measured(ends.pairs, (section.z, section.z))
    counts = {end.tiles: len(end.p) for end in ends.pairs}
    groups = disconnected_groups(section.tile_ids, counts)
    linked = {tile for pair in counts for tile in pair}
    found = seams(
        ends.pairs, rules.residual_threshold, rules.neighbors_distance, rules.min_cluster_size
    )
    return {
        "pairs": len(rows),
        "points": sum(counts.values()),
        **spread([row["residual"] for row in rows]),
        "seams": [seam.report() for seam in found],
        "displaced_tiles": displaced_tiles(rows, rules.residual_threshold),
        "unmatched_tiles": [tile for tile in section.tile_ids if tile not in linked],
        "disconnected_groups": [group for group in groups[1:] if len(group) > 1],
        "unusable_pairs": ends.unusable,
    }


def spread(residuals: Sequence[float]) -> Json:
    """Median and largest of residuals; None of none."""
    if not residuals:
        return {"median_residual": None, "worst_residual": None}
    return {
        "median_residual": round(float(np.median(residuals)), 4),
        "worst_residual": round(float(np.max(residuals)), 4),
    }


def measured(pairs: Sequence[PairEnds], zs: tuple[float, float]) -> list[Json]:
    """An entry for each pair, the worst first: points, root mean square residual, and place."""
    rows = [
        {
            "pId": pair.tiles[0],
            "qId": pair.tiles[1],
            "z_p": zs[0],
            "z_q": zs[1],
            "points": len(pair.p),
            "residual": round(float(np.sqrt(((pair.p - pair.q) ** 2).sum(1).mean())), 4),
            "place": [round(float(v), 3) for v in np.median((pair.p + pair.q) / 2, axis=0)],
        }
        for pair in pairs
    ]
    return sorted(rows, key=lambda row: (-row["residual"], row["pId"], row["qId"]))


def displaced_tiles(rows: Sequence[Json], threshold: float) -> list[Json]:
    """The fewest tiles that account for the pairs whose residual reaches a threshold.

    The tile with most such pairs (of equals: with the largest share of its own) goes first, and its
    pairs no longer count; tiles that only one such pair accuses are not named: it has two ends.
    """
    own = Counter(tile for row in rows for tile in (row["pId"], row["qId"]))
    accused: dict[str, dict[str, float]] = {}  # by tile: residuals towards others
    for row in rows:
        if row["residual"] >= threshold:
            accused.setdefault(row["pId"], {})[row["qId"]] = row["residual"]
            accused.setdefault(row["qId"], {})[row["pId"]] = row["residual"]

    def rank(tile: str) -> tuple[int, float, str]:
        return -len(accused[tile]), -len(accused[tile]) / own[tile], tile

    heap = sorted(map(rank, accused))
    found: list[Json] = []
    while heap:
        known = heappop(heap)
        tile = known[2]
        if (now := rank(tile)) != known:  # pairs have gone since: it waits its turn
            heappush(heap, now)
            continue
        others = accused[tile]
        if len(others) < 2:
            break
        median = round(float(np.median(list(others.values()))), 4)
        found.append(
            {"tileId": tile, "bad_pairs": len(others), "pairs": own[tile], "residual": median}
        )
        for other in others:
            del accused[other][tile]
        accused[tile] = {}
    return found


def later_sections(
    render: renderapi.Render,
    stack: str,
    collections: Sequence[Collection],
    section: Section,
    table: SectionTable,
    zs: set[float],
) -> Iterator[tuple[float, Ends]]:
    """Matches to each section further on, by its z; two sections are held at a time.

    Parameters
    ----------
    zs : set of float
        Sections that are reported; others take no part.
    """
    here = named_tiles(section)
    groups = sorted({group for group, _ in here})
    by_z: dict[float, list[tuple[Collection, list[PairMatches]]]] = {}
    for collection in collections:
        found: dict[float, list[PairMatches]] = {}
        for pair in _outside(render, collection, groups):
            if (pair.p_tile in here) == (pair.q_tile in here):
                continue
            other = pair.q_tile if pair.p_tile in here else pair.p_tile
            for z in table.zs_of.get(other[0], ()):
                if z > section.z and z in zs:
                    found.setdefault(z, []).append(pair)
        for z, pairs in found.items():
            by_z.setdefault(z, []).append((collection, pairs))
    for z in sorted(by_z):
        there = named_tiles(read_section(render, stack, z))
        tiles = {**there, **here}
        yield (
            z,
            ends_of(
                (
                    (c, [p for p in pairs if p.p_tile in tiles and p.q_tile in tiles])
                    for c, pairs in by_z[z]
                ),
                tiles,
            ),
        )


def _outside(
    render: renderapi.Render, collection: Collection, groups: Sequence[str]
) -> Iterator[PairMatches]:
    for group in groups if collection.stored else ():
        try:
            documents = renderapi.pointmatch.get_matches_outside_group(
                collection.name, group, owner=collection.owner, render=render
            )
        except NotFoundError:
            continue
        yield from map(PairMatches.from_document, documents)
