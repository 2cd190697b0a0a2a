"""ScapeClient: draw all layers of a stack at a small scale, each the same size."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from renderapi.client.json_files import write_json
from renderapi.client.programs.derived_stacks import resolutions
from renderapi.client.programs.drawn_tiles import DrawnTiles, require_stack_channels
from renderapi.client.programs.options import STACK, Option, Options, flag, optional
from renderapi.client.programs.pictures import (
    Calibration,
    image_format,
    picture_extension,
    write_picture,
)
from renderapi.client.programs.service import Json, StackService, stack_of
from renderapi.errors import ClientScriptError
from renderapi.files import atomic_path
from renderapi.rendering import output, render_canvas
from renderapi.rendering.sources import SourceCache

OPTIONS = (
    *STACK,
    Option("rootDirectory", required=True),
    *optional("number", "minZ", "maxZ", "zScale"),
    Option("maxImagesPerDirectory", "whole", 1000),
    Option("scale", "number", 0.02),
    *optional("text", "format", "imageType"),
    *optional("text", "resolutionUnit", "filterListName", "channels"),
    *flag("doFilter", "fillWithNoise"),
    Option("useLayerBounds", "boolean", False),
    *optional("number", "minX", "minY"),
    *optional("whole", "width", "height"),
)
POSITIONAL = "none"

log = logging.getLogger(__name__)
Box = tuple[float, float, int, int]


@dataclass(frozen=True)
class _Scape:
    """One picture: the layers that it averages."""

    zs: tuple[float, ...]
    name: str


def run(options: Options) -> None:
    """Draw the pictures into numbered folders of at most maxImagesPerDirectory each."""
    if options.maxImagesPerDirectory < 1:
        raise ClientScriptError("maxImagesPerDirectory must be at least 1")
    stack = stack_of(options)
    extension = picture_extension(options, "jpg")
    image_format(extension)
    zs = stack.z_values(options.minZ, options.maxZ)
    if not zs:
        raise ClientScriptError(f"{stack} has no layers in the z range given")
    require_stack_channels(stack, options.channels, zs)
    stamp = datetime.now().strftime("%Y%m%d_%H%M%S")
    base = Path(options.rootDirectory) / options.project / options.stack / f"scape_{stamp}"
    kept = {key: value for key, value in vars(options).items() if key not in ("session", "words")}
    write_json(base / "scape_parameters.json", kept)
    whole = None if options.useLayerBounds else _window(stack.bounds(), options)
    sources = SourceCache()
    drawn = DrawnTiles(sources)
    calibration = _calibration(stack, options, extension)
    greatest = stack.z_values()[-1]
    for number, scape in enumerate(scapes(zs, options.zScale, options.scale, greatest)):
        folder = base / f"{number // options.maxImagesPerDirectory:03d}"
        documents = [_parameters(stack, z, whole, options) for z in scape.zs]
        path = folder / f"{scape.name}.{extension}"
        if len(documents) == 1:
            write_picture(documents[0], path, gray=True, sources=sources, calibration=calibration)
        else:
            _write_mean(documents, path, sources)
        for document, z in zip(documents, scape.zs, strict=True):
            drawn.add(document, f"z {z}")
        log.info("%s", path)
    drawn.report()


def scapes(zs: list[float], z_scale: float | None, scale: float, greatest: float) -> list[_Scape]:
    """Pictures of layers: one each, or of as many as make a step of z as coarse as x and y.

    `greatest` is the greatest z of the stack: all names of a stack have one width.
    """
    step = 1 if z_scale is None else max(1, round(z_scale / scale))
    digits = _digits(greatest)
    found = []
    for first in range(0, len(zs), step):
        part = zs[first : first + step]
        name = f"z{part[0]:0{digits}.1f}"
        if len(part) > 1:
            name += f"_to_{part[-1]:0{digits}.1f}"
        found.append(_Scape(tuple(part), name))
    return found


def _digits(greatest: float) -> int:
    """Width of a z in file names: 3, and one more for each power of ten below the greatest z."""
    width, power = 3, 10.0
    while power < greatest:
        width, power = width + 1, power * 10
    return width


def _window(bounds: dict[str, float], options: Options) -> Box:
    x = bounds["minX"] if options.minX is None else options.minX
    y = bounds["minY"] if options.minY is None else options.minY
    width = options.width or int(bounds["maxX"] - x + 0.5)
    height = options.height or int(bounds["maxY"] - y + 0.5)
    return x, y, width, height


def _parameters(stack: StackService, z: float, whole: Box | None, options: Options) -> Json:
    window = _window(stack.layer_bounds(z), options) if whole is None else whole
    return stack.render_parameters(
        z,
        window,
        options.scale,
        filter=options.doFilter or None,
        filterListName=options.filterListName,
        fillWithNoise=options.fillWithNoise or None,
        channels=options.channels,
    )


def _write_mean(documents: list[Json], path: Path, sources: SourceCache) -> None:
    """Picture of the mean of several layers."""
    from PIL import Image

    total: Any = 0
    for document in documents:
        canvas = render_canvas({**document, "convertToGray": True}, sources=sources)
        levels = output.to_rgb_over_black(canvas).astype(np.float64)
        if np.ndim(total) and np.shape(total) != levels.shape:
            raise ClientScriptError(
                "layers of different size cannot be averaged: useLayerBounds and zScale exclude "
                "each other"
            )
        total = total + levels
    mean = np.rint(total / len(documents)).astype(np.uint8)
    with atomic_path(path) as temporary:
        Image.fromarray(mean).save(temporary)


def _calibration(stack: StackService, options: Options, extension: str) -> Calibration | None:
    if options.resolutionUnit is None or image_format(extension) != "tiff":
        return None
    values = resolutions(stack.metadata().get("currentVersion") or {})
    if values is None:
        raise ClientScriptError(f"{stack} has no resolutions, which resolutionUnit needs")
    return Calibration(values[0] / options.scale, values[1] / options.scale, options.resolutionUnit)
