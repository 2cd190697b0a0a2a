"""RenderSectionClient: draw sections into image files."""

from __future__ import annotations

import logging
from pathlib import Path

from renderapi.client.programs.derived_stacks import resolutions
from renderapi.client.programs.drawn_tiles import DrawnTiles, require_stack_channels
from renderapi.client.programs.java_text import java_double
from renderapi.client.programs.options import STACK, Option, Options, flag, optional, z_values
from renderapi.client.programs.pictures import (
    Calibration,
    image_format,
    picture_extension,
    write_picture,
)
from renderapi.client.programs.service import StackService, stack_of
from renderapi.errors import ClientScriptError
from renderapi.rendering.sources import SourceCache

OPTIONS = (
    *STACK,
    Option("rootDirectory", required=True),
    Option("scale", "number", 0.02),
    *optional("text", "format", "imageType"),
    *optional("text", "resolutionUnit", "filterListName", "channels", "bounds"),
    Option("doFilter", "boolean", True),
    Option("fillWithNoise", "boolean", True),
    *optional("text", "customOutputFolder", "customSubFolder"),
    *optional("whole", "minIntensity", "maxIntensity"),
    *flag("padFileNamesWithZeros", "renderTileLabels", "useStackBounds", "convertToGray"),
)
POSITIONAL = "some"

log = logging.getLogger(__name__)

Box = tuple[float, float, int, int]


def run(options: Options) -> None:
    """Draw section after section; files that exist are replaced."""
    stack = stack_of(options)
    extension = picture_extension(options, "png")
    format = image_format(extension)
    zs = z_values(options.words)
    bounds = _bounds_of(options.bounds)
    calibration = _calibration(stack, options) if format == "tiff" else None
    whole = _window(stack.bounds()) if options.useStackBounds and bounds is None else bounds
    require_stack_channels(stack, options.channels, zs)
    sources = SourceCache()
    drawn = DrawnTiles(sources)
    for z in zs:
        window = _window(stack.layer_bounds(z)) if whole is None else whole
        parameters = stack.render_parameters(
            z,
            window,
            options.scale,
            filter=options.doFilter,
            filterListName=options.filterListName,
            fillWithNoise=options.fillWithNoise,
            channels=options.channels,
            minIntensity=options.minIntensity,
            maxIntensity=options.maxIntensity,
        )
        name = _name(z, options.padFileNamesWithZeros)
        path = section_folder(options, z) / f"{name}.{extension}"
        write_picture(
            parameters,
            path,
            gray=format != "tiff" or options.convertToGray,
            sources=sources,
            calibration=calibration,
            labels=parameters["tileSpecs"] if options.renderTileLabels else (),
        )
        drawn.add(parameters, f"z {z}")
        log.info("z %s: %s", z, path)
    drawn.report()


def section_folder(options: Options, z: float) -> Path:
    """Folder of the file of a section."""
    root = Path(options.rootDirectory)
    if options.customOutputFolder is not None:
        return root / options.customOutputFolder / (options.customSubFolder or "")
    base = root / options.project / options.stack / f"sections_at_{java_double(options.scale)}"
    return base / f"{int(z) // 1000:03d}" / str(int(z) % 1000 // 100)


def _name(z: float, padded: bool) -> str:
    return f"{int(z):05d}" if padded else java_double(z)


def _bounds_of(text: str | None) -> Box | None:
    """Window of the text minX,maxX,minY,maxY."""
    if text is None:
        return None
    try:
        min_x, max_x, min_y, max_y = (int(float(word)) for word in text.split(","))
    except ValueError:
        raise ClientScriptError(f"bounds must be minX,maxX,minY,maxY, not {text!r}") from None
    if max_x <= min_x or max_y <= min_y:
        raise ClientScriptError(f"bounds {text} are empty")
    return min_x, min_y, max_x - min_x, max_y - min_y


def _window(bounds: dict[str, float]) -> Box:
    width, height = (int(bounds[f"max{a}"] - bounds[f"min{a}"] + 0.5) for a in "XY")
    return bounds["minX"], bounds["minY"], width, height


def _calibration(stack: StackService, options: Options) -> Calibration | None:
    if options.resolutionUnit is None:
        return None
    values = resolutions(stack.metadata().get("currentVersion") or {})
    if values is None:
        raise ClientScriptError(f"{stack} has no resolutions, which resolutionUnit needs")
    return Calibration(values[0] / options.scale, values[1] / options.scale, options.resolutionUnit)
