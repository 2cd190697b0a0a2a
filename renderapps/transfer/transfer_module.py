"""What every module has that reads from one service and writes to another: two connections."""

from __future__ import annotations

from typing import Any

from argschema import ArgSchema
from argschema.fields import Nested, Str
from marshmallow import Schema, ValidationError, pre_load, validates_schema

from renderapi.render import Render
from renderapps.module import RenderModule, RenderModuleException, parameter
from renderapps.module.render_module import RenderClientParameters, connect, is_local

CONNECTIONS = ("render_source", "render_target")


class TransferClientParameters(RenderClientParameters):
    """One of the two services; nothing is taken from the environment but the store."""

    host = parameter(
        Str, "render web service; local is the embedded one, in this process", default="local"
    )
    owner = parameter(Str, "owner of the stacks or matches")
    project = parameter(Str, "project of the stacks")

    @pre_load
    def take_environment(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """RENDER_* cannot say which of two services they mean."""
        return data

    @validates_schema
    def server_has_port(self, data: dict[str, Any], **_: Any) -> None:
        """A service elsewhere is found by its port."""
        if not is_local(data["host"]) and data["port"] is None:
            raise ValidationError("missing, and required unless host is local", "port")


class RenderTransferParameters(ArgSchema):
    """Parameters of a module that has two connections."""

    render_source = parameter(
        Nested, "service, owner and project to read from", TransferClientParameters
    )
    render_target = parameter(
        Nested, "service, owner and project to write to", TransferClientParameters
    )


class RenderTransfer(RenderModule):
    """A module with two connections: give it a schema and a `run()`.

    Attributes
    ----------
    render_source, render_target : renderapi.Render
        The connections that the parameter groups of the same names describe.
    """

    default_schema: type[Schema] = RenderTransferParameters
    parameters_base: type[Schema] = RenderTransferParameters

    def open_connections(self) -> None:
        """Connect to both services."""
        self.render_source = connect(self.args["render_source"])
        self.render_target = connect(self.args["render_target"])

    def service(self) -> Render | None:
        """That where something is written."""
        return self.render_target

    def same_project(self) -> bool:
        """Whether both connections are to one project of one owner of one service."""
        return self.same_owner() and (
            self.render_source.DEFAULT_PROJECT == self.render_target.DEFAULT_PROJECT
        )

    def same_owner(self) -> bool:
        """Whether both connections are to one owner of one service."""
        one, other = (
            (r.DEFAULT_HOST, str(r.DEFAULT_PORT), r.DEFAULT_OWNER)
            for r in (self.render_source, self.render_target)
        )
        return one == other

    def refuse_same(self, same: bool, what: str, name: str, parameter: str) -> None:
        """Refuse to copy something onto itself."""
        if same:
            raise RenderModuleException(
                f"{what} {name} cannot be copied onto itself; name another {parameter}, "
                "or another render_target"
            )
