"""Sections as modules edit them: JSON objects of tiles, and of the transforms they share.

They are what the service holds. Editing them changes what is edited and nothing else, and costs a
third of making `TileSpec` objects of them and back. Where objects are more convenient, `resolved`
gives them and `with_tilespecs` takes them back, again without losing what they do not know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import renderapi
from renderapi.errors import NotFoundError
from renderapi.layers import layer_resolved_tiles
from renderapi.render import Render
from renderapi.utils import get_json, jbool, put_json
from renderapi.web import number
from renderapps.module.addresses import stack_url
from renderapps.module.errors import RenderModuleException

if TYPE_CHECKING:
    from renderapi.resolvedtiles import ResolvedTiles
    from renderapi.tilespec import TileSpec

Json = dict[str, Any]
_BOX = ("minX", "minY", "maxX", "maxY")


@dataclass
class Section:
    """The tiles at `z`, and by id the transforms that they refer to."""

    z: float
    tiles: list[Json] = field(default_factory=list)
    transforms: dict[str, Json] = field(default_factory=dict)

    @property
    def tile_ids(self) -> list[str]:
        """Ids of the tiles, in their order."""
        return [tile["tileId"] for tile in self.tiles]

    def resolved(self) -> ResolvedTiles:
        """The tiles and shared transforms as objects; to change them changes nothing here."""
        from renderapi.resolvedtiles import ResolvedTiles

        tiles = {tile["tileId"]: tile for tile in self.tiles}
        return ResolvedTiles(
            json={"transformIdToSpecMap": self.transforms, "tileIdToSpecMap": tiles}
        )

    def with_tilespecs(self, tilespecs: Iterable[TileSpec]) -> Section:
        """The section with these tiles in place of its own.

        Entries of the JSON objects that a `TileSpec` does not know are kept, by tileId.
        """
        known = {tile["tileId"]: tile for tile in self.tiles}
        tiles = [_document(tile, known.get(tile.tileId, {})) for tile in tilespecs]
        return replace(self, tiles=tiles)


_OF_TILESPECS = {*_BOX, "tileId", "z", "width", "height", "minIntensity", "maxIntensity", "layout"}
_OF_TILESPECS |= {"meshCellSize", "mipmapPathBuilder", "transforms", "labels", "groupId", "frameId"}
_OF_TILESPECS |= {"channels", "mipmapLevels"}


def _document(tile: TileSpec, known: Json) -> Json:
    strange = {key: value for key, value in known.items() if key not in _OF_TILESPECS}
    frame = {} if tile.frameId is None else {"frameId": tile.frameId}
    return {**strange, **frame, **tile.document(bounds=True)}


def read_section(render: Render, stack: str, z: float, missing_ok: bool = False) -> Section:
    """The section at `z`; where there is none no tiles if `missing_ok`, else an error."""
    try:
        document = layer_resolved_tiles(render.session, stack_url(render, stack), z)
    except NotFoundError as error:
        if missing_ok:
            return Section(z)
        raise RenderModuleException(f"stack {stack} has no section at z={z:g}") from error
    tiles = document["tileIdToSpecMap"]
    for key, tile in tiles.items():
        tile.setdefault("tileId", key)
    return Section(z, list(tiles.values()), dict(document.get("transformIdToSpecMap") or {}))


def put_section(
    render: Render,
    stack: str,
    section: Section,
    moved: bool = True,
    in_one: bool | None = False,
    output: str | None = None,
) -> None:
    """Write a section to a LOADING stack; `output` is what errors call it, if not by its name.

    `in_one` says that the service can let it be what is at its z in one step; else what is there is
    deleted before, or, with None, only the tiles of the same ids are replaced. `moved`: the boxes
    of the tiles have to be derived; else those that they carry are kept.
    """
    tiles = tiles_to_write(section, output or stack)
    if in_one is False or (in_one and not section.tiles):
        renderapi.stack.delete_section(stack, section.z, render=render)
    if section.tiles:
        derive = moved or any(None in map(tile.get, _BOX) for tile in section.tiles)
        body = {"transformIdToSpecMap": section.transforms, "tileIdToSpecMap": tiles}
        url = stack_url(render, stack, "z", number("%f", section.z), "resolvedTiles")
        params = {"deriveData": jbool(derive)} | ({"replace": "true"} if in_one else {})
        put_json(render.session, url, body, params=params)


def tiles_to_write(section: Section, stack: str) -> dict[str, Json]:
    """The tiles by id. A tile of another z is refused, and two of one id: one would be lost."""
    wanted = section.z
    stranger = next((tile for tile in section.tiles if tile["z"] != wanted), None)
    if stranger is not None:
        raise RenderModuleException(
            f"tile {stranger['tileId']} with z={stranger['z']:g} cannot be written as section "
            f"z={section.z:g} of stack {stack}"
        )
    tiles = {tile["tileId"]: tile for tile in section.tiles}
    if len(tiles) < len(section.tiles):
        double = Counter(section.tile_ids).most_common(1)[0][0]
        raise RenderModuleException(
            f"two tiles of section z={section.z:g} for stack {stack} have the tileId {double}"
        )
    return tiles


def shared_transform(render: Render, stack: str, transform: str) -> Json | None:
    """JSON object of a shared transform of a stack; None when the stack has none of that id."""
    try:
        return get_json(render.session, stack_url(render, stack, "transform", transform))
    except NotFoundError:
        return None


def tile_ids_at(render: Render, stack: str, zs: Iterable[float]) -> dict[str, float]:
    """z of each tile of some sections, by tileId."""
    return {
        tile["tileId"]: z
        for z in zs
        for tile in renderapi.stack.get_tilebounds_for_z(stack, z, render=render)
    }


def same_transform(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two transforms say the same; their ids do not matter, nor does an implicit type."""

    def plain(spec: Any) -> Any:
        if isinstance(spec, Mapping):
            spec = {"type": "leaf", **spec}
            return {key: plain(value) for key, value in spec.items() if key != "id"}
        return [plain(part) for part in spec] if isinstance(spec, list) else spec

    return plain(one) == plain(other)


def replace_references(spec: Any, new_ids: Mapping[str, str]) -> Any:
    """A transform, or a list of them, with the ids it refers to replaced, at every depth."""
    if isinstance(spec, list):
        return [replace_references(part, new_ids) for part in spec]
    if not isinstance(spec, Mapping):
        return spec
    if "refId" in spec:
        return {**spec, "refId": new_ids.get(spec["refId"], spec["refId"])}
    below = ("specList", "a", "b")
    return {k: replace_references(v, new_ids) if k in below else v for k, v in spec.items()}


def image_entries(tile: Json, channels: bool = True) -> Iterator[tuple[str, Json]]:
    """Level and JSON object of each image of a tile: its own levels, then those of its channels."""
    holders: Sequence[Json] = [tile, *((tile.get("channels") or ()) if channels else ())]
    for holder in holders:
        for level, entry in (holder.get("mipmapLevels") or {}).items():
            if entry is not None:
                yield str(int(level)), entry


def first_level(holder: Json) -> tuple[str, Json] | None:
    """The lowest level of a tile or channel that has an image, and that entry."""
    levels = holder.get("mipmapLevels") or {}
    with_image = [key for key, entry in levels.items() if entry and entry.get("imageUrl")]
    if not with_image:
        return None
    lowest = min(with_image, key=int)
    return lowest, levels[lowest]
