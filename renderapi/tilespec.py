"""Tile specs: an image with its place, size, display range and transforms; and their web calls."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from renderapi import shown
from renderapi.channel import Channel
from renderapi.errors import NotFoundError, RenderError
from renderapi.image_pyramid import ImagePyramid, MipMap, MipMapLevel
from renderapi.jsontext import collection_paused
from renderapi.layers import layer_tile_specs
from renderapi.layout import Layout
from renderapi.render import Render, format_preamble, renderaccess
from renderapi.stack import get_z_values_for_stack
from renderapi.transform import TransformList, estimate_dstpts, load_transform_json
from renderapi.transform.stored_specs import checked_spec, copied_spec
from renderapi.transform.transform import document_of
from renderapi.utils import get_json
from renderapi.web import box_text, join, number

__all__ = [
    "Channel",
    "ImagePyramid",
    "Layout",
    "MipMap",
    "MipMapLevel",
    "TileSpec",
    "TransformList",
    "estimate_dstpts",
    "get_tile_spec",
    "get_tile_spec_raw",
    "get_tile_spec_renderparameters",
    "get_tile_specs_from_box",
    "get_tile_specs_from_minmax_box",
    "get_tile_specs_from_stack",
    "get_tile_specs_from_z",
    "get_z_values_for_stack",
]

logger = logging.getLogger(__name__)

_REQUESTS_AT_ONCE = 4
_BOX = ("minX", "minY", "maxX", "maxY")
_STORED = ("meshCellSize", "mipmapPathBuilder")
_OLD_LEVELS = ((1, "scale1Url"), (2, "scale2Url"), (3, "scale3Url"))


class TileSpec:
    """A tile: image, z, size, display range, layout, and the transforms to world pixels.

    Attributes
    ----------
    ip : ImagePyramid
        Images by level; `imageUrl` and `maskUrl` are those of level 0.
    tforms : list
        Transforms, applied first to last. A tile read from JSON makes them when they are first
        asked for, and until then writes them as they were read.
    minX, minY, maxX, maxY : float or None
        Bounding box in world pixels, as the service derived it; not written by `to_dict`.
    meshCellSize, mipmapPathBuilder, frameId : from JSON, else None; not written by `to_dict`.
    """

    bulk_json = True
    minX: float | None = None
    minY: float | None = None
    maxX: float | None = None
    maxY: float | None = None
    meshCellSize: float | None = None
    mipmapPathBuilder: Mapping[str, Any] | None = None
    frameId: str | None = None
    _specs: list[dict[str, Any]] | None = None

    def __init__(
        self,
        tileId: str | None = None,
        z: float | None = None,
        width: float | None = None,
        height: float | None = None,
        imageUrl: str | None = None,
        maskUrl: str | None = None,
        minint: float | None = 0,
        maxint: float | None = 65535,
        layout: Layout | None = None,
        tforms: list[Any] | None = None,
        labels: list[str] | None = None,
        groupId: str | None = None,
        inputfilters: list[Any] | None = None,
        json: Mapping[str, Any] | None = None,
        channels: list[Channel] | None = None,
        mipMapLevels: Sequence[MipMapLevel] | None = None,
        imagePyramid: ImagePyramid | None = None,
        **kwargs: Any,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        self.tileId: Any = tileId  # None until it is set, which no tile of a service is
        self.z: Any = z
        self.width: Any = width
        self.height: Any = height
        self.minint = minint
        self.maxint = maxint
        self.layout = Layout(**kwargs) if layout is None else layout
        self._tforms = [] if tforms is None else tforms
        self.labels = [] if labels is None else labels
        self.groupId = groupId
        self.inputfilters = [] if inputfilters is None else inputfilters
        self.channels = channels
        self.ip = _pyramid(imagePyramid, mipMapLevels, kwargs)
        if imageUrl is not None:
            self.ip.store["0"] = MipMap(imageUrl, maskUrl)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a pickle; one of release 2.4.2 has properties as attributes."""
        attributes = self.__dict__
        attributes.update(state)
        if "tforms" in state:
            self.tforms = attributes.pop("tforms")
        for name in ("imageUrl", "maskUrl"):  # said by the image pyramid
            attributes.pop(name, None)
        attributes.setdefault("inputfilters", [])

    def __repr__(self) -> str:
        size = None if self.width is None else f"{self.width:g} x {self.height:g}"
        return shown.line("TileSpec", self.tileId, z=self.z, size=size)

    def _repr_html_(self) -> str:
        size = None if self.width is None else f"{self.width:g} x {self.height:g} pixels"
        rows = {
            "z": self.z,
            "section": self.layout.sectionId,
            "size": size,
            "image": self.imageUrl,
            "mask": self.maskUrl,
            "display range": f"{self.minint} to {self.maxint}",
            "transforms": shown.grid([type(t).__name__, str(t)] for t in self.tforms),
            "": shown.thumbnail(self),
        }
        return shown.table(f"tile {self.tileId}", rows)

    @property
    def tforms(self) -> list[Any]:
        """Transforms from raw local to world coordinates, applied first to last."""
        if self._specs is not None:
            self._tforms = [load_transform_json(spec) for spec in self._specs]
            self._specs = None
        return self._tforms

    @tforms.setter
    def tforms(self, tforms: list[Any]) -> None:
        self._tforms = tforms
        self._specs = None

    @property
    def imageUrl(self) -> str | None:
        """URL of the image at level 0."""
        return self.ip["0"].imageUrl if "0" in self.ip.store else None

    @imageUrl.setter
    def imageUrl(self, url: str | None) -> None:
        self.ip.store.setdefault("0", MipMap()).imageUrl = url

    @property
    def maskUrl(self) -> str | None:
        """URL of the mask at level 0."""
        return self.ip["0"].maskUrl if "0" in self.ip.store else None

    @maskUrl.setter
    def maskUrl(self, url: str | None) -> None:
        self.ip.store.setdefault("0", MipMap()).maskUrl = url

    @property
    def bbox(self) -> tuple[float | None, float | None, float | None, float | None]:
        """(minX, minY, maxX, maxY) in world pixels, in the order shapely's `box` takes."""
        box = (self.minX, self.minY, self.maxX, self.maxY)
        if None in box:
            logger.error("tile %s has no bounding box", self.tileId)
        return box

    def bbox_transformed(
        self,
        ndiv_inner: int = 0,
        tf_limit: int | None = None,
        reference_tforms: Sequence[Any] | None = None,
    ) -> np.ndarray:
        """Outline of the tile after its first `tf_limit` transforms (None: all).

        Parameters
        ----------
        ndiv_inner : int
            How often every edge is halved before it is transformed: 5, 9, 17, ... points.
        reference_tforms : transforms that references of this tile point to

        Returns
        -------
        numpy.ndarray (N, 2) float64
            Closed ring, in the coordinates after the last transform applied.
        """
        w, h = self.width, self.height
        ring = np.array([(0, 0), (0, h), (w, h), (w, 0), (0, 0)], dtype=float)
        for _ in range(ndiv_inner):
            halved = np.empty((2 * len(ring) - 1, 2))
            halved[::2] = ring
            halved[1::2] = (ring[:-1] + ring[1:]) / 2
            ring = halved
        return estimate_dstpts(self.tforms[:tf_limit], ring, reference_tforms)

    def to_dict(self) -> dict[str, Any]:
        """JSON object, without what is None and without the bounding box."""
        d: dict[str, Any] = {
            "tileId": self.tileId,
            "z": self.z,
            "width": self.width,
            "height": self.height,
            "minIntensity": self.minint,
            "maxIntensity": self.maxint,
            "layout": self.layout.to_dict() or None,
            "mipmapLevels": self.ip.to_dict(),
            "transforms": {"type": "list", "specList": self._transform_specs()},
            "channels": None if self.channels is None else [c.to_dict() for c in self.channels],
            "labels": self.labels or None,
            "groupId": self.groupId,
        }
        return {key: value for key, value in d.items() if value is not None}

    def document(self, bounds: bool = False) -> dict[str, Any]:
        """`to_dict` with what a service stores besides: mesh size, path builder, and the box."""
        d = self.to_dict()
        for key in (*_STORED, *_BOX) if bounds else _STORED:
            value = getattr(self, key)
            if value is not None:
                d[key] = value
        return d

    def from_dict(self, d: Mapping[str, Any]) -> None:
        """Take everything from a JSON object; values keep their types.

        Raises KeyError without tileId, z, width, height or transforms, and RenderError for a
        transform that lacks a part or is of an unknown type.
        """
        get = d.get
        self.tileId = d["tileId"]
        self.z = d["z"]
        self.width = d["width"]
        self.height = d["height"]
        self.minint = get("minIntensity")
        self.maxint = get("maxIntensity")
        self.frameId = get("frameId")
        self.layout = Layout.from_json(get("layout"))
        self.minX, self.minY = get("minX"), get("minY")
        self.maxX, self.maxY = get("maxX"), get("maxY")
        self.meshCellSize = get("meshCellSize")
        self.mipmapPathBuilder = get("mipmapPathBuilder")
        specs = () if d["transforms"] is None else d["transforms"]["specList"]
        self._specs = [checked_spec(spec, self.tileId) for spec in specs]
        self.labels = list(get("labels") or ())
        self.groupId = get("groupId")
        self.inputfilters = []
        channels = get("channels")
        self.channels = None if channels is None else [Channel(json=c) for c in channels]
        self.ip = ImagePyramid.from_dict(get("mipmapLevels") or {})

    def _transform_specs(self) -> list[Any]:
        if self._specs is not None:
            return [copied_spec(spec) for spec in self._specs]
        return [document_of(transform) for transform in self._tforms]


def tiles_of(specs: Iterable[Mapping[str, Any]]) -> list[TileSpec]:
    """Tiles of many JSON objects."""
    with collection_paused():
        return [TileSpec(json=spec) for spec in specs]


def _pyramid(
    pyramid: ImagePyramid | None,
    levels: Sequence[MipMapLevel] | None,
    kwargs: Mapping[str, Any],
) -> ImagePyramid:
    """Pyramid given whole, or by levels; scale1Url, ... of release 1.0.1 are levels 1, ..."""
    if pyramid is None:
        pyramid = ImagePyramid()
        for level in levels or ():
            pyramid.append(level)
    for scale, name in _OLD_LEVELS if kwargs else ():
        if kwargs.get(name) is not None:
            pyramid[scale] = MipMap(kwargs[name])
    return pyramid


@renderaccess
def get_tile_spec_renderparameters(
    stack: str,
    tile: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Render parameters of one tile, transforms resolved."""
    base = format_preamble(host, port, owner, project, stack)
    return get_json(session, join(base, "tile", tile, "render-parameters"))


@renderaccess
def get_tile_spec(
    stack: str,
    tile: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> TileSpec | None:
    """A tile, with references replaced by the transforms they point to; None if there is none."""
    base = format_preamble(host, port, owner, project, stack)
    try:
        parameters = get_json(session, join(base, "tile", tile, "render-parameters"))
    except NotFoundError as error:
        logger.warning("no tile %s in stack %s: %s", tile, stack, error)
        return None
    if not parameters.get("tileSpecs"):
        raise RenderError(f"the render parameters of tile {tile} of stack {stack} have no tile")
    return TileSpec(json=parameters["tileSpecs"][0])


@renderaccess
def get_tile_spec_raw(
    stack: str,
    tile: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> TileSpec:
    """A tile as it is stored, with its references to shared transforms."""
    base = format_preamble(host, port, owner, project, stack)
    return TileSpec(json=get_json(session, join(base, "tile", tile) + "/"))


@renderaccess
def get_tile_specs_from_box(
    stack: str,
    z: float,
    x: float,
    y: float,
    width: float,
    height: float,
    scale: float = 1.0,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[TileSpec]:
    """Tiles whose bounding boxes touch a box of whole world pixels; fractions are cut off."""
    base = format_preamble(host, port, owner, project, stack)
    url = join(base, "z", number("%d", z), "box", box_text(x, y, width, height, scale, "%3.2f"))
    parameters = get_json(session, url + "/render-parameters")
    return tiles_of(parameters.get("tileSpecs") or ())


@renderaccess
def get_tile_specs_from_minmax_box(
    stack: str,
    z: float,
    xmin: float,
    xmax: float,
    ymin: float,
    ymax: float,
    scale: float = 1.0,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[TileSpec]:
    """Tiles whose bounding boxes touch a box of whole world pixels."""
    return get_tile_specs_from_box(
        stack,
        z,
        xmin,
        ymin,
        xmax - xmin,
        ymax - ymin,
        scale,
        host=host,
        port=port,
        owner=owner,
        project=project,
        session=session,
    )


@renderaccess
def get_tile_specs_from_z(
    stack: str,
    z: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[TileSpec]:
    """Tiles at z, with references resolved, by tileId; an empty list if there are none."""
    base = format_preamble(host, port, owner, project, stack)
    return tiles_of(layer_tile_specs(session, base, z))


@renderaccess
def get_tile_specs_from_stack(
    stack: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[TileSpec]:
    """All tiles of a stack, with references resolved, by z and tileId. Reads some z at a time."""
    base = format_preamble(host, port, owner, project, stack)
    zs = get_json(session, join(base, "zValues") + "/")
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        sections = pool.map(lambda z: layer_tile_specs(session, base, z), zs)
        return [tile for tiles in sections for tile in tiles_of(tiles)]
