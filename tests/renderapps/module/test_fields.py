"""Checks of files and folders, and the order in which parameters are shown."""

import os
import stat

import pytest
from argschema import ArgSchema, fields
from argschema.fields import Float, InputDir, InputFile, Int, List, OutputDir, OutputFile, Str
from marshmallow import Schema, ValidationError
from marshmallow.validate import Length, Range

from renderapps.module.fields import NewFile, OneOrMore, ordered_fields, parameter, prepare
from renderapps.module.validation import load_example


class Paths(ArgSchema):
    input_file = InputFile(validate=Length(max=200))
    files = List(InputFile())
    input_folder = InputDir()
    output_file = OutputFile()
    output_folder = OutputDir()
    shared_folder = OutputDir(mode=0o750)


def messages(**data):
    with pytest.raises(ValidationError) as caught:
        prepare(Paths()).load(data)
    return caught.value.messages


def test_paths_that_are_there_are_accepted(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("a")
    data = {
        "input_file": str(file),
        "files": [str(file)],
        "input_folder": str(tmp_path),
        "output_file": str(tmp_path / "b.txt"),
        "output_folder": str(tmp_path / "new" / "folder"),
        "shared_folder": str(tmp_path / "shared"),
    }
    loaded = prepare(Paths()).load(dict(data))
    assert {name: loaded[name] for name in data} == data
    assert not (tmp_path / "new").exists()  # made by who writes the first file
    assert stat.S_IMODE(os.stat(tmp_path / "shared").st_mode) == 0o750
    assert not (tmp_path / "b.txt").exists()


def test_paths_that_are_wrong_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    told = messages(
        input_file=str(tmp_path),
        files=[str(tmp_path / "none")],
        input_folder=str(tmp_path / "file"),
        output_file=str(tmp_path / "none" / "file"),
        output_folder=str(tmp_path / "file" / "below"),
    )
    assert told["input_file"] == ["not a file"]
    assert told["files"] == {0: ["no such file"]}
    assert told["input_folder"] == ["not a folder"]
    assert told["output_file"] == [f"its folder {tmp_path / 'none'} does not exist"]
    assert told["output_folder"] == [f"cannot be made: {tmp_path / 'file'} is a file"]
    assert messages(output_folder=str(tmp_path / "file")) == {
        "output_folder": ["is a file, not a folder"]
    }
    assert messages(input_folder=str(tmp_path / "none")) == {"input_folder": ["no such folder"]}
    assert messages(output_file=str(tmp_path)) == {"output_file": ["is a folder, not a file"]}


def test_one_value_stands_for_a_list_of_it():
    class Scales(Schema):
        scales = parameter(OneOrMore, "some", Float(validate=Range(max=1)), default=None)

    load = prepare(Scales()).load
    assert load({"scales": 0.5}) == load({"scales": [0.5]}) == {"scales": [0.5]}
    assert load({"scales": [0.5, 1]}) == {"scales": [0.5, 1.0]}
    assert load({"scales": None}) == load({}) == {"scales": None}
    for wrong in ("half", 2, {"a": 1}, [[0.5]]):
        with pytest.raises(ValidationError):
            load({"scales": wrong})


def test_validators_of_a_file_field_still_run(tmp_path):
    name = tmp_path / ("a" * 201)
    name.write_text("")
    assert messages(input_file=str(name)) == {"input_file": ["Longer than maximum length 200."]}


def test_examples_need_no_files_and_make_none(tmp_path):
    absent = str(tmp_path / "absent" / "x")
    data = {name: absent for name in ("input_file", "input_folder", "output_file", "output_folder")}
    assert load_example(Paths, data | {"files": [absent]})[1] == []
    assert list(tmp_path.iterdir()) == []
    assert load_example(Paths, {"input_file": 3, "unknown": 1})[1] == [
        "input_file: not a valid string (got 3)",
        "unknown: unknown parameter",
    ]


def test_the_checks_of_one_instance_do_not_leak_into_another():
    prepare(Paths(), check_files=False)
    with pytest.raises(ValidationError):
        prepare(Paths()).load({"input_file": "/no/such/file"})


def test_parameters_of_the_most_derived_class_come_first():
    class Derived(Paths):
        mine = Str()

    names = [name for name, _ in ordered_fields(Derived())]
    assert names[:2] == ["mine", "input_file"]
    assert names[-3:] == ["input_json", "output_json", "log_level"]
    assert len(names) == len(set(names)) == 10


class Made(ArgSchema):
    file = NewFile()
    number = Int()


def test_a_file_whose_folder_is_to_be_made_must_be_one_that_can_be_written(tmp_path):
    def told(**data):
        with pytest.raises(ValidationError) as caught:
            prepare(Made()).load(data)
        return caught.value.messages

    (tmp_path / "file").write_text("")
    path = str(tmp_path / "new" / "folder" / "a.json")
    assert prepare(Made()).load({"file": path})["file"] == path
    assert not (tmp_path / "new").exists()
    assert told(file="") == {"file": ["names no file"]}
    assert told(file=str(tmp_path)) == {"file": ["is a folder, not a file"]}
    below = str(tmp_path / "file" / "a" / "b.json")
    assert told(file=below) == {"file": [f"cannot be made: {tmp_path / 'file'} is a file"]}


def test_a_whole_number_beyond_64_bit_is_refused():
    assert prepare(Made()).load({"number": 2**62})["number"] == 2**62
    with pytest.raises(ValidationError, match="too large"):
        prepare(Made()).load({"number": 1e300})


class Names(ArgSchema):
    output_stack = Str()
    stacks = List(Str())
    matchOwner = Str(allow_none=True)
    outputStackPrefix = Str()


def test_names_that_no_service_takes_are_told_before_anything_is_done():
    def told(**data):
        with pytest.raises(ValidationError) as caught:
            prepare(Names()).load(data)
        return caught.value.messages

    rule = "may only hold letters, digits and single underscores within"
    for name in ("", "a b", "a/b", "_a", "a__b", "ä"):
        assert told(output_stack=name) == {"output_stack": [rule]}
    assert told(stacks=["a", "b c"]) == {"stacks": {1: [rule]}}
    assert told(matchOwner="a.b") == {"matchOwner": [rule]}
    fine = {"output_stack": "a_{channel}", "stacks": ["a_1"], "matchOwner": None}
    loaded = prepare(Names()).load(fine | {"outputStackPrefix": "ACQ_"})
    assert loaded["stacks"] == ["a_1"]


def test_a_parameter_is_required_unless_it_has_a_default_and_may_be_null_where_that_is_none():
    class Parameters(Schema):
        name = parameter(fields.Str, "a name", aliases=("called",), default_text="none")
        level = parameter(fields.Float, "a level", default=None, validate=Range(min=0))
        few = parameter(fields.List, "some", fields.Int(), default=[3])

    schema = Parameters()
    assert schema.load({"name": "a"}) == {"name": "a", "level": None, "few": [3]}
    assert schema.load({"name": "a", "level": None, "few": [1]})["level"] is None
    assert schema.validate({"level": -1, "few": None}) == {
        "name": ["Missing data for required field."],
        "level": ["Must be greater than or equal to 0."],
        "few": ["Field may not be null."],
    }
    described = {"description": "a name", "aliases": ["called"], "default_text": "none"}
    assert schema.fields["name"].metadata == described
    assert schema.fields["level"].metadata == {"description": "a level"}
