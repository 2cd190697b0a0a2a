"""What holds for every module: wrong input is told in one line, and nothing is left behind."""

import importlib
import json
import shutil

import pytest
from argschema import fields
from every_module import contents, make_laboratory, parameters

from renderapps.module.catalogue import discover
from renderapps.module.fields import FILE_FIELDS, NAMING, NewFile
from renderws.local import close_local_services

MODULES = {entry.name: entry for entry in discover()}
CONNECTIONS = ("render", "render_source", "render_target")
EVERY = pytest.mark.parametrize("name", MODULES)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """A laboratory, a copy of it as it was made, and what is in it."""
    root = tmp_path_factory.mktemp("laboratories") / "lab"

    def store(name, owner):
        return {"host": "local", "store": str(root / name), "owner": owner, "project": "lab"}

    lab = make_laboratory(root, store("render.db", "me"), store("render.db.target", "archive"))
    close_local_services()
    shutil.copytree(root, root.parent / "fresh")
    return lab, contents(lab)


@pytest.fixture
def lab(laboratory, request):
    """The laboratory, put in order again where a test has changed something.

    Whatever a test sees refused must have left nothing behind.
    """
    lab, before = laboratory
    yield lab
    if (found := contents(lab)) != before:
        close_local_services()
        shutil.rmtree(lab.root)
        shutil.copytree(lab.root.parent / "fresh", lab.root)
        assert "refused" not in request.fixturenames, found


@pytest.fixture
def run(lab, tmp_path, capsys, monkeypatch):
    """Function (module, parameters) -> (status, lines on stderr, report)."""
    for variable in ("RENDER_HOST", "RENDER_PORT", "RENDER_OWNER", "RENDER_PROJECT"):
        monkeypatch.delenv(variable, raising=False)

    def call(name, given, *flags):
        (tmp_path / "in.json").write_text(json.dumps(given))
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        words = ["--input_json", str(tmp_path / "in.json"), *flags]
        if "output_json" not in given:
            words += ["--output_json", str(report)]
        status = MODULES[name].load().exit_status(words)
        lines = capsys.readouterr().err.splitlines()
        return status, lines, json.loads(report.read_text()) if report.exists() else None

    return call


@pytest.fixture
def given(lab):
    """Function module -> parameters with which it succeeds, in this process."""

    def make(name):
        found = parameters(lab, lab.root / "out")[name]
        if "pool_size" in fields_of(name):
            found["pool_size"] = 1
        return found

    return make


@pytest.fixture
def refused(run):
    """Function that checks: this status, one line with these words (nothing left: see `lab`)."""

    def check(name, wrong, status, *words):
        found, lines, _ = run(name, wrong)
        assert (found, len(lines)) == (status, 1), lines
        assert lines[0].startswith(f"{name}: error: ")
        assert all(word in lines[0] for word in words), (words, lines)
        assert "Traceback" not in lines[0]

    return check


def fields_of(name):
    return MODULES[name].load().default_schema().fields


def of_kind(name, *kinds):
    return [key for key, field in fields_of(name).items() if isinstance(field, kinds)]


@EVERY
def test_it_runs_on_good_input_and_tells_what_it_did(name, run, given):
    status, lines, report = run(name, given(name))
    assert (status, len(lines)) == (0, 1), lines
    assert lines[0].startswith(f"{name}: ")
    assert "error" not in lines[0]
    assert report


def in_python(name, given):
    """A module as a script makes it, with a flag."""
    cls = getattr(importlib.import_module(f"renderapps.{name}"), MODULES[name].class_name)
    return cls(input_data=given(name), args=["--log_level", "CRITICAL"])


@EVERY
def test_it_is_made_in_python_and_flags_win(name, given):
    assert in_python(name, given).args["log_level"] == "CRITICAL"


FIRST = {entry.theme: name for name, entry in reversed(MODULES.items())}.values()


@pytest.mark.parametrize(
    "name", [n if n in FIRST else pytest.param(n, marks=pytest.mark.soak) for n in MODULES]
)
def test_it_runs_from_python(name, given):
    """One of each theme; all in the long form, as the command line runs the same on all."""
    module = in_python(name, given)
    module.run()
    assert module.result


@EVERY
def test_every_required_parameter_is_missed(name, refused, given):
    for key, field in fields_of(name).items():
        wrong = given(name)
        if field.required and key in wrong and key not in CONNECTIONS:
            del wrong[key]
            refused(name, wrong, 2, key)


@EVERY
def test_values_of_the_wrong_type_and_unknown_parameters_are_named(name, refused, given):
    refused(name, given(name) | {"no_such_thing": 1}, 2, "no_such_thing")
    for kinds, value in (
        ((fields.Integer, fields.Float), "twelve"),
        ((fields.Float,), float("nan")),
        ((fields.Float,), float("inf")),
        ((fields.Integer,), 1e300),
        ((fields.Boolean,), "maybe"),
        ((fields.List, fields.Str), {"a": 1}),
    ):
        for key in of_kind(name, *kinds):
            if key not in ("input_json", "output_json"):  # here they are flags
                refused(name, given(name) | {key: value}, 2, f"{key}")


@EVERY
def test_names_that_cannot_be_are_refused(name, refused, given):
    for key in of_kind(name, fields.Str):
        is_file = isinstance(fields_of(name)[key], FILE_FIELDS)
        if NAMING.search(key) and "close" not in key and not is_file:
            refused(name, given(name) | {key: "a/b c"}, 2, key, "letters, digits")


@EVERY
def test_what_cannot_be_written_is_told_before_the_work(name, refused, given, lab):
    keys = [*of_kind(name, NewFile, fields.OutputDir, fields.OutputFile)]
    for key in keys:
        refused(name, given(name) | {key: lab.path("mask.tif", "below", "x")}, 2, key)
    refused(name, given(name) | {"output_json": lab.path("raw")}, 2, "output_json", "folder")


SOURCES = {"tile_configuration", "text_list", "metadata_file", "mdoc_file", "piece_list"}


@EVERY
def test_files_that_are_not_there_or_are_something_else(name, refused, given, lab):
    for key in of_kind(name, fields.InputFile):
        if key != "input_json":
            refused(name, given(name) | {key: lab.path("nowhere")}, 2, key, "no such file")
            wrong = given(name) | {key: lab.path("damaged.tif")}
            if key in SOURCES:
                del wrong["positions_file"]
            if key == "piece_list":
                wrong["piece_images"] = "x.mrc"
            refused(name, wrong, 1, "damaged.tif")
    for key in of_kind(name, fields.InputDir):
        refused(name, given(name) | {key: lab.path("nowhere")}, 2, key, "no such folder")


@EVERY
def test_stores_that_cannot_be_opened_are_named(name, refused, given, lab):
    for key in CONNECTIONS:
        if key in given(name) and name != "module.template_module":
            folder = given(name)[key] | {"store": lab.path("raw")}
            refused(name, given(name) | {key: folder}, 1, "it is a folder")


@pytest.mark.parametrize("name", ["dataimport.import_tiles", "stack.squeeze_stack"])
def test_services_that_do_not_answer_are_named(name, refused, given):
    nobody = {"host": "127.0.0.1", "port": 1, "owner": "me", "project": "lab"}
    refused(name, given(name) | {"render": nobody}, 1, "no connection to 127.0.0.1:1", "check host")


INPUTS = {
    "stack", "input_stack", "input_stack1", "input_stack2", "stack1", "stack2", "base_stack",
    "stack_in", "prestitchedStack", "poststitchedStack",
}  # fmt: skip
LISTS = {"stacks", "input_stacks", "source_stack", "target_stack", "stack"}


@EVERY
def test_stacks_that_are_not_there_or_have_no_tiles(name, refused, given):
    if name in ("stack.delete_stacks", "pointmatch.generate_point_matches"):
        return  # an absent stack is deleted already; the other has a test of its own
    for key, field in fields_of(name).items():
        many = isinstance(field, fields.List)
        if key in (LISTS if many else INPUTS) and key in given(name):
            wrong = given(name) | {key: ["nosuch"] if many else "nosuch"}
            refused(name, wrong, 1, "no stack nosuch in project lab of owner me")


@EVERY
def test_sections_that_are_not_there(name, refused, given):
    if "minZ" not in fields_of(name) or fields_of(name)["zs"].required:
        return
    base = {key: value for key, value in given(name).items() if key != "zs"}
    refused(name, base | {"minZ": 2, "maxZ": 1}, 2, "minZ 2 is above maxZ 1")
    refused(name, base | {"minZ": 50, "maxZ": 51}, 1, "z=0 to 1")


OUTPUTS = {"output_stack", "outputStack", "stack_out"}
WRITES_NO_STACK = {
    "cross_modal_registration.make_EM_LM_registration_projects",
    "cross_modal_registration.make_EM_LM_registration_projects_multi",
    "TrakEM2.create_trakem2_subvolume_from_render",  # its parameters are for both ways
    "pointmatch.copy_pointmatch_by_frame",  # output_stack is read: the matches are for its tiles
    "obsolete.create_acquiredff_fullstack",  # it is the start of several names
}


@EVERY
def test_a_read_only_output_is_refused(name, refused, given):
    for key in of_kind(name, fields.Str):
        if key in OUTPUTS and not name.startswith("transfer.") and name not in WRITES_NO_STACK:
            refused(name, given(name) | {key: "locked"}, 1, "locked", "READ_ONLY")
