"""Where parameters come from, which source wins, and that every problem is told at once."""

import copy
import json

import pytest
from argschema import ArgSchema
from argschema.fields import Boolean, Dict, Float, InputDir, InputFile, Int, List, Nested, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema

from renderapps.module.errors import ParameterError
from renderapps.module.parser import ModuleParser


class Lens(DefaultSchema):
    k = Int(load_default=1, metadata={"description": "leading transforms", "aliases": ["count"]})
    name = Str(load_default="none")


class Parameters(ArgSchema):
    stack = Str(required=True, metadata={"description": "100% of it", "aliases": ["input_stack"]})
    low = Float(allow_none=True, load_default=None)
    high = Float(allow_none=True, load_default=None)
    port = Int(load_default=80)
    flat = Boolean(load_default=False)
    zs = List(Float(), load_default=list)
    columns = Dict(load_default=dict)
    lens = Nested(Lens, load_default=dict)
    file = InputFile()
    folder = InputDir()

    @validates_schema
    def low_below_high(self, data, **kwargs):
        if data["low"] is not None and data["high"] is not None and data["low"] > data["high"]:
            raise ValidationError("low is above high")


class Module(ModuleParser):
    default_schema = Parameters


def parameters(data=None, *argv):
    return Module(input_data=data, args=list(argv)).args


def problems(data=None, *argv):
    with pytest.raises(ParameterError) as caught:
        parameters(data, *argv)
    return caught.value.problems


def test_flag_wins_over_json_file_which_replaces_the_dict(tmp_path):
    file = tmp_path / "input.json"
    file.write_text(json.dumps({"stack": "json", "port": 2, "lens": {"k": 5, "name": "json"}}))
    data = {"stack": "dict", "port": 1, "flat": True}

    assert parameters(data)["stack"] == "dict"
    args = parameters(data, "--input_json", str(file), "--port", "3", "--lens.k", "7")
    assert (args["stack"], args["port"], args["flat"]) == ("json", 3, False)
    assert args["lens"] == {"k": 7, "name": "json"}
    assert args["input_json"] == str(file)


def test_the_callers_dict_is_left_alone():
    data = {"stack": "s", "lens": {"count": 4}}
    before = copy.deepcopy(data)
    parameters(data, "--lens.name", "x")
    assert data == before


def test_a_flag_in_an_aliased_spelling_wins_over_the_primary_one_in_the_dict():
    assert parameters({"stack": "dict"}, "--input_stack", "flag")["stack"] == "flag"
    assert parameters({"stack": "s", "lens": {"k": 1}}, "--lens.count", "9")["lens"]["k"] == 9


def test_two_spellings_of_one_parameter_are_a_problem():
    told = problems({"stack": "a", "input_stack": "b"})
    assert told == ["stack: the same parameter as input_stack; give one of them"]
    told = problems(None, "--stack", "a", "--input_stack", "b")
    assert told == ["--stack: the same parameter as --input_stack; give one of them"]


def test_every_problem_is_told_at_once_one_line_each():
    data = {"port": 80.7, "low": 3, "high": 2, "stak": 1, "lens": {"k": "many"}, "file": "/no/file"}
    told = problems(data, "--nonsense", "4", "--zs", "x", "--folder", "/no/folder", "stray")
    assert sorted(told) == sorted(
        [
            "--nonsense: unknown parameter",
            "--folder: takes one value, got /no/folder stray",
            "port: not a valid integer (got 80.7)",
            "stak: unknown parameter; did you mean stack?",
            "stack: missing, and required (or as input_stack)",
            "lens.k: not a valid integer (got 'many')",
            "zs.0: not a valid number (got 'x')",
            "file: no such file (got '/no/file')",
            "low is above high",
        ]
    )
    assert all("\n" not in line for line in told)


def test_a_schema_validator_that_needs_a_wrong_field_says_nothing():
    assert problems({"stack": "s", "low": "abc", "high": 2}) == [
        "low: not a valid number (got 'abc')"
    ]


def test_the_error_is_a_validation_error_with_nested_messages():
    with pytest.raises(ValidationError) as caught:
        parameters({"stack": "s", "lens": {"k": "many"}})
    assert caught.value.messages["lens"] == {"k": ["Not a valid integer."]}
    assert "lens.k" in str(caught.value)


def test_whole_numbers_must_be_whole_and_may_be_text():
    assert parameters({"stack": "s", "port": "8080"})["port"] == 8080
    assert parameters({"stack": "s", "port": 80.0})["port"] == 80
    assert problems({"stack": "s", "port": 80.7}) == ["port: not a valid integer (got 80.7)"]
    assert problems({"stack": "s"}, "--port", "80.7") == ["port: not a valid integer (got '80.7')"]


def test_flags_are_not_abbreviated():
    assert "--sta: unknown parameter; did you mean --stack?" in problems(None, "--sta", "s")


@pytest.mark.parametrize(
    ("text", "told"), [("{", "is not JSON"), ("[1]", "one JSON object"), (None, "cannot read")]
)
def test_a_bad_json_file_is_one_clear_line(tmp_path, text, told):
    file = tmp_path / "input.json"
    if text is not None:
        file.write_text(text)
    (line,) = problems(None, "--input_json", str(file))
    assert told in line
    assert str(file) in line


def test_help_shows_every_parameter_and_leaves(capsys):
    with pytest.raises(SystemExit) as left:
        parameters(None, "--help")
    assert left.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for shown in (
        "--stack TEXT 100% of it [required; also accepted as input_stack]",
        "--port INTEGER [default 80]",
        "--lens.k INTEGER leading transforms [default 1; also accepted as count]",
        "--zs LIST_OF_NUMBER",
        "--flat TRUE|FALSE [default False]",
        "--columns OBJECT",
        "--input_json EXISTING_FILE",
        "--log_level LOG_LEVEL",
    ):
        assert shown in text


def test_log_level_sets_the_logger_of_the_module_only():
    import logging

    before = logging.getLogger().level
    module = Module(input_data={"stack": "s", "log_level": "DEBUG"}, args=[])
    assert module.logger.level == logging.DEBUG
    assert logging.getLogger().level == before
    assert problems({"stack": "s", "log_level": "LOUD"}) == [
        "log_level: not a log level; use one of FATAL, CRITICAL, ERROR, WARN, WARNING, INFO, DEBUG"
        " (got 'LOUD')"
    ]


def test_output_is_kept_and_written(tmp_path):
    target = tmp_path / "out.json"
    module = Module(input_data={"stack": "s", "output_json": str(target)}, args=[])
    module.output({"n": 1})
    assert module.result == {"n": 1} == json.loads(target.read_text())
    module.output({"n": 2}, output_path=str(tmp_path / "other.json"))
    assert json.loads((tmp_path / "other.json").read_text()) == {"n": 2}
    assert json.loads(target.read_text()) == {"n": 1}


def test_output_is_checked_where_there_is_an_output_schema():
    class Output(DefaultSchema):
        n = Int(required=True)

    module = Module(input_data={"stack": "s"}, output_schema_type=Output, args=[])
    module.output({"n": 1})
    with pytest.raises(ValidationError):
        module.output({})


def test_without_args_the_command_line_is_read(monkeypatch):
    monkeypatch.setattr("sys.argv", ["program", "--stack", "from_argv"])
    assert Module().args["stack"] == "from_argv"
