"""RenderTilesClient: draw tiles into image files, each over its own window."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from renderapi.client.programs.drawn_tiles import (
    DrawnTiles,
    require_channels,
    require_stack_channels,
)
from renderapi.client.programs.options import STACK, Option, Options, flag, optional
from renderapi.client.programs.pictures import image_format, picture_extension, write_picture
from renderapi.client.programs.rendered_stacks import RenderedStack
from renderapi.client.programs.service import Json, StackService, query_of, stack_of
from renderapi.errors import ClientScriptError
from renderapi.rendering.sources import SourceCache
from renderapi.utils import get_json
from renderapi.web import join

OPTIONS = (
    *STACK,
    Option("rootDirectory", required=True),
    *optional("text", "runTimestamp", "filterListName", "channels", "hackStack"),
    Option("scale", "number", 1.0),
    *optional("text", "format", "imageType"),
    *flag("doFilter", "fillWithNoise", "excludeMask", "renderMaskOnly", "convertToGray"),
    *optional("number", "minIntensity", "maxIntensity"),
    Option("z", "numbers"),
    Option("tileIds", "texts"),
)
POSITIONAL = "none"

log = logging.getLogger(__name__)


def run(options: Options) -> None:
    """Draw every tile of the layers, or those that are listed.

    The tiles of --hackStack are the pictures then.
    """
    stack = stack_of(options)
    extension = picture_extension(options, "png")
    image_format(extension)
    if options.hackStack and options.renderMaskOnly:
        raise ClientScriptError("hackStack and renderMaskOnly exclude each other")
    stamp = options.runTimestamp or datetime.now().strftime("%Y%m%d_%H%M%S")
    run_folder = Path(options.rootDirectory) / options.project / options.stack / f"tiles_{stamp}"
    if options.tileIds:
        require_channels(options.channels, stack.tile_specs(options.tileIds), str(stack))
    else:
        require_stack_channels(stack, options.channels, options.z or stack.z_values())
    sources, number = SourceCache(), 0
    drawn = DrawnTiles(sources)
    rendered = RenderedStack(stack, options.hackStack, sources) if options.hackStack else None
    for tile_id, z in _tiles(stack, options):
        folder = run_folder / f"{int(z) // 1000:03d}" / str(int(z) % 1000 // 100) / str(int(z))
        path = (folder / f"{tile_id.replace('/', '_')}.{extension}").absolute()
        parameters = _parameters(stack, tile_id, options)
        write_picture(parameters, path, gray=options.convertToGray, sources=sources)
        if rendered is not None:
            rendered.add(parameters, path, z)
        drawn.add(parameters, f"tile {tile_id}")
        number += 1
    drawn.report()
    log.info("%d tiles below %s", number, run_folder)


def _tiles(stack: StackService, options: Options) -> Iterator[tuple[str, float]]:
    if options.tileIds:
        found = {
            tile["tileId"]: float(tile["z"])
            for tiles in stack.tile_specs(options.tileIds)
            for tile in tiles
        }
        missing = sorted(set(options.tileIds) - set(found))
        if missing:
            raise ClientScriptError(f"{stack} has no tiles {', '.join(missing)}")
        yield from found.items()
        return
    for z in options.z or stack.z_values():
        for bounds in sorted(stack.tile_bounds(z), key=lambda bounds: bounds["tileId"]):
            yield bounds["tileId"], z


def _parameters(stack: StackService, tile_id: str, options: Options) -> Json:
    query = {
        "scale": options.scale,
        "filter": options.doFilter or None,
        "filterListName": options.filterListName,
        "channels": options.channels,
        "fillWithNoise": options.fillWithNoise or None,
        "excludeMask": options.excludeMask or None,
        "minIntensity": options.minIntensity,
        "maxIntensity": options.maxIntensity,
    }
    url = join(stack.url, "tile", tile_id)
    if options.renderMaskOnly:
        url = join(url, "mask", "scale", options.scale)
    found: Json = get_json(stack.session, f"{url}/render-parameters?{urlencode(query_of(query))}")
    return found
