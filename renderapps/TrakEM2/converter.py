"""Projects as tile specs, in layer set coordinates: what the Java class Converter was for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from renderapi.errors import SpecError
from renderapi.files import atomic_write
from renderapps.module.result import to_json
from renderapps.TrakEM2.patches import patch_tile
from renderapps.TrakEM2.reader import read_project

TILE_IDS = ("oid", "title")


def project_tiles(
    project_file: str | os.PathLike[str],
    project_path: str | os.PathLike[str] | None = None,
    tile_id: str = "oid",
    include_hidden: bool = False,
) -> list[dict[str, Any]]:
    """Tiles of the patches of a project, layer by layer, in the order they are painted.

    Parameters
    ----------
    project_file : path
        .xml or .xml.gz.
    project_path : path, optional
        What relative image paths are relative to; the folder of the project by default.
    tile_id : {'oid', 'title'}
        What tileIds are.
    include_hidden : bool
        Also convert patches that are hidden.

    Raises
    ------
    SpecError
        Naming a patch that cannot be converted, or two that would have one tileId.
    """
    if tile_id not in TILE_IDS:
        raise SpecError(f"tile_id is one of {', '.join(TILE_IDS)}, not {tile_id!r}")
    project = read_project(project_file)
    folder = Path(project_file if project_path is None else project_path).absolute()
    folder = folder.parent if project_path is None else folder
    tiles = [
        patch_tile(
            patch,
            layer.z,
            folder,
            unuid=project.unuid,
            tile_id=str(patch.oid) if tile_id == "oid" else patch.title,
        )
        for layer in project.layers
        for patch in layer.patches
        if patch.visible or include_hidden
    ]
    seen: set[str] = set()
    for tile in tiles:
        if tile["tileId"] in seen:
            raise SpecError(f"{project_file}: two patches have the {tile_id} {tile['tileId']}")
        seen.add(tile["tileId"])
    return tiles


def convert_project(
    project_file: str | os.PathLike[str],
    project_path: str | os.PathLike[str],
    json_path: str | os.PathLike[str],
    use_title_for_tile_id: bool = False,
) -> int:
    """Write the tiles of a project to a JSON file; how many there are."""
    tile_id = "title" if use_title_for_tile_id else "oid"
    tiles = project_tiles(project_file, project_path, tile_id)
    atomic_write(json_path, to_json(tiles))
    return len(tiles)
