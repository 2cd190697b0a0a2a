"""Tiles on their way into the store: the checks of section 3.2, in its order.

Nothing is stored unless every tile is fit to be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from renderapi.errors import RenderError
from renderapi.transform.expansion import MAXIMUM_PARTS, Expansions
from renderws.cleaning import parse
from renderws.documents import ResolvedTiles
from renderws.routes.answers import HttpError
from renderws.store.documents import new_tiles
from renderws.store.protocol import Invalid, NewTiles, TileRecord

Json = dict[str, Any]
Stored = Callable[[Iterable[str]], Mapping[str, bytes]]

#: transforms of all tiles of one request, once their references are resolved
MOST_PARTS = 20_000_000
_DEPTH = 100
_LEVEL = re.compile(r"-?[0-9]{1,9}")
_BOX = ("minX", "minY", "maxX", "maxY")


class TilesToSave:
    """Tiles and shared transforms of one request, cleaned.

    Attributes
    ----------
    tiles : list of dict
        In the order of the request; each has `tileId`, `transforms` and `meshCellSize`.
    transforms : dict
        Shared transforms by the id they hold, under which they are stored and found again; the
        keys of the request serve those without one.
    """

    def __init__(self, body: bytes) -> None:
        value = parse(body, ResolvedTiles, "the request body")
        if value is None:
            raise HttpError(400, "the request body must hold resolved tiles")
        self.transforms = shared_transforms(value.get("transformIdToSpecMap") or {})
        self.tiles: list[Json] = [
            completed_tile(key, tile) for key, tile in (value.get("tileIdToSpecMap") or {}).items()
        ]
        self._used: set[str] = set()
        self._flat = [self._is_flat(tile["transforms"]) for tile in self.tiles]

    def _is_flat(self, transforms: Json) -> bool:
        """Whether a transform list is its own flattened form; notes down what it refers to."""
        flat = "metaData" not in transforms
        for part in transforms["specList"]:
            kind = part["type"]
            if kind == "leaf":
                continue
            flat = False
            if kind == "ref":
                self._used.add(part["refId"])
            else:
                self._used |= _references(part)
        return flat

    def resolve(self, stored: Stored) -> dict[str, Json]:
        """Transforms by id for every reference; 400 naming the tile and the ids that are nowhere.

        Transforms that the stack holds already serve as well as those of the request.
        """
        lookup, unknown = find_shared(self._used, self.transforms, stored)
        if unknown:
            raise Invalid(self._unresolved(unknown))
        sizes = checked_sizes(self.transforms, lookup)
        total = sum(
            self._parts(tile, flat, sizes)
            for tile, flat in zip(self.tiles, self._flat, strict=True)
        )
        check_total(total)
        return lookup

    def _parts(self, tile: Json, flat: bool, sizes: Expansions) -> int:
        """How many transforms a tile has once its references are resolved; 400 for too many."""
        number = len(tile["transforms"]["specList"])
        if flat and number < MAXIMUM_PARTS:
            return number
        try:
            return sizes.of(tile["transforms"]).parts
        except RenderError as error:
            raise Invalid(f"tile '{tile['tileId']}': {error}") from error

    def _unresolved(self, unknown: set[str]) -> str:
        ids = ", ".join(sorted(unknown)[:10])
        for tile in self.tiles:
            if _references(tile["transforms"]) & unknown:
                return f"tile '{tile['tileId']}' refers to transforms that are nowhere: {ids}"
        return f"shared transforms refer to transforms that are nowhere: {ids}"

    def derive_boxes(self, lookup: Mapping[str, Json]) -> None:
        """Set the box of every tile from its transforms."""
        from renderapi.bounds import derive_boxes

        if not self.tiles:
            return
        for tile, box in zip(self.tiles, derive_boxes(self.tiles, lookup).tolist(), strict=True):
            tile["minX"], tile["minY"], tile["maxX"], tile["maxY"] = box

    def check(self, z: float | None) -> None:
        """400 without tiles, without a complete box, or with another z than the path's."""
        if not self.tiles:
            raise Invalid("there are no tiles in the request")
        for tile in self.tiles:
            missing = [key for key in _BOX if key not in tile]
            if missing:
                raise Invalid(
                    f"tile '{tile['tileId']}' has no {', '.join(missing)};"
                    " give a bounding box or deriveData=true"
                )
            if z is not None and tile.get("z") != z:
                raise Invalid(f"tile '{tile['tileId']}' has z {tile.get('z')}, the path says {z}")

    def to_save(self) -> NewTiles:
        """What the store is given."""
        return new_tiles(list(map(_record, self.tiles, self._flat)))

    def transform_documents(self) -> dict[str, bytes]:
        """JSON of the shared transforms, by id."""
        return {key: orjson.dumps(spec) for key, spec in self.transforms.items()}


def shared_transforms(given: Mapping[str, Mapping[str, object]]) -> dict[str, Json]:
    """Shared transforms by the id they hold, from those of a request by key."""
    specs = [_with_types({"id": key, **spec}) for key, spec in given.items()]
    return {spec["id"]: spec for spec in specs}


def find_shared(
    used: set[str], transforms: Mapping[str, Json], stored: Stored
) -> tuple[dict[str, Json], set[str]]:
    """Shared transforms of the request and the stored ones it needs; the ids that are nowhere."""
    wanted = used.union(*map(_references, transforms.values()))
    missing = wanted - transforms.keys()
    known = stored(sorted(missing)) if missing else {}
    lookup = {key: orjson.loads(spec) for key, spec in known.items()} | dict(transforms)
    return lookup, missing - lookup.keys()


def checked_sizes(transforms: Iterable[str], lookup: Mapping[str, Json]) -> Expansions:
    """Sizes of what refers to the transforms of `lookup`.

    `SpecError` (400) where `transforms` form a circle, go deeper than ten levels or become too
    many.
    """
    sizes = Expansions(lookup)
    for key in transforms:
        sizes.of_shared(key)
    return sizes


def check_total(parts: int) -> None:
    """400 for a request whose tiles have too many transforms, all references resolved."""
    if parts > MOST_PARTS:
        raise Invalid(
            f"with references resolved, the tiles of the request have {parts:,} transforms, more"
            f" than {MOST_PARTS:,}; send fewer tiles at a time"
        )


def completed_tile(key: str, tile: Json | None) -> Json:
    """The tile with the properties that are always there."""
    if tile is None:
        raise Invalid(f"tile '{key}' is null")
    tile.setdefault("tileId", key)
    transforms = tile.get("transforms") or {"type": "list", "specList": []}
    if transforms.get("type", "list") != "list" or "className" in transforms:
        transforms = {"type": "list", "specList": [transforms]}
    transforms["type"] = "list"
    tile["transforms"] = _with_types(transforms)
    tile.setdefault("meshCellSize", 64.0)
    _complete_levels(tile, tile)
    for channel in tile.get("channels", ()):
        if channel is None:
            raise Invalid(f"a channel of tile '{tile['tileId']}' is null")
        channel.setdefault("minIntensity", 0.0)
        channel.setdefault("maxIntensity", 255.0)
        _complete_levels(channel, tile)
    return tile


def _complete_levels(owner: Json, tile: Json) -> None:
    """Put the pyramid levels of a tile or channel in the order of their numbers."""
    levels = owner.setdefault("mipmapLevels", {})
    if not levels or (len(levels) == 1 and "0" in levels):
        return
    if not all(map(_LEVEL.fullmatch, levels)):
        raise Invalid(
            f"a mipmap level of tile '{tile['tileId']}' is no whole number: {', '.join(levels)}"
        )
    owner["mipmapLevels"] = {str(int(level)): levels[level] for level in sorted(levels, key=int)}


def _with_types(spec: Json, depth: int = 0) -> Json:
    """A transform in which every part says its type: without one it is a leaf."""
    if depth > _DEPTH:
        raise Invalid("transforms are nested too deeply")
    kind = spec.setdefault("type", "leaf")
    if kind == "list":
        for part in spec.setdefault("specList", []):
            if part is None:
                raise Invalid("a list of transforms holds null")
            if part.get("type") != "leaf":
                _with_types(part, depth + 1)
    elif kind == "interpolated":
        for side in ("a", "b"):
            if side not in spec:
                raise Invalid(f"an interpolated transform has no '{side}'")
            _with_types(spec[side], depth + 1)
    elif kind == "ref":
        if "refId" not in spec:
            raise Invalid("a transform reference has no refId")
    elif kind != "leaf":
        raise Invalid(f"'{kind}' is not a type of transform (leaf, list, ref, interpolated)")
    return spec


def _references(spec: Json) -> set[str]:
    """Ids of all transforms that a specification refers to."""
    found: set[str] = set()
    rest = [spec]
    while rest:
        spec = rest.pop()
        kind = spec["type"]
        if kind == "list":
            rest += spec["specList"]
        elif kind == "ref":
            found.add(spec["refId"])
        elif kind == "interpolated":
            rest += (spec["a"], spec["b"])
    return found


def _record(tile: Json, flat: bool) -> TileRecord:
    get = tile.get
    layout = get("layout")
    return TileRecord(
        tile["tileId"],
        get("z"),
        tile["minX"],
        tile["minY"],
        tile["maxX"],
        tile["maxY"],
        layout.get("sectionId") if layout else None,
        get("groupId"),
        flat,
        orjson.dumps(tile),
    )
