"""Modules that work on files alone and need no render web service."""

from __future__ import annotations

from argschema import ArgSchema
from marshmallow import Schema

from renderapi.render import Render
from renderapps.module.render_module import RenderModule


class FileModule(RenderModule):
    """A module without a connection: its schema derives from `argschema.ArgSchema`.

    All else is as with `RenderModule`: parameters, reports, exit statuses, `map_tasks` with
    `ParallelParameters`. There is no `self.render`.
    """

    default_schema: type[Schema] = ArgSchema
    parameters_base: type[Schema] = ArgSchema

    def open_connections(self) -> None:
        """There is no service to connect to."""

    def service(self) -> Render | None:
        """None: nobody is told that it runs."""
        return None
