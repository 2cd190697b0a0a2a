"""argschema's parser, where it falls short of what the modules promise.

argschema stops at the first unknown flag, hides schema validators behind field errors, leaves
`load_default` out of the help, fails on `%` in descriptions, abbreviates flags, changes the
caller's dict, and truncates 80.7 to a port. Its schemas, fields and conventions stay; reading the
three sources (flags, JSON file, dict) and the help are done here.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import argschema
from marshmallow import Schema, ValidationError

from renderapi.files import atomic_write
from renderapps.module.errors import ParameterError
from renderapps.module.fields import prepare
from renderapps.module.flags import asks_for_help, flag_parameters, merge
from renderapps.module.parameters import help_parser, purpose
from renderapps.module.report import ReportSchema
from renderapps.module.result import to_json_with
from renderapps.module.validation import load_parameters, primary_spellings


class ModuleParser(argschema.ArgSchemaParser):
    """Parameters from flags, a JSON file or a dict, in that order of precedence.

    The JSON file (`--input_json`) takes the place of the dict; flags are merged over whichever is
    in force; what is absent takes the default of the schema.

    Attributes
    ----------
    args : dict
        The parameters, checked and complete.
    result : dict or None
        What the module said of its work with `output`, as JSON gives it back.
    full_report : dict or None
        The whole report, with status, error, duration, versions and parameters.

    Raises
    ------
    ParameterError
        With every problem of the parameters.
    """

    def __init__(
        self,
        input_data: Mapping[str, Any] | None = None,
        schema_type: type[Schema] | None = None,
        output_schema_type: type[Schema] | None = None,
        args: Sequence[str] | None = None,
        logger_name: str | None = None,
    ) -> None:
        argv = self.words(input_data is not None) if args is None else list(args)
        self.schema = prepare((schema_type or self.default_schema)())
        if asks_for_help(argv):
            self.print_help()
            raise SystemExit(0)
        self.args = read_parameters(self.schema, input_data, argv)
        self.output_schema_type = output_schema_type or self.default_output_schema
        self.logger = logging.getLogger(logger_name or self.module_name())
        self.logger.setLevel(self.args["log_level"])
        self.result: dict[str, Any] | None = None
        self.full_report: dict[str, Any] | None = None
        self.is_reporting = False

    @classmethod
    def words(cls, has_input: bool) -> list[str]:
        """The command line, where it is meant for the module.

        Where parameters are given in Python and the program is another one (a notebook, a script
        that uses the module), its words are not those of the module.
        """
        return [] if has_input and not cls.is_program() else sys.argv[1:]

    @classmethod
    def is_program(cls) -> bool:
        """Whether the program that runs is the file of this module."""
        program = sys.modules.get("__main__")
        if cls.__module__ == "__main__":  # of a notebook or a prompt there is no file
            return getattr(program, "__file__", None) is not None
        spec = getattr(program, "__spec__", None)
        return spec is not None and spec.name == cls.__module__

    def __repr__(self) -> str:
        names = (
            f"{key} {value}"
            for key, value in self.args.items()
            if isinstance(value, str) and re.search("stack|collection|volume", key)
        )
        return f"<{type(self).__name__} {', '.join([self.module_name(), *names])}>"

    @classmethod
    def module_name(cls) -> str:
        """Dotted name of the file that holds the module, also when it is run as a script."""
        spec = getattr(sys.modules.get(cls.__module__), "__spec__", None)
        return spec.name if spec is not None else cls.__module__

    def print_help(self) -> None:
        """Every parameter with its type, description, default and other spellings, to stdout."""
        module = sys.modules[type(self).__module__]
        name = self.module_name()
        prog = f"renderapps run {name.removeprefix('renderapps.')}"
        if not name.startswith("renderapps."):
            prog = os.path.basename(sys.argv[0])
        print(help_parser(self.schema, prog, purpose(module)).format_help())

    def get_output_json(self, d: Mapping[str, Any]) -> Mapping[str, Any]:
        """`d` checked and dumped by the output schema, where the module has one of its own."""
        if self.output_schema_type is None or issubclass(self.output_schema_type, ReportSchema):
            return d
        schema = self.output_schema_type()
        if errors := schema.validate(d):
            raise ValidationError(errors)
        return schema.dump(d)

    def output(
        self, d: Mapping[str, Any], output_path: str | None = None, **json_dump_options: Any
    ) -> None:
        """Let `d` be what the report says of the work; written to `output_path` at once, if given.

        Within `run()` the report (`output_json`) is written at the end, with status, error and the
        like beside it; elsewhere `d` is written to it at once. `json_dump_options` are those of
        `json.dumps`, as argschema takes them: `cls`, `default`, `indent`, ...
        """
        data = to_json_with(self.get_output_json(d), json_dump_options)
        self.result = json.loads(data)
        path = output_path or (None if self.is_reporting else self.args.get("output_json"))
        if path:
            atomic_write(path, data)


def read_parameters(
    schema: Schema, input_data: Mapping[str, Any] | None, argv: Sequence[str]
) -> dict[str, Any]:
    """Parameters by flag > JSON file > dict > default; `schema` has been prepared."""
    flags, problems = flag_parameters(schema, argv)
    source: Mapping[str, Any] = input_data or {}
    if "input_json" in flags:
        try:
            source = _read_json(flags["input_json"])
        except ValueError as error:
            raise ParameterError([*problems, f"input_json: {error}"]) from None
    base, more = primary_spellings(schema, source)
    args, wrong, messages = load_parameters(schema, merge(base, flags))
    problems += more + wrong
    if problems:
        raise ParameterError(problems, messages)
    return args


def _read_json(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ValueError(f"{path} must hold one JSON object of parameters")
    return data
