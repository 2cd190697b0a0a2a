"""Find, for each tile of a stack, the tile of a reference stack that covers most of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from argschema.fields import Boolean, Float, Str
from marshmallow.validate import Range

import renderapi
from renderapi.matching.cross_stack_pairs import CrossStackPair, write_cross_stack_pairs
from renderapi.matching.neighbours import group_of
from renderapi.outline import tile_polygon
from renderapi.tilespec import TileSpec
from renderapps.module import (
    RenderModuleException,
    SectionModule,
    SectionParameters,
    TaskFailure,
    map_tasks,
    parameter,
)
from renderapps.module.effort import DOCUMENTS
from renderapps.module.fields import NewFile
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import Section, read_section

if TYPE_CHECKING:
    from shapely import Polygon

Json = dict[str, Any]
AnyTile = TileSpec | Mapping[str, Any]
MIN_OVERLAP = 0.05


class FindPrincipalTileOverlapParameters(SectionParameters):
    """Parameters of find_principal_tile_overlaps."""

    ref_stack = parameter(Str, "stack whose tiles cover others", aliases=["reference_stack"])
    stack = parameter(Str, "stack whose tiles are covered", aliases=["input_stack"])
    tilepair_output = parameter(
        NewFile,
        "cross-stack pair file to write (pstack: stack, qstack: ref_stack): "
        ".json, .json.gz or .zip",
        aliases=["tilepair_file", "tile_pair_file", "output_file"],
    )
    min_overlap = parameter(
        Float,
        "more than this share of a tile's area is covered",
        default=MIN_OVERLAP,
        validate=Range(0, 1, max_inclusive=False),
    )
    all_overlaps = parameter(
        Boolean, "pair a tile with every tile that covers enough of it", default=False
    )


class FindPrincipalTileOverlap(SectionModule):
    """Both stacks lie in the same space. Tiles that none covers enough are left out and named."""

    default_schema = FindPrincipalTileOverlapParameters
    effort = DOCUMENTS
    stack = "stack"

    def prepare(self) -> None:
        """Refuse a reference that is not there, before the work."""
        stack_zs(self.render, self.args["ref_stack"])

    def process_section(self, z: float) -> Json:
        """Pairs of one section, and tiles without one."""
        tiles = read_section(self.render, self.args["stack"], z)
        references = read_section(self.render, self.args["ref_stack"], z, missing_ok=True)
        least, every = self.args["min_overlap"], self.args["all_overlaps"]
        pairs, uncovered = overlapping_tiles(tiles, references, least, every)
        return {
            "tiles": len(tiles.tiles),
            "pairs": len(pairs),
            "uncovered_tiles": uncovered,
            "found": pairs,
        }

    def run(self) -> None:
        """Find the pairs of all sections; the file is written when all have succeeded."""
        zs = self.select_zs()
        self.prepare()
        sections, failed = self.map_sections(zs)
        pairs = [CrossStackPair(*pair) for entry in sections for pair in entry.pop("found")]
        uncovered = sum(len(entry["uncovered_tiles"]) for entry in sections)
        report = self.report_of(sections, failed)
        report |= {"pairs": len(pairs), "uncovered_tiles": uncovered}
        self.output(report)
        self.raise_failures(failed, len(zs))
        stack, reference, path = (
            self.args[name] for name in ("stack", "ref_stack", "tilepair_output")
        )
        if not pairs:
            raise RenderModuleException(
                f"no tile of stack {stack} is covered enough by one of stack {reference}: {path} "
                "is not written"
            )
        if uncovered:
            self.logger.warning("%d tiles are not covered", uncovered)
        write_cross_stack_pairs(path, stack, reference, pairs)
        self.output({"tilepair_file": path} | report)


def overlapping_tiles(
    section: Section, references: Section, min_overlap: float, every: bool
) -> tuple[list[tuple[str, str, str, str]], list[Json]]:
    """Pairs (group and id of a tile, of a tile of the reference), and tiles without one.

    Of tiles that cover equal shares the topmost is taken.
    """
    from renderapi.matching.overlaps import covered, outline_layer

    ours = outline_layer(section.z, section.tiles, section.transforms)
    theirs = outline_layer(references.z, references.tiles, references.transforms)
    i, j, shares = covered(ours.outlines, theirs.outlines)
    order = np.lexsort((-j, -np.round(shares, 9), i))
    i, j, shares = i[order], j[order], shares[order]
    best = np.zeros(len(ours.tiles))
    np.maximum.at(best, i, shares)
    enough = shares > min_overlap
    first = np.zeros(len(i), bool)
    first[np.unique(i, return_index=True)[1]] = True
    chosen = np.flatnonzero(enough if every else enough & first)
    pairs = [(*ours.tiles[i[k]], *theirs.tiles[j[k]]) for k in chosen]
    lacking = [
        {"tileId": tile[1], "reason": _why(share, min_overlap)}
        for tile, share in zip(ours.tiles, best, strict=True)
        if not share > min_overlap
    ]
    skipped = [{"tileId": tile, "reason": reason} for tile, reason in ours.skipped.items()]
    return pairs, [*lacking, *skipped]


def _why(share: float, least: float) -> str:
    if share == 0:
        return "no tile of the reference covers any of it"
    return f"no tile of the reference covers more than {share:.3g} of it; min_overlap is {least:g}"


def find_principal_overlapping_tile(
    ts: AnyTile, search_ts: Iterable[AnyTile], ts_geom: Polygon | None = None
) -> AnyTile:
    """The tile of `search_ts` that covers the largest share of a tile; of equals the last.

    Raises
    ------
    RenderModuleException
        None covers any of it.
    """
    outline = tile_polygon(ts) if ts_geom is None else ts_geom
    best: tuple[float, AnyTile | None] = (0.0, None)
    for other in search_ts:
        area = outline.intersection(tile_polygon(other)).area
        if area > 0 and area >= best[0]:
            best = (area, other)
    if best[1] is None:
        raise RenderModuleException(f"no tile overlaps tile {_names(ts)[1]}")
    return best[1]


def get_principal_overlapping_pair(
    ts: AnyTile, paired: Iterable[AnyTile], ts_geom: Polygon | None = None
) -> Json:
    """Pair of a tile and the one that covers most of it."""
    (p, q) = _names(ts), _names(find_principal_overlapping_tile(ts, paired, ts_geom))
    return {"p": {"groupId": p[0], "id": p[1]}, "q": {"groupId": q[0], "id": q[1]}}


def find_tile_pair(render: renderapi.Render, stack: str, ts: AnyTile, ref_stack: str) -> Json:
    """Pair of a tile of `stack` and the tile of `ref_stack` at its z that covers most of it."""
    z = float(ts.z if isinstance(ts, TileSpec) else ts["z"])
    there = read_section(render, ref_stack, z, missing_ok=True).resolved()
    return get_principal_overlapping_pair(ts, resolved_tiles(there.tilespecs, there.transforms))


def resolved_tiles(tiles: Iterable[TileSpec], transforms: Sequence[Any]) -> list[Json]:
    """JSON objects of tiles with what they refer to in place of references."""
    from renderapi.transform.specs import flatten

    known = {transform.transformId: transform.to_dict() for transform in transforms}
    documents = []
    for tile in tiles:
        document = tile.to_dict()
        specs = flatten(document["transforms"], known)
        documents.append(document | {"transforms": {"type": "list", "specList": specs}})
    return documents


def create_principal_overlap_tile_pair(
    render: renderapi.Render,
    stack: str,
    ref_stack: str,
    pool_size: int = 20,
    min_overlap: float = MIN_OVERLAP,
) -> Json:
    """Content of a cross-stack pair file."""
    from functools import partial

    find = partial(_pairs_at, render, stack, ref_stack, min_overlap)
    pairs: list[Json] = []
    for found in map_tasks(find, stack_zs(render, stack), pool_size):
        if isinstance(found, TaskFailure):
            raise RenderModuleException(f"z={found.item:g}: {found.reason}")
        pairs += [
            {"p": {"groupId": a, "id": b}, "q": {"groupId": c, "id": d}} for a, b, c, d in found
        ]
    return {"pstack": stack, "qstack": ref_stack, "neighborPairs": pairs}


def _pairs_at(
    render: renderapi.Render, stack: str, ref_stack: str, min_overlap: float, z: float
) -> list[tuple[str, str, str, str]]:
    tiles, references = read_section(render, stack, z), read_section(render, ref_stack, z, True)
    return overlapping_tiles(tiles, references, min_overlap, False)[0]


def _names(ts: AnyTile) -> tuple[str, str]:
    document = ts.to_dict() if isinstance(ts, TileSpec) else ts
    section = (document.get("layout") or {}).get("sectionId")
    return group_of(section, float(document["z"])), str(document["tileId"])


if __name__ == "__main__":
    FindPrincipalTileOverlap.main()
