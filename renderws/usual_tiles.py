"""Tiles of the usual kind on their way into the store, without a dict for each.

Nearly every import looks alike: tiles with an id, a size, images and a plain list of leaves and
references; nothing null, nothing unknown, no channels. Such a request is decoded into structs,
which checks it completely. What is stored is what `renderws.saving.TilesToSave` would store, at
half the price. Whatever does not fit raises `Unusual`, before anything is stored: the request is
one for `TilesToSave`, which also knows how to say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import starmap
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from msgspec import Struct, field

from renderapi.errors import RenderError
from renderws.cleaning import without_nulls
from renderws.documents import Integer, Transform
from renderws.saving import Json, Stored, check_nesting, find_shared, shared_transforms
from renderws.store.protocol import Contents, StoreError, TileRecord

if TYPE_CHECKING:
    import numpy as np

    from renderapi.transform.plain import Alike

_Text = str | None
_Number = float | None
_Whole = Integer | None


class Unusual(Exception):
    """The request takes the general way."""


class _Strict(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """An object with these keys and no others; those that are null are not written."""


class _Image(_Strict):
    imageUrl: _Text = None
    imageLoaderType: _Text = None
    imageSliceNumber: _Whole = None
    maskUrl: _Text = None
    maskLoaderType: _Text = None
    maskSliceNumber: _Whole = None


class _Levels(_Strict, rename=lambda name: name.removeprefix("level")):
    """Pyramid levels, written in the order of their numbers."""

    level0: _Image | None = None
    level1: _Image | None = None
    level2: _Image | None = None
    level3: _Image | None = None
    level4: _Image | None = None
    level5: _Image | None = None
    level6: _Image | None = None
    level7: _Image | None = None
    level8: _Image | None = None
    level9: _Image | None = None


class _Layout(_Strict):
    sectionId: _Text = None
    temca: _Text = None
    camera: _Text = None
    imageRow: _Whole = None
    imageCol: _Whole = None
    stageX: _Number = None
    stageY: _Number = None
    rotation: _Number = None
    pixelsize: _Number = None
    distanceZ: _Number = None


class _Leaf(_Strict, tag_field="type", tag="leaf"):
    id: _Text = None
    className: _Text = None
    dataString: _Text = None


class _Reference(_Strict, tag_field="type", tag="ref"):
    refId: str


class _Transforms(_Strict, tag_field="type", tag="list"):
    specList: list[_Leaf | _Reference]


def _usual_cell() -> float:
    """64, written with the tile as the result of a function is not left out as a default."""
    return 64.0


class _Tile(_Strict, kw_only=True):
    tileId: str
    layout: _Layout | None = None
    groupId: _Text = None
    z: _Number = None
    minX: _Number = None
    minY: _Number = None
    maxX: _Number = None
    maxY: _Number = None
    width: _Number = None
    height: _Number = None
    minIntensity: _Number = None
    maxIntensity: _Number = None
    mipmapLevels: _Levels = field(default_factory=_Levels)
    transforms: _Transforms
    meshCellSize: float = field(default_factory=_usual_cell)


class _Request(_Strict, kw_only=True):
    transformIdToSpecMap: dict[str, Transform] = field(default_factory=dict)
    tileIdToSpecMap: dict[str, _Tile]


_decoder = msgspec.json.Decoder(_Request)
_encoder = msgspec.json.Encoder()


class UsualTiles:
    """Tiles and shared transforms of one request; the same steps as `TilesToSave`.

    Attributes
    ----------
    tiles : list of _Tile
        In the order of the request.
    transforms : dict
        Shared transforms by the id they hold.
    """

    def __init__(self, body: bytes) -> None:
        try:
            request = _decoder.decode(body)
            self.transforms = shared_transforms(without_nulls(request.transformIdToSpecMap))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, StoreError) as error:
            raise Unusual from error
        self.tiles = list(request.tileIdToSpecMap.values())
        self._references = [_references(tile.transforms.specList) for tile in self.tiles]

    def resolve(self, stored: Stored) -> dict[str, Json]:
        """Transforms by id for every reference."""
        used = set().union(*set(self._references))
        lookup, unknown = find_shared(used, self.transforms, stored)
        if unknown:
            raise Unusual
        try:
            check_nesting(used | self.transforms.keys(), (), lookup)
        except RenderError as error:
            raise Unusual from error
        return lookup

    def derive_boxes(self, lookup: dict[str, Json]) -> None:
        """Set the box of every tile from its transforms."""
        try:
            boxes = self._boxes(lookup)
        except RenderError as error:
            raise Unusual from error
        for tile, box in zip(self.tiles, boxes.tolist(), strict=True):
            tile.minX, tile.minY, tile.maxX, tile.maxY = box

    def _boxes(self, lookup: dict[str, Json]) -> np.ndarray:
        from renderapi.bounds import boxes_of_alike, derive_boxes

        alike = self._alike()
        boxes = None if alike is None else boxes_of_alike(alike, len(self.tiles), lookup)
        return derive_boxes(msgspec.to_builtins(self.tiles), lookup) if boxes is None else boxes

    def _alike(self) -> list[Alike] | None:
        """Groups of tiles that have the same references, then one affine; None if some have not."""
        from renderapi.transform.plain import AFFINE, Alike, affine_numbers

        groups: dict[tuple[Any, ...], tuple[list[int], list[Any]]] = {}
        for place, (tile, references) in enumerate(zip(self.tiles, self._references, strict=True)):
            specs = tile.transforms.specList
            last = specs[-1] if specs else None
            if not isinstance(last, _Leaf) or len(specs) != len(references) + 1:
                return None
            key = (references, tile.width, tile.height, tile.meshCellSize, last.className)
            group = groups.get(key)
            if group is None:
                group = groups[key] = ([], [])
            group[0].append(place)
            group[1].append(last.dataString)
        alike = []
        for (references, width, height, cell, name), (members, texts) in groups.items():
            affines = affine_numbers(texts) if name in AFFINE else None
            if affines is None:
                return None
            alike.append(Alike(width, height, cell, references, members, affines))
        return alike

    def check(self, z: float | None) -> None:
        """Every tile has a box, and the z of the path if that has one."""
        for tile in self.tiles:
            if z is not None and tile.z != z:
                raise Unusual
            if tile.minX is None or tile.minY is None or tile.maxX is None or tile.maxY is None:
                raise Unusual
        if not self.tiles:
            raise Unusual

    def records(self) -> list[TileRecord]:
        """Rows for the store."""
        tiles = self.tiles
        columns = (
            [tile.tileId for tile in tiles],
            [tile.z for tile in tiles],
            [tile.minX for tile in tiles],
            [tile.minY for tile in tiles],
            [tile.maxX for tile in tiles],
            [tile.maxY for tile in tiles],
            [tile.layout and tile.layout.sectionId for tile in tiles],
            [tile.groupId for tile in tiles],
            [not references for references in self._references],
            _encoder.encode_lines(tiles).splitlines(),
        )
        return list(starmap(TileRecord, zip(*columns, strict=True)))

    def contents(self) -> list[Contents]:
        """What the store needs to know of the documents."""
        known = {refs: Contents(tuple(sorted(set(refs))), ()) for refs in set(self._references)}
        return [known[references] for references in self._references]

    def transform_documents(self) -> dict[str, bytes]:
        """JSON of the shared transforms, by id."""
        return {key: orjson.dumps(spec) for key, spec in self.transforms.items()}


def _references(specs: Iterable[_Leaf | _Reference]) -> tuple[str, ...]:
    """Ids that a list of transforms refers to, in order."""
    return tuple([spec.refId for spec in specs if type(spec) is _Reference])
