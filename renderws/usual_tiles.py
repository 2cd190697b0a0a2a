"""Tiles of the usual kind on their way into the store, without a dict for each.

Nearly every import looks alike: tiles with an id, a size, images and a plain list of leaves and
references; nothing null, nothing unknown, no channels. Such a request is decoded into structs,
which checks it completely. What is stored is what `renderws.saving.TilesToSave` would store, at
half the price. Whatever does not fit raises `Unusual`, before anything is stored: the request is
one for `TilesToSave`, which also knows how to say what is wrong with it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import msgspec
import numpy as np
import orjson
from msgspec import Struct, field

from renderapi.errors import RenderError
from renderapi.grouping import places_of_equals
from renderapi.transform.expansion import (
    MAXIMUM_CHARACTERS,
    MAXIMUM_PARTS,
    Expansions,
    too_large,
)
from renderws.cleaning import without_nulls
from renderws.documents import Integer, Transform
from renderws.saving import (
    Json,
    Stored,
    check_total,
    checked_sizes,
    find_shared,
    shared_transforms,
)
from renderws.store.documents import NOTHING
from renderws.store.protocol import Contents, NewTiles, StoreError

if TYPE_CHECKING:
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


class _Spec(Struct, gc=False, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """As `_Strict`, and hashable: tiles are grouped by the transforms that they have in common."""


class _Leaf(_Spec, tag_field="type", tag="leaf", frozen=True):
    id: _Text = None
    className: _Text = None
    dataString: _Text = None


class _Reference(_Spec, tag_field="type", tag="ref", frozen=True):
    refId: str


_Specs = tuple[_Leaf | _Reference, ...]


class _Transforms(_Strict, tag_field="type", tag="list"):
    specList: _Specs


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
        groups = _by_shared_transforms(self.tiles)
        # of each: how many transforms its tiles have before their own, which of these are
        # references, and places of the tiles in the list
        self._groups = [(len(key), _references(key), places) for key, places in groups.items()]
        self._box_table: np.ndarray | None = None

    def resolve(self, stored: Stored) -> dict[str, Json]:
        """Transforms by id for every reference."""
        used = set().union(*(references for _, references, _ in self._groups))
        lookup, unknown = find_shared(used, self.transforms, stored)
        if unknown:
            raise Unusual
        try:
            sizes = checked_sizes(self.transforms, lookup)
            alike: Counter[tuple[int, tuple[str, ...]]] = Counter()
            for number, references, places in self._groups:
                alike[number, references] += len(places)
            check_total(sum(tiles * _parts(*kind, sizes) for kind, tiles in alike.items()))
        except (RenderError, StoreError) as error:
            raise Unusual from error
        return lookup

    def derive_boxes(self, lookup: dict[str, Json]) -> None:
        """Set the box of every tile from its transforms."""
        try:
            boxes = self._boxes(lookup)
        except RenderError as error:
            raise Unusual from error
        self._box_table = boxes
        for tile, *box in zip(self.tiles, *boxes.T.tolist(), strict=True):
            tile.minX, tile.minY, tile.maxX, tile.maxY = box

    def _boxes(self, lookup: dict[str, Json]) -> np.ndarray:
        from renderapi.bounds import boxes_of_alike, derive_boxes

        alike = self._alike()
        boxes = None if alike is None else boxes_of_alike(alike, len(self.tiles), lookup)
        return derive_boxes(msgspec.to_builtins(self.tiles), lookup) if boxes is None else boxes

    def _alike(self) -> list[Alike] | None:
        """Groups of tiles that have the same references, then one affine; None if some have not."""
        from renderapi.transform.plain import AFFINE, Alike, affine_numbers

        alike = []
        for number, references, members in self._groups:
            tiles = [self.tiles[place] for place in members]
            lengths = {len(tile.transforms.specList) for tile in tiles}
            if len(references) < number or lengths != {number + 1}:
                return None
            lasts = [cast(_Leaf, tile.transforms.specList[-1]) for tile in tiles]
            names = [last.className for last in lasts]
            sizes = [(tile.width, tile.height, tile.meshCellSize) for tile in tiles]
            kinds = list(zip(sizes, names, strict=True))
            for ((width, height, cell), name), places in places_of_equals(kinds).items():
                texts = [lasts[place].dataString for place in places]
                affines = affine_numbers(texts) if name in AFFINE else None
                if affines is None:
                    return None
                chosen = [members[place] for place in places]
                alike.append(Alike(width, height, cell, references, chosen, affines))
        return alike

    def check(self, z: float | None) -> None:
        """Every tile has a box, and the z of the path if that has one."""
        if not self.tiles or (z is not None and any(tile.z != z for tile in self.tiles)):
            raise Unusual
        if self._box_table is None:
            boxes = [(tile.minX, tile.minY, tile.maxX, tile.maxY) for tile in self.tiles]
            self._box_table = np.array(boxes, np.float64)  # NaN where one is None
            if np.isnan(self._box_table).any():
                raise Unusual

    def to_save(self) -> NewTiles:
        """What the store is given."""
        tiles = self.tiles
        places = np.empty((len(tiles), 5))
        places[:, 0] = [tile.z for tile in tiles]  # NaN where it is None
        places[:, 1:] = self._box_table
        contents = [NOTHING] * len(tiles)
        known: dict[tuple[str, ...], Contents] = {}
        for _, references, members in self._groups:
            found = known.get(references)
            if found is None:
                found = known[references] = Contents(tuple(sorted(set(references))), ())
            for place in members:
                contents[place] = found
        return NewTiles(
            [tile.tileId for tile in tiles],
            places,
            [None if tile.layout is None else tile.layout.sectionId for tile in tiles],
            [tile.groupId for tile in tiles],
            [not found.references for found in contents],
            _encoder.encode_lines(tiles).split(b"\n")[:-1],
            contents,
        )

    def transform_documents(self) -> dict[str, bytes]:
        """JSON of the shared transforms, by id."""
        return {key: orjson.dumps(spec) for key, spec in self.transforms.items()}


def _by_shared_transforms(tiles: Sequence[_Tile]) -> dict[_Specs, list[int]]:
    """Places of tiles by their transforms up to the last, which is their own if it is a leaf."""
    groups: defaultdict[_Specs, list[int]] = defaultdict(list)
    for place, tile in enumerate(tiles):
        specs = tile.transforms.specList
        own = 1 if specs and type(specs[-1]) is _Leaf else 0
        groups[specs[: len(specs) - own]].append(place)
    return groups


def _parts(number: int, references: tuple[str, ...], sizes: Expansions) -> int:
    """How many transforms a tile has with so many and one of its own, references resolved."""
    found = [sizes.of_shared(key) for key in references]
    parts = number - len(found) + 2 + sum(size.parts for size in found)
    if parts > MAXIMUM_PARTS or sum(size.characters for size in found) > MAXIMUM_CHARACTERS:
        raise too_large()
    return parts


def _references(specs: _Specs) -> tuple[str, ...]:
    """Ids that transforms refer to, in order."""
    return tuple([spec.refId for spec in specs if isinstance(spec, _Reference)])
