"""The tiles of a section together with the transforms they share."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import requests

from renderapi.errors import RenderError, SpecError
from renderapi.jsontext import collection_paused
from renderapi.layers import layer_resolved_tiles, resolved_tiles_around
from renderapi.render import Render, format_preamble, renderaccess
from renderapi.shown import grid, line, table
from renderapi.tilespec import TileSpec, tiles_of
from renderapi.transform import load_transform_json
from renderapi.utils import jbool, put_json
from renderapi.web import join

logger = logging.getLogger(__name__)

_LISTED = 10  # tiles that a notebook lists


class ResolvedTiles:
    """Tile specs, which may refer to transforms by id, and those transforms.

    Attributes
    ----------
    tilespecs : list of TileSpec
    transforms : list of transforms, each with a transformId
    """

    bulk_json = True

    def __init__(
        self,
        tilespecs: Sequence[TileSpec] | None = None,
        transformList: Sequence[Any] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
        else:
            self.tilespecs = [] if tilespecs is None else list(tilespecs)
            self.transforms = [] if transformList is None else list(transformList)

    def __repr__(self) -> str:
        return line("ResolvedTiles", tiles=len(self.tilespecs), transforms=len(self.transforms))

    def _repr_html_(self) -> str:
        rows = {"tiles": len(self.tilespecs), "shared transforms": len(self.transforms)}
        tiles = grid([t.tileId, t.z, t.imageUrl] for t in self.tilespecs[:_LISTED])
        return table("resolved tiles", {**rows, f"the first {_LISTED}": tiles})

    def from_dict(self, d: Mapping[str, Any]) -> None:
        """Take tiles and transforms from a JSON object, which is not changed."""
        self.transforms = [
            _shared_transform(key, spec) for key, spec in d["transformIdToSpecMap"].items()
        ]
        self.tilespecs = tiles_of(d["tileIdToSpecMap"].values())

    def to_dict(self) -> dict[str, dict[str | None, Any]]:
        """JSON object: transforms by transformId and tiles by tileId; of two alike the last."""
        with collection_paused():
            tiles = {tile.tileId: tile.to_dict() for tile in self.tilespecs}
        return {
            "transformIdToSpecMap": _transforms_by_id(self.transforms),
            "tileIdToSpecMap": tiles,
        }


def _shared_transform(key: str, spec: Mapping[str, Any]) -> Any:
    transform = load_transform_json(spec if spec.get("id") is not None else {**spec, "id": key})
    if getattr(transform, "transformId", None) is None:
        transform.transformId = key
    return transform


def _transforms_by_id(transforms: Iterable[Any]) -> dict[str | None, Any]:
    by_id: dict[str | None, Any] = {}
    for transform in transforms:
        key = getattr(transform, "transformId", None)
        if key is None:
            raise SpecError(f"a shared transform needs a transformId: {transform!r}")
        by_id[key] = {**transform.to_dict(), "id": key}
    return by_id


def combine_resolvedtiles(rts_l: Iterable[ResolvedTiles]) -> ResolvedTiles:
    """All tiles and transforms of several collections; of the same id the last one counts."""
    tiles: dict[str | None, TileSpec] = {}
    transforms: dict[Any, Any] = {}
    for resolved in rts_l:
        tiles.update((tile.tileId, tile) for tile in resolved.tilespecs)
        transforms.update((t.transformId, t) for t in resolved.transforms)
    return ResolvedTiles(list(tiles.values()), list(transforms.values()))


@renderaccess
def get_resolved_tiles_from_z(
    stack: str,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> ResolvedTiles:
    """Tiles at z with the transforms they refer to."""
    base = format_preamble(host, port, owner, project, stack)
    return ResolvedTiles(json=layer_resolved_tiles(session, base, z))


@renderaccess
def get_resolved_tiles_around(
    stack: str,
    z: float,
    boxes: Sequence[tuple[float, float, float, float]],
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> ResolvedTiles:
    """Tiles at z whose boxes (minX, minY, maxX, maxY) in world pixels these are, with transforms.

    Some of the tiles beside them come too: what is asked for is the region that holds the boxes, or
    parts of it where that is too large for one answer.
    """
    base = format_preamble(host, port, owner, project, stack)
    return ResolvedTiles(json=resolved_tiles_around(session, base, z, boxes))


@renderaccess
def put_tilespecs(
    stack: str,
    resolved_tiles: ResolvedTiles | None = None,
    deriveData: bool | None = True,
    tilespecs: Sequence[TileSpec] | None = None,
    shared_transforms: Sequence[Any] | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> requests.Response:
    """Store tiles and shared transforms in a LOADING stack; those with the same ids are replaced.

    The service derives the bounding boxes, unless `deriveData` is false: then the boxes that the
    tiles carry are sent.
    """
    if resolved_tiles is None:
        if tilespecs is None:
            raise RenderError("put_tilespecs needs resolved_tiles or tilespecs")
        resolved_tiles = ResolvedTiles(tilespecs, shared_transforms)
    url = join(format_preamble(host, port, owner, project, stack), "resolvedTiles")
    bounds = not deriveData
    with collection_paused():
        tiles = {tile.tileId: tile.document(bounds) for tile in resolved_tiles.tilespecs}
    body = {
        "transformIdToSpecMap": _transforms_by_id(resolved_tiles.transforms),
        "tileIdToSpecMap": tiles,
    }
    query = None if deriveData is None else {"deriveData": jbool(deriveData)}
    return put_json(session, url, body, params=query)
