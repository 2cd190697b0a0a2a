"""Tile pairs around a section, by how much of a tile the tiles of other sections cover.

The functions read the tiles of each section once. What they give is the content of a tile-pair
file; `renderapi.matching.tilepairs` writes and reads those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Float, Int, Nested, Str
from argschema.schemas import DefaultSchema
from marshmallow import INCLUDE, Schema
from marshmallow.validate import Range

import renderapi
from renderapi.matching.neighbours import Pair
from renderapi.matching.tilepairs import pair_to_json, template_url
from renderapi.tilespec import TileSpec
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    map_tasks,
    parameter,
)
from renderapps.module.fields import NewFile
from renderapps.module.parallel import cpu_count
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import read_section

if TYPE_CHECKING:
    from shapely import Polygon

    from renderapi.matching.overlaps import OutlineLayer

Json = dict[str, Any]
Plan = list[tuple[float, list[float]]]
QUERY_NAMES = {"removeAllOption": "excludeAllTransforms"}


class Tile(Schema):
    """A tile in a tile-pair file."""

    class Meta:
        """relativePosition may be there."""

        unknown = INCLUDE

    groupId = parameter(Str, "sectionId of the tile")
    id = parameter(Str, "tileId")


class TilePair(Schema):
    """A pair of tiles in a tile-pair file."""

    class Meta:
        """absoluteDeltaZ may be there."""

        unknown = INCLUDE

    p = parameter(Nested, "the first tile in string order", Tile)
    q = parameter(Nested, "the other tile", Tile)


class TilePairFile(Schema):
    """Content of a tile-pair file."""

    renderParametersUrlTemplate = parameter(
        Str, "where the render parameters of a tile are, with {id} open"
    )
    neighborPairs = Nested(TilePair, many=True, metadata={"description": "the pairs"})


class QueryParameters(DefaultSchema):
    """What is appended to the URLs of the tiles in a pair file."""

    removeAllOption = parameter(
        Boolean,
        "let the tiles be drawn without any transform (excludeAllTransforms in the URL; left out "
        "unless true)",
        default=None,
        aliases=["excludeAllTransforms"],
    )
    minIntensity = parameter(Int, "minimum intensity in place of that of the tiles", default=None)
    maxIntensity = parameter(Int, "maximum intensity in place of that of the tiles", default=None)


class TilePairsAroundParameters(ParallelParameters, RenderParameters):
    """Parameters of the modules that pair tiles around a section."""

    stack = parameter(Str, "stack whose tiles are paired", aliases=["input_stack"])
    z = parameter(Float, "the section")
    dz = parameter(
        Float,
        "largest distance in z of the tiles of a pair",
        default=10,
        validate=Range(min=0, min_inclusive=False),
    )
    tilepair_output = parameter(
        NewFile,
        "file to write: .json, .json.gz or .zip; numbered files _p000, _p001, ... beside it when "
        "there are more than maxPairsPerFile pairs",
        aliases=["tilepair_file", "toJson", "output_file"],
    )
    radius = parameter(
        Float,
        "margin round the tile's box in which other tiles are looked for, as a share of its size; "
        "it decides where overlap_frac is none",
        default=0.1,
        validate=Range(min=0),
    )
    overlap_frac = parameter(
        Float,
        "more than this share of the area of the tile is covered by the other; "
        "null (in JSON): every tile that meets the box with its margin",
        default=0.25,
        allow_none=True,
        validate=Range(0, 1, max_inclusive=False),
    )
    queryParameters = parameter(
        Nested, "what is appended to the URLs of the tiles", QueryParameters, default=dict
    )
    maxPairsPerFile = parameter(
        Int,
        "most pairs in one file",
        default=100_000,
        aliases=["max_pairs_per_file"],
        validate=Range(min=1),
    )


class TilePairsAround(RenderModule):
    """Base of the modules that pair tiles around a section: give `plan(zs, z, dz)`."""

    def plan(self, zs: Sequence[float], z: float, dz: float) -> Plan:
        """Sections, and for each the sections whose tiles are paired with its tiles."""
        raise NotImplementedError(f"{type(self).__name__} has no plan()")

    def run(self) -> None:
        """Read the outlines of the sections side by side, pair the tiles, write the file."""
        from renderapi.matching.tilepairs import write_tile_pairs

        args = self.args
        stack = args["stack"]
        plan = self.plan(stack_zs(self.render, stack), args["z"], args["dz"])
        needed = sorted({z for first, others in plan for z in (first, *others)})
        read = partial(read_outlines, self.render, stack)
        layers = self.map_tasks(read, needed, "reading tiles", also_here=True)
        failed = [layer for layer in layers if isinstance(layer, TaskFailure)]
        if failed:
            raise RenderModuleException(f"z={failed[0].item:g}: {failed[0].reason}")
        by_z = dict(zip(needed, layers, strict=True))
        batches = list(paired(by_z, plan, args["overlap_frac"], args["radius"]))
        template = make_template_url(
            self.render.DEFAULT_OWNER, self.render.DEFAULT_PROJECT, stack, args["queryParameters"]
        )
        files, number = write_tile_pairs(
            args["tilepair_output"], template, batches, args["maxPairsPerFile"], write_empty=True
        )
        with_pairs = {name for batch in batches for pair in batch for name in pair.key[1::2]}
        sources = {tile[1] for z, _ in plan for tile in by_z[z].tiles}
        alone = sorted(sources - with_pairs)
        if alone:
            self.logger.warning("%d tiles have no pair", len(alone))
        self.output(
            {
                "tilepair_file": args["tilepair_output"],
                "tilepair_files": files,
                "pairs": number,
                "tiles": len(sources),
                "sections": len(needed),
                "tiles_without_pairs": alone,
                "skipped_tiles": [
                    {"tileId": name, "z": z, "reason": reason}
                    for z, layer in by_z.items()
                    for name, reason in layer.skipped.items()
                ],
            }
        )


def around(zs: Sequence[float], z: float, dz: float, where: str) -> Plan:
    """A section and those at most `dz` from it, itself left out.

    >>> around([1, 2, 3.5, 9], 2, 1.5, "stack s")
    [(2, [1, 3.5])]

    Raises
    ------
    RenderModuleException
        There is no such section, or none near it.
    """
    if z not in zs:
        raise RenderModuleException(f"{where} has no section at z={z:g}; {_span(zs)}")
    others = [other for other in zs if 0 < abs(other - z) <= dz]
    if not others:
        raise RenderModuleException(
            f"{where} has no other section within {dz:g} of z={z:g}; {_span(zs)}"
        )
    return [(z, others)]


def across(zs: Sequence[float], z: float, dz: float, where: str) -> Plan:
    """Sections up to z, each with those above z that are at most `dz` from it.

    >>> across([1, 2, 3, 4], 2, 2, "stack s")
    [(1, [3]), (2, [3, 4])]

    Raises
    ------
    RenderModuleException
        There are none so near to each other on the two sides.
    """
    plan = [
        (first, [other for other in zs if z < other <= first + dz])
        for first in zs
        if z - dz <= first <= z
    ]
    plan = [(first, others) for first, others in plan if others]
    if not plan:
        raise RenderModuleException(
            f"{where} has no sections within {dz:g} of each other on the two sides of the break "
            f"after z={z:g}; {_span(zs)}"
        )
    return plan


def _span(zs: Sequence[float]) -> str:
    return f"it has {len(zs)} sections" + (f" from z={zs[0]:g} to {zs[-1]:g}" if zs else "")


def read_outlines(render: renderapi.Render, stack: str, z: float) -> OutlineLayer:
    """Outlines of the tiles at a z of a stack."""
    from renderapi.matching.overlaps import outline_layer

    section = read_section(render, stack, z)
    return outline_layer(z, section.tiles, section.transforms)


def paired(
    layers: Mapping[float, OutlineLayer], plan: Plan, fraction: float | None, radius: float
) -> Iterator[list[Pair]]:
    """Pairs of each section of a plan with its others."""
    from renderapi.matching.overlaps import overlapping_pairs

    for first, others in plan:
        yield [
            pair
            for other in others
            for pair in overlapping_pairs(layers[first], layers[other], fraction, radius)
        ]


def make_template_url(
    owner: str, project: str, stack: str, queryParameters: Mapping[str, Any] | None = None
) -> str:
    """URL of the render parameters of a stack's tiles, `{baseDataUrl}` and `{id}` left in.

    removeAllOption is called excludeAllTransforms there. What is None, and that where it is not
    true, is left out: to name it switches services to another way of placing the tile.
    """
    query: Json = {}
    for key, value in (queryParameters or {}).items():
        name = QUERY_NAMES.get(key, key)
        if value is not None and (value or name != "excludeAllTransforms"):
            query[name] = value
    return template_url(owner, project, stack, query)


def format_pairfile(
    render: renderapi.Render,
    stack: str,
    pairs: Sequence[Json],
    queryParameters: Mapping[str, Any] | None = None,
) -> Json:
    """Content of a tile-pair file; `pairs` are objects with p and q."""
    template = make_template_url(
        str(render.DEFAULT_OWNER), str(render.DEFAULT_PROJECT), stack, queryParameters
    )
    return {"renderParametersUrlTemplate": template, "neighborPairs": list(pairs)}


def define_box_and_geometry(
    ts: TileSpec | Json, radius: float
) -> tuple[Polygon, float, float, float, float, Json]:
    """Outline of a tile, and the box with a margin in which its neighbours are looked for.

    Parameters
    ----------
    ts : TileSpec or dict
    radius : float
        Margin on each side, as a share of the tile's size in the world.

    Returns
    -------
    polygon : shapely.Polygon, world pixels
    width, height, minx, miny : float
        The box, world pixels.
    p : dict
        id and groupId of the tile.
    """
    from renderapi.matching.overlaps import outline_layer, search_boxes

    tile = ts.to_dict() if isinstance(ts, TileSpec) else ts
    layer = outline_layer(float(tile["z"]), [tile])
    if layer.skipped:
        raise RenderModuleException(layer.skipped[tile["tileId"]])
    ((min_x, min_y, max_x, max_y),) = search_boxes(layer.outlines, radius)
    ((group, name),) = layer.tiles
    p = {"id": name, "groupId": group}
    return layer.outlines[0], max_x - min_x, max_y - min_y, min_x, min_y, p


def find_tile_pair_match_in_z(
    render: renderapi.Render,
    stack: str,
    p: Json,
    p_geom: Polygon,
    z2: float,
    minx: float,
    miny: float,
    width: float,
    height: float,
    overlap_frac: float = 0.25,
) -> list[Json]:
    """Pairs of a tile with those at z2 that meet a box and cover more than a share of its outline.

    p is the tile in all of them, whatever the order of the names.
    """
    import shapely

    layer = read_outlines(render, stack, z2)
    box = shapely.box(minx, miny, minx + width, miny + height)
    found = []
    for tile, outline in zip(layer.tiles, layer.outlines, strict=True):
        share = p_geom.intersection(outline).area / p_geom.area
        if share > overlap_frac and outline.intersects(box):
            found.append({"p": p, "q": {"id": tile[1], "groupId": tile[0]}})
    return found


def find_tile_pairs_in_radius(
    render: renderapi.Render,
    stack: str,
    ts: TileSpec | Json,
    z: float,
    dz: float,
    radius: float,
    area_overlap_frac: float = 0.25,
) -> list[Json]:
    """Pairs of one tile with those of the sections at most `dz` from z."""
    polygon, width, height, min_x, min_y, p = define_box_and_geometry(ts, radius)
    return [
        pair
        for other in stack_zs(render, stack)
        if 0 < abs(other - z) <= dz
        for pair in find_tile_pair_match_in_z(
            render, stack, p, polygon, other, min_x, min_y, width, height, area_overlap_frac
        )
    ]


def create_tile_pair_for_single_z(
    render: renderapi.Render,
    stack: str,
    z: float,
    dz: float = 10,
    radius: float = 0.1,
    pool_size: int = 20,
    queryParameters: Mapping[str, Any] | None = None,
    overlap_frac: float | None = 0.25,
) -> Json:
    """Content of a tile-pair file: tiles of a section with those at most `dz` from it."""
    plan = around(stack_zs(render, stack), z, dz, f"stack {stack}")
    return _pair_file(render, stack, plan, radius, pool_size, queryParameters, overlap_frac)


def create_tile_pair_across_z_break(
    render: renderapi.Render,
    stack: str,
    z: float,
    dz: float = 10,
    radius: float = 0.1,
    pool_size: int = 20,
    queryParameters: Mapping[str, Any] | None = None,
    overlap_frac: float | None = 0.25,
) -> Json:
    """Content of a tile-pair file: tiles up to z with those above z that are at most `dz` away."""
    plan = across(stack_zs(render, stack), z, dz, f"stack {stack}")
    return _pair_file(render, stack, plan, radius, pool_size, queryParameters, overlap_frac)


def _pair_file(
    render: renderapi.Render,
    stack: str,
    plan: Plan,
    radius: float,
    pool_size: int,
    query: Mapping[str, Any] | None,
    fraction: float | None,
) -> Json:
    needed = sorted({z for first, others in plan for z in (first, *others)})
    processes = min(pool_size, cpu_count())
    read = partial(read_outlines, render, stack)
    layers = map_tasks(read, needed, pool_size=processes, also_here=True)
    for layer in layers:
        if isinstance(layer, TaskFailure):
            raise RenderModuleException(f"z={layer.item:g}: {layer.reason}")
    by_z = dict(zip(needed, layers, strict=True))
    pairs = {pair for batch in paired(by_z, plan, fraction, radius) for pair in batch}
    ordered = sorted(pairs, key=lambda pair: pair.order)
    return format_pairfile(render, stack, [pair_to_json(pair) for pair in ordered], query)
