"""A stitched stack of real tiles on a server, for looking at it in a browser."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import requests
from PIL import Image
from waiting import wait_until

import renderapi
from renderapi.layout import Layout
from renderapps.module.catalogue import find

GRID = {
    "rows": 5,
    "columns": 5,
    "order": "column-major",
    "overlap": 0.06,
    "file_pattern": "ImageName_t01_p{index:02d}.tif",
}
OWNER, PROJECT, MATCHES = "lab", "cells", "cells_montage"


def real_tiles():
    """Folder of the phase contrast tiles; None where they are absent."""
    root = os.environ.get("RENDERAPPS_TEST_DATA")
    base = Path(root) if root else Path(__file__).parents[3] / "shared" / "data"
    folder = base / "phase_contrast_5x5"
    return folder if folder.is_dir() else None


def stitched(base, data, folder):
    """Import, match and solve 25 tiles as z 0 of `montaged`; gives the connection.

    Beside them stand `aligned`, of two sections (the second is the first, moved by (3, -2)), and an
    empty stack that is LOADING.
    """
    host, _, port = base.rpartition(":")
    group = {"host": host, "port": int(port), "owner": OWNER, "project": PROJECT}

    def run(module, **parameters):
        find(module).load()(input_data={"render": group, **parameters}, args=[]).run()

    levels = {"minIntensity": 0, "maxIntensity": 600}
    place = {"image_directory": str(data), "grid": GRID}
    run("dataimport.import_tiles", output_stack="acquired", **place, **levels)
    pairs = str(folder / "pairs.json")
    run("pointmatch.create_tilepairs", stack="acquired", tilepair_output=pairs)
    matching = {"tilepair_file": pairs, "search_radius": 20, "pool_size": 1}
    run("pointmatch.generate_point_matches", stack="acquired", matchCollection=MATCHES, **matching)
    run(
        "stitching.solve_montage",
        input_stack="acquired",
        output_stack="montaged",
        matchCollection=MATCHES,
        pool_size=1,
    )
    render = renderapi.connect(**group)
    _second_section(render)
    renderapi.stack.create_stack("open", render=render)
    _channels(base, folder)
    _polygon(folder)
    return render


def _channels(base, folder):
    """Stack `channels` of project `light`: one tile that is 200 in channel A and 100 in B."""
    levels = {}
    for name, grey in (("A", 200), ("B", 100)):
        Image.new("L", (400, 300), grey).save(folder / f"{name}.png")
        levels[name] = {"0": {"imageUrl": (folder / f"{name}.png").as_uri()}}
    tile = {
        "tileId": "t",
        "z": 0,
        "width": 400,
        "height": 300,
        "layout": {"sectionId": "0.0"},
        "channels": [
            {"name": name, "minIntensity": 0, "maxIntensity": 255, "mipmapLevels": images}
            for name, images in levels.items()
        ],
        "transforms": {"type": "list", "specList": []},
    }
    stack = f"{base}/render-ws/v1/owner/{OWNER}/project/light/stack/channels"
    for method, path, body in (
        ("POST", "", {}),
        ("PUT", "/resolvedTiles?deriveData=true", {"tileIdToSpecMap": {"t": tile}}),
        ("PUT", "/state/COMPLETE", None),
    ):
        requests.request(method, stack + path, json=body, timeout=60).raise_for_status()


def _polygon(folder):
    """`polygons` in the folder: a square of 200 pixels in section 0."""
    ring = [[100, 100], [300, 100], [300, 300], [100, 300], [100, 100]]
    document = {"z": 0, "roi": {"type": "Polygon", "coordinates": [ring]}}
    (folder / "polygons").mkdir()
    (folder / "polygons" / "polygon_00000.json").write_text(json.dumps(document))


def _second_section(render):
    tiles = renderapi.tilespec.get_tile_specs_from_stack("montaged", render=render)
    for tile in list(tiles):
        other = copy.deepcopy(tile)
        other.tileId, other.z = f"upper_{tile.tileId}", tile.z + 1
        place = tile.layout
        other.layout = Layout(sectionId="upper", imageRow=place.imageRow, imageCol=place.imageCol)
        other.tforms[-1].B0 += 3.0
        other.tforms[-1].B1 -= 2.0
        tiles.append(other)
    renderapi.stack.create_stack("aligned", render=render)
    renderapi.client.import_tilespecs("aligned", tiles, render=render)
    renderapi.stack.set_stack_state("aligned", "COMPLETE", render=render)


def until(page, expression):
    """Wait until a JavaScript expression holds in a page whose policy forbids `eval`."""
    wait_until(lambda: page.evaluate(expression), f"never true: {expression}", pause=0.04)
