"""Sections as the service holds them: JSON objects of tiles, and of the transforms they share.

Editing these objects changes what is edited and nothing else, and costs a third of making
`TileSpec` objects of them and back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import renderapi
from renderapi.errors import NotFoundError
from renderapi.layers import layer_resolved_tiles
from renderapi.render import Render, format_preamble, renderaccess
from renderapi.utils import get_json, jbool, put_json
from renderapi.web import join
from renderapps.module.errors import RenderModuleException

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


def read_section(render: Render, stack: str, z: float, missing_ok: bool = False) -> Section:
    """The section at `z`; where there is none no tiles if `missing_ok`, else an error."""
    try:
        document = render.run(_resolved_tiles, stack, z)
    except NotFoundError as error:
        if missing_ok:
            return Section(z)
        raise RenderModuleException(f"stack {stack} has no section at z={z:g}") from error
    tiles = [_identified(key, tile) for key, tile in document["tileIdToSpecMap"].items()]
    return Section(z, tiles, dict(document.get("transformIdToSpecMap") or {}))


def write_section(
    render: Render, stack: str, section: Section, moved: bool = True, clear: bool = True
) -> None:
    """Let `section` be what is at its z in a LOADING stack, whatever was there before.

    `moved` says that transforms, sizes or tiles are new, so that the boxes of the tiles have to be
    derived from them; else the boxes that the tiles carry are kept. `clear` may be false where the
    stack is known to have no other tiles at that z.
    """
    strangers = {tile["tileId"]: tile["z"] for tile in section.tiles if tile["z"] != section.z}
    if strangers:
        tile, z = next(iter(strangers.items()))
        raise RenderModuleException(
            f"tile {tile} with z={z:g} cannot be written as section z={section.z:g} "
            f"of stack {stack}"
        )
    refuse_doubles(section, stack)
    if clear:
        renderapi.stack.delete_section(stack, section.z, render=render)
    if section.tiles:
        derive = moved or any(tile.get(key) is None for tile in section.tiles for key in _BOX)
        render.run(_put_resolved_tiles, stack, section, derive)


def refuse_doubles(section: Section, stack: str) -> None:
    """Refuse a section in which two tiles have one id: one of them would be lost."""
    ids = section.tile_ids
    if len(set(ids)) < len(ids):
        double = next(tile for i, tile in enumerate(ids) if tile in ids[:i])
        raise RenderModuleException(
            f"two tiles of section z={section.z:g} for stack {stack} have the tileId {double}"
        )


@renderaccess
def _resolved_tiles(
    stack: str,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> Json:
    base = format_preamble(host, port, owner, project, stack)
    return layer_resolved_tiles(session, base, z)


@renderaccess
def _put_resolved_tiles(
    stack: str,
    section: Section,
    derive: bool,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    body = {
        "transformIdToSpecMap": section.transforms,
        "tileIdToSpecMap": {tile["tileId"]: tile for tile in section.tiles},
    }
    url = join(format_preamble(host, port, owner, project, stack), "resolvedTiles")
    put_json(session, url, body, params={"deriveData": jbool(derive)})


@renderaccess
def _transform(
    stack: str,
    transform: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> Json:
    base = format_preamble(host, port, owner, project, stack)
    return get_json(session, join(base, "transform", transform))


def shared_transform(render: Render, stack: str, transform: str) -> Json | None:
    """JSON object of a shared transform of a stack; None when the stack has none of that id."""
    try:
        return render.run(_transform, stack, transform)
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


def _identified(key: str, tile: Json) -> Json:
    tile.setdefault("tileId", key)
    return tile
