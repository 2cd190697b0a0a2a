"""Pictures of a tile spec or of render parameters, drawn without a server."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np

from renderapi.client.client_calls import renderClient, rendererClient
from renderapi.client.utils import clientkeywords
from renderapi.errors import RenderError
from renderapi.render import Render
from renderapi.utils import renderdump_temp


@clientkeywords
def materialize_tilespec_image(
    tilespec: Any,
    out_fn: str | None = None,
    height: int | None = None,
    width: int | None = None,
    x: float | None = None,
    y: float | None = None,
    res: int = 32,
    subprocess_mode: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Draw a tile into an image file; over its own box unless a window is given.

    `res` is the side of the mesh cells by which transforms are approximated, in pixels.
    """
    window = {"x": x, "y": y, "width": width, "height": height}
    if None in window.values():
        window = {**_own_window(tilespec), **{k: v for k, v in window.items() if v is not None}}
    path = renderdump_temp([tilespec])
    try:
        renderClient(
            tile_spec_url=path,
            out_fn=out_fn,
            res=res,
            subprocess_mode=subprocess_mode,
            client_script=client_script,
            memGB=memGB,
            **{**kwargs, **window},
        )
    finally:
        os.remove(path)


def _own_window(tilespec: Any) -> dict[str, Any]:
    box = [getattr(tilespec, key, None) for key in ("minX", "minY", "maxX", "maxY")]
    if None in box:
        raise RenderError(
            f"tile {getattr(tilespec, 'tileId', None)} has no bounding box: give x, y, width and "
            "height, or a tile spec that a service answered with"
        )
    min_x, min_y, max_x, max_y = map(float, box)  # type: ignore[arg-type]
    return {
        "x": min_x,
        "y": min_y,
        "width": int(max_x - min_x),
        "height": int(max_y - min_y),
    }


def render_tilespec(*args: Any, **kwargs: Any) -> np.ndarray:
    """Picture (h, w, 3) uint8 of a tile; arguments as for `materialize_tilespec_image`."""
    return _drawn(materialize_tilespec_image, args, kwargs, ".tif")


@clientkeywords
def materialize_renderparameters_image(
    obj: Any,
    out_fn: str | None = None,
    subprocess_mode: str | None = None,
    client_script: str | None = None,
    memGB: str | None = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Draw a document of render parameters (tile transforms resolved) into an image file."""
    path = renderdump_temp(obj)
    try:
        rendererClient(
            parameters_url=path,
            out_fn=out_fn,
            subprocess_mode=subprocess_mode,
            client_script=client_script,
            memGB=memGB,
            **kwargs,
        )
    finally:
        os.remove(path)


def render_renderparameters(*args: Any, **kwargs: Any) -> np.ndarray:
    """Picture of render parameters, as it is read from a file of type `image_ext` (.png)."""
    suffix = kwargs.pop("image_ext", ".png")
    return _drawn(materialize_renderparameters_image, args, kwargs, suffix)


def _drawn(draw: Any, args: tuple[Any, ...], kwargs: dict[str, Any], suffix: str) -> np.ndarray:
    from PIL import Image

    with tempfile.TemporaryDirectory(prefix="render_") as folder:
        path = os.path.join(folder, f"picture{suffix}")
        draw(*args, **{**kwargs, "out_fn": path})
        with Image.open(path) as picture:
            return np.asarray(picture)
