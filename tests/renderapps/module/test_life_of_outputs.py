"""What went wrong with outputs and reports once, one test for each."""

import json
import os
import threading

import pytest
from layered_stacks import documents, layers, put, read, run, state, tile, version, zs_of

import renderapi
from renderapi.utils import renderdumps
from renderapps.dataimport.upload_tiledir import UploadTileDir
from renderapps.dataimport.upload_tilespecdir import UploadTileSpecs
from renderapps.module import ParameterError, RenderModule, RenderParameters
from renderapps.stack.apply_global_affine_to_stacks import ApplyAffineMultiple
from renderapps.stack.create_subvolume_stack import CreateSubvolumeStack
from renderapps.stack.merge_render_stacks import MergeStacks
from renderapps.stack.set_stack_levels import SetStackLevels
from renderapps.stack.squeeze_stack import SqueezeStack
from renderapps.transfer.export_project import ExportProject
from renderapps.transfer.import_project import ImportProject


def tile_files(folder, *tiles):
    folder.mkdir(exist_ok=True)
    for number, document in enumerate(tiles):
        (folder / f"{number}.json").write_text(renderdumps([document]))
    return str(folder)


@pytest.mark.parametrize("existing", ["replace", "overwrite_z", "append"])
def test_an_import_of_a_bad_tile_leaves_the_old_stack(render, tmp_path, existing):
    layers(render, "out", zs=(0.0, 1.0, 2.0, 3.0, 4.0))
    before = documents(render, "out")
    good, bad = (tile(name, 1.0, lens_id=None).to_dict() for name in ("good", "bad"))
    bad["transforms"]["specList"][0]["dataString"] = "1 0 0 1 0"
    folder = tile_files(tmp_path / "tiles", good, {**bad, "z": 2.0})
    status, report = run(
        UploadTileSpecs, render, inputDir=folder, outputStack="out", existing=existing
    )
    assert status == 1 and report["status"] == "failed" and report["error"]
    assert documents(render, "out") == before and state(render, "out") == "COMPLETE"
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["out"]


def test_a_box_that_hits_nothing_leaves_the_output(render):
    layers(render, "raw")
    layers(render, "out")
    before = documents(render, "out")
    box = {"minX": 1e6, "maxX": 2e6, "minY": 0.0, "maxY": 9.0}
    given = {"input_stack": "raw", "output_stack": "out"}
    status, report = run(CreateSubvolumeStack, render, **given, **box)
    assert status == 1 and "no tiles are left" in report["error"]
    assert report["sections"] and documents(render, "out") == before


def test_running_again_with_fewer_sections_leaves_no_stale_ones(render):
    layers(render, "raw", zs=(1.0, 3.0, 5.0))
    given = {"input_stack": "raw", "output_stack": "out"}
    assert run(SqueezeStack, render, **given)[0] == 0 and zs_of(render, "out") == [0, 1, 2]
    layers(render, "fewer", zs=(1.0,))
    assert run(SqueezeStack, render, **given | {"input_stack": "fewer"})[0] == 0
    assert zs_of(render, "out") == [0.0]
    layers(render, "two", zs=(7.0,), prefix="x")
    both = {"stack1": "fewer", "stack2": "two", "output_stack": "out"}
    assert run(MergeStacks, render, **both)[0] == 0 and zs_of(render, "out") == [1.0, 7.0]


def test_sections_that_stay_are_listed(render):
    layers(render, "raw")
    put(render, "out", [[tile("kept", 9.0)]])
    given = {"stack": "raw", "output_stack": "out", "maxIntensity": 300}
    assert run(SetStackLevels, render, **given)[1]["kept_zs"] == [9.0]


def test_appending_keeps_resolution_and_notes(render, tmp_path):
    put(render, "out", [[tile("old", 1.0)]], versionNotes="mine")
    before = version(render, "out")
    folder = tile_files(tmp_path / "tiles", tile("new", 1.0, lens_id=None).to_dict())
    given = {"inputDir": folder, "outputStack": "out", "existing": "append"}
    assert run(UploadTileSpecs, render, **given)[0] == 0
    assert set(read(render, "out")) == {"old", "new"} and version(render, "out") == before
    metadata = renderapi.stack.get_full_stack_metadata("out", render=render)
    assert metadata["currentVersion"]["versionNotes"] == "mine"


def test_all_stacks_are_checked_before_the_first_changes(render):
    layers(render, "one")
    layers(render, "two", prefix="x")
    renderapi.stack.set_stack_state("two", "READ_ONLY", render=render)
    before = documents(render, "one")
    given = {"input_stacks": ["one", "two"], "transformId": "shift", "B0": 5}
    status, report = run(ApplyAffineMultiple, render, **given)
    assert status == 1 and "two is READ_ONLY" in report["error"]
    assert documents(render, "one") == before
    renderapi.stack.set_stack_state("two", "COMPLETE", render=render)
    assert run(ApplyAffineMultiple, render, **given)[0] == 0


def test_of_an_imported_project_no_stack_is_written_where_one_must_not_be(render, tmp_path):
    layers(render, "one")
    layers(render, "two", prefix="x")
    archive = str(tmp_path / "a.zip")
    assert run(ExportProject, render, archive=archive)[0] == 0
    put(render, "one", [[tile("other", 9.0)]])
    put(render, "two", [[tile("another", 9.0)]])
    renderapi.stack.set_stack_state("two", "READ_ONLY", render=render)
    before = documents(render, "one")
    assert run(ImportProject, render, archive=archive)[0] == 1
    assert documents(render, "one") == before and state(render, "one") == "COMPLETE"


def test_a_tile_id_that_is_taken_leaves_the_state(render):
    layers(render, "raw")
    put(render, "out", [[tile("a_1", 9.0)]])
    given = {"stack": "raw", "output_stack": "out", "maxIntensity": 300}
    assert run(SetStackLevels, render, **given)[0] == 1
    assert state(render, "out") == "COMPLETE" and zs_of(render, "out") == [9.0]


def test_what_each_of_two_stacks_loses_is_named(render):
    from argschema.fields import Str

    from renderapps.module import Section, StackEditModule, StackEditParameters

    class Parameters(StackEditParameters):
        one = Str(required=True)
        two = Str(required=True)
        output_stack = Str(required=True)

    class First(StackEditModule):
        default_schema = Parameters
        inputs = ("one", "two")

        def edit(self, sections):
            one, two = sections
            return Section(one.z, [one.tiles[0], two.tiles[0]], one.transforms)

    layers(render, "one", zs=(1.0,))
    layers(render, "two", zs=(1.0,), prefix="x_")
    _, report = run(First, render, one="one", two="two", output_stack="out")
    (section,) = report["sections"]
    assert section["dropped_tiles"] == ["b_1", "x_b_1"]
    assert section["dropped_from"] == {"one": ["b_1"], "two": ["x_b_1"]}


def test_several_outputs_change_together(render):
    from argschema.fields import Str

    from renderapps.module import Section, StackEditModule, StackEditParameters

    class Parameters(StackEditParameters):
        input_stack = Str(required=True)
        even = Str(required=True)
        odd = Str(allow_none=True, load_default=None)

    class Split(StackEditModule):
        default_schema = Parameters
        outputs = ("even", "odd")

        def edit(self, sections):
            (one,) = sections
            first, second = ([t] for t in one.tiles)
            return {
                "even": Section(one.z, first, one.transforms),
                "odd": Section(one.z, second, one.transforms),
            }

    layers(render, "raw", zs=(0.0, 1.0))
    status, report = run(Split, render, input_stack="raw", even="e", odd="o")
    assert status == 0 and report["other_outputs"]["odd"]["output_stack"] == "o"
    assert set(read(render, "e")) == {"a_0", "a_1"} and set(read(render, "o")) == {"b_0", "b_1"}
    renderapi.stack.set_stack_state("o", "READ_ONLY", render=render)
    layers(render, "raw", zs=(5.0,), prefix="n")
    assert run(Split, render, input_stack="raw", even="e", odd="o")[0] == 1
    assert zs_of(render, "e") == [0.0, 1.0]


class Fails(RenderModule):
    default_schema = RenderParameters

    def run(self):
        self.output({"made": 3})
        raise ParameterError(["inner: is wrong"])


def test_a_failed_run_replaces_the_last_report(render, tmp_path):
    path = tmp_path / "out.json"
    path.write_text('{"status": "complete"}')
    flags = ["--render.owner", "o", "--render.project", "p", "--output_json", str(path)]
    assert Fails.exit_status(flags) == 2  # an inner error of parameters is one of parameters
    report = json.loads(path.read_text())
    assert (report["status"], report["error"], report["made"]) == (
        "failed",
        "ParameterError: inner: is wrong",
        3,
    )
    assert report["parameters"]["render"]["owner"] == "o" and report["duration"] >= 0
    assert report["versions"]["python"]


def test_a_report_is_there_while_the_module_runs(tmp_path):
    path = tmp_path / "out.json"
    path.write_text('{"status": "complete"}')

    class Looks(RenderModule):
        default_schema = RenderParameters

        def run(self):
            self.seen = json.loads(path.read_text())

    group = {"owner": "o", "project": "p"}
    module = Looks(input_data={"render": group, "output_json": str(path)}, args=[])
    module.run()
    assert module.seen["status"] == "running"
    assert json.loads(path.read_text())["status"] == "complete"


def test_a_pipe_gets_one_document(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = []
    reader = threading.Thread(target=lambda: found.append(path.read_text()))
    reader.start()

    class Says(RenderModule):
        default_schema = RenderParameters

        def run(self):
            self.output({"n": 1})

    group = {"owner": "o", "project": "p"}
    Says(input_data={"render": group, "output_json": str(path)}, args=[]).run()
    reader.join()
    assert json.loads(found[0])["n"] == 1


def test_secrets_are_not_in_the_report(render, tmp_path):
    layers(render, "one")
    options = {"key": "AKIA", "secret": "abc", "endpoint": "e"}
    given = {"archive": str(tmp_path / "a.zip"), "storage_options": options}
    _, report = run(ExportProject, render, **given)
    hidden = {"key": "***", "secret": "***", "endpoint": "e"}
    assert report["parameters"]["storage_options"] == hidden


def test_a_group_that_is_no_object_is_a_parameter_error(capsys):
    assert Fails.exit_status(["--input_json", "/dev/null"]) == 2
    with pytest.raises(ParameterError, match="render: "):
        Fails(input_data={"render": "x"}, args=[])


def test_a_mistyped_project_is_no_empty_archive(render, tmp_path):
    archive = tmp_path / "a.zip"
    status, report = run(ExportProject, render, archive=str(archive))
    assert status == 1 and "has no stacks in project" in report["error"]
    assert not archive.exists()


def test_a_pool_size_is_known_where_images_are_uploaded(render):
    assert "pool_size" in UploadTileDir.default_schema._declared_fields
