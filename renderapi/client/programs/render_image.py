"""Render (ArgbRenderer): draw tile specs or a document of render parameters, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from renderapi.client.programs.drawn_tiles import DrawnTiles, require_channels
from renderapi.client.programs.options import Option, Options, optional
from renderapi.client.programs.pictures import image_format, write_picture
from renderapi.errors import ClientScriptError
from renderapi.files import atomic_path
from renderapi.rendering import render
from renderapi.rendering.readers import read_bytes, read_image
from renderapi.rendering.sources import SourceCache, load_tile_specs

_FLAGS = {
    "area_offset": "areaOffset",
    "gray": "convertToGray",
    "skip_interpolation": "skipInterpolation",
    "binary_mask": "binaryMask",
    "exclude_mask": "excludeMask",
    "do_filter": "doFilter",
    "fill_with_noise": "fillWithNoise",
}
_VALUES = {
    "meshCellSize": "meshCellSize",
    "minMeshCellSize": "minMeshCellSize",
    "x": "x",
    "y": "y",
    "width": "width",
    "height": "height",
    "scale": "scale",
    "minIntensity": "minIntensity",
    "maxIntensity": "maxIntensity",
    "quality": "quality",
    "background_color": "backgroundRGBColor",
    "channels": "channels",
}
OPTIONS = (
    Option("out", required=True),
    *optional("text", "tile_spec_url", "parameters_url", "in", "channels"),
    Option("meshCellSize", "number", aliases=("res",)),
    Option("minMeshCellSize", "number", aliases=("min_res",)),
    *optional("number", "x", "y", "scale", "minIntensity", "maxIntensity", "quality"),
    *optional("whole", "width", "height", "background_color"),
    *(Option(name, "flag") for name in (*_FLAGS, "addWarpFieldDebugOverlay")),
    Option("threads", "whole", 1),
)
POSITIONAL = "none"


def run(options: Options) -> None:
    """Draw the picture."""
    if options.addWarpFieldDebugOverlay:
        raise ClientScriptError("addWarpFieldDebugOverlay is not offered")
    path = Path(options.out)
    image_format(path.suffix.lstrip("."))
    parameters = parameters_of(options)
    tiles = parameters["tileSpecs"]
    require_channels(parameters.get("channels"), [tiles], "the picture")
    drawn = DrawnTiles(SourceCache())
    drawn.add(parameters, str(path))
    drawn.report()
    background = getattr(options, "in")
    if background is not None:
        _draw_over(background, parameters, path, options)
        return
    write_picture(parameters, path, gray=bool(options.gray), threads=options.threads)


def parameters_of(options: Options) -> dict[str, Any]:
    """Render parameters: those of the file with the options that are given, and the tiles.

    An area offset is taken over and has no effect, as in the service.
    """
    document: dict[str, Any] = {}
    if options.parameters_url is not None:
        try:
            document = json.loads(read_bytes(options.parameters_url))
        except ValueError as error:
            raise ClientScriptError(f"{options.parameters_url} is not JSON: {error}") from error
    for name, key in {**_VALUES, **_FLAGS}.items():
        value = getattr(options, name)
        if value is not None:
            document[key] = value
    tiles = list(document.get("tileSpecs") or [])
    for url in (document.pop("tileSpecUrl", None), options.tile_spec_url):
        if url is not None:
            tiles += load_tile_specs(url, SourceCache(0).view())
    document["tileSpecs"] = tiles
    return document


def _draw_over(background: str, parameters: dict[str, Any], path: Path, options: Options) -> None:
    """Draw onto an image, whose size the picture has."""
    from PIL import Image

    below = Image.fromarray(_eight_bit(read_image(background))).convert("RGBA")
    above = Image.new("RGBA", below.size)
    above.paste(Image.fromarray(render(parameters, threads=options.threads)), (0, 0))
    picture = Image.alpha_composite(below, above)
    if options.gray:
        picture = picture.convert("L")
    elif image_format(path.suffix.lstrip(".")) != "png":
        picture = picture.convert("RGB")
    with atomic_path(path) as temporary:
        if path.suffix.lower() in (".jpg", ".jpeg"):
            picture.save(temporary, quality=round(100 * float(parameters.get("quality") or 0.85)))
        else:
            picture.save(temporary)


def _eight_bit(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8:
        raise ClientScriptError(f"the background must be an 8-bit image, not {pixels.dtype}")
    return pixels
