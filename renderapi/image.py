"""Images and render parameters from the service.

z, x and y of boxes are world pixels at full scale; boxes cover whole pixels, so fractions of x, y,
width and height are cut off. Images are arrays (rows, columns, channels): RGBA for png, RGB for
jpg, and uint16 of one channel (rows, columns) for tiff16.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from renderapi.errors import NotAnImage
from renderapi.errors import RenderError as RenderError
from renderapi.render import Render, format_baseurl, format_preamble, renderaccess
from renderapi.shown import Picture
from renderapi.utils import get_json, jbool, put_json
from renderapi.web import box_text, given, join, number, request

logger = logging.getLogger(__name__)

IMAGE_FORMATS = {
    "png": "png-image",
    ".png": "png-image",
    None: "png-image",
    "jpg": "jpeg-image",
    "jpeg": "jpeg-image",
    ".jpg": "jpeg-image",
    "tif": "tiff-image",
    ".tif": "tiff-image",
    "tiff": "tiff-image",
    "tiff16": "tiff16-image",
}
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@renderaccess
def get_bb_image(
    stack: str,
    z: float,
    x: float,
    y: float,
    width: float,
    height: float,
    scale: float = 1.0,
    channel: str | None = None,
    minIntensity: float | None = None,
    maxIntensity: float | None = None,
    binaryMask: bool | None = None,
    filter: bool | None = None,
    maxTileSpecsToRender: int | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    img_format: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> np.ndarray:
    """Image of a box at z; its size is that of the box times `scale`."""
    url = _box_url(host, port, owner, project, stack, z, x, y, width, height, scale)
    query = given(
        minIntensity=minIntensity,
        maxIntensity=maxIntensity,
        binaryMask=_flag(binaryMask),
        filter=_flag(filter),
        maxTileSpecsToRender=maxTileSpecsToRender,
        channels=channel,
    )
    return _get_image(session, url, img_format, query)


@renderaccess
def get_tile_image_data(
    stack: str,
    tileId: str,
    channel: str | None = None,
    normalizeForMatching: bool = True,
    excludeAllTransforms: bool | None = False,
    scale: float | None = None,
    minIntensity: float | None = None,
    maxIntensity: float | None = None,
    filter: bool | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    img_format: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> np.ndarray:
    """Image of one tile.

    Parameters
    ----------
    normalizeForMatching : bool
        Leave out the transforms that place the tile, as point matching does.
    excludeAllTransforms : bool
        Leave out all transforms: raw local coordinates. Release 1.0.1 spelt it removeAllOption.
    """
    if "removeAllOption" in kwargs:
        excludeAllTransforms = kwargs["removeAllOption"]
    url = join(format_preamble(host, port, owner, project, stack), "tile", tileId)
    query = given(
        normalizeForMatching="true" if normalizeForMatching else None,
        scale=scale,
        filter=_flag(filter),
        excludeAllTransforms=_flag(excludeAllTransforms),
        channels=channel,
        minIntensity=minIntensity,
        maxIntensity=maxIntensity,
    )
    return _get_image(session, url, img_format, query)


@renderaccess
def get_section_image(
    stack: str,
    z: float,
    scale: float = 1.0,
    channel: str | None = None,
    minIntensity: float | None = None,
    maxIntensity: float | None = None,
    filter: bool = False,
    maxTileSpecsToRender: int | None = None,
    img_format: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> np.ndarray:
    """Image of all tiles at z."""
    url = join(format_preamble(host, port, owner, project, stack), "z", z)
    query = given(
        scale=scale,
        filter=jbool(filter),
        maxTileSpecsToRender=maxTileSpecsToRender,
        channels=channel,
        minIntensity=minIntensity,
        maxIntensity=maxIntensity,
    )
    return _get_image(session, url, img_format, query)


@renderaccess
def get_renderparameters_image(
    renderparams: dict[str, Any],
    img_format: str | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> np.ndarray:
    """Image of render parameters, which may have been changed since they were read."""
    url = join(format_baseurl(host, port), "owner", owner, image_path(img_format))
    return decode_image(put_json(session, url, renderparams).content, url)


@renderaccess
def get_bb_renderparams(
    stack: str,
    z: float,
    x: float,
    y: float,
    width: float,
    height: float,
    scale: float = 1.0,
    channel: str | None = None,
    minIntensity: float | None = None,
    maxIntensity: float | None = None,
    binaryMask: bool | None = None,
    filter: bool | None = None,
    filterListName: str | None = None,
    convertToGray: bool | None = None,
    excludeMask: bool | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Render parameters of a box at z, with its tiles."""
    url = _box_url(host, port, owner, project, stack, z, x, y, width, height, scale)
    query = given(
        minIntensity=minIntensity,
        maxIntensity=maxIntensity,
        binaryMask=binaryMask,
        filter=filter,
        filterListName=filterListName,
        convertToGray=convertToGray,
        excludeMask=excludeMask,
        channels=channel,
    )
    return get_json(session, join(url, "render-parameters"), params=query)


@renderaccess
def get_tile_renderparams(
    stack: str,
    tileId: str,
    channel: str | None = None,
    normalizeForMatching: bool | None = None,
    excludeAllTransforms: bool | None = None,
    excludeTransformsAfterLast: str | None = None,
    excludeFirstTransformAndAllAfter: str | None = None,
    scale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    minIntensity: float | None = None,
    maxIntensity: float | None = None,
    filter: bool | None = None,
    filterListName: str | None = None,
    excludeMask: bool | None = None,
    convertToGray: bool | None = None,
    binaryMask: bool | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    img_format: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Render parameters of one tile. `img_format` must be a known format and changes nothing."""
    image_path(img_format)
    url = join(format_preamble(host, port, owner, project, stack), "tile", tileId)
    query = given(
        normalizeForMatching=normalizeForMatching,
        excludeAllTransforms=excludeAllTransforms,
        excludeTransformsAfterLast=excludeTransformsAfterLast,
        excludeFirstTransformAndAllAfter=excludeFirstTransformAndAllAfter,
        scale=scale,
        width=width,
        height=height,
        minIntensity=minIntensity,
        maxIntensity=maxIntensity,
        binaryMask=binaryMask,
        filter=filter,
        filterListName=filterListName,
        convertToGray=convertToGray,
        excludeMask=excludeMask,
        channels=channel,
    )
    return get_json(session, join(url, "render-parameters"), params=query)


@renderaccess
def get_section_renderparams(
    stack: str,
    z: float,
    binaryMask: bool | None = None,
    channel: str | None = None,
    convertToGray: bool | None = None,
    excludeMask: bool | None = None,
    filter: bool | None = None,
    filterListName: str | None = None,
    minIntensity: float | None = None,
    maxIntensity: float | None = None,
    scale: float | None = None,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> dict[str, Any]:
    """Render parameters of all tiles at z."""
    url = join(format_preamble(host, port, owner, project, stack), "z", z)
    query = given(
        binaryMask=binaryMask,
        channels=channel,
        convertToGray=convertToGray,
        excludeMask=excludeMask,
        filter=filter,
        filterListName=filterListName,
        minIntensity=minIntensity,
        maxIntensity=maxIntensity,
        scale=scale,
    )
    return get_json(session, join(url, "render-parameters"), params=query)


@renderaccess
def show(
    stack: str,
    z: float | None = None,
    bounds: Mapping[str, float] | None = None,
    size: int = 800,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> Picture:
    """Picture of a section, which a notebook displays and numpy takes as an array.

    Parameters
    ----------
    stack : str
    z : float, optional
        The lowest of the stack where it is not given.
    bounds : mapping, optional
        minX, minY, maxX and maxY of a box in world pixels; all of the section where not given.
    size : int
        Pixels of the longer side of the picture; it is never larger than full scale.
    **kwargs
        As for `get_bb_image`: channel, minIntensity, maxIntensity, filter, img_format.
    """
    where = {"host": host, "port": port, "owner": owner, "project": project, "session": session}
    if z is None:
        zs = get_json(session, join(format_preamble(host, port, owner, project, stack), "zValues"))
        if not zs:
            raise RenderError(f"stack {stack} has no sections")
        z = min(zs)
    base = join(format_preamble(host, port, owner, project, stack), "z", z)
    box = bounds or get_json(session, join(base, "bounds"))
    width, height = box["maxX"] - box["minX"], box["maxY"] - box["minY"]
    scale = min(1.0, size / max(width, height, 1))
    pixels = get_bb_image(
        stack, z, box["minX"], box["minY"], width, height, scale, **where, **kwargs
    )
    return Picture(pixels, f"stack {stack}, z {z:g}, scale {scale:.4g}")


def image_path(img_format: str | None) -> str:
    """Last part of the URL of an image; ValueError for a format that is not in IMAGE_FORMATS."""
    if img_format not in IMAGE_FORMATS:
        known = ", ".join(str(name) for name in IMAGE_FORMATS)
        raise ValueError(f"{img_format!r} is not an image format ({known})")
    return IMAGE_FORMATS[img_format]


def decode_image(data: bytes, source: str) -> np.ndarray:
    """Array of an encoded image; NotAnImage naming `source` if it cannot be read."""
    try:
        if data.startswith(_TIFF_STARTS):
            import tifffile

            return tifffile.imread(io.BytesIO(data))
        from PIL import Image

        with Image.open(io.BytesIO(data)) as image:
            return np.array(image)
    except Exception as error:
        start = data[:200].decode("utf-8", "replace")
        raise NotAnImage(f"{source} did not answer with an image ({error}): {start}") from error


def _get_image(session: Any, url: str, img_format: str | None, query: dict[str, Any]) -> np.ndarray:
    url = join(url, image_path(img_format))
    return decode_image(request(session, "GET", url, params=query).content, url)


def _box_url(
    host: str | None,
    port: int | str | None,
    owner: str | None,
    project: str | None,
    stack: str,
    z: float,
    x: float,
    y: float,
    width: float,
    height: float,
    scale: float,
) -> str:
    base = format_preamble(host, port, owner, project, stack)
    return join(base, "z", number("%d", z), "box", box_text(x, y, width, height, scale))


def _flag(value: bool | None) -> str | None:
    return None if value is None else jbool(value)
