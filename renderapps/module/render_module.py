"""What every module is: parameters, a connection, an output, an exit status."""

from __future__ import annotations

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from argschema import ArgSchema
from argschema.fields import Float, Int, List, Nested, Str
from argschema.schemas import DefaultSchema
from marshmallow import Schema, ValidationError, post_load, pre_load, validates_schema
from marshmallow.validate import Range

import renderapi
from renderapi.databases import is_database, kept_password
from renderapi.errors import RenderError
from renderapps.module import log_levels
from renderapps.module.cluster import threads_of
from renderapps.module.errors import ParameterError, RenderModuleException
from renderapps.module.fields import parameter, with_whole_paths
from renderapps.module.parallel import cpu_count, map_tasks
from renderapps.module.parser import ModuleParser
from renderapps.module.processes import end_workers
from renderapps.module.report import ReportSchema, report_failure, reported
from renderapps.module.summary import summary
from renderapps.module.tasks import one_line

QUIET = "--quiet"
ENVIRONMENT = {
    "host": "RENDER_HOST",
    "port": "RENDER_PORT",
    "owner": "RENDER_OWNER",
    "project": "RENDER_PROJECT",
}


def is_local(host: str | None) -> bool:
    """Whether a host is the embedded service of this machine."""
    return host == "local" or str(host).startswith("http+local:")


class RenderClientParameters(DefaultSchema):
    """Which render web service to work with, and whose stacks."""

    host = parameter(
        Str,
        "render web service; local is the embedded one, in this process",
        default="local",
        default_text="$RENDER_HOST, else local",
    )
    port = parameter(
        Int,
        "its port; none for local",
        default=None,
        default_text="$RENDER_PORT",
        validate=Range(1, 65535),
    )
    owner = parameter(
        Str,
        "owner of the stacks",
        default_text="$RENDER_OWNER",
        error_messages={"required": "missing: give --render.owner or set RENDER_OWNER"},
    )
    project = parameter(
        Str,
        "project of the stacks",
        default_text="$RENDER_PROJECT",
        error_messages={"required": "missing: give --render.project or set RENDER_PROJECT"},
    )
    client_scripts = parameter(
        Str, "folder of the Java client scripts, to run those for bulk operations", default=None
    )
    memGB = parameter(Str, "Java heap of the client scripts, if they are used", default="5G")
    store = parameter(
        Str,
        "store of the embedded service: a file, or postgresql://user@host/database",
        default=None,
        default_text="$RENDER_STORE, else render.db in the working folder",
    )

    @pre_load
    def take_environment(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Fill in what is absent from RENDER_*; the port only where the host is not local."""
        if not isinstance(data, Mapping):
            return data  # which is what the problem will be
        filled = dict(data)
        for name, variable in ENVIRONMENT.items():
            if filled.get(name) is None and os.environ.get(variable):
                if name == "port" and is_local(filled.get("host", "local")):
                    continue
                filled[name] = os.environ[variable]
        if is_database(filled.get("store") or ""):  # no report or log gets to see the password
            try:
                filled["store"] = kept_password(filled["store"])
            except RenderError as error:
                raise ValidationError(str(error), "store") from None
        return filled

    @validates_schema
    def server_has_port(self, data: dict[str, Any], **_: Any) -> None:
        """A service elsewhere is found by its port."""
        if not is_local(data["host"]) and data["port"] is None:
            raise ValidationError("missing: give --render.port or set RENDER_PORT", "port")

    @validates_schema
    def store_is_local(self, data: dict[str, Any], **_: Any) -> None:
        """A store file makes sense for the embedded service only."""
        if data.get("store") and not is_local(data["host"]):
            raise ValidationError(f"only for host local, not for {data['host']}", "store")


def is_connection(field: Any) -> bool:
    """Whether a parameter is a group that describes a connection."""
    return isinstance(field, Nested) and isinstance(field.schema, RenderClientParameters)


class RenderParameters(ArgSchema):
    """Parameters of every module."""

    render = parameter(Nested, "which render web service, and whose stacks", RenderClientParameters)

    @pre_load
    def render_from_environment(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Without a `render` group the environment says it all."""
        if not isinstance(data, Mapping) or data.get("render") is not None:
            return data
        return {**data, "render": {}}


class ParallelParameters(DefaultSchema):
    """How many things are done at once, and where. Add to a schema that has `render`."""

    pool_size = parameter(
        Int,
        "number of processes; 1 works in this one",
        default=cpu_count,
        default_text="number of processors",
        validate=Range(min=1),
    )
    dask_scheduler = parameter(
        Str,
        "Dask scheduler to work on instead: its address, tcp://host:8786, or its scheduler file",
        default=None,
    )

    @validates_schema
    def cluster_needs_server(self, data: dict[str, Any], **_: Any) -> None:
        """The workers of a cluster cannot reach the embedded service of this machine."""
        groups = (data.get(name) for name, field in self.fields.items() if is_connection(field))
        if data.get("dask_scheduler") and any(is_local(g["host"]) for g in groups if g):
            raise ValidationError(
                "needs a render web service that its workers can reach, not host local "
                "(start one with `renderapps serve`)",
                "dask_scheduler",
            )

    @post_load
    def mean_the_same_everywhere(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Workers stand in other folders than this program: paths are made whole for them."""
        return with_whole_paths(self, data) if data.get("dask_scheduler") else data


class ZParameters(DefaultSchema):
    """Which sections of a stack; all of them by default."""

    zs = parameter(
        List, "z values to work on", Float(), default=None, default_text="all", aliases=["zValues"]
    )
    minZ = parameter(Float, "lowest z to work on", default=None)
    maxZ = parameter(Float, "highest z to work on", default=None)

    @validates_schema
    def one_selection(self, data: dict[str, Any], **_: Any) -> None:
        """Sections are named one by one or as a range."""
        low, high = data.get("minZ"), data.get("maxZ")
        if data.get("zs") is not None and (low is not None or high is not None):
            raise ValidationError("give zs, or minZ and maxZ, not both", "zs")
        if low is not None and high is not None and low > high:
            raise ValidationError(f"minZ {low:g} is above maxZ {high:g}", "minZ")


class RenderModule(ModuleParser):
    """A module: give it a `default_schema` and a `run()`.

    From Python: `Module(input_data={...}, args=[]).run()`; on the command line: `Module.main()`.

    Attributes
    ----------
    args : dict
        The parameters.
    render : renderapi.Render
        The connection that `args["render"]` describes.
    logger : logging.Logger
    result : dict or None
        What `output()` was given.
    full_report : dict or None
        The output JSON: `result` with status, error, duration, versions and parameters.
    """

    default_schema: type[Schema] = RenderParameters
    default_output_schema: type[Schema] = ReportSchema
    parameters_base: type[Schema] = RenderParameters

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let the `run()` of a module report, whoever calls it."""
        super().__init_subclass__(**kwargs)
        if "run" in cls.__dict__:
            cls.run = reported(cls.__dict__["run"])  # type: ignore[method-assign]

    def __init__(
        self,
        input_data: Mapping[str, Any] | None = None,
        schema_type: type[Schema] | None = None,
        output_schema_type: type[Schema] | None = None,
        args: Sequence[str] | None = None,
        logger_name: str | None = None,
    ) -> None:
        schema = schema_type or self.default_schema
        if not issubclass(schema, self.parameters_base):
            raise RenderModuleException(
                f"{schema.__name__} is not a schema of a module: derive it from "
                f"{self.parameters_base.__name__}"
            )
        super().__init__(input_data, schema_type, output_schema_type, args, logger_name)
        try:
            self.open_connections()
        except Exception as error:
            report_failure(self, error)
            raise

    def open_connections(self) -> None:
        """Connect to what the parameters name; `parameters_base` is the schema that has it."""
        self.render = connect(self.args["render"])

    def service(self) -> renderapi.Render | None:
        """The connection by which others are told that the module runs."""
        return getattr(self, "render", None)

    def run(self) -> Any:
        """Do the work; a failure is an exception."""
        raise NotImplementedError(f"{type(self).__name__} has no run()")

    def map_tasks(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        progress: str | None = None,
        processes: int | None = None,
        also_here: bool = False,
        arrived: Callable[[Any], object] | None = None,
    ) -> list[Any]:
        """`map_tasks` with `pool_size` and `dask_scheduler` of this module's parameters.

        `processes` overrides `pool_size`; `arrived` is called with each result as it comes. What is
        for a cluster goes there, however little it is: its workers run already, and may see files
        that this process does not.
        """
        address = None if self.stays_here() else self.args.get("dask_scheduler")
        return map_tasks(
            function,
            items,
            pool_size=processes or self.args.get("pool_size"),
            dask_scheduler=address,
            progress=progress or type(self).__name__,
            logger=self.logger,
            also_here=also_here,
            arrived=arrived,
            name=self.name_of_tasks(),
        )

    def stays_here(self) -> bool:
        """Whether this process has in its memory what no worker of a cluster should be sent."""
        return False

    def at_once(self) -> int:
        """How many items are worked on at once: by `pool_size`, or by a cluster that has more."""
        size = self.args.get("pool_size") or cpu_count()
        address = self.args.get("dask_scheduler")
        return max(size, threads_of(address)) if address else size

    @classmethod
    def name_of_tasks(cls) -> str:
        """Name of its file, as a cluster calls its tasks."""
        return cls.module_name().rpartition(".")[2]

    def __getstate__(self) -> dict[str, Any]:
        """A module travels to the workers with its parameters and its connection."""
        return {name: value for name, value in self.__dict__.items() if name != "schema"}

    @classmethod
    def main(cls, args: Sequence[str] | None = None) -> NoReturn:
        """Run from the command line and exit: 0 success, 1 failure, 2 wrong parameters."""
        try:
            sys.exit(cls.exit_status(args))
        finally:
            end_workers()

    @classmethod
    def exit_status(cls, args: Sequence[str] | None = None) -> int:
        """Run from the command line; failures are told on stderr, one line each.

        So is what a successful run has made, in one line, unless `--quiet` is given.
        """
        logging.basicConfig(format=log_levels.FORMAT)
        name = cls.module_name().removeprefix("renderapps.")
        words = sys.argv[1:] if args is None else list(args)
        quiet = QUIET in words
        try:
            module = cls(args=[word for word in words if word != QUIET])
        except ParameterError as error:
            return _tell(name, error.problems, 2)
        except KeyboardInterrupt:
            return _tell(name, ["stopped by the keyboard"], 130)
        except Exception as error:
            return _tell(name, [one_line(error)], 1)
        try:
            with log_levels.following(module.args["log_level"]):
                module.run()
        except ParameterError as error:
            return _tell(name, error.problems, 2)
        except KeyboardInterrupt:
            return _tell(name, ["stopped by the keyboard"], 130)
        except Exception as error:
            if module.logger.isEnabledFor(logging.DEBUG):
                traceback.print_exc()
            return _tell(name, [one_line(error)], 1)
        if not quiet:
            print(f"{name}: {summary(module.result or {}, module.args)}", file=sys.stderr)
        return 0


def _tell(name: str, lines: list[str], status: int) -> int:
    for line in lines:
        print(f"{name}: error: {line}", file=sys.stderr)
    return status


def connect(parameters: Mapping[str, Any]) -> renderapi.Render:
    """Connection that the `render` group describes; nothing is asked on the terminal."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return renderapi.connect(**given, web_only="client_scripts" not in given)


_MOVED = {
    "TrakEM2RenderModule": "renderapps.TrakEM2.trakem2_render_module",
    "RenderTrakEM2Parameters": "renderapps.TrakEM2.parameters",
    "TEM2ProjectTransfer": "renderapps.TrakEM2.parameters",
    "EMLMRegistrationParameters": "renderapps.TrakEM2.parameters",
    "EMLMRegistrationMultiParameters": "renderapps.TrakEM2.parameters",
}


def __getattr__(name: str) -> Any:
    """Classes that scripts import from here, and that live beside their theme."""
    if name in _MOVED:
        return getattr(importlib.import_module(_MOVED[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
