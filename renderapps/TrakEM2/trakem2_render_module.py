"""The base class of modules that read TrakEM2 projects, as scripts derive from it."""

from __future__ import annotations

import os

from renderapi.tilespec import TileSpec, tiles_of
from renderapps.module import RenderModule
from renderapps.TrakEM2.converter import convert_project, project_tiles
from renderapps.TrakEM2.parameters import RenderTrakEM2Parameters

__all__ = ["RenderTrakEM2Parameters", "TrakEM2RenderModule"]


class TrakEM2RenderModule(RenderModule):
    """A module with the converter of projects; its schema derives from RenderTrakEM2Parameters."""

    parameters_base = RenderTrakEM2Parameters

    def convert_trakem2_project(
        self,
        xmlFile: str | os.PathLike[str],
        projectPath: str | os.PathLike[str],
        json_path: str | os.PathLike[str],
    ) -> None:
        """Write the tile specs of a project, in layer set coordinates, to a JSON file.

        Relative image paths are relative to `projectPath`. SpecError names a patch that cannot be
        converted; nothing is written then.
        """
        count = convert_project(xmlFile, projectPath, json_path)
        self.logger.info("%s: %d patches", xmlFile, count)

    def get_trakem2_tilespecs(self, xmlFile: str | os.PathLike[str]) -> list[TileSpec]:
        """Tile specs of a project, in layer set coordinates."""
        return tiles_of(project_tiles(xmlFile))
